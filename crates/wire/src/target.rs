//! The method and the target of a request.
//!
//! Of the four forms of a target (RFC 9112, section 3.2) clients of a gateway need the path, and `*`
//! for OPTIONS. The absolute form every server has to understand. The authority alone belongs to
//! CONNECT, and tunnels are not what a gateway is for; nor does anybody here answer TRACE, which shows
//! a client the fields that proxies have added.

use std::ops::Range;

use crate::head::scan;
use crate::host::is_host;
use crate::refusal::Refusal;

const INVALID_METHOD: Refusal = Refusal::bad("invalid_method", "the method is not a token");
const NO_CONNECT: Refusal =
    Refusal { status: 405, code: "connect_not_allowed", details: "CONNECT is not allowed" };
const NO_TRACE: Refusal =
    Refusal { status: 405, code: "trace_not_allowed", details: "TRACE is not allowed" };

const INVALID_BYTE: Refusal =
    Refusal::bad("invalid_target", "the target holds a control character, a space or a fragment");
const NO_URI: Refusal =
    Refusal::bad("invalid_target", "the target holds what no URI does, and must be escaped");
const INVALID_FORM: Refusal = Refusal::bad(
    "invalid_target",
    "the target is neither a path nor an absolute http or https URI",
);

/// Whether this is a method, and one that is allowed here.
///
/// CONNECT and TRACE are refused in any case of letters: an endpoint might not tell them apart.
///
/// # Errors
///
/// The refusal: 400, or 405 for CONNECT and TRACE.
pub fn is_method(method: &[u8]) -> Result<(), Refusal> {
    if !scan::is_token(method) {
        return Err(INVALID_METHOD);
    }
    match method.len() {
        5 if method.eq_ignore_ascii_case(b"TRACE") => Err(NO_TRACE),
        7 if method.eq_ignore_ascii_case(b"CONNECT") => Err(NO_CONNECT),
        _ => Ok(()),
    }
}

/// Whether this is a target as HTTP/2 has it in `:path`: a path with or without a query, or `*` for
/// OPTIONS.
///
/// # Errors
///
/// The refusal, 400.
pub fn is_target(method: &[u8], target: &[u8]) -> Result<(), Refusal> {
    if scan::visible(target) < target.len() {
        return Err(INVALID_BYTE);
    }
    if !is_uri(target) {
        return Err(NO_URI);
    }
    match is_path(method, target) {
        true => Ok(()),
        false => Err(INVALID_FORM),
    }
}

/// Whether a target holds only what [`http::Uri`] takes, which is a little more than RFC 3986 allows: clients do not
/// escape everything. What it does not take would be refused further in, without a reason.
///
/// [`http::Uri`]: https://docs.rs/http
fn is_uri(target: &[u8]) -> bool {
    let mut query = false;
    let visible = target.iter().all(|&byte| {
        query |= byte == b'?';
        match byte {
            b'<' | b'>' => false,
            b'"' => !query,
            b'`' => query,
            _ => true,
        }
    });
    visible && (target.is_ascii() || std::str::from_utf8(target).is_ok())
}

/// The authority within a target of HTTP/1 in absolute form; `None` in the others. Its bytes have been
/// looked at already.
pub(crate) fn authority(method: &[u8], target: &[u8]) -> Result<Option<Range<usize>>, Refusal> {
    if !is_uri(target) {
        return Err(NO_URI);
    }
    if is_path(method, target) {
        return Ok(None);
    }
    let begins = |scheme: &[u8]| {
        target.get(..scheme.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(scheme))
    };
    let start = match () {
        () if begins(b"http://") => 7,
        () if begins(b"https://") => 8,
        () => return Err(INVALID_FORM),
    };
    let length = target[start..].iter().position(|&byte| byte == b'/' || byte == b'?');
    let end = length.map_or(target.len(), |length| start + length);
    match is_host(&target[start..end]) {
        true => Ok(Some(start..end)),
        false => Err(INVALID_FORM),
    }
}

/// The refusal of a target that holds this byte.
pub(crate) fn invalid_byte() -> Refusal {
    INVALID_BYTE
}

/// The refusal of a method that holds a byte which no token has.
pub(crate) fn invalid_method() -> Refusal {
    INVALID_METHOD
}

fn is_path(method: &[u8], target: &[u8]) -> bool {
    target.first() == Some(&b'/') || (target == b"*" && method == b"OPTIONS")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_path_or_an_asterisk_for_options() {
        for (method, target) in [
            ("GET", "/"),
            ("GET", "/a/b?c=d&e"),
            ("GET", "//a"),
            ("GET", "/a|b\"{}\\^%zz?`|{}\\^"),
            ("GET", "/ü?ü"),
            ("GET", "/bücher"),
            ("OPTIONS", "*"),
            ("OPTIONS", "/"),
        ] {
            assert_eq!(
                is_target(method.as_bytes(), target.as_bytes()),
                Ok(()),
                "{method} {target}"
            );
        }
        for (method, target) in [
            ("GET", ""),
            ("GET", "*"),
            ("options", "*"),
            ("OPTIONS", "*a"),
            ("GET", "c"),
            ("GET", ":80/c"),
            ("GET", "@evil/c"),
            ("GET", "?a"),
            ("GET", "http://a/"),
            ("GET", "/a b"),
            ("GET", "/a#b"),
            ("GET", "/a\tb"),
            ("GET", "/a\0"),
            ("GET", "/a\u{7f}"),
            ("GET", "/a\r\nb"),
            ("GET", "/a<b"),
            ("GET", "/a?<"),
            ("GET", "/a`b"),
            ("GET", "/a?q=\""),
        ] {
            let answer = is_target(method.as_bytes(), target.as_bytes()).unwrap_err();
            assert_eq!((answer.status, answer.code), (400, "invalid_target"), "{method} {target}");
        }
    }

    #[test]
    fn a_target_is_text() {
        assert_eq!(is_target(b"GET", b"/\xff").unwrap_err().code, "invalid_target");
        assert!(authority(b"GET", b"/?\xc3").is_err());
    }

    #[test]
    fn the_authority_of_the_absolute_form_is_a_host() {
        for (target, expected) in [
            ("http://a.example/b", Some("a.example")),
            ("HTTPS://a.example:8443?b", Some("a.example:8443")),
            ("hTTp://[::1]", Some("[::1]")),
            ("http://a?b@c/d", Some("a")),
            ("/http://a/", None),
        ] {
            let found = authority(b"GET", target.as_bytes()).unwrap();
            assert_eq!(found.map(|at| &target[at]), expected, "{target}");
        }
        for target in [
            "http:",
            "http:/a/",
            "http:///a",
            "http://",
            "http://user@a/",
            "http://user:1@a/",
            "http://a:b/",
            "http://a:/",
            "http://a\\@b/",
            "http://a,b/",
            "ftp://a/",
            "ws://a/",
            "httpss://a/",
            "javascript:alert(1)",
            "a.example:443",
        ] {
            assert_eq!(authority(b"GET", target.as_bytes()), Err(INVALID_FORM), "{target}");
        }
    }

    #[test]
    fn connect_and_trace_are_no_methods_here_in_any_case_of_letters() {
        for method in ["GET", "M-SEARCH", "get", "TRACES", "CONNECTED", "X_Y"] {
            assert_eq!(is_method(method.as_bytes()), Ok(()), "{method}");
        }
        for (method, code) in [
            ("CONNECT", "connect_not_allowed"),
            ("connect", "connect_not_allowed"),
            ("TRACE", "trace_not_allowed"),
            ("Trace", "trace_not_allowed"),
            ("", "invalid_method"),
            ("GE T", "invalid_method"),
            ("GET\u{0}", "invalid_method"),
            ("G(T", "invalid_method"),
        ] {
            assert_eq!(is_method(method.as_bytes()).unwrap_err().code, code, "{method}");
        }
    }
}
