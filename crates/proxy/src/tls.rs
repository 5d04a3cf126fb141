//! TLS towards clients: rustls with ring, TLS 1.2 and 1.3.
//!
//! The handshake is made here, in the application that gets a connection, not by Pingora's listener.
//! That one gives a client 60 s for it, tells each failure as an error of the gateway's, and panics where
//! a configuration cannot be used; and the address of a proxy in front (PROXY protocol) would have to be
//! read before.
//!
//! A listener has one `ServerConfig` for as long as the process lives, and with it its sessions. What may
//! change with a reload, its certificates, is looked up in the generation that is in force.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use pingora_core::listeners::tls::Acceptor;
use pingora_core::protocols::tls::TlsStream;
use pingora_core::protocols::{IO, Stream};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use switchback_core::plan::ListenerPlan;
use switchback_runtime::Gateway;
use tokio::time::timeout;

/// How long a handshake may take: two round trips, and what is lost sent again. A client that has
/// connected and says nothing costs a socket and a task.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// What clients may agree on by ALPN; those that do not ask get it, too.
const PROTOCOLS: &[&[u8]] = &[b"http/1.1"];

/// The listeners with TLS, by address.
pub(crate) struct TlsListeners {
    acceptors: HashMap<SocketAddr, Acceptor>,
}

impl std::fmt::Debug for TlsListeners {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.acceptors.keys()).finish()
    }
}

impl TlsListeners {
    pub(crate) fn new(gateway: &Arc<Gateway>, listeners: &[ListenerPlan]) -> Self {
        let with_tls = listeners.iter().filter(|listener| listener.tls.is_some());
        let acceptor = |address| {
            let certificates = Current { gateway: gateway.clone(), listener: address };
            Acceptor::from_server_config(Arc::new(config(Arc::new(certificates))))
        };
        let acceptors = with_tls.map(|it| (it.address, acceptor(it.address)));
        Self { acceptors: acceptors.collect() }
    }

    /// Whether there is none, and [`Self::find`] finds nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.acceptors.is_empty()
    }

    /// That of a connection whose own end is `local`: the listener of just this address, or the one
    /// of every address of its family. The plan has only one of them.
    pub(crate) fn find(&self, local: SocketAddr) -> Option<&Acceptor> {
        let any = match local {
            SocketAddr::V4(_) => SocketAddr::from(([0; 4], local.port())),
            SocketAddr::V6(_) => SocketAddr::from(([0_u16; 8], local.port())),
        };
        // A link-local address comes with its scope.
        let plain = SocketAddr::new(local.ip(), local.port());
        self.acceptors.get(&plain).or_else(|| self.acceptors.get(&any))
    }
}

/// The address of our own end of a connection.
pub(crate) fn local_address(stream: &Stream) -> Option<SocketAddr> {
    stream.get_socket_digest()?.local_addr()?.as_inet().copied()
}

/// Makes the handshake.
///
/// # Errors
///
/// If it fails, or is not done in time.
pub(crate) async fn handshake<S: IO + 'static>(
    acceptor: &Acceptor,
    stream: S,
) -> Result<TlsStream<S>, Box<pingora_core::Error>> {
    match timeout(HANDSHAKE, acceptor.tls_handshake(stream)).await {
        Ok(result) => result,
        Err(_) => {
            let error = io::Error::from(io::ErrorKind::TimedOut);
            let kind = pingora_core::ErrorType::TLSHandshakeTimedout;
            Err(pingora_core::Error::because(kind, "the client", error))
        }
    }
}

fn config(certificates: Arc<dyn ResolvesServerCert>) -> ServerConfig {
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])
        .expect("ring has cipher suites for both versions")
        .with_no_client_auth()
        .with_cert_resolver(certificates);
    config.alpn_protocols = PROTOCOLS.iter().map(|name| name.to_vec()).collect();
    config
}

/// The certificates of a listener, in the generation that is in force.
struct Current {
    gateway: Arc<Gateway>,
    listener: SocketAddr,
}

impl std::fmt::Debug for Current {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the certificates of {}", self.listener)
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let generation = self.gateway.current();
        let certificates = generation.certificates(self.listener)?;
        certificates.choose(hello.server_name(), hello.signature_schemes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_belongs_to_the_listener_of_its_own_address_or_of_all() {
        let addresses = ["127.0.0.1:1", "0.0.0.0:2", "[::]:3", "[fe80::1]:4", "[::]:5"];
        let acceptor = || {
            let none = rustls::server::ResolvesServerCertUsingSni::new();
            Acceptor::from_server_config(Arc::new(config(Arc::new(none))))
        };
        let parse = |text: &str| text.parse::<SocketAddr>().unwrap();
        let acceptors = addresses.map(|address| (parse(address), acceptor())).into();
        let listeners = TlsListeners { acceptors };
        for (local, found) in [
            ("127.0.0.1:1", true),
            ("127.0.0.2:1", false),
            ("127.0.0.2:2", true),
            ("[::1]:2", false),
            ("[::1]:3", true),
            ("[::ffff:127.0.0.1]:3", true),
            ("127.0.0.1:5", false),
            ("[fe80::1%7]:4", true),
        ] {
            assert_eq!(listeners.find(parse(local)).is_some(), found, "{local}");
        }
    }
}
