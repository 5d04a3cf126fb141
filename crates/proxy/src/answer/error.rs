//! What a client is told of a failure that the gateway answers itself.
//!
//! What happened stands in one word in `Proxy-Status` (RFC 9209); the request id leads an operator to the rest:
//! the access log, `switchback explain`. Neither header nor body names a pool, an endpoint or a version.
//!
//! The body is the route's own page, if it has one for the status, else what the client's Accept asks for: a
//! problem (RFC 9457) for programs, a page for people, text for everybody else.

use std::borrow::Cow;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use pingora::http::ResponseHeader;
use pingora_core::{OrErr, Result};
use switchback_core::outcome::refusal;
use switchback_core::plan::{ErrorPage, ErrorPages};
use switchback_telemetry::Text;

use super::accept::{Form, preferred};
use super::{Answer, METHODS};
use crate::headers::{PROXY_STATUS, X_REQUEST_ID};

/// When a client that met an overloaded pool may try again, in seconds: the least that can be said.
const OVERLOADED_FOR: u32 = 1;

/// A request that failed.
pub(crate) struct Failed<'a> {
    /// What its client is sent.
    pub(crate) status: u16,
    /// Why, in one word.
    pub(crate) reason: &'static str,
    /// What is wrong with the request, for whoever sent it.
    pub(crate) details: Option<&'static str>,
    /// Its id.
    pub(crate) id: &'a Text,
}

/// The answer to it.
pub(crate) fn error(
    failed: &Failed<'_>,
    headers: &HeaderMap,
    pages: &ErrorPages,
) -> Result<Answer> {
    let (content_type, body) = match pages.of(failed.status) {
        Some(page) => (page.content_type, failed.on(page)),
        None => match preferred(headers) {
            Form::Text => {
                let text = text(failed.status, failed.details, Some(failed.id));
                ("text/plain; charset=utf-8", text.into())
            }
            Form::Page => ("text/html; charset=utf-8", failed.page().into()),
            Form::Problem => ("application/problem+json", failed.problem().into()),
        },
    };
    let mut header = ResponseHeader::build(failed.status, Some(9))?;
    header.insert_header(CONTENT_TYPE, content_type)?;
    header.insert_header(CACHE_CONTROL, "no-store")?;
    header.insert_header(PROXY_STATUS.clone(), proxy_status(failed.reason, failed.details))?;
    let id = HeaderValue::from_bytes(failed.id.as_bytes());
    header.insert_header(X_REQUEST_ID.clone(), id.or_fail()?)?;
    header.insert_header(CONTENT_LENGTH, body.len())?;
    if failed.status == 405 {
        // RFC 9110, section 15.5.6: it must be there.
        header.insert_header(ALLOW, METHODS)?;
    }
    if failed.reason == refusal::OVERLOADED {
        header.insert_header(RETRY_AFTER, OVERLOADED_FOR)?;
    }
    Ok(Answer { header, body })
}

/// What happened, for machines (RFC 9209).
pub(crate) fn proxy_status(reason: &'static str, details: Option<&'static str>) -> String {
    match details {
        Some(details) => format!("switchback; error={reason}; details=\"{details}\""),
        None => format!("switchback; error={reason}"),
    }
}

/// What happened, as text.
pub(crate) fn text(status: u16, details: Option<&'static str>, id: Option<&Text>) -> String {
    let mut text = format!("{status} {}\n", phrase(status));
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

fn phrase(status: u16) -> &'static str {
    let status = StatusCode::from_u16(status).ok();
    status.and_then(|status| status.canonical_reason()).unwrap_or("Error")
}

impl Failed<'_> {
    /// The request's id as text. It was made here, or is printable ASCII.
    fn id(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.id.as_bytes())
    }

    /// An operator's page about it.
    fn on(&self, page: &ErrorPage) -> Bytes {
        let id = match page.content_type {
            kind if kind.starts_with("text/html") => escaped(&self.id()),
            kind if kind.starts_with("application/json") => escaped_json(&self.id()),
            _ => self.id().into_owned(),
        };
        let Ok(text) = std::str::from_utf8(&page.body) else {
            return Bytes::copy_from_slice(&page.body);
        };
        // The id comes last: that of a trusted proxy may have braces in it.
        text.replace("{status}", &self.status.to_string()).replace("{request_id}", &id).into()
    }

    /// What happened, for programs (RFC 9457).
    fn problem(&self) -> String {
        let mut problem = String::from("{\"title\":");
        let mut member = |before: &str, value: &str| {
            problem.push_str(before);
            push_json(&mut problem, value);
        };
        member("", phrase(self.status));
        member(&format!(",\"status\":{},\"request_id\":", self.status), &self.id());
        if let Some(details) = self.details {
            member(",\"detail\":", details);
        }
        problem.push_str("}\n");
        problem
    }

    /// What happened, for people.
    fn page(&self) -> String {
        let (status, phrase) = (self.status, phrase(self.status));
        let details =
            self.details.map(|it| format!("<p>{}</p>\n", escaped(it))).unwrap_or_default();
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n\
             <title>{status} {phrase}</title>\n\
             <h1>{status} {phrase}</h1>\n{details}<p>Request id: <code>{}</code></p>\n</html>\n",
            escaped(&self.id()),
        )
    }
}

/// Text within HTML.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

/// Text within a JSON string. What is written here has no control characters.
fn escaped_json(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars().filter(|it| !it.is_control()) {
        if matches!(character, '"' | '\\') {
            out.push('\\');
        }
        out.push(character);
    }
    out
}

/// Appends a JSON string.
fn push_json(out: &mut String, text: &str) {
    out.push('"');
    out.push_str(&escaped_json(text));
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::header::ACCEPT;

    const ID: &str = "a\"<b>&\\{status}";

    fn answered(accept: Option<&str>, pages: &ErrorPages) -> (String, String) {
        let headers: HeaderMap =
            accept.into_iter().map(|it| (ACCEPT, HeaderValue::from_str(it).unwrap())).collect();
        let id = Text::from(ID);
        let details = Some("the body is \"too\" large");
        let failed = Failed { status: 413, reason: refusal::BAD_REQUEST, details, id: &id };
        let answer = error(&failed, &headers, pages).unwrap();
        assert_eq!(answer.header.headers[CONTENT_LENGTH], answer.body.len().to_string());
        assert_eq!(answer.header.headers[&X_REQUEST_ID], ID);
        let kind = answer.header.headers[CONTENT_TYPE].to_str().unwrap().to_owned();
        (kind, String::from_utf8(answer.body.to_vec()).unwrap())
    }

    #[test]
    fn a_client_gets_what_it_accepts() {
        let none = ErrorPages::default();
        let (kind, text) = answered(None, &none);
        assert_eq!(kind, "text/plain; charset=utf-8");
        assert_eq!(
            text,
            format!("413 Payload Too Large\nthe body is \"too\" large\nrequest id: {ID}\n")
        );
        let (kind, problem) = answered(Some("application/json"), &none);
        assert_eq!(kind, "application/problem+json");
        assert_eq!(
            problem,
            "{\"title\":\"Payload Too Large\",\"status\":413,\"request_id\":\"a\\\"<b>&\\\\{status}\",\
             \"detail\":\"the body is \\\"too\\\" large\"}\n"
        );
        let (kind, page) = answered(Some("text/html,*/*;q=0.8"), &none);
        assert_eq!(kind, "text/html; charset=utf-8");
        assert!(page.contains("<code>a&quot;&lt;b&gt;&amp;\\{status}</code>"), "{page}");
        assert!(page.contains("<p>the body is &quot;too&quot; large</p>"), "{page}");
    }

    #[test]
    fn a_page_of_the_operators_comes_first() {
        let page = |content_type, body: &str| {
            let page = ErrorPage {
                statuses: (400, 499),
                path: "sorry".into(),
                content_type,
                body: body.as_bytes().into(),
            };
            ErrorPages::new(vec![page])
        };
        let pages = page("text/html; charset=utf-8", "<p>{status}: {request_id} {other}");
        let (kind, body) = answered(Some("application/json"), &pages);
        assert_eq!(kind, "text/html; charset=utf-8");
        assert_eq!(body, "<p>413: a&quot;&lt;b&gt;&amp;\\{status} {other}");
        let (_, body) = answered(None, &page("text/plain; charset=utf-8", "id {request_id}"));
        assert_eq!(body, format!("id {ID}"));
        let (_, body) = answered(None, &page("application/json", "{\"id\":\"{request_id}\"}"));
        assert_eq!(body, "{\"id\":\"a\\\"<b>&\\\\{status}\"}");
    }
}
