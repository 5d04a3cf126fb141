//! Who the client is: the right-most address that is not one of our own proxies.
//!
//! `X-Forwarded-For` is a list to which each proxy appends who had connected to it. Whatever stands
//! left of the last address that we do not trust was written by that client, and proves nothing
//! (the "rightmost non-trusted" rule; nginx's `real_ip_recursive on`).

use std::net::IpAddr;

use ipnet::IpNet;

/// The client's address: `connected` itself, unless it is trusted and says who came before.
/// `forwarded` gives the values of `X-Forwarded-For`, the last field line first.
pub(crate) fn address<'a>(
    connected: IpAddr,
    forwarded: impl Iterator<Item = &'a [u8]>,
    trusted: &[IpNet],
) -> IpAddr {
    let mut client = connected.to_canonical();
    for field in forwarded {
        for item in field.rsplit(|&byte| byte == b',') {
            if !is_trusted(client, trusted) {
                return client;
            }
            let Some(before) = parse(item) else {
                return client;
            };
            client = before;
        }
    }
    client
}

/// Whether `address` belongs to one of our own proxies.
pub(crate) fn is_trusted(address: IpAddr, trusted: &[IpNet]) -> bool {
    let address = address.to_canonical();
    trusted.iter().any(|net| net.contains(&address))
}

/// An address, with or without a port, in brackets or not.
fn parse(item: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(item).ok()?.trim();
    let address = text
        .parse::<IpAddr>()
        .or_else(|_| text.parse::<std::net::SocketAddr>().map(|address| address.ip()))
        .or_else(|_| text.trim_start_matches('[').trim_end_matches(']').parse())
        .ok()?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(connected: &str, forwarded: &[&str]) -> String {
        let trusted = ["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        let fields = forwarded.iter().rev().map(|field| field.as_bytes());
        address(connected.parse().unwrap(), fields, &trusted).to_string()
    }

    #[test]
    fn who_is_not_trusted_is_the_client_whatever_it_says() {
        assert_eq!(client("203.0.113.9", &["198.51.100.1"]), "203.0.113.9");
    }

    #[test]
    fn the_right_most_address_that_is_not_trusted_is_the_client() {
        for (forwarded, expected) in [
            (&["198.51.100.1"][..], "198.51.100.1"),
            (&["1.1.1.1, 198.51.100.1, 10.9.9.9"], "198.51.100.1"),
            (&["1.1.1.1, 198.51.100.1", "10.9.9.9"], "198.51.100.1"),
            (&["10.1.1.1, 10.9.9.9"], "10.1.1.1"),
            (&["[2001:db8::1]:443"], "2001:db8::1"),
            (&["198.51.100.1:5123"], "198.51.100.1"),
            (&["fd00::7, ::ffff:10.0.0.1"], "fd00::7"),
            (&[], "10.0.0.1"),
        ] {
            assert_eq!(client("10.0.0.1", forwarded), expected, "{forwarded:?}");
        }
    }

    #[test]
    fn what_is_no_address_ends_the_list() {
        assert_eq!(client("10.0.0.1", &["1.1.1.1, unknown, 10.9.9.9"]), "10.9.9.9");
        assert_eq!(client("10.0.0.1", &["garbage\u{0}"]), "10.0.0.1");
        assert_eq!(client("10.0.0.1", &[""]), "10.0.0.1");
    }
}
