//! The PROXY header that a probe begins with, where the pool's connections do.
//!
//! It names no client, because there is none: `UNKNOWN` in version 1, `LOCAL` in version 2, which is
//! there for probes. A probe of another port of the endpoint brings none, as with HAProxy: what listens there is
//! mostly the application's own, for whoever looks after it, and no client is passed on to it.

use std::sync::Arc;

use async_trait::async_trait;
use pingora_core::connectors::L4Connect;
use pingora_core::protocols::l4::ext;
use pingora_core::protocols::l4::socket::SocketAddr;
use pingora_core::protocols::l4::stream::Stream;
use pingora_core::{Error, ErrorType, OrErr, Result};
use switchback_core::plan::ProxyProtocol;
use switchback_wire::proxy_protocol::{v1, v2};
use tokio::io::AsyncWriteExt;

/// Connects as Pingora would, and writes the header.
pub(crate) fn connector(version: ProxyProtocol) -> Arc<dyn L4Connect + Send + Sync> {
    let header = match version {
        ProxyProtocol::V1 => v1(None),
        ProxyProtocol::V2 => v2(None),
    };
    Arc::new(Introduced { header })
}

#[derive(Debug)]
struct Introduced {
    header: Vec<u8>,
}

#[async_trait]
impl L4Connect for Introduced {
    async fn connect(&self, address: &SocketAddr) -> Result<Stream> {
        let Some(address) = address.as_inet() else {
            return Error::e_explain(ErrorType::InternalError, "an endpoint without an IP address");
        };
        let mut stream = ext::connect(address, None).await?;
        let written = stream.write_all(&self.header).await;
        written.or_err(ErrorType::ConnectError, "while writing the PROXY header")?;
        Ok(stream.into())
    }
}

#[cfg(test)]
mod tests;
