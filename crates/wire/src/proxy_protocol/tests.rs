use std::net::SocketAddr;

use super::*;

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
const LOCAL: u8 = 0x20;
const PROXY: u8 = 0x21;
const TCP4: u8 = 0x11;
const TCP6: u8 = 0x21;
/// 198.51.100.1:35646 to 203.0.113.7:443.
const BLOCK4: [u8; 12] = [198, 51, 100, 1, 203, 0, 113, 7, 0x8b, 0x3e, 0x01, 0xbb];

fn addresses(source: &str, destination: &str) -> Option<Addresses> {
    let parse = |text: &str| text.parse::<SocketAddr>().unwrap();
    Some(Addresses { source: parse(source), destination: parse(destination) })
}

/// A header of version 2 whose length is right.
fn binary(command: u8, family: u8, parts: &[&[u8]]) -> Vec<u8> {
    let block = parts.concat();
    let length = u16::try_from(block.len()).unwrap().to_be_bytes();
    [SIGNATURE, &[command, family], &length, &block].concat()
}

fn tlv(kind: u8, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len()).unwrap().to_be_bytes();
    [&[kind], &length[..], value].concat()
}

/// A header of version 2 with these TLVs, the checksum of which is right.
fn summed(before: &[u8], after: &[u8]) -> Vec<u8> {
    let mut header = binary(PROXY, TCP4, &[&BLOCK4, before, &tlv(0x03, &[0; 4]), after]);
    let at = 16 + 12 + before.len() + 3;
    let sum = crc32c::Sum::new().add(&header).value();
    header[at..at + 4].copy_from_slice(&sum.to_be_bytes());
    header
}

fn accepted() -> Vec<(Vec<u8>, Option<Addresses>, bool)> {
    let v4 = addresses("198.51.100.1:35646", "203.0.113.7:443");
    let v6 = addresses("[2001:db8::1]:0", "[2001:db8::2]:65535");
    let mapped: [u8; 16] = "::ffff:198.51.100.1".parse::<std::net::Ipv6Addr>().unwrap().octets();
    let to: [u8; 16] = "2001:db8::2".parse::<std::net::Ipv6Addr>().unwrap().octets();
    let unknown = format!("PROXY UNKNOWN {}\r\n", "x".repeat(107 - 16));
    let with = |tlvs: &[u8]| binary(PROXY, TCP4, &[&BLOCK4, tlvs]);
    let ssl = |flags: u8, details: &[u8]| tlv(0x20, &[&[flags, 0, 0, 0, 0], details].concat());
    vec![
        (b"PROXY TCP4 198.51.100.1 203.0.113.7 35646 443\r\n".to_vec(), v4, false),
        (b"PROXY TCP6 2001:db8::1 2001:DB8:0:0:0000::2 0 65535\r\n".to_vec(), v6, false),
        (b"PROXY TCP6 ::ffff:198.51.100.1 ::ffff:cb00:7107 35646 443\r\n".to_vec(), v4, false),
        (b"PROXY UNKNOWN\r\n".to_vec(), None, false),
        (b"PROXY UNKNOWN \r\n".to_vec(), None, false),
        (b"PROXY UNKNOWN ffff::1 what 65536\r\n".to_vec(), None, false),
        (unknown.into_bytes(), None, false),
        (with(b""), v4, false),
        (
            binary(PROXY, TCP6, &[&mapped, &to, &[0, 1, 0, 2]]),
            addresses("198.51.100.1:1", "[2001:db8::2]:2"),
            false,
        ),
        (binary(PROXY, TCP6, &[&[0; 36]]), addresses("[::]:0", "[::]:0"), false),
        (binary(LOCAL, 0, &[]), None, false),
        // What a probe says of itself is nothing to rely on, whatever its form.
        (binary(LOCAL, TCP4, &[&BLOCK4, &tlv(0x20, &[1])]), None, false),
        (binary(LOCAL, 0x77, &[&[0xff; 2048]]), None, false),
        (binary(PROXY, 0, &[]), None, false),
        (binary(PROXY, 0, &[&[0xff; 5]]), None, false),
        (with(&tlv(0x01, b"h2")), v4, false),
        (with(&[tlv(0x04, &[0; 2000]), tlv(0xea, b"")].concat()), v4, false),
        (with(&ssl(1, b"")), v4, true),
        (with(&ssl(0xff, &tlv(0x21, b"TLSv1.3"))), v4, true),
        (with(&[tlv(0x04, b"pad"), ssl(1, &tlv(0x22, b"a")), tlv(0x30, b"ns")].concat()), v4, true),
        // A client that showed a certificate, but to whom is not said.
        (with(&ssl(6, b"")), v4, false),
        (summed(b"", b""), v4, false),
        (summed(&tlv(0x02, b"shop.example.com"), &ssl(1, b"")), v4, true),
    ]
}

#[test]
fn what_is_right_is_read_however_it_arrives() {
    for (bytes, addresses, tls) in accepted() {
        let shown = String::from_utf8_lossy(&bytes).into_owned();
        assert!(bytes.len() <= LONGEST, "{shown}");
        for end in 0..bytes.len() {
            assert_eq!(read(&bytes[..end]), Ok(None), "{shown}: {end}");
        }
        let header = ProxyHeader { len: bytes.len(), addresses, tls };
        assert_eq!(read(&bytes), Ok(Some(header)), "{shown}");
        for next in [&b"GET / HTTP/1.1\r\n"[..], b"\r\n", b"PROXY UNKNOWN\r\n", &[0; 3000]] {
            assert_eq!(read(&[&bytes, next].concat()), Ok(Some(header)), "{shown}");
        }
    }
}

/// Of each the number of bytes after which it is certain.
#[test]
fn lines_that_are_not_to_the_letter_are_refused_as_soon_as_that_shows() {
    let long = format!("PROXY UNKNOWN {}\r\n", "x".repeat(107 - 15));
    let endless = "PROXY UNKNOWN ".to_owned() + &" ".repeat(200);
    for (line, certain) in [
        ("GET / HTTP/1.1\r\n", 1),
        ("\nPROXY", 1),
        (" PROXY", 1),
        ("proxy TCP4", 1),
        ("PROXy", 5),
        ("PUT / HTTP/1.1\r\n", 2),
        ("PROXY  TCP4", 7),
        ("PROXY\tTCP4", 6),
        ("PROXY\r\n", 6),
        ("PROXY \r\n", 7),
        ("PROXY UDP4", 8),
        ("PROXY TCP5 ", 10),
        ("PROXY TCP ", 10),
        ("PROXY TCP44", 11),
        ("PROXY tcp4 ", 7),
        ("PROXY UNIX ", 9),
        ("PROXY UNKNOWNS\r\n", 14),
        ("PROXY UNKNOWN\n", 14),
        ("PROXY UNKNOWN x\n", 16),
        ("PROXY UNKNOWN x\0", 16),
        ("PROXY UNKNOWN \r\r\n", 16),
        ("PROXY UNKNOWN é\r\n", 15),
        (&long, 107),
        (&endless, 107),
        ("PROXY TCP4  1.2.3.4", 12),
        ("PROXY TCP4 1.2.3.4  5.6.7.8", 20),
        ("PROXY TCP4 1.2.3 5.6.7.8", 17),
        ("PROXY TCP4 1.2.3.4.5 5.6.7.8", 21),
        ("PROXY TCP4 1.2.3.256 5.6.7.8", 21),
        ("PROXY TCP4 1.2.3.04 5.6.7.8", 20),
        ("PROXY TCP4 1.2.3.4444444444444", 27),
        ("PROXY TCP4 +1.2.3.4 ", 12),
        ("PROXY TCP4 0x1.2.3.4 ", 13),
        ("PROXY TCP4 ::1 ", 12),
        ("PROXY TCP4 1.2.3.4\r\n", 19),
        ("PROXY TCP6 1.2.3.4 ", 19),
        ("PROXY TCP6 ::g ", 14),
        ("PROXY TCP6 :::1 ", 16),
        ("PROXY TCP6 ::1%eth0 ", 15),
        ("PROXY TCP6 [::1] ", 12),
        ("PROXY TCP6 1:2:3:4:5:6:7:8:9 ", 29),
        ("PROXY TCP6 ::ffff:1.2.3.04 ", 27),
        ("PROXY TCP4 1.2.3.4 5.6.7.8 65536 ", 32),
        ("PROXY TCP4 1.2.3.4 5.6.7.8 01 ", 29),
        ("PROXY TCP4 1.2.3.4 5.6.7.8 00 ", 29),
        ("PROXY TCP4 1.2.3.4 5.6.7.8 +1 ", 28),
        ("PROXY TCP4 1.2.3.4 5.6.7.8 -1 ", 28),
        ("PROXY TCP4 1.2.3.4 5.6.7.8  1 2\r\n", 28),
        ("PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n", 29),
        ("PROXY TCP4 1.2.3.4 5.6.7.8 1  2\r\n", 30),
        ("PROXY TCP4 1.2.3.4 5.6.7.8 1 \r\n", 30),
        ("PROXY TCP4 1.2.3.4 5.6.7.8 1 2 \r\n", 31),
        ("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n", 31),
        ("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\rG", 32),
        ("PROXY TCP4 1.2.3.4 5.6.7.8 1 99999\r\n", 34),
        ("PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n", 31),
    ] {
        refused_after(line.as_bytes(), certain);
    }
    // Addresses of the right length each, and too long together.
    let widest = "0000:0000:0000:0000:0000:ffff:255.255.255.255";
    let line = format!("PROXY TCP6 {widest} {widest} 65535 65535\r\n");
    refused_after(line.as_bytes(), 107);
}

#[test]
fn binary_headers_that_are_not_to_the_letter_are_refused_as_soon_as_that_shows() {
    let head = |command: u8, family: u8, length: u16| {
        [SIGNATURE, &[command, family], &length.to_be_bytes()].concat()
    };
    let with = |tlvs: &[u8]| binary(PROXY, TCP4, &[&BLOCK4, tlvs]);
    let mut wrong = summed(b"", b"");
    wrong[16] ^= 1;
    let twice = |one: Vec<u8>| with(&[one.clone(), one].concat());
    for (bytes, certain) in [
        (b"\r\nGET / HTTP/1.1\r\n".to_vec(), 3),
        (b"\r\n\r\n\0\r\nQUIt\n".to_vec(), 11),
        (head(0x10, TCP4, 12), 13),
        (head(0x31, TCP4, 12), 13),
        (head(0x22, TCP4, 12), 13),
        (head(0x2f, TCP4, 12), 13),
        (head(PROXY, 0x01, 12), 14),
        (head(PROXY, 0x10, 12), 14),
        (head(PROXY, 0x12, 12), 14),
        (head(PROXY, 0x22, 36), 14),
        (head(PROXY, 0x31, 216), 14),
        (head(PROXY, 0x32, 216), 14),
        (head(PROXY, 0x41, 36), 14),
        (head(PROXY, TCP4, 0), 16),
        (head(PROXY, TCP4, 11), 16),
        (head(PROXY, TCP6, 12), 16),
        (head(PROXY, TCP6, 35), 16),
        (head(PROXY, TCP4, 2049), 16),
        (head(PROXY, TCP4, 0x0900), 15),
        (head(LOCAL, TCP4, u16::MAX), 15),
        // Not enough left for a type and a length.
        (with(&[4]), 16),
        (with(&[4, 0]), 16),
        (with(&[4, 0, 1]), 31),
        (with(&[4, 0xff, 0xff, 0, 0]), 31),
        (with(&[&tlv(4, b"")[..], &[4]].concat()), 31),
        (with(&tlv(0x20, &[1, 0, 0, 0])), 31),
        (with(&tlv(0x20, &[1, 0, 0, 0, 0, 0x21])), 32),
        (with(&tlv(0x20, &[1, 0, 0, 0, 0, 0x21, 0, 9, b'T'])), 39),
        (twice(tlv(0x20, &[1, 0, 0, 0, 0])), 39),
        (with(&tlv(3, &[0; 3])), 31),
        (twice(tlv(3, &[0; 4])), 38),
        (with(&tlv(3, &[0; 4])), 35),
        (wrong, 35),
    ] {
        refused_after(&bytes, certain);
    }
}

fn refused_after(bytes: &[u8], certain: usize) {
    let shown = String::from_utf8_lossy(bytes);
    let first = (0..=bytes.len()).find(|end| read(&bytes[..*end]).is_err());
    assert_eq!(first, Some(certain), "{shown:?}: {:?}", read(bytes));
    for end in certain..=bytes.len() {
        assert!(read(&bytes[..end]).is_err(), "{shown:?}: {end}");
    }
}

#[test]
fn any_change_of_a_summed_header_is_noticed() {
    let header = summed(&tlv(0x04, b"some"), b"");
    // With another type, a checksum is none.
    let kind = header.len() - 7;
    for at in (16..header.len()).filter(|at| *at != kind) {
        for bit in 0..8 {
            let mut changed = header.clone();
            changed[at] ^= 1 << bit;
            assert!(!matches!(read(&changed), Ok(Some(_))), "byte {at}, bit {bit}");
        }
    }
}

#[test]
fn what_is_written_is_to_the_letter() {
    let v4 = addresses("198.51.100.1:35646", "203.0.113.7:443");
    assert_eq!(v1(v4), b"PROXY TCP4 198.51.100.1 203.0.113.7 35646 443\r\n");
    assert_eq!(v1(None), b"PROXY UNKNOWN\r\n");
    assert_eq!(v2(v4), binary(PROXY, TCP4, &[&BLOCK4]));
    assert_eq!(v2(None), [SIGNATURE, &[0x20, 0, 0, 0]].concat());
    // Of two families there is no form: both are written as IPv6.
    let mixed = addresses("198.51.100.1:0", "[2001:db8::2]:443");
    assert_eq!(v1(mixed), b"PROXY TCP6 ::ffff:198.51.100.1 2001:db8::2 0 443\r\n");
    let mapped = addresses("[::ffff:198.51.100.1]:35646", "203.0.113.7:443");
    assert_eq!(v1(mapped), v1(v4));
}

#[test]
fn what_is_written_is_what_is_read() {
    let all = [
        "198.51.100.1:35646",
        "0.0.0.0:0",
        "255.255.255.255:65535",
        "[2001:db8::1]:443",
        "[::]:0",
        "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
        "[::ffff:198.51.100.1]:1",
    ];
    for source in all {
        for destination in all {
            let said = addresses(source, destination);
            let read_as = said.map(|a| Addresses::canonical(a.source, a.destination));
            for bytes in [v1(said), v2(said)] {
                let header = ProxyHeader { len: bytes.len(), addresses: read_as, tls: false };
                assert_eq!(read(&bytes), Ok(Some(header)), "{source} to {destination}");
            }
        }
    }
}

/// Every change of one byte, every cut and every repetition of what is right: it never panics, and what
/// it says holds however the bytes arrive.
#[test]
fn an_answer_never_changes_as_more_arrives() {
    for (bytes, ..) in accepted().into_iter().filter(|(bytes, ..)| bytes.len() < 200) {
        for at in 0..bytes.len() {
            for byte in [0, 1, 3, 9, 10, 13, 0x20, 0x21, b'0', b'9', b':', 0x7f, 0xff] {
                let mut changed = bytes.clone();
                changed[at] = byte;
                changed.extend_from_slice(b"\r\n\0\r\n");
                let mut said = Ok(None);
                for end in 0..=changed.len() {
                    let now = read(&changed[..end]);
                    assert!(said == Ok(None) || now == said, "{changed:?}: {end}");
                    said = now;
                }
            }
        }
    }
}
