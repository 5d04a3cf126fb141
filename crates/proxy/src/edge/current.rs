//! What is known of a request before its phases: its connection, and who watches its client.
//!
//! Pingora makes the context of a request out of nothing (`new_ctx`), and hands sessions around that
//! know of the connection what Pingora knows. So what is known stands beside the thread whenever the request's future is
//! polled, until it is taken; no other request begins in the meantime.

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
            if incoming.is_none() {
                return request.as_mut().poll(cx);
            }
            INCOMING.set(incoming.take());
            let polled = request.as_mut().poll(cx);
            // Tokio may have put the request off before it had begun, for the sake of other tasks.
            incoming = INCOMING.take();
            polled
        })
        .await
    }

    /// Of the request that this thread is about to run; `None` after that, and outside of [`Self::run`].
    pub(crate) fn take() -> Option<Self> {
        INCOMING.take()
    }
}

#[cfg(test)]
mod tests {
    use switchback_runtime::Clock;

    use super::*;

    fn incoming() -> Incoming {
        let client = SocketAddr::from(([127, 0, 0, 1], 1));
        Incoming {
            connection: Arc::new(Connection {
                client,
                local: client,
                tls: false,
                readiness: None,
                address: OnceLock::new(),
            }),
            watch: Arc::new(Watch::new(Clock::start())),
            last: false,
            expects_continue: false,
            upgrade: false,
        }
    }

    #[tokio::test]
    async fn it_waits_for_a_request_that_is_put_off_before_it_begins_and_is_nobody_else_s() {
        let request = async {
            tokio::task::yield_now().await;
            let first = Incoming::take().is_some();
            tokio::task::yield_now().await;
            (first, Incoming::take().is_some())
        };
        let mut request = pin!(incoming().run(request));
        let mut between = false;
        let taken = poll_fn(|cx| {
            let polled = request.as_mut().poll(cx);
            between |= Incoming::take().is_some();
            polled
        });
        assert_eq!(taken.await, (true, false));
        assert!(!between, "what stands beside the thread is gone between polls");
    }
}
