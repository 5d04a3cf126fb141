//! Version 1: `PROXY TCP4 198.51.100.1 203.0.113.7 35646 443`, and a line end.
//!
//! One space between two fields, numbers without a sign or leading zeros, CRLF: whoever writes it otherwise
//! might mean it otherwise.

use std::fmt::Display;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{Addresses, Pair, ProxyHeader, Stop};

/// Of a line with its end.
const LONGEST: usize = 107;
/// `255.255.255.255`.
const LONGEST_V4: usize = 15;
/// `0000:0000:0000:0000:0000:ffff:255.255.255.255`.
const LONGEST_V6: usize = 45;

pub(super) fn read(bytes: &[u8]) -> Result<ProxyHeader, Stop> {
    let mut line = Line { bytes, at: 0 };
    line.expect(b"PROXY ", "begins otherwise")?;
    let addresses = match line.byte()? {
        b'U' => {
            line.expect(b"NKNOWN", "an unknown family")?;
            line.rest()?;
            None
        }
        b'T' => Some(line.addresses()?),
        _ => return Err(Stop::Malformed("an unknown family")),
    };
    line.expect(b"\n", "CR without LF")?;
    Ok(ProxyHeader { len: line.at, addresses, tls: false })
}

pub(super) fn write(pair: Option<Pair>) -> Vec<u8> {
    match pair {
        None => b"PROXY UNKNOWN\r\n".to_vec(),
        Some(Pair::V4(from, to)) => line("TCP4", from.ip(), to.ip(), from.port(), to.port()),
        Some(Pair::V6(from, to)) => line("TCP6", from.ip(), to.ip(), from.port(), to.port()),
    }
}

fn line<A: Display>(family: &str, from: A, to: A, from_port: u16, to_port: u16) -> Vec<u8> {
    format!("PROXY {family} {from} {to} {from_port} {to_port}\r\n").into_bytes()
}

/// A line, as far as it is there, read from the left.
struct Line<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Line<'a> {
    fn byte(&mut self) -> Result<u8, Stop> {
        if self.at == LONGEST {
            return Err(Stop::Malformed("no line end within 107 bytes"));
        }
        let byte = self.bytes.get(self.at).copied().ok_or(Stop::More)?;
        self.at += 1;
        Ok(byte)
    }

    fn expect(&mut self, text: &[u8], why: &'static str) -> Result<(), Stop> {
        for expected in text {
            if self.byte()? != *expected {
                return Err(Stop::Malformed(why));
            }
        }
        Ok(())
    }

    /// What follows `UNKNOWN`: something that is not to be read, or nothing. Ends behind the CR.
    fn rest(&mut self) -> Result<(), Stop> {
        let mut within = false;
        loop {
            match self.byte()? {
                b'\r' => return Ok(()),
                b' ' => within = true,
                b'!'..=b'~' if within => {}
                _ => return Err(Stop::Malformed("a control character, or an unknown family")),
            }
        }
    }

    /// What follows the `T` of a family. Ends behind the CR.
    fn addresses(&mut self) -> Result<Addresses, Stop> {
        self.expect(b"CP", "an unknown family")?;
        let address = match self.byte()? {
            b'4' => Self::v4,
            b'6' => Self::v6,
            _ => return Err(Stop::Malformed("an unknown family")),
        };
        self.expect(b" ", "an unknown family")?;
        let (source, destination) = (address(self)?, address(self)?);
        let (source_port, destination_port) = (self.port(b' ')?, self.port(b'\r')?);
        Ok(Addresses::canonical(
            SocketAddr::new(source, source_port),
            SocketAddr::new(destination, destination_port),
        ))
    }

    fn v4(&mut self) -> Result<IpAddr, Stop> {
        let text = self.word(LONGEST_V4, |byte| byte.is_ascii_digit() || byte == b'.')?;
        let address = text.parse::<Ipv4Addr>();
        address.map(IpAddr::V4).map_err(|_| Stop::Malformed("not an IPv4 address"))
    }

    fn v6(&mut self) -> Result<IpAddr, Stop> {
        let of_address = |byte: u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.');
        let text = self.word(LONGEST_V6, of_address)?;
        let address = text.parse::<Ipv6Addr>();
        address.map(IpAddr::V6).map_err(|_| Stop::Malformed("not an IPv6 address"))
    }

    /// So many bytes at most, up to a space.
    fn word(&mut self, longest: usize, holds: impl Fn(u8) -> bool) -> Result<&'a str, Stop> {
        let from = self.at;
        loop {
            match self.byte()? {
                b' ' => break,
                byte if holds(byte) && self.at - from <= longest => {}
                _ => return Err(Stop::Malformed("not an address of its family")),
            }
        }
        let word = std::str::from_utf8(&self.bytes[from..self.at - 1]);
        word.map_err(|_| Stop::Malformed("not an address of its family"))
    }

    fn port(&mut self, end: u8) -> Result<u16, Stop> {
        const NO_PORT: Stop = Stop::Malformed("not a port");
        let mut port = None;
        loop {
            match (self.byte()?, port) {
                (digit @ b'0'..=b'9', None) => port = Some(u16::from(digit - b'0')),
                (b'0'..=b'9', Some(0)) => return Err(NO_PORT),
                (digit @ b'0'..=b'9', Some(value)) => {
                    let more = value
                        .checked_mul(10)
                        .and_then(|value| value.checked_add(u16::from(digit - b'0')));
                    port = Some(more.ok_or(NO_PORT)?);
                }
                (byte, Some(port)) if byte == end => return Ok(port),
                _ => return Err(NO_PORT),
            }
        }
    }
}
