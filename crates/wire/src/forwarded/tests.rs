use proptest::prelude::*;

use super::*;

fn is_trusted(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.octets()[0] == 10,
        IpAddr::V6(address) => address.segments()[0] == 0xfd00,
    }
}

fn last_first<'a>(fields: &'a [&str]) -> impl Iterator<Item = &'a [u8]> {
    fields.iter().rev().map(|field| field.as_bytes())
}

fn by_list(connected: &str, fields: &[&str]) -> String {
    client(connected.parse().expect("an address"), last_first(fields), is_trusted).to_string()
}

/// The client, and what is said of it.
fn by_elements(connected: &str, fields: &[&str]) -> String {
    let connected = connected.parse().expect("an address");
    let Origin { client, proto, host } = origin(connected, last_first(fields), is_trusted);
    let said =
        |value: Option<&[u8]>| value.map_or("-".into(), String::from_utf8_lossy).into_owned();
    format!("{client} {} {}", said(proto), said(host))
}

#[test]
fn who_is_not_trusted_is_the_client_whatever_it_says() {
    assert_eq!(by_list("203.0.113.9", &["198.51.100.1"]), "203.0.113.9");
    assert_eq!(by_list("::ffff:203.0.113.9", &["198.51.100.1"]), "203.0.113.9");
    let said = by_elements("203.0.113.9", &["for=198.51.100.1;proto=https;host=a"]);
    assert_eq!(said, "203.0.113.9 - -");
}

#[test]
fn the_right_most_address_that_is_not_trusted_is_the_client() {
    for (fields, expected) in [
        (&["198.51.100.1"][..], "198.51.100.1"),
        (&["1.1.1.1, 198.51.100.1, 10.9.9.9"], "198.51.100.1"),
        (&["1.1.1.1, 198.51.100.1", "10.9.9.9"], "198.51.100.1"),
        (&["10.1.1.1, 10.9.9.9"], "10.1.1.1"),
        (&["[2001:db8::1]:443"], "2001:db8::1"),
        (&["[2001:db8::1]"], "2001:db8::1"),
        (&["2001:db8::1"], "2001:db8::1"),
        (&["198.51.100.1:5123"], "198.51.100.1"),
        (&["\t198.51.100.1 ,10.9.9.9 "], "198.51.100.1"),
        (&["fd00::7, ::ffff:10.0.0.1"], "fd00::7"),
        (&["[::ffff:198.51.100.1]:80"], "198.51.100.1"),
        (&[], "10.0.0.1"),
    ] {
        assert_eq!(by_list("10.0.0.1", fields), expected, "{fields:?}");
        assert_eq!(by_list("::ffff:10.0.0.1", fields), expected, "{fields:?}");
    }
}

#[test]
fn what_is_no_address_ends_the_list() {
    assert_eq!(by_list("10.0.0.1", &["1.1.1.1, unknown, 10.9.9.9"]), "10.9.9.9");
    assert_eq!(by_list("10.0.0.1", &["1.1.1.1", "", "10.9.9.9"]), "10.9.9.9");
    for item in [
        "garbage\u{0}",
        "",
        "1.1.1.1:",
        "1.1.1.1:65536",
        "1.1.1.1:+1",
        "1.1.1.1:_",
        "1.1.1",
        "1.1.1.1 2.2.2.2",
        "01.1.1.1",
        "[1.1.1.1]",
        "[[::1]]",
        "[::1",
        "::1]",
        "[::1]1",
        "fe80::1%eth0",
        "١.1.1.1",
    ] {
        assert_eq!(by_list("10.0.0.1", &["2.2.2.2", item]), "10.0.0.1", "{item:?}");
    }
}

#[test]
fn the_element_that_names_the_client_tells_scheme_and_host() {
    for (fields, expected) in [
        (&["for=198.51.100.1"][..], "198.51.100.1 - -"),
        (&["For=\"198.51.100.1:80\";PROTO=https;by=10.0.0.1;Host=a"], "198.51.100.1 https a"),
        (&["for=\"[2001:db8::1]:443\";host=\"a:8443\"; proto=HTTP"], "2001:db8::1 HTTP a:8443"),
        (&["for=[2001:db8::1]:443;host=a:8443"], "2001:db8::1 - a:8443"),
        (&["for=\"198.51.100.1:_port\""], "198.51.100.1 - -"),
        (&["for=198.51.100.1;proto=https, for=10.9.9.9;proto=http"], "198.51.100.1 https -"),
        (&["for=198.51.100.1;proto=https", "for=10.9.9.9;proto=http"], "198.51.100.1 https -"),
        (&["for=198.51.100.1;x=\"a,\\\"b\\\\\";host=c, for=10.9.9.9"], "198.51.100.1 - c"),
        (&["for=198.51.100.1;proto=ftp;host=\"a,b\""], "198.51.100.1 - -"),
        (&["for=198.51.100.1;host=\"a\\.b\""], "198.51.100.1 - -"),
        (&[";for=198.51.100.1 ;; host=a;"], "198.51.100.1 - a"),
        (&[], "10.0.0.1 - -"),
    ] {
        assert_eq!(by_elements("10.0.0.1", fields), expected, "{fields:?}");
    }
}

#[test]
fn who_is_hidden_ends_the_list() {
    for element in [
        "for=unknown;proto=https",
        "for=_hidden;proto=https",
        "for=\"_gazonk:80\"",
        "proto=https;host=a",
        "",
        "for=",
        "for",
        "for=\"1.1.1.1",
        "for=1.1.1.1\"",
        "for=\"1.1.1.1\"x",
        "for=\"1.1.1.\\1\"",
        "for =1.1.1.1",
        "for= 1.1.1.1",
        "for=1.1.1.1;for=2.2.2.2",
        "for=1.1.1.1;host=a;host=a",
        "for=1.1.1.1 proto=https",
        "for=1.1.1.1;=b",
        "for=1.1.1.1;a(b=c",
    ] {
        let fields = ["for=3.3.3.3;proto=http", element, "for=10.9.9.9;host=last"];
        assert_eq!(by_elements("10.0.0.1", &fields), "10.9.9.9 - last", "{element:?}");
    }
}

#[test]
fn a_quote_that_a_client_leaves_open_spoils_only_what_it_has_sent() {
    for sent in ["for=1.1.1.1;x=\"", "for=\"1.1.1.1", "\"", "\\\"", "x=\"\\", "for=\"a,b\\"] {
        for (by_proxy, client) in
            [("for=198.51.100.1", "198.51.100.1"), ("for=\"[2001:db8::1]:80\"", "2001:db8::1")]
        {
            let field = format!("{sent}, {by_proxy};proto=https");
            let expected = format!("{client} https -");
            assert_eq!(by_elements("10.0.0.1", &[&field]), expected, "{field}");
            let field = format!("{sent}, {by_proxy};proto=https, for=\"10.9.9.9:1\"");
            assert_eq!(by_elements("10.0.0.1", &[&field]), expected, "{field}");
        }
    }
}

#[test]
fn no_more_than_64_proxies_are_asked() {
    let others = |count: usize| vec!["10.9.9.9"; count].join(",");
    let list = |count| format!("198.51.100.1,{}", others(count));
    assert_eq!(by_list("10.0.0.1", &[&list(63)]), "198.51.100.1");
    assert_eq!(by_list("10.0.0.1", &[&list(64)]), "10.9.9.9");
    let elements = |count| list(count).split(',').map(|a| format!("for={a}")).collect::<Vec<_>>();
    assert_eq!(by_elements("10.0.0.1", &[&elements(63).join(",")]), "198.51.100.1 - -");
    assert_eq!(by_elements("10.0.0.1", &[&elements(64).join(",")]), "10.9.9.9 - -");
}

proptest! {
    #[test]
    fn nobody_but_the_connected_one_is_trusted_blindly(
        sent in "[for=:;,\"\\\\ 10.2\\[\\]]{0,60}",
        bytes in any::<Vec<u8>>(),
    ) {
        let by_proxy = format!("{sent},for=198.51.100.1");
        let connected = "10.0.0.1".parse().expect("an address");
        let found = origin(connected, [by_proxy.as_bytes()].into_iter(), is_trusted).client;
        prop_assert_eq!(found.to_string(), "198.51.100.1");
        let by_proxy = format!("{sent},198.51.100.1");
        prop_assert_eq!(by_list("10.0.0.1", &[&by_proxy]), "198.51.100.1");
        for fields in [&bytes[..], sent.as_bytes()] {
            client(connected, [fields].into_iter(), is_trusted);
            origin(connected, [fields].into_iter(), is_trusted);
        }
    }
}

#[test]
fn an_element_of_our_own_can_be_read_again() {
    let address = |text: &str| text.parse::<IpAddr>().expect("an address");
    for (client, host, expected) in [
        ("192.0.2.1", Some("shop"), "for=192.0.2.1;host=shop;proto=https"),
        ("2001:db8::1", Some("a:80"), "for=\"[2001:db8::1]\";host=\"a:80\";proto=https"),
        ("::ffff:192.0.2.1", None, "for=192.0.2.1;proto=https"),
    ] {
        let written = element(address(client), host, true);
        assert_eq!(written, expected);
        assert!(is_well_formed(written.as_bytes()));
        let expected = format!("{} https {}", address(client).to_canonical(), host.unwrap_or("-"));
        assert_eq!(by_elements("10.0.0.1", &[&written]), expected);
    }
}

#[test]
fn behind_what_cannot_be_read_nothing_is_added() {
    for field in ["for=\"1.1.1.1", "for=\"1.1.1.1, for=2.2.2.2", "for", "for=1.1.1.1;for=2.2.2.2"] {
        assert!(!is_well_formed(field.as_bytes()), "{field}");
    }
    for field in ["", "for=1.1.1.1, for=unknown", "for=\"a,b\", by=x;y=\"z\""] {
        assert!(is_well_formed(field.as_bytes()), "{field}");
    }
}
