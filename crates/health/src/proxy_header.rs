//! The PROXY header that a probe begins with, where the pool's connections do.
//!
//! It names no client, because there is none: `UNKNOWN` in version 1, `LOCAL` in version 2, which is
//! there for probes. A probe of another port of the endpoint brings none, as with HAProxy: what listens there is
//! mostly the application's own, for whoever looks after it, and no client is passed on to it.

use std::sync::Arc;

use pingora_core::connectors::L4Connect;
use switchback_core::plan::ProxyProtocol;
use switchback_runtime::introduced;

/// Connects as Pingora would, and writes the header.
pub(crate) fn connector(version: ProxyProtocol) -> Arc<dyn L4Connect + Send + Sync> {
    introduced(version, None)
}

#[cfg(test)]
mod tests;
