//! Header fields that the gateway sets, and those that stop at it.

use std::time::{Duration, SystemTime};

use http::header::{
    CONNECTION, CONTENT_LENGTH, DATE, HeaderName, PROXY_AUTHENTICATE, RETRY_AFTER, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, StatusCode};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora_core::Result;
use switchback_core::keepalive;

use crate::tls::ClientCertificate;

pub(crate) static X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
pub(crate) static X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
pub(crate) static X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
pub(crate) static X_FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
pub(crate) static X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");
pub(crate) static FORWARDED: HeaderName = HeaderName::from_static("forwarded");
pub(crate) static X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
pub(crate) static PROXY_STATUS: HeaderName = HeaderName::from_static("proxy-status");
static CLIENT_CERT: HeaderName = HeaderName::from_static("client-cert");
static KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
static PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

/// Which of the fields that are looked into, or stop here, an answer has. Most have two or three of them: to look
/// at each of its fields once is less than to look for each of these.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Framing {
    /// Content-Length.
    pub(crate) length: bool,
    /// Transfer-Encoding.
    pub(crate) coding: bool,
    keep_alive: bool,
    connection: bool,
    upgrade: bool,
    trailer: bool,
    /// Others that concern only the connection.
    others: bool,
}

impl Framing {
    /// That of an answer with these fields.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let mut framing = Self::default();
        for name in headers.keys() {
            match *name {
                CONTENT_LENGTH => framing.length = true,
                TRANSFER_ENCODING => framing.coding = true,
                CONNECTION => framing.connection = true,
                UPGRADE => framing.upgrade = true,
                TRAILER => framing.trailer = true,
                PROXY_AUTHENTICATE | TE => framing.others = true,
                _ => match name.as_str() {
                    "keep-alive" => framing.keep_alive = true,
                    "proxy-connection" => framing.others = true,
                    _ => {}
                },
            }
        }
        framing
    }
}

/// Removes from an answer what concerns only the connection to the endpoint: the fields that
/// Connection names, and the hop-by-hop fields of RFC 9110, section 7.6.1. Of requests that have any,
/// Pingora removes them (`HttpUpstreamRequestPolicy::standard`).
///
/// Transfer-Encoding and Content-Length stay, because Pingora frames the client's side by them, unless
/// there is nothing to frame. The fields of an upgrade stay in a 101, and what a 426 asks for. `trailers`:
/// whether the client gets those that the answer announces.
pub(crate) fn strip_hop_by_hop(answer: &mut ResponseHeader, has: Framing, trailers: bool) {
    let status = answer.status;
    let upgrade = status == StatusCode::SWITCHING_PROTOCOLS;
    let offers = upgrade || status == StatusCode::UPGRADE_REQUIRED;
    // RFC 9110, section 8.6, and RFC 9112, section 6.1: the one has no place here, the other no meaning.
    let frames_nothing = status.is_informational() || status == StatusCode::NO_CONTENT;
    if has.connection {
        let nominated: Vec<HeaderName> = nominated(&answer.headers).collect();
        for name in &nominated {
            answer.remove_header(name);
        }
    }
    let stops = [
        (has.length && frames_nothing, &CONTENT_LENGTH),
        (has.coding && status == StatusCode::NOT_MODIFIED, &TRANSFER_ENCODING),
        (has.connection && !upgrade, &CONNECTION),
        (has.upgrade && !offers, &UPGRADE),
        (has.trailer && !trailers, &TRAILER),
        (has.keep_alive, &KEEP_ALIVE),
        (has.others, &PROXY_AUTHENTICATE),
        (has.others, &TE),
        (has.others, &PROXY_CONNECTION),
    ];
    for (_, name) in stops.iter().filter(|(stops, _)| *stops) {
        answer.remove_header(*name);
    }
}

/// The fields that Connection names, but for those of which it is known what becomes of them.
fn nominated(headers: &HeaderMap) -> impl Iterator<Item = HeaderName> {
    let known = |name: &HeaderName| {
        matches!(*name, CONTENT_LENGTH | TRANSFER_ENCODING | CONNECTION | UPGRADE | TRAILER)
    };
    let names =
        items(headers, &CONNECTION).filter(|name| !name.eq_ignore_ascii_case(b"keep-alive"));
    let names = names.filter_map(|name| HeaderName::from_bytes(name).ok());
    names.filter(move |name| !known(name))
}

/// The items of a field that is a list, empty ones left out.
pub(crate) fn items<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> impl DoubleEndedIterator<Item = &'a [u8]> {
    let fields = headers.get_all(name).into_iter();
    let items = fields.flat_map(|value| value.as_bytes().split(|&byte| byte == b','));
    items.map(<[u8]>::trim_ascii).filter(|item| !item.is_empty())
}

/// The last of them: what whoever connected has added.
pub(crate) fn last_item<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a [u8]> {
    items(headers, name).next_back()
}

/// Tells the endpoint by which certificate the client has proved itself to us (RFC 9440). What the client
/// itself says of that was dropped when the request was admitted.
pub(crate) fn client_cert(
    request: &mut RequestHeader,
    proof: Option<&ClientCertificate>,
) -> Result<()> {
    match proof {
        Some(proof) => request.insert_header(CLIENT_CERT.as_str(), proof.field().clone()),
        None => Ok(()),
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

/// Whether an answer may go on for long: a stream, an upgrade, a large file.
pub(crate) fn may_last(answer: &ResponseHeader, has: Framing) -> bool {
    /// What takes longer than that is a matter of the client's line.
    const SHORT: u64 = 64 * 1024;
    if !has.length {
        return true;
    }
    let length = answer.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    length.and_then(|length| length.parse::<u64>().ok()).is_none_or(|length| length > SHORT)
}

/// How long the endpoint says that it keeps an idle connection.
pub(crate) fn keeps_alive(answer: &ResponseHeader, has: Framing) -> Option<Duration> {
    if !has.keep_alive {
        return None;
    }
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
        let has = Framing::of(&answer.headers);
        strip_hop_by_hop(&mut answer, has, false);
        let mut left: Vec<_> = answer.headers.keys().map(ToString::to_string).collect();
        left.sort_unstable();
        left
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
    fn what_frames_no_body_stops_here() {
        let length = [("Content-Length", "0"), ("X-Kept", "1")];
        assert_eq!(stripped(204, &length), ["x-kept"]);
        assert_eq!(stripped(103, &length), ["x-kept"]);
        assert_eq!(stripped(304, &length), ["content-length", "x-kept"]);
        assert!(stripped(304, &[("Transfer-Encoding", "chunked")]).is_empty());
    }

    #[test]
    fn what_an_endpoint_asks_for_is_told() {
        let fields = [("Connection", "Upgrade"), ("Upgrade", "websocket")];
        assert_eq!(stripped(426, &fields), ["upgrade"]);
        assert!(stripped(200, &fields).is_empty());
    }

    #[test]
    fn trailers_are_announced_only_where_they_are_passed_on() {
        let announced = |trailers| {
            let mut answer = ResponseHeader::build(200, None).unwrap();
            answer.append_header(TRAILER, "grpc-status").unwrap();
            let has = Framing::of(&answer.headers);
            strip_hop_by_hop(&mut answer, has, trailers);
            answer.headers.contains_key(TRAILER)
        };
        assert!(announced(true) && !announced(false));
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
