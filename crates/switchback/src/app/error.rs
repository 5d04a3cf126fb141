//! Why the gateway could not start.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use switchback_core::plan::LogSink;
use thiserror::Error;

use super::unix::SocketError;

/// Why the gateway could not start.
#[derive(Debug, Error)]
pub(crate) enum StartError {
    /// An address cannot be bound.
    #[error("{what} {address}: {source}{}", hint(.source, *.address))]
    Bind { what: &'static str, address: SocketAddr, source: io::Error },
    /// The Unix socket of the operators cannot be made.
    #[error("admin listener {}: {source}", .path.display())]
    Socket { path: PathBuf, source: SocketError },
    /// The access log cannot be opened.
    #[error("access log {}: {source}", destination(.to))]
    AccessLog { to: LogSink, source: io::Error },
    /// Traces cannot be exported.
    #[error("tracing: {source}{}", cause(.source))]
    Traces { source: switchback_traces::StartError },
    /// A pool's source of endpoints fails.
    #[error("pool {pool}: its endpoints cannot be found: {source}")]
    Discovery { pool: Arc<str>, source: Box<pingora::Error> },
    /// The system gives no event queue.
    #[error("no event queue: {source}")]
    Runtime { source: io::Error },
}

fn hint(error: &io::Error, address: SocketAddr) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            format!("; another process listens there (`ss -ltnp 'sport = :{}'`)", address.port())
        }
        io::ErrorKind::PermissionDenied => {
            "; a port below 1024 needs CAP_NET_BIND_SERVICE, so take a higher one".to_owned()
        }
        io::ErrorKind::AddrNotAvailable => {
            "; this machine has no such address (0.0.0.0 is all of them)".to_owned()
        }
        _ => String::new(),
    }
}

/// What lies behind an error, after a colon.
fn cause(error: &dyn std::error::Error) -> String {
    error.source().map(|cause| format!(": {cause}")).unwrap_or_default()
}

fn destination(plan: &LogSink) -> String {
    match plan {
        LogSink::File(path) => path.display().to_string(),
        LogSink::Stdout => "stdout".to_owned(),
        LogSink::Off => "off".to_owned(),
    }
}
