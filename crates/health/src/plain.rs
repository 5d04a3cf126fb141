//! A connection for a probe, where nothing but TCP is wanted: without Pingora's connector.
//!
//! That one prepares a connection that is to be kept and told about: it asks for the local address, sets and
//! reads back `TCP_NODELAY`, has two timers of its own and copies the whole peer. A probe writes once, is
//! bounded as a whole and closes. Two fifths of a probe's instructions were spent on copying, and four of its
//! ten system calls on what nobody reads; with ten thousand endpoints there are five thousand probes a second.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use pingora_core::{Error, ErrorType, Result};
use pingora_load_balancing::Backend;
use switchback_core::plan::PoolPlan;
use tokio::net::TcpStream;

/// Whether a probe of the pool has nothing to agree on before its own words.
pub(crate) fn is_enough(pool: &PoolPlan) -> bool {
    pool.tls.is_none() && pool.proxy_protocol.is_none()
}

/// Connects to an endpoint, or to another port of it. Its errors are of the types that Pingora gives them.
pub(crate) async fn connect(target: &Backend, port: Option<u16>) -> Result<TcpStream> {
    let Some(address) = target.addr.as_inet() else {
        return Error::e_explain(ErrorType::InternalError, "an endpoint is an address");
    };
    let address = SocketAddr::new(address.ip(), port.unwrap_or(address.port()));
    TcpStream::connect(address)
        .await
        .map_err(|error| Error::because(etype(&error), format!("connecting to {address}"), error))
}

fn etype(error: &io::Error) -> ErrorType {
    match error.kind() {
        ErrorKind::ConnectionRefused => ErrorType::ConnectRefused,
        ErrorKind::TimedOut => ErrorType::ConnectTimedout,
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => ErrorType::ConnectNoRoute,
        _ => ErrorType::ConnectError,
    }
}
