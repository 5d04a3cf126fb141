//! Header fields that the gateway sets, and those that stop at it.

use std::time::{Duration, SystemTime};

use http::header::{
    CONNECTION, CONTENT_LENGTH, DATE, HeaderName, PROXY_AUTHENTICATE, RETRY_AFTER, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE,
};
use pingora::http::{RequestHeader, ResponseHeader};
use switchback_core::keepalive;

pub(crate) static X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
pub(crate) static X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
pub(crate) static X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
pub(crate) static FORWARDED: HeaderName = HeaderName::from_static("forwarded");
pub(crate) static X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
pub(crate) static PROXY_STATUS: HeaderName = HeaderName::from_static("proxy-status");
static KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
static PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

/// Removes from an answer what concerns only the connection to the endpoint: the fields that
/// Connection names, and the hop-by-hop fields of RFC 9110, section 7.6.1. Requests are Pingora's
/// (`HttpUpstreamRequestPolicy::standard`).
///
/// Transfer-Encoding and Content-Length stay, because Pingora frames the client's side by them; so do
/// the fields of an upgrade in a 101.
pub(crate) fn strip_hop_by_hop(answer: &mut ResponseHeader) {
    let upgrade = answer.status == http::StatusCode::SWITCHING_PROTOCOLS;
    let nominated: Vec<HeaderName> = answer
        .headers
        .get_all(CONNECTION)
        .iter()
        .flat_map(|value| value.as_bytes().split(|&byte| byte == b','))
        .filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
        .filter(|name| ![TRANSFER_ENCODING, CONTENT_LENGTH].contains(name))
        .filter(|name| !(upgrade && name == UPGRADE))
        .collect();
    for name in &nominated {
        answer.remove_header(name);
    }
    for name in [&KEEP_ALIVE, &PROXY_CONNECTION, &PROXY_AUTHENTICATE, &TE, &TRAILER] {
        answer.remove_header(name);
    }
    if !upgrade {
        answer.remove_header(&CONNECTION);
        answer.remove_header(&UPGRADE);
    }
}

/// Whether a client could not tell one answer from the other by their headers. `begun` is as it was
/// sent: Pingora has set its Date, Connection and Transfer-Encoding.
pub(crate) fn same_answer(begun: &ResponseHeader, next: &ResponseHeader) -> bool {
    let ours = |name: &HeaderName| [DATE, CONNECTION, TRANSFER_ENCODING].contains(name);
    let names = |answer: &ResponseHeader| answer.headers.keys().filter(|name| !ours(name)).count();
    let same = |name: &HeaderName| {
        begun.headers.get_all(name).iter().eq(next.headers.get_all(name).iter())
    };
    begun.status == next.status
        && names(begun) == names(next)
        && begun.headers.keys().filter(|name| !ours(name)).all(same)
}

/// Whether the proxies before us say that the client came over TLS; `None` if they say nothing. The
/// first of them is the nearest to the client.
pub(crate) fn came_over_tls(request: &RequestHeader) -> Option<bool> {
    let value = request.headers.get(&X_FORWARDED_PROTO)?.as_bytes();
    let first = value.split(|&byte| byte == b',').next()?;
    Some(first.trim_ascii().eq_ignore_ascii_case(b"https"))
}

/// Whether an answer may go on for long: a stream, an upgrade, a large file.
pub(crate) fn may_last(answer: &ResponseHeader) -> bool {
    /// What takes longer than that is a matter of the client's line.
    const SHORT: u64 = 64 * 1024;
    let length = answer.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    length.and_then(|length| length.parse::<u64>().ok()).is_none_or(|length| length > SHORT)
}

/// How long the endpoint says that it keeps an idle connection.
pub(crate) fn keeps_alive(answer: &ResponseHeader) -> Option<Duration> {
    keepalive::hint_in(answer.headers.get(&KEEP_ALIVE)?.to_str().ok()?)
}

/// How long an endpoint asks to be left alone (RFC 9110, section 10.2.3), at the time `now`.
pub(crate) fn retry_after(answer: &ResponseHeader, now: SystemTime) -> Option<Duration> {
    let value = answer.headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    match value.parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => httpdate::parse_http_date(value).ok()?.duration_since(now).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stripped(status: u16, fields: &[(&'static str, &'static str)]) -> Vec<String> {
        let mut answer = ResponseHeader::build(status, None).unwrap();
        for (name, value) in fields {
            answer.append_header(*name, *value).unwrap();
        }
        strip_hop_by_hop(&mut answer);
        answer.headers.keys().map(ToString::to_string).collect()
    }

    #[test]
    fn what_concerns_the_connection_stops_here() {
        let left = stripped(
            200,
            &[
                ("Connection", "close, X-Internal"),
                ("Connection", "x-other"),
                ("X-Internal", "1"),
                ("X-Other", "1"),
                ("Keep-Alive", "timeout=5"),
                ("Upgrade", "h2c"),
                ("Transfer-Encoding", "chunked"),
                ("X-Kept", "1"),
            ],
        );
        assert_eq!(left, ["transfer-encoding", "x-kept"]);
    }

    #[test]
    fn an_upgrade_keeps_its_fields() {
        let fields = [("Connection", "Upgrade"), ("Upgrade", "websocket")];
        assert_eq!(stripped(101, &fields), ["connection", "upgrade"]);
    }

    #[test]
    fn answers_are_the_same_but_for_what_pingora_sets() {
        let answer = |fields: &[(&'static str, &'static str)]| {
            let mut answer = ResponseHeader::build(200, None).unwrap();
            for (name, value) in fields {
                answer.append_header(*name, *value).unwrap();
            }
            answer
        };
        let begun = answer(&[("Date", "a"), ("Connection", "close"), ("ETag", "1"), ("Vary", "x")]);
        assert!(same_answer(&begun, &answer(&[("Vary", "x"), ("ETag", "1"), ("Date", "b")])));
        assert!(!same_answer(&begun, &answer(&[("Vary", "x"), ("ETag", "2")])));
        assert!(!same_answer(&begun, &answer(&[("Vary", "x")])));
        let more = [("Vary", "x"), ("ETag", "1"), ("Set-Cookie", "y")];
        assert!(!same_answer(&begun, &answer(&more)));
    }
}
