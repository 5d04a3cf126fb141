//! What of a request's header is dropped, or refused, before anything else looks at it.
//!
//! Dropped are the fields by which endpoints are told who the client is, from everybody who may not say
//! so: all of `X-Forwarded-*`, `Forwarded`, `X-Real-IP`, `X-Request-Id`; and from everybody those of RFC 9440
//! with a client's certificate. Fields of other makers (`CF-Connecting-IP`, `True-Client-IP`, `X-Client-IP`,
//! `X-Original-URL`) are left alone: an endpoint that believes one has been told to by its operator, who
//! knows what stands in front; here they are fields like any other.
//!
//! Applications that read CGI variables cannot tell `X_Forwarded_For` from `X-Forwarded-For`. So names with an
//! underscore are dropped altogether, unless the configuration wants them; and a name that is one of ours
//! but for its punctuation is dropped always, whoever sends it.

use http::header::{CONNECTION, HOST, HeaderName};
use http::{HeaderMap, Version};
use pingora::http::RequestHeader;
use pingora_core::Result;
use pingora_core::protocols::http::authority::raw_target_authority;

use switchback_core::plan::LimitsPlan;
use switchback_wire::Refusal;

use crate::headers::items;
use crate::http2;

/// The fields that only the gateway and trusted proxies set, besides `X-Forwarded-*`.
const OURS: [&str; 3] = ["forwarded", "x-real-ip", "x-request-id"];

/// The fields that only the gateway sets: what a client proved to somebody else is no proof to us.
const OURS_ALONE: [&str; 2] = ["client-cert", "client-cert-chain"];

/// What frames a message, and whom it is for: other spellings of these are nobody's business either.
const FRAMING: [&str; 3] = ["content-length", "transfer-encoding", "proxy-connection"];

const INVALID_CONNECTION: Refusal =
    Refusal::bad("invalid_connection", "the Connection field names what it may not");

/// Which of the fields that are looked into a request has. Most have none but Host: to look at each of its fields
/// once is less than to look for each of these.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Has {
    pub(crate) host: bool,
    pub(crate) connection: bool,
    pub(crate) upgrade: bool,
    /// What is Pingora's to remove on its way, besides these two.
    pub(crate) hop_by_hop: bool,
    /// `traceparent` or `tracestate`.
    pub(crate) trace: bool,
    /// `Idempotency-Key`.
    pub(crate) key: bool,
}

impl Has {
    fn note(&mut self, name: &str) {
        match name {
            "host" => self.host = true,
            "connection" => self.connection = true,
            "upgrade" => self.upgrade = true,
            "traceparent" | "tracestate" => self.trace = true,
            "idempotency-key" => self.key = true,
            "keep-alive"
            | "proxy-connection"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "http2-settings" => self.hop_by_hop = true,
            _ => {}
        }
    }
}

/// Drops what whoever sent this may not say, and tells what is left.
pub(crate) fn drop_fields(
    header: &mut RequestHeader,
    from_trusted: bool,
    underscores: bool,
) -> Has {
    let mut has = Has::default();
    let mut dropped: Vec<HeaderName> = Vec::new();
    for name in header.headers.keys() {
        if is_dropped(name.as_str(), from_trusted, underscores) {
            dropped.push(name.clone());
        } else {
            has.note(name.as_str());
        }
    }
    for name in &dropped {
        header.remove_header(name);
    }
    has
}

fn is_dropped(name: &str, from_trusted: bool, underscores: bool) -> bool {
    if name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        return OURS_ALONE.contains(&name) || (!from_trusted && is_ours(name));
    }
    if !underscores && name.contains('_') {
        return true;
    }
    let hyphens = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let spelled: String = name.chars().map(hyphens).collect();
    let spelled = spelled.as_str();
    is_ours(spelled) || OURS_ALONE.contains(&spelled) || FRAMING.contains(&spelled)
}

fn is_ours(name: &str) -> bool {
    name.starts_with("x-forwarded-") || OURS.contains(&name)
}

/// Gives a request the Host that its target names, where that is the only one to do so: HTTP/2's
/// `:authority`, and the absolute form of HTTP/1.0. Where both are there, they agree:
/// the head's reader has seen to that, and over HTTP/2 Pingora.
pub(crate) fn name_host(header: &mut RequestHeader, has: &mut Has) -> Result<()> {
    if header.version == Version::HTTP_11 || has.host {
        return Ok(());
    }
    let host = match header.uri.authority() {
        Some(authority) => Some(authority.as_str().to_owned()),
        None => raw_target_authority(header.raw_path())
            .authority()
            .and_then(|host| String::from_utf8(host.to_vec()).ok()),
    };
    match host {
        Some(host) => {
            has.host = true;
            header.insert_header(HOST, host)
        }
        None => Ok(()),
    }
}

/// Whether Connection names fields, besides those that stop here by themselves.
pub(crate) fn nominates(headers: &HeaderMap) -> bool {
    const THEMSELVES: [&[u8]; 4] = [b"close", b"keep-alive", b"upgrade", b"te"];
    items(headers, &CONNECTION)
        .any(|item| !THEMSELVES.iter().any(|name| item.eq_ignore_ascii_case(name)))
}

/// Why a request is refused. Of HTTP/1 every byte has been looked at ([`crate::edge`]).
pub(crate) fn refusal(header: &RequestHeader, has: Has, limits: &LimitsPlan) -> Option<Refusal> {
    if header.version == Version::HTTP_2
        && let Err(refusal) = http2::sound(header, limits)
    {
        return Some(refusal);
    }
    (has.connection && !may_be_nominated(&header.headers)).then_some(INVALID_CONNECTION)
}

/// Whether Connection names only what may be removed. What Pingora would refuse when the request is on its
/// way to an endpoint is refused before one is bothered.
fn may_be_nominated(headers: &HeaderMap) -> bool {
    const MOST: usize = 9;
    const PROTECTED: [&str; 4] =
        ["host", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"];
    let sound = |name: &[u8]| {
        switchback_wire::is_token(name)
            && !PROTECTED.iter().any(|it| name.eq_ignore_ascii_case(it.as_bytes()))
    };
    let mut count = 0;
    items(headers, &CONNECTION).all(|name| {
        count += 1;
        count <= MOST && sound(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(
        version: Version,
        target: &str,
        fields: &[(&'static str, &'static str)],
    ) -> RequestHeader {
        let mut header = RequestHeader::build("GET", target.as_bytes(), None).unwrap();
        header.set_version(version);
        for (name, value) in fields {
            header.append_header(*name, *value).unwrap();
        }
        header
    }

    fn left(names: &[&'static str], from_trusted: bool, underscores: bool) -> Vec<String> {
        let fields: Vec<_> = names.iter().map(|name| (*name, "1")).collect();
        let mut header = request(Version::HTTP_11, "/", &fields);
        drop_fields(&mut header, from_trusted, underscores);
        header.headers.keys().map(ToString::to_string).collect()
    }

    #[test]
    fn nobody_but_a_trusted_proxy_says_who_the_client_is() {
        let ours = [
            "x-forwarded-for",
            "x-forwarded-proto",
            "x-forwarded-server",
            "x-forwarded-anything",
            "forwarded",
            "x-real-ip",
            "x-request-id",
        ];
        assert!(left(&ours, false, false).is_empty());
        assert_eq!(left(&ours, true, false), ours);
        assert!(left(&["client-cert", "client-cert-chain"], true, true).is_empty());
        let others = ["cf-connecting-ip", "x-client-ip", "x-original-url", "via", "cookie"];
        assert_eq!(left(&others, false, false), others);
    }

    #[test]
    fn an_underscore_is_dropped_unless_it_is_wanted() {
        let names = ["x_user", "x-user", "content_length"];
        assert_eq!(left(&names, true, false), ["x-user"]);
        assert_eq!(left(&names, true, true), ["x_user", "x-user"]);
    }

    #[test]
    fn other_spellings_of_ours_are_dropped_from_everybody() {
        let spellings =
            ["x_forwarded_for", "X-Forwarded_Proto", "x.real.ip", "x_request_id", "client_cert"];
        for underscores in [false, true] {
            assert!(left(&spellings, true, underscores).is_empty(), "{underscores}");
        }
        assert_eq!(left(&["x.user"], false, false), ["x.user"]);
    }

    #[test]
    fn the_target_names_the_host_where_nothing_else_does() {
        for (version, target, host, expected) in [
            (Version::HTTP_2, "http://shop:80/a", None, Some("shop:80")),
            (Version::HTTP_2, "http://shop/a", Some("shop"), Some("shop")),
            (Version::HTTP_10, "http://shop/a", None, Some("shop")),
            (Version::HTTP_10, "/a", None, None),
            (Version::HTTP_11, "http://shop/a", None, None),
        ] {
            let mut header = request(version, target, &[]);
            if let Some(host) = host {
                header.insert_header(HOST, host).unwrap();
            }
            let mut has = Has { host: host.is_some(), ..Has::default() };
            name_host(&mut header, &mut has).unwrap();
            assert_eq!(has.host, header.headers.contains_key(HOST), "{version:?} {target}");
            let named = header.headers.get(HOST).map(|host| host.to_str().unwrap());
            assert_eq!(named, expected, "{version:?} {target}");
        }
    }

    #[test]
    fn what_pingora_removes_is_noticed() {
        for (name, noticed) in [
            ("connection", true),
            ("upgrade", true),
            ("keep-alive", true),
            ("proxy-connection", true),
            ("proxy-authenticate", true),
            ("proxy-authorization", true),
            ("te", true),
            ("trailer", true),
            ("transfer-encoding", true),
            ("http2-settings", true),
            ("host", false),
            ("accept", false),
            ("expect", false),
        ] {
            let mut header = request(Version::HTTP_11, "/", &[(name, "x")]);
            let has = drop_fields(&mut header, false, false);
            assert_eq!(has.connection || has.upgrade || has.hop_by_hop, noticed, "{name}");
            assert_eq!(has.host, name == "host");
        }
    }

    #[test]
    fn to_say_what_becomes_of_the_connection_names_no_field() {
        for (value, names) in [
            ("close", false),
            ("Keep-Alive, Upgrade", false),
            ("TE,,", false),
            ("close, x-request-id", true),
            ("forwarded", true),
            ("client-cert", true),
        ] {
            let header = request(Version::HTTP_11, "/", &[("Connection", value)]);
            assert_eq!(nominates(&header.headers), names, "{value}");
        }
    }

    #[test]
    fn connection_names_only_what_may_go() {
        let refused = |value: &'static str| {
            let request = request(Version::HTTP_11, "/", &[("Host", "a"), ("Connection", value)]);
            let has = Has { connection: true, ..Has::default() };
            refusal(&request, has, &LimitsPlan::default()).is_some()
        };
        for value in [
            "close",
            "keep-alive, Upgrade",
            "Forwarded, X-Real-IP, Via",
            "a,,b",
            "1,2,3,4,5,6,7,8,9",
        ] {
            assert!(!refused(value), "{value}");
        }
        for value in [
            "X-Forwarded-For",
            "close, x-forwarded-HOST",
            "Host",
            "\"x\"",
            ":path",
            "1,2,3,4,5,6,7,8,9,10",
        ] {
            assert!(refused(value), "{value}");
        }
    }
}
