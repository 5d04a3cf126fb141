//! What is known of a request before its phases: its connection, and who watches its client.
//!
//! Pingora makes the context of a request out of nothing (`new_ctx`), and hands sessions around that
//! know of the connection what Pingora knows. It does so before it waits for anything. So what is known stands beside the thread
//! while the request's future is polled for the first time, and belongs to whoever takes it then.

use std::cell::Cell;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, OnceLock};

use http::HeaderValue;
use pingora_core::{OrErr, Result};

use super::watch::Watch;

/// The connection of a client.
#[derive(Debug)]
pub(crate) struct Connection {
    /// Who connected: the socket's other end, or whom a trusted proxy named in its PROXY header.
    pub(crate) client: SocketAddr,
    /// Where to: our own end, or that of the proxy.
    pub(crate) local: SocketAddr,
    /// Whether the client came over TLS, to us or to the proxy that says so in its PROXY header.
    pub(crate) tls: bool,
    /// The path by which its listener tells whether the gateway is ready.
    pub(crate) readiness: Option<Arc<str>>,
    /// The client's address as endpoints are told it, from the first request on.
    pub(crate) address: OnceLock<HeaderValue>,
}

impl Connection {
    /// The client's address as endpoints are told it.
    pub(crate) fn address(&self) -> Result<HeaderValue> {
        if let Some(address) = self.address.get() {
            return Ok(address.clone());
        }
        let address = HeaderValue::try_from(self.client.ip().to_canonical().to_string());
        let address = address.or_fail()?;
        Ok(self.address.get_or_init(|| address).clone())
    }
}

/// A request as it comes in.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) connection: Arc<Connection>,
    pub(crate) watch: Arc<Watch>,
    /// Whether it is the last one on its connection.
    pub(crate) last: bool,
    /// Whether the client waits to be told to send its body.
    pub(crate) expects_continue: bool,
    /// Whether the client asks for another protocol, in a request that ends with its header.
    pub(crate) upgrade: bool,
}

thread_local! {
    static INCOMING: Cell<Option<Incoming>> = const { Cell::new(None) };
}

impl Incoming {
    /// Runs a request that came in so.
    pub(super) async fn run<F: Future>(self, request: F) -> F::Output {
        let mut request = pin!(request);
        let mut incoming = Some(self);
        poll_fn(|cx| {
            let Some(incoming) = incoming.take() else { return request.as_mut().poll(cx) };
            INCOMING.set(Some(incoming));
            let polled = request.as_mut().poll(cx);
            INCOMING.take();
            polled
        })
        .await
    }

    /// Of the request that this thread is about to run; `None` after that, and outside of [`Self::run`].
    pub(crate) fn take() -> Option<Self> {
        INCOMING.take()
    }
}
