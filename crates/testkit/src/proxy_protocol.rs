//! PROXY headers, by hand: as a client (or whoever stands before the gateway) writes them, and as a
//! backend that demands them takes them off.
//!
//! Reading is strict where the gateway must be right, and knows nothing else: one family, both ports,
//! nothing behind the addresses.

use std::io;
use std::net::{IpAddr, SocketAddr};

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// Of version 2, before the addresses.
const HEAD: usize = 16;
/// Of version 1.
const LONGEST: usize = 107;

/// What a connection to a backend began with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proxied {
    /// Version 1 or 2.
    pub version: u8,
    /// Source and destination; `None` for `UNKNOWN` and `LOCAL`.
    pub addresses: Option<(SocketAddr, SocketAddr)>,
}

/// The line of version 1; `None`: `UNKNOWN`.
///
/// # Panics
/// If the addresses are not of one family.
#[must_use]
pub fn v1(addresses: Option<(SocketAddr, SocketAddr)>) -> Vec<u8> {
    let Some((from, to)) = addresses else { return b"PROXY UNKNOWN\r\n".to_vec() };
    assert_eq!(from.is_ipv4(), to.is_ipv4(), "one family");
    let family = if from.is_ipv4() { "TCP4" } else { "TCP6" };
    let (from_port, to_port) = (from.port(), to.port());
    format!("PROXY {family} {} {} {from_port} {to_port}\r\n", from.ip(), to.ip()).into_bytes()
}

/// The header of version 2; `None`: `LOCAL`.
///
/// # Panics
/// If the addresses are not of one family.
#[must_use]
pub fn v2(addresses: Option<(SocketAddr, SocketAddr)>) -> Vec<u8> {
    v2_with(addresses, &[])
}

/// The header of version 2, with these TLVs behind the addresses: type and value.
///
/// # Panics
/// If the addresses are not of one family.
#[must_use]
pub fn v2_with(addresses: Option<(SocketAddr, SocketAddr)>, tlvs: &[(u8, &[u8])]) -> Vec<u8> {
    let (command, family, mut block) = match addresses {
        None => (0x20, 0x00, Vec::new()),
        Some((from, to)) => {
            let (family, addresses) = match (from.ip(), to.ip()) {
                (IpAddr::V4(from), IpAddr::V4(to)) => (0x11, [from.octets(), to.octets()].concat()),
                (IpAddr::V6(from), IpAddr::V6(to)) => (0x21, [from.octets(), to.octets()].concat()),
                _ => panic!("one family"),
            };
            let ports = [from.port().to_be_bytes(), to.port().to_be_bytes()].concat();
            (0x21, family, [addresses, ports].concat())
        }
    };
    for (kind, value) in tlvs {
        block.push(*kind);
        block.extend(length(value.len()));
        block.extend(*value);
    }
    [SIGNATURE, &[command, family], &length(block.len()), &block].concat()
}

fn length(bytes: usize) -> [u8; 2] {
    u16::try_from(bytes).expect("a header has at most 64 KiB").to_be_bytes()
}

/// Takes the header off the front of a connection, and not a byte more: for backends of a test's own.
/// An error if the connection does not begin with one.
pub async fn take(stream: &mut TcpStream) -> io::Result<Proxied> {
    let mut bytes = Vec::new();
    loop {
        bytes.push(stream.read_u8().await?);
        if let Some((_, proxied)) = parse(&bytes)? {
            return Ok(proxied);
        }
    }
}

/// The header that the bytes begin with, and its length; `None` if it is not complete.
pub(crate) fn parse(bytes: &[u8]) -> io::Result<Option<(usize, Proxied)>> {
    let parsed = match bytes.first() {
        None => Some(None),
        Some(b'P') => parse_v1(bytes),
        Some(_) => parse_v2(bytes),
    };
    parsed.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "no PROXY header"))
}

/// `None`: it is none.
fn parse_v1(bytes: &[u8]) -> Option<Option<(usize, Proxied)>> {
    let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
        return (bytes.len() < LONGEST).then_some(None);
    };
    let line = std::str::from_utf8(&bytes[..=end]).ok()?.strip_suffix("\r\n")?;
    let fields: Vec<_> = line.split(' ').collect();
    let addresses = match fields[..] {
        ["PROXY", "UNKNOWN"] => None,
        ["PROXY", family, from, to, from_port, to_port] => {
            let parse = |ip: &str, port: &str| {
                let address = SocketAddr::new(ip.parse().ok()?, port.parse().ok()?);
                let right = family == if address.is_ipv4() { "TCP4" } else { "TCP6" };
                right.then_some(address)
            };
            Some((parse(from, from_port)?, parse(to, to_port)?))
        }
        _ => return None,
    };
    Some(Some((end + 1, Proxied { version: 1, addresses })))
}

/// `None`: it is none.
fn parse_v2(bytes: &[u8]) -> Option<Option<(usize, Proxied)>> {
    if !bytes.iter().zip(SIGNATURE).all(|(byte, expected)| byte == expected) {
        return None;
    }
    let Some(head) = bytes.get(..HEAD) else { return Some(None) };
    let len = HEAD + usize::from(u16::from_be_bytes([head[14], head[15]]));
    let Some(block) = bytes.get(HEAD..len) else { return Some(None) };
    let port = |at: usize| u16::from_be_bytes([block[at], block[at + 1]]);
    let v4 = |at: usize| <[u8; 4]>::try_from(&block[at..at + 4]).ok().map(IpAddr::from);
    let v6 = |at: usize| <[u8; 16]>::try_from(&block[at..at + 16]).ok().map(IpAddr::from);
    let addresses = match (head[12], head[13], block.len()) {
        (0x20, 0x00, 0) => None,
        (0x21, 0x11, 12) => {
            Some((SocketAddr::new(v4(0)?, port(8)), SocketAddr::new(v4(4)?, port(10))))
        }
        (0x21, 0x21, 36) => {
            Some((SocketAddr::new(v6(0)?, port(32)), SocketAddr::new(v6(16)?, port(34))))
        }
        _ => return None,
    };
    Some(Some((len, Proxied { version: 2, addresses })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_what_is_read() {
        let v4 = ("192.0.2.1:7".parse().unwrap(), "192.0.2.2:80".parse().unwrap());
        let v6 = ("[2001:db8::1]:0".parse().unwrap(), "[::1]:65535".parse().unwrap());
        for addresses in [None, Some(v4), Some(v6)] {
            for (version, bytes) in [(1, v1(addresses)), (2, v2(addresses))] {
                let proxied = Proxied { version, addresses };
                for end in 0..bytes.len() {
                    assert!(parse(&bytes[..end]).unwrap().is_none(), "{bytes:?}: {end}");
                }
                assert_eq!(parse(&bytes).unwrap(), Some((bytes.len(), proxied)));
                let more = [&bytes[..], b"GET"].concat();
                assert_eq!(parse(&more).unwrap(), Some((bytes.len(), proxied)));
            }
        }
    }

    #[test]
    fn a_request_is_no_header() {
        for bytes in ["GET / HTTP/1.1\r\n", "POST / HTTP/1.1\r\n", "\r\nGET", "PRI * HTTP/2.0\r\n"]
        {
            assert!(parse(bytes.as_bytes()).is_err(), "{bytes}");
        }
        assert!(parse(&v2_with(None, &[(4, b"more")])).is_err());
    }
}
