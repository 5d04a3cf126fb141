//! Who passes, and who does not.

use super::*;

fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        let name = header::HeaderName::from_static(name);
        headers.append(name, HeaderValue::from_static(value));
    }
    headers
}

/// Somebody who comes from this address to 10.0.0.5.
fn from(address: &str) -> Peer {
    let from = SocketAddr::new(address.parse().unwrap(), 1);
    Peer::Tcp { from, to: Some(([10, 0, 0, 5], 9900).into()) }
}

fn passes(address: &str, fields: &[(&'static str, &'static str)]) -> bool {
    refusal(from(address), None, &headers(fields)).is_none()
}

const HERE: &str = "127.0.0.1";
const ELSEWHERE: &str = "10.0.0.1";

#[test]
fn without_a_token_this_machine_passes_and_others_do_not() {
    for host in ["localhost:9900", "127.0.0.1:9900", "[::1]:9900", "LOCALHOST", "[::1]"] {
        assert!(passes(HERE, &[("host", host)]), "{host}");
    }
    assert!(passes("::1", &[]));
    assert!(passes("::ffff:127.0.0.1", &[]));
    assert!(passes("10.0.0.5", &[]), "the machine's own address");
    assert!(passes(HERE, &[("host", "127.0.0.1:9900"), ("origin", "http://127.0.0.1:9900")]));
    assert!(!passes(ELSEWHERE, &[("host", "localhost")]));
    assert!(!passes(HERE, &[("host", "localhost"), ("host", "evil.example.com")]));
}

#[test]
fn no_page_of_another_origin_gets_through() {
    for rebound in ["evil.example.com", "localhost.evil.example.com:9900", ""] {
        assert!(!passes(HERE, &[("host", rebound)]), "{rebound}");
    }
    for field in [
        ("origin", "https://evil.example.com"),
        ("origin", "null"),
        ("origin", "localhost:9900"),
        ("origin", "http://localhost:3000"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        assert!(!passes(HERE, &[("host", "localhost:9900"), field]), "{field:?}");
        let token =
            headers(&[("host", "gw.example.com"), ("authorization", "Bearer right"), field]);
        for peer in [from(HERE), from(ELSEWHERE), Peer::Unix] {
            let wanted = Some(Refusal::Forbidden(FOREIGN));
            assert_eq!(refusal(peer, Some("right"), &token), wanted, "{field:?}");
        }
    }
    assert!(
        !passes(HERE, &[("origin", "http://localhost:9900")]),
        "without a Host nobody can tell"
    );
}

#[test]
fn with_a_token_whoever_shows_it_passes_and_nobody_else() {
    fn token(peer: Peer, fields: &[(&'static str, &'static str)]) -> Option<Refusal> {
        refusal(peer, Some("right"), &headers(fields))
    }
    let right = ("authorization", "Bearer right");
    for peer in [from(HERE), from(ELSEWHERE)] {
        assert_eq!(token(peer, &[("host", "gw.example.com"), right]), None);
        assert_eq!(token(peer, &[("authorization", "bearer   right ")]), None);
        let over_tls = [("host", "gw.example"), ("origin", "https://gw.example"), right];
        assert_eq!(token(peer, &over_tls), None);
        for fields in [
            &[][..],
            &[("authorization", "Basic cmlnaHQ6")],
            &[("authorization", "right")],
            &[("authorization", "")],
            &[right, right],
            &[("host", "localhost")],
        ] {
            assert_eq!(token(peer, fields), Some(Refusal::Token { shown: false }), "{fields:?}");
        }
        for wrong in
            ["Bearer wrong", "Bearer ", "Bearer righ", "Bearer right2", "Bearer right, right"]
        {
            let shown = token(peer, &[("authorization", wrong)]);
            assert_eq!(shown, Some(Refusal::Token { shown: true }), "{wrong}");
        }
    }
    assert_eq!(token(Peer::Unix, &[("host", "anything")]), None, "the file's mode has decided");
}

#[test]
fn a_name_with_a_dot_that_leads_here_may_be_rebound() {
    for (peer, host, is_so) in [
        (from(HERE), "evil.example.com:9900", true),
        (from("10.0.0.5"), "evil.example.com", true),
        (from(HERE), "evil.example.com.", true),
        (from(HERE), "127.0.0.1:9900", false),
        (from(HERE), "[::1]:9900", false),
        (from(HERE), "localhost", false),
        (from(HERE), "a.localhost:9900", false),
        (from(HERE), "switchback:9900", false),
        (from(ELSEWHERE), "gw.example.com:9900", false),
        (Peer::Unix, "gw.example.com", false),
    ] {
        assert_eq!(peer.may_be_rebound(&headers(&[("host", host)])), is_so, "{peer:?} {host}");
    }
    assert!(!from(HERE).may_be_rebound(&headers(&[])));
    let two = headers(&[("host", "localhost"), ("host", "evil.example.com")]);
    assert!(from(HERE).may_be_rebound(&two));
}
