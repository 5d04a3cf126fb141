//! The PROXY header that a connection to an endpoint begins with, before TLS and everything else.
//!
//! It is said once, when the connection is made, and speaks for whatever follows. So a connection that
//! began with one belongs to the client's connection that it names, as the endpoint believes it: Pingora
//! keeps connections in groups, and each pair of addresses has its own ([`group`]). HTTP/2 shares
//! connections by the same groups. The price is that a client's first request waits for a connection
//! of its own.
//!
//! Connecting is Pingora's: same errors, same socket options (it sets those on what comes from here,
//! too), and its limit for the whole of a connection, TLS included, covers the header. What is returned
//! is the socket itself, because Pingora compares the addresses of its descriptor before it uses it again.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use pingora_core::connectors::L4Connect;
use pingora_core::protocols::l4::ext;
use pingora_core::protocols::l4::socket::SocketAddr;
use pingora_core::protocols::l4::stream::Stream;
use pingora_core::{Error, ErrorType, OrErr, Result};
use switchback_core::plan::ProxyProtocol;
use switchback_wire::proxy_protocol::{Addresses, v1, v2};
use tokio::io::AsyncWriteExt;

/// Under keys that nobody knows: a client that could find addresses of the same group as another
/// client's would speak in its name.
static GROUPS: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// The group of the connections that were made on behalf of these addresses, apart from those of other
/// `kind`s.
pub(crate) fn group(addresses: Option<Addresses>, kind: u64) -> u64 {
    GROUPS.hash_one((addresses, kind))
}

/// Connects, and writes the header of this version; without addresses one that names none.
pub(crate) fn connector(
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

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;
    use tokio::net::TcpListener;

    use super::*;

    fn addresses(source: &str) -> Option<Addresses> {
        let destination = "192.0.2.9:443".parse().unwrap();
        Some(Addresses { source: source.parse().unwrap(), destination })
    }

    #[test]
    fn each_connection_of_a_client_has_a_group_and_always_the_same() {
        let one = addresses("192.0.2.1:1000");
        assert_eq!(group(one, 0), group(one, 0));
        for other in [None, addresses("192.0.2.1:1001"), addresses("192.0.2.2:1000")] {
            assert_ne!(group(one, 0), group(other, 0));
        }
        assert_ne!(group(one, 0), group(one, 1));
    }

    #[tokio::test]
    async fn the_header_comes_first() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = SocketAddr::Inet(listener.local_addr().unwrap());
        let connector = connector(ProxyProtocol::V1, addresses("192.0.2.1:1000"));
        let mut stream = connector.connect(&address).await.unwrap();
        stream.write_all(b"GET").await.unwrap();
        stream.flush().await.unwrap();
        drop(stream);
        let mut said = String::new();
        listener.accept().await.unwrap().0.read_to_string(&mut said).await.unwrap();
        assert_eq!(said, "PROXY TCP4 192.0.2.1 192.0.2.9 1000 443\r\nGET");
    }

    #[tokio::test]
    async fn who_refuses_a_connection_refuses_it() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = SocketAddr::Inet(listener.local_addr().unwrap());
        drop(listener);
        let error = connector(ProxyProtocol::V2, None).connect(&address).await.unwrap_err();
        assert_eq!(error.etype(), &ErrorType::ConnectRefused);
    }
}
