//! What Pingora must know to connect to an endpoint.

use std::net::SocketAddr;
use std::time::Duration;

use pingora_core::protocols::ALPN;
use pingora_core::upstreams::peer::HttpPeer;
use switchback_core::plan::PoolPlan;

/// The connection pool of attempts that must not meet a stale connection. Nothing ever stays in it,
/// because such attempts say `Connection: close`.
const FRESH: u64 = 1;

/// The peer for an attempt that may take `time_left` until its answer begins.
pub(crate) fn peer(
    plan: &PoolPlan,
    address: SocketAddr,
    fresh: bool,
    time_left: Duration,
) -> Box<HttpPeer> {
    let sni = plan
        .tls
        .as_ref()
        .map_or_else(String::new, |tls| tls.sni.to_string());
    // `HttpPeer::new` resolves names, blocking; an address is not one.
    let mut peer = HttpPeer::new(address, plan.tls.is_some(), sni);
    if fresh {
        peer.group_key = FRESH;
    }
    let timeouts = &plan.timeouts;
    let options = &mut peer.options;
    options.connection_timeout = Some(timeouts.connect.min(time_left));
    options.total_connection_timeout = Some(timeouts.connect.min(time_left));
    options.read_timeout = Some(timeouts.read.min(time_left));
    options.write_timeout = Some(timeouts.write);
    options.idle_timeout = Some(timeouts.keepalive);
    options.alpn = ALPN::H1;
    if let Some(tls) = &plan.tls {
        options.verify_cert = tls.verify;
        options.verify_hostname = tls.verify;
    }
    Box::new(peer)
}
