//! TLS towards clients: rustls with ring, TLS 1.2 and 1.3.
//!
//! The handshake is made here, in the application that gets a connection, not by Pingora's listener.
//! That one gives a client 60 s for it, tells each failure as an error of the gateway's, and panics where
//! a configuration cannot be used; and the address of a proxy in front (PROXY protocol) would have to be
//! read before.
//!
//! Which listeners have TLS is settled when the process starts. All else, from certificates to ALPN, is that of
//! the generation in force when a handshake begins ([`ListenerTls`]).

mod client_certificate;
mod failure;
mod hello;
mod plain_http;

use std::collections::HashSet;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use pingora_core::listeners::tls::Acceptor;
use pingora_core::protocols::tls::TlsStream;
use pingora_core::protocols::tls::server::handshake_with_callback;
use switchback_core::plan::ListenerPlan;
use switchback_runtime::{Gateway, ListenerTls};
use switchback_telemetry::metrics::TlsFailure;
use tokio::time::timeout;

use crate::edge::ClientStream;

pub(crate) use client_certificate::ClientCertificate;
pub(crate) use failure::Failed;

/// The listeners with TLS.
pub(crate) struct TlsListeners {
    gateway: Arc<Gateway>,
    addresses: HashSet<SocketAddr>,
}

/// One of them.
#[derive(Clone)]
pub(crate) struct TlsListener {
    gateway: Arc<Gateway>,
    address: SocketAddr,
}

impl fmt::Debug for TlsListeners {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(&self.addresses).finish()
    }
}

impl fmt::Debug for TlsListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TLS of {}", self.address)
    }
}

impl TlsListeners {
    pub(crate) fn new(gateway: &Arc<Gateway>, listeners: &[ListenerPlan]) -> Self {
        let with_tls = listeners.iter().filter(|listener| listener.tls.is_some());
        let addresses = with_tls.map(|listener| listener.address).collect();
        Self { gateway: gateway.clone(), addresses }
    }

    /// The one of this address.
    pub(crate) fn find(&self, address: SocketAddr) -> Option<TlsListener> {
        let known = self.addresses.contains(&address);
        known.then(|| TlsListener { gateway: self.gateway.clone(), address })
    }
}

impl TlsListener {
    /// As it is configured now.
    fn current(&self) -> Option<Arc<ListenerTls>> {
        self.gateway.current().tls(self.address).cloned()
    }
}

/// Makes the handshake, within `limit`.
///
/// # Errors
///
/// If it fails, or is not done in time; which is counted.
pub(crate) async fn handshake(
    listener: TlsListener,
    limit: Duration,
    stream: ClientStream,
) -> Result<TlsStream<ClientStream>, Failed> {
    let result = match timeout(limit, accept(&listener, stream)).await {
        Ok(result) => result,
        Err(_) => Err(Failed::new(TlsFailure::Timeout, "not done in time")),
    };
    result.inspect_err(|failed| listener.gateway.metrics.tls_handshake_failed(failed.failure))
}

async fn accept(
    listener: &TlsListener,
    mut stream: ClientStream,
) -> Result<TlsStream<ClientStream>, Failed> {
    let closed = |error| Failed::new(TlsFailure::Closed, error);
    if plain_http::is_spoken(&mut stream).await.map_err(closed)? {
        // A client that cannot be answered is gone.
        let _ = plain_http::answer(&mut stream).await;
        return Err(Failed::new(TlsFailure::PlainHttp, "the client speaks HTTP without TLS"));
    }
    let unusable = || Failed::new(TlsFailure::Protocol, "the listener's TLS cannot be used");
    let tls = listener.current().ok_or_else(unusable)?;
    // That of the method has brought as much of the ClientHello as has come.
    let config = tls.config(hello::prefers_chacha(stream.ahead())).ok_or_else(unusable)?;
    let acceptor = Acceptor::from_server_config(config.clone());
    let result = if tls.asks_clients() {
        handshake_with_callback(&acceptor, stream, &client_certificate::Note).await
    } else {
        acceptor.tls_handshake(stream).await
    };
    result.map_err(|error| Failed::of(&error))
}
