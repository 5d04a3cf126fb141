//! Answers that the gateway makes itself.

mod accept;
mod error;

use bytes::Bytes;
use http::Uri;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, LOCATION};
use pingora::http::ResponseHeader;
use pingora_core::Result;
use pingora_proxy::Session;
use switchback_core::plan::Redirect;
use switchback_core::route::PathPattern;
use switchback_runtime::NotReady;

pub(crate) use error::{Failed, error, proxy_status, text};

/// The methods that may go through. What a resource allows its endpoint knows alone.
pub(crate) const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

/// An answer with its body.
pub(crate) struct Answer {
    header: ResponseHeader,
    body: Bytes,
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
