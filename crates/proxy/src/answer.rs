//! Answers that the gateway makes itself.

use std::borrow::Cow;

use bytes::Bytes;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, LOCATION, RETRY_AFTER,
};
use http::{StatusCode, Uri};
use pingora::http::ResponseHeader;
use pingora_core::Result;
use pingora_proxy::Session;
use switchback_core::outcome::refusal;
use switchback_core::plan::Redirect;
use switchback_core::route::PathPattern;
use switchback_runtime::NotReady;
use switchback_telemetry::Text;

use crate::headers::PROXY_STATUS;

/// When a client that met an overloaded pool may try again, in seconds: the least that can be said.
const OVERLOADED_FOR: u32 = 1;

/// The methods that may go through. What a resource allows its endpoint knows alone.
pub(crate) const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

/// An answer with its body.
pub(crate) struct Answer {
    header: ResponseHeader,
    body: Bytes,
}

/// The answer to a request that failed: what happened in one word (RFC 9209), and the id by which
/// an operator finds the rest in the access log. It names no pool, no endpoint, no version.
pub(crate) fn error(
    status: u16,
    reason: &'static str,
    details: Option<&'static str>,
    id: &Text,
) -> Result<Answer> {
    let body = text(status, details, Some(id));
    let mut header = ResponseHeader::build(status, Some(8))?;
    header.insert_header(CONTENT_TYPE, "text/plain; charset=utf-8")?;
    header.insert_header(CACHE_CONTROL, "no-store")?;
    header.insert_header(PROXY_STATUS.clone(), proxy_status(reason, details))?;
    header.insert_header(CONTENT_LENGTH, body.len())?;
    if status == 405 {
        // RFC 9110, section 15.5.6: it must be there.
        header.insert_header(ALLOW, METHODS)?;
    }
    if reason == refusal::OVERLOADED {
        header.insert_header(RETRY_AFTER, OVERLOADED_FOR)?;
    }
    Ok(Answer { header, body: body.into() })
}

/// What happened, for machines (RFC 9209).
pub(crate) fn proxy_status(reason: &'static str, details: Option<&'static str>) -> String {
    match details {
        Some(details) => format!("switchback; error={reason}; details=\"{details}\""),
        None => format!("switchback; error={reason}"),
    }
}

/// What happened, for people.
pub(crate) fn text(status: u16, details: Option<&'static str>, id: Option<&Text>) -> String {
    let phrase = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    let mut text = format!("{status} {}\n", phrase.unwrap_or("Error"));
    for line in
        details.into_iter().map(Cow::Borrowed).chain(id.map(|id| {
            Cow::Owned(format!("request id: {}", String::from_utf8_lossy(id.as_bytes())))
        }))
    {
        text.push_str(&line);
        text.push('\n');
    }
    text
}

/// Whether the gateway is ready: 200, or 503 with what is missing, a line each.
pub(crate) fn readiness(readiness: std::result::Result<(), Vec<NotReady>>) -> Result<Answer> {
    let (status, body) = match readiness {
        Ok(()) => (200, "ready\n".to_owned()),
        Err(missing) => (503, missing.iter().map(|why| format!("{why}\n")).collect()),
    };
    let mut header = ResponseHeader::build(status, Some(4))?;
    header.insert_header(CONTENT_TYPE, "text/plain; charset=utf-8")?;
    header.insert_header(CACHE_CONTROL, "no-store")?;
    header.insert_header(CONTENT_LENGTH, body.len())?;
    Ok(Answer { header, body: body.into() })
}

/// The answer to an OPTIONS request that may go no further (RFC 9110, section 9.3.7): the gateway is there.
pub(crate) fn options() -> Result<Answer> {
    let mut header = ResponseHeader::build(200, Some(3))?;
    header.insert_header(CONTENT_LENGTH, 0)?;
    Ok(Answer { header, body: Bytes::new() })
}

/// A redirect to a [`location`].
pub(crate) fn redirect(status: u16, location: HeaderValue) -> Result<Answer> {
    let mut header = ResponseHeader::build(status, Some(4))?;
    header.insert_header(LOCATION, location)?;
    header.insert_header(CONTENT_LENGTH, 0)?;
    Ok(Answer { header, body: Bytes::new() })
}

/// Sends an answer; the connection stays as it is.
pub(crate) async fn send(session: &mut Session, answer: Result<Answer>) -> Result<()> {
    let Answer { header, body } = answer?;
    let bodyless = body.is_empty();
    session.write_response_header(Box::new(header), bodyless).await?;
    if !bodyless {
        session.write_response_body(Some(body), true).await?;
    }
    Ok(())
}

/// Where a redirect sends a request: behind the new prefix what had followed the old one, and the
/// query as it was. `None` if that is no header value.
pub(crate) fn location(redirect: &Redirect, route: &PathPattern, uri: &Uri) -> Option<HeaderValue> {
    let mut location = String::from(&*redirect.to);
    if let PathPattern::Prefix(prefix) = route {
        let rest = uri.path().strip_prefix(&**prefix).unwrap_or("").trim_start_matches(['/', '\\']);
        if !rest.is_empty() {
            // One slash and no more: `//host` would send the client to another host, and `/\host`
            // is the same to a browser (WHATWG URL).
            location.truncate(location.trim_end_matches('/').len());
            location.push('/');
            location.push_str(&rest.replace('\\', "%5C"));
        }
    }
    if let Some(query) = uri.query() {
        location.push(if location.contains('?') { '&' } else { '?' });
        location.push_str(query);
    }
    HeaderValue::from_bytes(location.as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redirected(to: &str, route: &PathPattern, uri: &str) -> String {
        let redirect = Redirect { to: to.into(), status: 308 };
        let uri = uri.parse::<Uri>().unwrap();
        location(&redirect, route, &uri).unwrap().to_str().unwrap().to_owned()
    }

    #[test]
    fn what_followed_the_prefix_and_the_query_are_kept() {
        let old = PathPattern::prefix("/old/").unwrap();
        for (to, uri, expected) in [
            ("/new/", "/old/a/b?x=1", "/new/a/b?x=1"),
            ("/new", "/old/a", "/new/a"),
            ("/new/", "/old", "/new/"),
            ("/new/", "/old/", "/new/"),
            ("https://other.example/x/", "/old/a", "https://other.example/x/a"),
            ("/new?y=2", "/old?x=1", "/new?y=2&x=1"),
        ] {
            assert_eq!(redirected(to, &old, uri), expected, "{to} {uri}");
        }
    }

    #[test]
    fn a_redirect_never_leads_to_a_host_that_the_client_named() {
        let everything = PathPattern::prefix("/").unwrap();
        for path in ["//evil.example/x", "/\\evil.example/x", "/\\/evil.example/x"] {
            let location = redirected("/", &everything, path);
            assert_eq!(location, "/evil.example/x", "{path}");
        }
        assert_eq!(redirected("/", &everything, "/a\\b"), "/a%5Cb");
    }

    #[test]
    fn an_exact_route_redirects_to_just_there() {
        let exact = PathPattern::exact("/old").unwrap();
        assert_eq!(redirected("/new", &exact, "/old?x"), "/new?x");
    }
}
