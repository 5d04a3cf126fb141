//! Who the client is: the right-most address that is not one of our own proxies.
//!
//! `X-Forwarded-For` and `Forwarded` (RFC 7239) are lists to which each proxy appends who had connected
//! to it. Whatever stands left of the last address that is not trusted was written by that client, and
//! proves nothing (the "rightmost non-trusted" rule; nginx's `real_ip_recursive on`). What is no address
//! ends the list: whoever stands left of it is unknown, and the proxy that wrote it is the last thing
//! that is certain.
//!
//! Lists are read from the right, quotes included, because there stands what our proxies wrote: a
//! client that leaves a quote open can spoil what it has sent itself, and nothing else.

mod element;

use std::net::{IpAddr, Ipv6Addr};

use crate::head::scan::{is_token, trim};
use crate::host::is_port;

/// How many proxies are asked at most who came before; more would be a loop or a fraud.
const MOST: usize = 64;

/// The client, by `Forwarded`, and what the proxy that it had connected to says of its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin<'a> {
    /// Its address.
    pub client: IpAddr,
    /// `http` or `https`, in any case of letters.
    pub proto: Option<&'a [u8]>,
    /// The host that it asked for, with its port; a valid one.
    pub host: Option<&'a [u8]>,
}

/// The client's address by `X-Forwarded-For`: `connected` itself, unless it is trusted and says who came
/// before. `fields` are the values of the field, the last line first; addresses are canonical
/// (`::ffff:10.0.0.1` is 10.0.0.1), those that `is_trusted` gets as well.
pub fn client<'a>(
    connected: IpAddr,
    fields: impl Iterator<Item = &'a [u8]>,
    is_trusted: impl Fn(IpAddr) -> bool,
) -> IpAddr {
    let items = fields.flat_map(|field| field.rsplit(|&byte| byte == b','));
    follow(connected, items.map(|item| Some((address(trim(item))?, ()))), is_trusted).0
}

/// The client by `Forwarded`, with the same arguments as [`client`]. `proto` and `host` are those of the
/// element that names the client: none if that is who has connected.
pub fn origin<'a>(
    connected: IpAddr,
    fields: impl Iterator<Item = &'a [u8]>,
    is_trusted: impl Fn(IpAddr) -> bool,
) -> Origin<'a> {
    let elements = fields.flat_map(element::from_the_right).map(|text| {
        let element = element::parse(text)?;
        Some((address(element.node?)?, element))
    });
    let (client, by) = follow(connected, elements, is_trusted);
    Origin {
        client,
        proto: by.and_then(|element| element.proto),
        host: by.and_then(|element| element.host),
    }
}

/// Whether each element of a `Forwarded` field can be read, so that nothing that is added behind them
/// becomes a part of one.
pub fn is_well_formed(field: &[u8]) -> bool {
    element::from_the_right(field).all(|text| element::parse(text).is_some())
}

/// The element of `Forwarded` for a request that came from `client`; `host` is a valid one.
pub fn element(client: IpAddr, host: Option<&str>, over_tls: bool) -> String {
    let host = host.map_or_else(String::new, |host| format!(";host={}", element::quoted(host)));
    let proto = if over_tls { "https" } else { "http" };
    let node = match client.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("\"[{address}]\""),
    };
    format!("for={node}{host};proto={proto}")
}

/// Goes from each trusted proxy to who had connected to it; `None` is one who cannot be told.
fn follow<T>(
    connected: IpAddr,
    before: impl Iterator<Item = Option<(IpAddr, T)>>,
    is_trusted: impl Fn(IpAddr) -> bool,
) -> (IpAddr, Option<T>) {
    let mut client = connected.to_canonical();
    let mut said = None;
    let mut before = before.take(MOST);
    while is_trusted(client) {
        let Some(Some((address, by))) = before.next() else { break };
        client = address;
        said = Some(by);
    }
    (client, said)
}

/// An address with or without a port, which may be obfuscated (RFC 7239, section 6.2). An IPv6 address
/// without a port needs no brackets: not all proxies write them.
fn address(node: &[u8]) -> Option<IpAddr> {
    let (address, port) = match node {
        [b'[', rest @ ..] => {
            let end = rest.iter().position(|&byte| byte == b']')?;
            let address: Ipv6Addr = parse(&rest[..end])?;
            (IpAddr::V6(address), &rest[end + 1..])
        }
        _ => {
            let mut colons = (0..node.len()).filter(|&at| node[at] == b':');
            let end = match (colons.next(), colons.next()) {
                (Some(only), None) => only,
                _ => node.len(),
            };
            (parse(&node[..end])?, &node[end..])
        }
    };
    let is_valid = match port {
        [] => true,
        [b':', b'_', rest @ ..] => is_token(rest),
        [b':', digits @ ..] => is_port(digits),
        _ => false,
    };
    is_valid.then(|| address.to_canonical())
}

fn parse<T: std::str::FromStr>(bytes: &[u8]) -> Option<T> {
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

#[cfg(test)]
mod tests;
