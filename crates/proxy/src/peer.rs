//! What Pingora must know to connect to an endpoint.

use std::net::SocketAddr;
use std::time::Duration;

use pingora_core::protocols::ALPN;
use pingora_core::upstreams::peer::HttpPeer;
use switchback_core::plan::{PoolPlan, Protocol};
use switchback_runtime::random;

use crate::ctx::Connections;

/// Just above the 60 s for which Pingora lets a client pause within its request. The limits proper are
/// kept by the client's stream (`guard.rs`); this one is for when Pingora does not read the client,
/// and must never come before them, nor blame the endpoint for a client that pauses.
const CLIENT_PAUSE: Duration = Duration::from_secs(61);

/// The peer for an attempt that must be connected within `connect`.
pub(crate) fn peer(
    plan: &PoolPlan,
    address: SocketAddr,
    connections: Connections,
    connect: Duration,
) -> Box<HttpPeer> {
    let sni = plan.tls.as_ref().map_or_else(String::new, |tls| tls.sni.to_string());
    // `HttpPeer::new` resolves names, blocking; an address is not one.
    let mut peer = HttpPeer::new(address, plan.tls.is_some(), sni);
    peer.group_key = match connections {
        Connections::Any => 0,
        Connections::Young => 1,
        // A pool of connections that nobody else names is empty.
        Connections::Fresh => random::bits() | 2,
    };
    let timeouts = &plan.timeouts;
    let options = &mut peer.options;
    options.connection_timeout = Some(connect);
    options.total_connection_timeout = Some(connect);
    options.read_timeout = Some(timeouts.first_byte.max(timeouts.idle).max(CLIENT_PAUSE));
    options.write_timeout = Some(timeouts.write);
    options.idle_timeout = Some(timeouts.keepalive);
    match plan.protocol {
        Protocol::Http1 => options.alpn = ALPN::H1,
        Protocol::H2 => {
            options.alpn = ALPN::H2;
            options.max_h2_streams = Protocol::STREAMS as usize;
        }
    }
    if let Some(tls) = &plan.tls {
        options.verify_cert = tls.verify;
        options.verify_hostname = tls.verify;
    }
    Box::new(peer)
}
