//! The PROXY header that a connection to an endpoint begins with, before TLS and everything else.
//!
//! It is said once, when the connection is made, and speaks for whatever follows. So a connection that
//! began with one belongs to the client's connection that it names, as the endpoint believes it: Pingora
//! keeps connections in groups, and each pair of addresses has its own ([`group`]). HTTP/2 shares
//! connections by the same groups. The price is that a client's first request waits for a connection
//! of its own.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;

use switchback_wire::proxy_protocol::Addresses;

/// Under keys that nobody knows: a client that could find addresses of the same group as another
/// client's would speak in its name.
static GROUPS: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// The group of the connections that were made on behalf of these addresses, apart from those of other
/// `kind`s.
pub(crate) fn group(addresses: Option<Addresses>, kind: u64) -> u64 {
    GROUPS.hash_one((addresses, kind))
}

#[cfg(test)]
mod tests {
    use pingora_core::ErrorType;
    use pingora_core::protocols::l4::socket::SocketAddr;
    use switchback_core::plan::ProxyProtocol;
    use switchback_runtime::introduced;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
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
        let connector = introduced(ProxyProtocol::V1, addresses("192.0.2.1:1000"));
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
        let error = introduced(ProxyProtocol::V2, None).connect(&address).await.unwrap_err();
        assert_eq!(error.etype(), &ErrorType::ConnectRefused);
    }
}
