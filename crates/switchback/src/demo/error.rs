//! Why the demo could not run.

use std::io;

use thiserror::Error;

use crate::app::StartError;

/// Why the demo could not run.
#[derive(Debug, Error)]
pub(super) enum DemoError {
    /// The system gives no event queue.
    #[error("no event queue: {0}")]
    Runtime(#[source] io::Error),
    /// A sample backend cannot listen on loopback.
    #[error("a sample backend cannot listen on 127.0.0.1: {0}")]
    Backend(#[source] io::Error),
    /// Loopback has no free port for the gateway.
    #[error("no free port on 127.0.0.1: {0}")]
    Ports(#[source] io::Error),
    /// The gateway cannot be started.
    #[error("the gateway cannot start: {0}")]
    Gateway(#[source] StartError),
    /// No thread for the gateway.
    #[error("no thread for the gateway: {0}")]
    Thread(#[source] io::Error),
    /// The gateway did not come up.
    #[error("the gateway was not ready in time")]
    NotReady,
}
