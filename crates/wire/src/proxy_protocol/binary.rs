//! Version 2: a signature that is no request of any protocol, what it is, how long, then two addresses
//! and whatever else there is to say, each with a type and a length (TLV).
//!
//! What is said twice is refused, where we read it: another might read the other one.

use std::net::{IpAddr, SocketAddr};
use std::ops::Range;

use super::{Addresses, Pair, ProxyHeader, Stop, crc32c};

const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// The signature, version and command, family, length.
const HEAD: usize = 16;
/// What follows the head, at most.
const LONGEST_BLOCK: u16 = 2048;
pub(super) const LONGEST: usize = HEAD + LONGEST_BLOCK as usize;

const LOCAL: u8 = 0x20;
const PROXY: u8 = 0x21;
const UNSPECIFIED: u8 = 0x00;
const TCP4: u8 = 0x11;
const TCP6: u8 = 0x21;

/// `PP2_TYPE_CRC32C`: a checksum of the whole header.
const CHECKSUM: u8 = 0x03;
/// `PP2_TYPE_SSL`: a byte of flags, four of the verification's result, TLVs.
const SSL: u8 = 0x20;
const SSL_HEAD: usize = 5;
/// `PP2_CLIENT_SSL`: the client came over TLS.
const CLIENT_SSL: u8 = 0x01;

pub(super) fn read(bytes: &[u8]) -> Result<ProxyHeader, Stop> {
    if !bytes.iter().zip(SIGNATURE).all(|(byte, expected)| byte == expected) {
        return Err(Stop::Malformed("begins otherwise"));
    }
    let local = match byte(bytes, 12)? {
        LOCAL => true,
        PROXY => false,
        other if other >> 4 != 2 => return Err(Stop::Malformed("an unknown version")),
        _ => return Err(Stop::Malformed("an unknown command")),
    };
    // Octets of an address, where there are two to be read.
    let octets = match byte(bytes, 13)? {
        _ if local => None,
        UNSPECIFIED => None,
        TCP4 => Some(4),
        TCP6 => Some(16),
        _ => return Err(Stop::Malformed("neither TCP over IPv4 nor over IPv6")),
    };
    let high = byte(bytes, 14)?;
    // Its first byte may tell that it is too long.
    if u16::from_be_bytes([high, 0]) > LONGEST_BLOCK {
        return Err(Stop::Malformed("longer than 2048 bytes"));
    }
    let length = u16::from_be_bytes([high, byte(bytes, 15)?]);
    if length > LONGEST_BLOCK {
        return Err(Stop::Malformed("longer than 2048 bytes"));
    }
    let len = HEAD + usize::from(length);
    let Some(octets) = octets else {
        // Whatever it says is of no connection.
        bytes.get(..len).ok_or(Stop::More)?;
        return Ok(ProxyHeader { len, addresses: None, tls: false });
    };
    let said = HEAD + 2 * octets + 4;
    if said > len {
        return Err(Stop::Malformed("shorter than its addresses"));
    }
    let tls = tlvs(bytes, said..len)?;
    let header = bytes.get(..len).ok_or(Stop::More)?;
    let (source, destination) = header[HEAD..said - 4].split_at(octets);
    let port = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
    let addresses = Addresses::canonical(
        SocketAddr::new(address(source), port(said - 4)),
        SocketAddr::new(address(destination), port(said - 2)),
    );
    Ok(ProxyHeader { len, addresses: Some(addresses), tls })
}

pub(super) fn write(pair: Option<Pair>) -> Vec<u8> {
    let mut header = SIGNATURE.to_vec();
    match pair {
        None => header.extend([LOCAL, UNSPECIFIED, 0, 0]),
        Some(Pair::V4(from, to)) => {
            header.extend([PROXY, TCP4, 0, 12]);
            header.extend([from.ip().octets(), to.ip().octets()].concat());
            header.extend([from.port().to_be_bytes(), to.port().to_be_bytes()].concat());
        }
        Some(Pair::V6(from, to)) => {
            header.extend([PROXY, TCP6, 0, 36]);
            header.extend([from.ip().octets(), to.ip().octets()].concat());
            header.extend([from.port().to_be_bytes(), to.port().to_be_bytes()].concat());
        }
    }
    header
}

fn byte(bytes: &[u8], at: usize) -> Result<u8, Stop> {
    bytes.get(at).copied().ok_or(Stop::More)
}

/// Four octets or sixteen.
fn address(octets: &[u8]) -> IpAddr {
    let v4 = <[u8; 4]>::try_from(octets).map(IpAddr::from);
    v4.unwrap_or_else(|_| {
        let mut v6 = [0; 16];
        v6.copy_from_slice(octets);
        IpAddr::from(v6)
    })
}

/// Reads what follows the addresses; whether the client came over TLS.
fn tlvs(bytes: &[u8], mut rest: Range<usize>) -> Result<bool, Stop> {
    let end = rest.end;
    let (mut checksum, mut tls) = (None, None);
    while !rest.is_empty() {
        let (kind, value) = tlv(bytes, &mut rest)?;
        match kind {
            CHECKSUM if checksum.is_some() => return Err(Stop::Malformed("two checksums")),
            CHECKSUM if value.len() != 4 => {
                return Err(Stop::Malformed("a checksum that is not four bytes long"));
            }
            CHECKSUM => checksum = Some(value),
            SSL if tls.is_some() => return Err(Stop::Malformed("TLS described twice")),
            SSL if value.len() < SSL_HEAD => return Err(Stop::Malformed("TLS described in part")),
            SSL => {
                tls = Some(byte(bytes, value.start)? & CLIENT_SSL != 0);
                let mut details = value.start + SSL_HEAD..value.end;
                while !details.is_empty() {
                    tlv(bytes, &mut details)?;
                }
            }
            _ => {}
        }
    }
    let header = bytes.get(..end).ok_or(Stop::More)?;
    if checksum.is_some_and(|at| !adds_up(header, at)) {
        return Err(Stop::Malformed("another checksum than it says"));
    }
    Ok(tls.unwrap_or(false))
}

/// Takes a TLV off the front of a range of the header.
fn tlv(bytes: &[u8], rest: &mut Range<usize>) -> Result<(u8, Range<usize>), Stop> {
    const OVER: Stop = Stop::Malformed("runs over its end");
    if rest.len() < 3 {
        return Err(OVER);
    }
    let at = rest.start;
    let length = u16::from_be_bytes([byte(bytes, at + 1)?, byte(bytes, at + 2)?]);
    let value = at + 3..at + 3 + usize::from(length);
    if value.end > rest.end {
        return Err(OVER);
    }
    rest.start = value.end;
    Ok((byte(bytes, at)?, value))
}

/// Whether the checksum that stands there is that of the header, in which it counts as zeros.
fn adds_up(header: &[u8], at: Range<usize>) -> bool {
    let said = &header[at.clone()];
    let sum = crc32c::Sum::new().add(&header[..at.start]).add(&[0; 4]).add(&header[at.end..]);
    sum.value().to_be_bytes() == said
}
