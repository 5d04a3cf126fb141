//! What Pingora must know to connect to an endpoint.

use std::net::SocketAddr;
use std::time::Duration;

use pingora_core::protocols::ALPN;
use pingora_core::upstreams::peer::HttpPeer;
use switchback_core::plan::{PoolPlan, Protocol};
use switchback_runtime::{introduced, random};
use switchback_wire::proxy_protocol::Addresses;

use crate::ctx::Connections;
use crate::proxy_header;

/// How much of an answer over HTTP/2 may have come that its client has not taken: enough for 250 MB a
/// second at a millisecond's distance.
const STREAM_WINDOW: u32 = 256 * 1024;

/// The peer for an attempt that must be connected within `connect`, before [`EndpointTls`] is applied.
/// `proxied` is what a pool with PROXY headers says of the client's connection; `None`: nothing, or nothing
/// is known.
///
/// [`EndpointTls`]: switchback_runtime::EndpointTls
pub(crate) fn peer(
    plan: &PoolPlan,
    address: SocketAddr,
    connections: Connections,
    connect: Duration,
    proxied: Option<Addresses>,
) -> Box<HttpPeer> {
    // `HttpPeer::new` resolves names, blocking; an address is not one. TLS is the pool's to apply.
    let mut peer = HttpPeer::new(address, plan.tls.is_some(), String::new());
    let group = match connections {
        Connections::Any => Some(0),
        Connections::Young => Some(1),
        Connections::Fresh => None,
    };
    peer.group_key = match (group, plan.proxy_protocol) {
        (Some(group), None) => group,
        (Some(group), Some(_)) => proxy_header::group(proxied, group),
        // A pool of connections that nobody else names is empty.
        (None, _) => random::bits() | 2,
    };
    let timeouts = &plan.timeouts;
    let options = &mut peer.options;
    options.connection_timeout = Some(connect);
    options.total_connection_timeout = Some(connect);
    options.read_timeout = Some(timeouts.first_byte.max(timeouts.idle));
    options.write_timeout = Some(timeouts.write);
    options.idle_timeout = Some(timeouts.keepalive);
    match plan.protocol {
        Protocol::Http1 => options.alpn = ALPN::H1,
        Protocol::H2 => {
            options.alpn = ALPN::H2;
            options.max_h2_streams = Protocol::STREAMS as usize;
            // Pingora's own 8 MiB each would be filled by any client that pauses, and leave nothing of
            // the connection's window to those who share it. This one has room for what all can hold.
            options.h2_stream_window_size = Some(STREAM_WINDOW);
            options.h2_connection_window_size = Some(STREAM_WINDOW * Protocol::STREAMS);
        }
    }
    options.custom_l4 = plan.proxy_protocol.map(|version| introduced(version, proxied));
    Box::new(peer)
}
