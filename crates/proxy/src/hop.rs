//! What changes in a request because one more hop lies behind it, besides [`crate::identity`].

use http::header::{COOKIE, HeaderValue, MAX_FORWARDS, PROXY_AUTHORIZATION, TE, TRAILER};
use http::{HeaderMap, Method};
use pingora::http::RequestHeader;
use pingora_core::{OrErr, Result};

use crate::headers::items;

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
