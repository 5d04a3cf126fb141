//! What changes in a request because one more hop lies behind it, besides [`crate::identity`].

use http::header::{
    COOKIE, HeaderName, HeaderValue, MAX_FORWARDS, PROXY_AUTHORIZATION, TE, TRAILER,
};
use http::{HeaderMap, Method};
use pingora::http::RequestHeader;
use pingora_core::{OrErr, Result};

use crate::headers::items;

static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
static TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// How many more hops an OPTIONS request may go (RFC 9110, section 7.6.2); `None`: any number, or nobody
/// can tell. Other methods are not counted.
pub(crate) fn hops_left(request: &RequestHeader) -> Option<u64> {
    if request.method != Method::OPTIONS {
        return None;
    }
    let value = request.headers.get(MAX_FORWARDS)?.as_bytes();
    let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    let number = std::str::from_utf8(value).ok()?.parse().unwrap_or(u64::MAX);
    digits.then_some(number)
}

/// Counts this hop.
pub(crate) fn count(request: &mut RequestHeader) -> Result<()> {
    match hops_left(request) {
        Some(left) => request.insert_header(MAX_FORWARDS, left.saturating_sub(1).to_string()),
        None => Ok(()),
    }
}

/// Sets what an endpoint with HTTP/2 may know of trailers: that the client takes them (`TE`, which gRPC
/// servers look for). Announced ones are not passed on, because Pingora passes no trailers of requests on.
pub(crate) fn to_http2(client: &HeaderMap, request: &mut RequestHeader) -> Result<()> {
    for name in [&TE, &TRAILER, &PROXY_AUTHORIZATION] {
        request.remove_header(name);
    }
    if items(client, &TE).any(|coding| coding.eq_ignore_ascii_case(b"trailers")) {
        request.insert_header(TE, "trailers")?;
    }
    Ok(())
}

/// Puts the cookies, which HTTP/2 may send in several fields, into one (RFC 9113, section 8.2.3).
pub(crate) fn join_cookies(request: &mut RequestHeader) -> Result<()> {
    let cookies = request.headers.get_all(COOKIE);
    if cookies.iter().nth(1).is_none() {
        return Ok(());
    }
    let all: Vec<&[u8]> = cookies.iter().map(HeaderValue::as_bytes).collect();
    let joined = HeaderValue::from_bytes(&all.join(&b"; "[..])).or_fail()?;
    request.insert_header(COOKIE, joined)
}

/// Removes a trace context that is none, with all that hangs on it: who cannot read `traceparent` must not
/// read `tracestate` (W3C Trace Context, section 3.3). What is one goes on untouched: the gateway is no part of
/// the trace.
pub(crate) fn check_trace(request: &mut RequestHeader) {
    let mut parents = request.headers.get_all(&TRACEPARENT).iter();
    match (parents.next(), parents.next()) {
        (Some(parent), None) if is_traceparent(parent.as_bytes()) => return,
        (None, _) => {}
        _ => _ = request.remove_header(&TRACEPARENT),
    }
    request.remove_header(&TRACESTATE);
}

/// `version-trace-parent-flags`, in lower-case hex; later versions may have more behind it.
fn is_traceparent(value: &[u8]) -> bool {
    const LENGTH: usize = 55;
    let Some((known, more)) = value.split_at_checked(LENGTH) else { return false };
    let mut parts = known.split(|&byte| byte == b'-');
    let mut hex = |length: usize| {
        let part = parts.next().filter(|part| part.len() == length)?;
        part.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')).then_some(part)
    };
    let (Some(version), Some(trace), Some(parent), Some(_)) = (hex(2), hex(32), hex(16), hex(2))
    else {
        return false;
    };
    let zero = |part: &[u8]| part.iter().all(|&byte| byte == b'0');
    let ends = more.is_empty() || (version != b"00" && more.starts_with(b"-"));
    version != b"ff" && !zero(trace) && !zero(parent) && ends
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, fields: &[(&'static str, &'static str)]) -> RequestHeader {
        let mut request = RequestHeader::build(method, b"/", None).unwrap();
        for (name, value) in fields {
            request.append_header(*name, *value).unwrap();
        }
        request
    }

    #[test]
    fn a_trace_goes_on_if_it_is_one() {
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        for (version, tail, sound) in [
            ("00-", "", true),
            ("00-", "-more", false),
            ("01-", "-more", true),
            ("01-", "more", false),
            ("ff-", "", false),
            ("0A-", "", false),
            ("", "", false),
        ] {
            let value = format!("{version}{trace}{tail}");
            assert_eq!(is_traceparent(value.as_bytes()), sound, "{value}");
        }
        let zeros = "00-00000000000000000000000000000000-00f067aa0ba902b7-01";
        assert!(!is_traceparent(zeros.as_bytes()));
        assert!(!is_traceparent(b"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01"));
        assert!(!is_traceparent(b"00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01"));
    }

    #[test]
    fn a_broken_trace_takes_its_state_with_it() {
        const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        for (fields, left) in [
            (&[("traceparent", PARENT), ("tracestate", "a=1")][..], 2),
            (&[("traceparent", PARENT), ("traceparent", PARENT), ("tracestate", "a=1")], 0),
            (&[("traceparent", "x"), ("tracestate", "a=1")], 0),
            (&[("tracestate", "a=1")], 0),
        ] {
            let mut request = request("GET", fields);
            check_trace(&mut request);
            assert_eq!(request.headers.len(), left, "{fields:?}");
        }
    }

    #[test]
    fn hops_are_counted_for_options_alone() {
        for (method, value, left, next) in [
            ("OPTIONS", "2", Some(2), "1"),
            ("OPTIONS", "0", Some(0), "0"),
            ("OPTIONS", "99999999999999999999999", Some(u64::MAX), "18446744073709551614"),
            ("OPTIONS", "-1", None, "-1"),
            ("OPTIONS", "", None, ""),
            ("GET", "2", None, "2"),
        ] {
            let mut request = request(method, &[("Max-Forwards", value)]);
            assert_eq!(hops_left(&request), left, "{method} {value}");
            count(&mut request).unwrap();
            assert_eq!(request.headers["max-forwards"], next, "{method} {value}");
        }
    }

    #[test]
    fn cookies_of_http_2_become_one_field() {
        let mut crumbs = request("GET", &[("Cookie", "a=1"), ("Cookie", "b=2"), ("Cookie", "c=3")]);
        join_cookies(&mut crumbs).unwrap();
        let cookies: Vec<_> = crumbs.headers.get_all("cookie").iter().collect();
        assert_eq!(cookies, ["a=1; b=2; c=3"]);
    }

    #[test]
    fn of_te_only_trailers_go_on() {
        for (te, expected) in [
            ("trailers", Some("trailers")),
            ("gzip, Trailers;q=1", None),
            ("deflate, TRAILERS", Some("trailers")),
            ("gzip", None),
        ] {
            let client = request("GET", &[("TE", te)]);
            let mut to_endpoint = request("GET", &[("TE", te), ("Trailer", "x")]);
            to_http2(&client.headers, &mut to_endpoint).unwrap();
            let got = to_endpoint.headers.get(TE).map(|value| value.to_str().unwrap());
            assert_eq!((got, to_endpoint.headers.contains_key(TRAILER)), (expected, false), "{te}");
        }
    }
}
