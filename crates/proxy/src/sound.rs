//! Whether an endpoint's answer can be read in one way only.
//!
//! What cannot is that endpoint's failure, like an answer that is no HTTP: it is never passed on, because
//! whoever reads it after us might read it in another way (response splitting), and never mended, because
//! nobody knows what was meant. Each fault has its own words, for the access log.
//!
//! Two things are allowed that look alike: `Content-Length: 0` in a 204, which many servers send and
//! nobody can misread, and Transfer-Encoding in a 304, where RFC 9112, section 6.1, allows it; both stop
//! here. And one cannot be seen: Content-Length beside Transfer-Encoding, because Pingora drops the length
//! (as RFC 9112, section 6.3, wants it) before any filter sees the header, keeps the raw bytes to itself,
//! and lets nobody stand between it and the socket: a stream of another's has no descriptor, by which it
//! tells its connections apart. What goes on has one framing, ours; so nothing follows from it.

use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING, UPGRADE};
use http::{StatusCode, Version};
use pingora::http::ResponseHeader;

use crate::headers::Framing;

/// The most interim answers (1xx) to a request: more than any application has to say.
pub(crate) const INTERIM: u8 = 16;

/// Why an answer cannot be passed on. `websocket`: whether the endpoint was asked for that, which is
/// the only protocol that Pingora lets a client upgrade to.
pub(crate) fn fault(
    answer: &ResponseHeader,
    has: Framing,
    websocket: bool,
) -> Option<&'static str> {
    let coding = || has.coding.then(|| coding(answer)).flatten();
    let length = || has.length.then(|| length(answer)).flatten();
    upgrade(answer, websocket).or_else(coding).or_else(length)
}

fn upgrade(answer: &ResponseHeader, websocket: bool) -> Option<&'static str> {
    if answer.status != StatusCode::SWITCHING_PROTOCOLS {
        return None;
    }
    let mut protocols = answer.headers.get_all(UPGRADE).iter();
    let named = match (protocols.next(), protocols.next()) {
        (Some(protocol), None) => protocol.as_bytes().eq_ignore_ascii_case(b"websocket"),
        _ => false,
    };
    match answer.version {
        _ if !websocket => Some("101 to a request that asked for no upgrade"),
        Version::HTTP_11 if named => None,
        Version::HTTP_11 => Some("101 to another protocol than was asked for"),
        _ => Some("101 in another version than HTTP/1.1"),
    }
}

/// RFC 9112, section 6.1.
fn coding(answer: &ResponseHeader) -> Option<&'static str> {
    let mut codings = answer.headers.get_all(TRANSFER_ENCODING).iter();
    let coding = codings.next()?;
    if !coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked") || codings.next().is_some()
    {
        return Some("a Transfer-Encoding other than chunked");
    }
    if has_no_body(answer.status) {
        return Some("a Transfer-Encoding in an answer that has no body");
    }
    // Whoever speaks HTTP/1.0 knows none: something has changed the answer on its way.
    let old = answer.version != Version::HTTP_11;
    old.then_some("a Transfer-Encoding in another version than HTTP/1.1")
}

/// RFC 9110, section 8.6.
fn length(answer: &ResponseHeader) -> Option<&'static str> {
    let mut lengths = answer.headers.get_all(CONTENT_LENGTH).iter();
    let length = lengths.next()?.as_bytes();
    if lengths.next().is_some() || length.contains(&b',') {
        return Some("more than one Content-Length");
    }
    if length.is_empty() || !length.iter().all(u8::is_ascii_digit) {
        return Some("a Content-Length that is no number");
    }
    let promises = has_no_body(answer.status) && length.iter().any(|&digit| digit != b'0');
    promises.then_some("a Content-Length in an answer that has no body")
}

/// Whether an answer of this status ends with its header, and its framing has nothing to say (that of a
/// 304 says what a 200 would have been).
fn has_no_body(status: StatusCode) -> bool {
    status.is_informational() || status == StatusCode::NO_CONTENT
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(
        version: Version,
        status: u16,
        fields: &[(&'static str, &'static str)],
    ) -> Option<&'static str> {
        let mut answer = ResponseHeader::build(status, None).unwrap();
        answer.set_version(version);
        for (name, value) in fields {
            answer.append_header(*name, *value).unwrap();
        }
        fault(&answer, Framing::of(&answer.headers), true)
    }

    fn http11(status: u16, fields: &[(&'static str, &'static str)]) -> Option<&'static str> {
        found(Version::HTTP_11, status, fields)
    }

    #[test]
    fn one_framing_is_sound() {
        for (status, fields) in [
            (200, &[][..]),
            (200, &[("Content-Length", "0")]),
            (200, &[("Content-Length", "007")]),
            (200, &[("Transfer-Encoding", "Chunked")]),
            (204, &[("Content-Length", "0")]),
            (304, &[("Content-Length", "5")]),
            (304, &[("Transfer-Encoding", "chunked")]),
            (103, &[("Link", "x")]),
            (101, &[("Upgrade", "WebSocket")]),
        ] {
            assert_eq!(http11(status, fields), None, "{status} {fields:?}");
        }
        assert_eq!(found(Version::HTTP_10, 200, &[("Content-Length", "1")]), None);
    }

    #[test]
    fn every_other_one_is_the_endpoint_s_fault() {
        for (status, fields) in [
            (200, &[("Transfer-Encoding", "gzip, chunked")][..]),
            (200, &[("Transfer-Encoding", "chunked"), ("Transfer-Encoding", "chunked")]),
            (200, &[("Transfer-Encoding", "")]),
            (204, &[("Transfer-Encoding", "chunked")]),
            (103, &[("Transfer-Encoding", "chunked")]),
            (200, &[("Content-Length", "5"), ("Content-Length", "5")]),
            (200, &[("Content-Length", "5, 5")]),
            (200, &[("Content-Length", "+5")]),
            (200, &[("Content-Length", "")]),
            (204, &[("Content-Length", "5")]),
            (100, &[("Content-Length", "5")]),
            (101, &[("Upgrade", "h2c")]),
            (101, &[]),
            (101, &[("Upgrade", "websocket"), ("Upgrade", "h2c")]),
        ] {
            assert!(http11(status, fields).is_some(), "{status} {fields:?}");
        }
        let chunked = [("Transfer-Encoding", "chunked")];
        assert!(found(Version::HTTP_10, 200, &chunked).is_some());
        assert!(found(Version::HTTP_10, 101, &[("Upgrade", "websocket")]).is_some());
    }
}
