//! The PROXY header that a connection to an endpoint begins with, before TLS and everything else.
//!
//! Connecting is Pingora's: same errors, same socket options (it sets those on what comes from here,
//! too), and its limit for the whole of a connection, TLS included, covers the header. What is returned
//! is the socket itself, because Pingora compares the addresses of its descriptor before it uses it again.

use std::sync::Arc;

use async_trait::async_trait;
use pingora_core::connectors::L4Connect;
use pingora_core::protocols::l4::ext;
use pingora_core::protocols::l4::socket::SocketAddr;
use pingora_core::protocols::l4::stream::Stream;
use pingora_core::{Error, ErrorType, OrErr, Result};
use switchback_core::plan::ProxyProtocol;
use switchback_wire::proxy_protocol::{Addresses, v1, v2};
use tokio::io::AsyncWriteExt;

/// Connects, and writes the header of this version; without addresses one that names none.
pub fn introduced(
    version: ProxyProtocol,
    addresses: Option<Addresses>,
) -> Arc<dyn L4Connect + Send + Sync> {
    let header = match version {
        ProxyProtocol::V1 => v1(addresses),
        ProxyProtocol::V2 => v2(addresses),
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
        // At once: a receiver may demand that it comes in one piece.
        let written = stream.write_all(&self.header).await;
        written.or_err(ErrorType::ConnectError, "while writing the PROXY header")?;
        Ok(stream.into())
    }
}
