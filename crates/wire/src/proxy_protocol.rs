//! The header by which a proxy that passes connections on tells whose they are: HAProxy's
//! `proxy-protocol.txt`, version 1 (a line of text) and version 2 (binary).
//!
//! A connection either *must* begin with such a header or must not: who guesses lets clients forge
//! their address. So nothing is searched for here, and what fits neither version is refused as early as
//! that is certain. Of addresses only TCP over IPv4 and IPv6 are understood. An IPv4 address within an IPv6 one
//! (`::ffff:192.0.2.1`) is read as the IPv4 address that it is; where source and destination are not
//! of one family, which has no form of its own, IPv4 is written so.
//!
//! What version 2 may carry besides is read for two reasons: whether the client came over TLS, and the
//! checksum, where there is one. The rest is skipped.

mod binary;
mod crc32c;
mod line;
#[cfg(test)]
mod tests;

use std::fmt;
use std::net::{SocketAddr, SocketAddrV4, SocketAddrV6};

/// No header is longer: a line has at most 107 bytes; of the binary form, which could have 64 KiB,
/// 16 and 2048 are read. A certificate's name takes some hundred.
pub const LONGEST: usize = binary::LONGEST;

/// What a connection began with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProxyHeader {
    /// The bytes of the header. What follows is the connection's.
    pub len: usize,
    /// Who is connected to whom. `None`: the connection speaks for itself, as do the probes of a
    /// load balancer (`UNKNOWN`, `LOCAL`, and addresses of no family).
    pub addresses: Option<Addresses>,
    /// Whether the client came over TLS, to the proxy that says so.
    pub tls: bool,
}

/// The two ends of a client's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Addresses {
    /// The client.
    pub source: SocketAddr,
    /// Where the client has connected to.
    pub destination: SocketAddr,
}

/// The connection does not begin with a header, and why it cannot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no valid PROXY header: {}", self.0)
    }
}

impl std::error::Error for Malformed {}

/// Reads the header that a connection begins with; `None`: more of it is needed.
///
/// What is read does not depend on how it arrives: more bytes never change an answer but `None`, which there is
/// for no more than [`LONGEST`] bytes.
pub fn read(bytes: &[u8]) -> Result<Option<ProxyHeader>, Malformed> {
    let header = match bytes.first() {
        None => Err(Stop::More),
        Some(b'P') => line::read(bytes),
        Some(b'\r') => binary::read(bytes),
        Some(_) => Err(Stop::Malformed("begins otherwise")),
    };
    match header {
        Ok(header) => Ok(Some(header)),
        Err(Stop::More) => Ok(None),
        Err(Stop::Malformed(why)) => Err(Malformed(why)),
    }
}

/// The header of version 1; of a connection that speaks for itself, `UNKNOWN`.
#[must_use]
pub fn v1(addresses: Option<Addresses>) -> Vec<u8> {
    line::write(addresses.map(Pair::of))
}

/// The header of version 2; of a connection that speaks for itself, `LOCAL`.
#[must_use]
pub fn v2(addresses: Option<Addresses>) -> Vec<u8> {
    binary::write(addresses.map(Pair::of))
}

/// Why there is no header yet, or never will be.
enum Stop {
    More,
    Malformed(&'static str),
}

/// Two addresses of one family: what there is a form for.
enum Pair {
    V4(SocketAddrV4, SocketAddrV4),
    V6(SocketAddrV6, SocketAddrV6),
}

impl Pair {
    fn of(addresses: Addresses) -> Self {
        let Addresses { source, destination } = addresses;
        match (canonical(source), canonical(destination)) {
            (SocketAddr::V4(source), SocketAddr::V4(destination)) => Self::V4(source, destination),
            (source, destination) => Self::V6(mapped(source), mapped(destination)),
        }
    }
}

impl Addresses {
    /// As they are read: IPv4 where they are, and without the flow and scope that no header has.
    fn canonical(source: SocketAddr, destination: SocketAddr) -> Self {
        Self { source: canonical(source), destination: canonical(destination) }
    }
}

fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

fn mapped(address: SocketAddr) -> SocketAddrV6 {
    match address {
        SocketAddr::V4(v4) => SocketAddrV6::new(v4.ip().to_ipv6_mapped(), v4.port(), 0, 0),
        SocketAddr::V6(v6) => v6,
    }
}
