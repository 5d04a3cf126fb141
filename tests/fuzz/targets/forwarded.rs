//! Any bytes as `X-Forwarded-For` and as `Forwarded`; LF begins another field.
//!
//! Whatever a client has sent, what our proxy appends to it names the client.

#![no_main]

use std::net::IpAddr;

use libfuzzer_sys::fuzz_target;
use switchback_wire::{forwarded, is_host};

fuzz_target!(|bytes: &[u8]| {
    let proxy = IpAddr::from([10, 0, 0, 1]);
    let known = IpAddr::from([198, 51, 100, 1]);
    let fields = || bytes.rsplit(|&byte| byte == b'\n');

    let client = forwarded::client(proxy, fields(), is_trusted);
    assert_eq!(client, client.to_canonical());
    assert_eq!(forwarded::client(known, fields(), is_trusted), known);

    let origin = forwarded::origin(proxy, fields(), is_trusted);
    assert_eq!(origin.client, origin.client.to_canonical());
    assert!(origin.host.is_none_or(is_host));
    assert_eq!(forwarded::origin(known, fields(), is_trusted).client, known);

    let list = [bytes, b", 198.51.100.1, ::ffff:10.9.9.9"].concat();
    assert_eq!(forwarded::client(proxy, [&list[..]].into_iter(), is_trusted), known);
    let elements =
        [bytes, b", for=\"198.51.100.1:80\";proto=https;host=a, for=\"10.9.9.9:_x\""].concat();
    let origin = forwarded::origin(proxy, [&elements[..]].into_iter(), is_trusted);
    assert_eq!((origin.client, origin.proto), (known, Some(&b"https"[..])));
    assert_eq!(origin.host, Some(&b"a"[..]));
});

fn is_trusted(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.octets()[0] == 10,
        IpAddr::V6(address) => address.segments()[0] == 0xfd00,
    }
}
