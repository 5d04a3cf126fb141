//! Addresses as text.
//!
//! Those of IPv4 digit by digit: `fmt` would take longer for the two of a line than all the rest of the line does.

use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::json::push_u64;

/// Appends an address as `Display` shows it.
pub(super) fn push_ip(out: &mut Vec<u8>, address: IpAddr) {
    match address {
        IpAddr::V4(address) => push_ipv4(out, address),
        IpAddr::V6(_) => push_displayed(out, address),
    }
}

/// Appends an address and its port as `Display` shows them.
pub(super) fn push_socket(out: &mut Vec<u8>, address: SocketAddr) {
    match address {
        SocketAddr::V4(it) => {
            push_ipv4(out, *it.ip());
            out.push(b':');
            push_u64(out, it.port().into());
        }
        SocketAddr::V6(_) => push_displayed(out, address),
    }
}

fn push_ipv4(out: &mut Vec<u8>, address: Ipv4Addr) {
    let mut text = [b'.'; "255.255.255.255.".len()];
    let mut length = 0;
    for octet in address.octets() {
        for (from, place) in [(100, 100), (10, 10), (0, 1)] {
            if octet >= from {
                text[length] = b'0' + octet / place % 10;
                length += 1;
            }
        }
        // The dot is there.
        length += 1;
    }
    out.extend_from_slice(&text[..length - 1]);
}

fn push_displayed(out: &mut Vec<u8>, value: impl std::fmt::Display) {
    // Writing to a vector cannot fail.
    let _ = write!(out, "{value}");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn addresses_are_written_as_rust_writes_them(ip in any::<IpAddr>(), port in any::<u16>()) {
            let (mut written, socket) = (Vec::new(), SocketAddr::new(ip, port));
            push_ip(&mut written, ip);
            prop_assert_eq!(&written, &ip.to_string().into_bytes());
            written.clear();
            push_socket(&mut written, socket);
            prop_assert_eq!(&written, &socket.to_string().into_bytes());
        }
    }

    #[test]
    fn each_octet_has_its_digits_and_no_more() {
        for text in ["0.0.0.0", "1.20.100.255", "10.9.99.101", "255.255.255.255"] {
            let mut written = Vec::new();
            push_ip(&mut written, text.parse().unwrap());
            assert_eq!(written, text.as_bytes());
        }
    }
}
