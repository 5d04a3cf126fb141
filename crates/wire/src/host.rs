//! The host of a request: by what routes and endpoints tell sites apart.
//!
//! RFC 3986 allows more than any site is called (`sub-delims`, escapes, `IPvFuture`), and everybody who
//! reads it unescapes, splits or looks it up in another way. What is left is what DNS, containers and
//! addresses need; an underscore is in the names of containers.

use std::net::Ipv6Addr;

use crate::head::scan::{self, HOST};

/// The longest name of DNS, and a port would fit.
const LONGEST: usize = 255;

/// Whether this is a host with or without a port: a name of letters, digits and `-._~`, an IPv4
/// address or an IPv6 address in brackets; then a colon and a number up to 65535, or neither. A name
/// may end in a dot but has no empty label before it.
#[must_use]
pub fn is_host(value: &[u8]) -> bool {
    if value.len() > LONGEST {
        return false;
    }
    if let [b'[', rest @ ..] = value {
        let Some(end) = rest.iter().position(|&byte| byte == b']') else { return false };
        return is_ipv6(&rest[..end]) && is_port_or_nothing(&rest[end + 1..]);
    }
    let mut before = b'.';
    let mut end = 0;
    for &byte in value {
        if scan::class(byte) & HOST == 0 {
            break;
        }
        if byte == b'.' && before == b'.' {
            return false;
        }
        before = byte;
        end += 1;
    }
    end > 0 && is_port_or_nothing(&value[end..])
}

fn is_ipv6(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| text.parse::<Ipv6Addr>().is_ok())
}

fn is_port_or_nothing(bytes: &[u8]) -> bool {
    match bytes {
        [] => true,
        [b':', digits @ ..] => is_port(digits),
        _ => false,
    }
}

/// Whether this is one to five digits, up to 65535.
pub(crate) fn is_port(digits: &[u8]) -> bool {
    let value = |sum: u32, digit: &u8| sum * 10 + u32::from(digit - b'0');
    (1..=5).contains(&digits.len())
        && digits.iter().all(u8::is_ascii_digit)
        && digits.iter().fold(0, value) <= u32::from(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_are_hosts_with_a_port_or_without() {
        for value in [
            "shop.example.com",
            "SHOP.example.COM",
            "shop.example.com.",
            "shop.example.com.:8080",
            "localhost",
            "my_container:3000",
            "a-b.c~d",
            "xn--mnchen-3ya.example",
            "10.0.0.1",
            "10.0.0.1:80",
            "[::1]",
            "[2001:db8::7]:443",
            "[::ffff:10.0.0.1]:1",
            "1",
            "a:0",
            "a:00080",
            "a:65535",
        ] {
            assert!(is_host(value.as_bytes()), "{value}");
        }
        assert!(is_host("a".repeat(255).as_bytes()));
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_no_host() {
        for value in [
            "",
            ":",
            ":80",
            "a:",
            "a:65536",
            "a:000080",
            "a:+80",
            "a: 80",
            "a:80:80",
            "a:80/c",
            "a/c",
            "a\\c",
            "a,b",
            "a b",
            " a",
            "a@b",
            "user:pass@b",
            "a#b",
            "a?b",
            "a%62",
            "\"a\"",
            "a'b",
            "a;b",
            "a(b",
            "a|b",
            "a*",
            "a\tb",
            "a\0",
            "bücher.example",
            ".",
            "..",
            ".a",
            "a..b",
            "a..",
            "::1",
            "[::1",
            "[]",
            "[::1]]",
            "[::1]80",
            "[::1]:",
            "[::1%eth0]",
            "[::1%251]",
            "[v1.a]",
            "[10.0.0.1]",
            "[shop]",
            "::1]",
        ] {
            assert!(!is_host(value.as_bytes()), "{value}");
        }
        assert!(!is_host("a".repeat(256).as_bytes()));
        assert!(!is_host(b"a\xff"));
    }
}
