//! What comes before the first request: a PROXY header, a TLS handshake.

use std::io;
use std::net::SocketAddr;

use pingora_core::protocols::{ALPN, Ssl};
use switchback_core::plan::LimitsPlan;
use switchback_runtime::Gateway;
use switchback_telemetry::metrics::Limit;
use switchback_wire::proxy_protocol;

use super::stream::ClientStream;
use crate::tls::{self, TlsListener};

/// Who a connection is from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Introduced {
    pub(super) client: SocketAddr,
    pub(super) local: SocketAddr,
    /// Whether a proxy before us says that the client came over TLS.
    pub(super) tls: bool,
}

/// Reads the PROXY header; `plain` is what holds if it names nobody.
///
/// # Errors
///
/// With the reason, if there is none, or it does not come in time.
pub(super) async fn introduction(
    stream: &mut ClientStream,
    gateway: &Gateway,
    plain: Introduced,
) -> Result<Introduced, &'static str> {
    let patience = gateway.current().plan.limits.handshake_timeout;
    stream.watch().until(gateway.clock.now() + patience);
    let header = loop {
        match proxy_protocol::read(stream.ahead()) {
            Ok(Some(header)) => break header,
            Ok(None) => {}
            Err(malformed) => return Err(malformed.0),
        }
        match stream.read_ahead().await {
            Ok(0) => return Err("the connection ended before its end"),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                gateway.metrics.limit_hit(Limit::HandshakeTimeout);
                return Err("it did not come in time");
            }
            Err(_) => return Err("the connection broke before its end"),
        }
    };
    stream.watch().off();
    stream.skip(header.len);
    Ok(match header.addresses {
        None => plain,
        Some(given) => {
            Introduced { client: given.source, local: given.destination, tls: header.tls }
        }
    })
}

/// The stream behind its TLS handshake, and whether HTTP/2 was agreed on.
pub(super) async fn encrypted(
    stream: ClientStream,
    listener: TlsListener,
    gateway: &Gateway,
    limits: &LimitsPlan,
) -> Option<(Box<ClientStream>, bool)> {
    match tls::handshake(listener, limits.handshake_timeout, stream).await {
        Ok(stream) => {
            let http2 = matches!(stream.selected_alpn_proto(), Some(ALPN::H2));
            let stream = ClientStream::new(Box::new(stream), gateway, limits);
            Some((Box::new(stream), http2))
        }
        Err(error) => {
            // Clients do that all day: port scanners, browsers that do not know our CA.
            log::debug!("TLS handshake: {error}");
            None
        }
    }
}
