//! From a finished request to its spans: one of a server, and below it one of a client for each attempt.
//!
//! Names and attributes are those of OpenTelemetry's semantic conventions for HTTP
//! (<https://opentelemetry.io/docs/specs/semconv/http/http-spans/>); what they have no name for begins with
//! `switchback.` and has the words of the access log.
//!
//! - `url.query` is left out, and `url.full` ends before it: that is where the secrets are.
//! - A request is an *error* where the gateway or an endpoint failed it, or the answer is a 5xx. What a client did
//!   wrong, or broke off, is none: the conventions leave a server's 4xx unset.
//! - An attempt is one unless it went through with a status below 400; but not where the client left.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::uri::Authority;
use switchback_core::Outcome;
use switchback_telemetry::access::Text;
use switchback_telemetry::{AttemptRecord, Origin, Traced};

use crate::message::{KeyValue, Span, SpanKind, Status, StatusCode, Value};

/// The version of the conventions.
pub(crate) const SCHEMA_URL: &str = "https://opentelemetry.io/schemas/1.30.0";

/// The methods that have a name in the conventions; others have one in common, because a client can invent
/// them.
const METHODS: [&str; 9] =
    ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];

/// Flags of a span: whether its parent is remote is known, and it is.
const HAS_IS_REMOTE: u32 = 0x100;
const IS_REMOTE: u32 = 0x200;

/// Appends the spans of a request.
pub(crate) fn push(spans: &mut Vec<Span>, traced: &Traced) {
    spans.push(server(traced));
    let all = &traced.record.attempts;
    let omitted = traced.record.attempts_omitted;
    for (index, attempt) in (0_u32..).zip(all) {
        // What is omitted stood before the last two.
        let late = index as usize + 2 >= all.len();
        let number = if late { index + omitted } else { index };
        spans.push(client(traced, attempt, number));
    }
}

/// The request, as its client sees it.
fn server(traced: &Traced) -> Span {
    let (record, context) = (&traced.record, &traced.context);
    let mut attributes = Attributes::default();
    let method = attributes.method(&record.method);
    attributes.add("url.scheme", scheme(traced.over_tls));
    attributes.add("url.path", text(&record.path));
    if let Some(host) = &record.host {
        match Authority::try_from(host.as_bytes()) {
            Ok(authority) => {
                attributes.add("server.address", authority.host().trim_matches(['[', ']']));
                attributes.add_some("server.port", authority.port_u16());
            }
            Err(_) => attributes.add("server.address", text(host)),
        }
    }
    attributes.add_some("http.route", record.route.as_deref());
    attributes.add("client.address", record.client.to_string());
    attributes.add("network.peer.address", traced.peer.to_string());
    attributes.add("network.protocol.version", version(record.protocol));
    attributes.add_some("http.response.status_code", record.status);
    attributes.add_some("user_agent.original", record.user_agent.as_ref().map(text));
    attributes.add("switchback.request_id", text(&record.id));
    attributes.add_some("switchback.pool", record.pool.as_deref());
    if !record.queued.is_zero() {
        attributes.add("switchback.queued_ms", millis(record.queued));
    }
    if record.attempts_omitted > 0 {
        attributes.add("switchback.attempts_omitted", record.attempts_omitted);
    }
    let served = record.status.filter(|status| *status >= 500);
    let mut is_error = served.is_some();
    if let Some(failure) = &record.failure {
        attributes.add("error.type", failure.reason);
        attributes.add("switchback.origin", failure.origin.as_str());
        attributes.add_some("switchback.detail", failure.detail);
        attributes.add_some("switchback.decision", failure.decision);
        let refused = record.status.is_some_and(|status| (400..500).contains(&status));
        is_error |= failure.origin != Origin::Client && !refused;
    } else if let Some(status) = served {
        attributes.add("error.type", status.to_string());
    }
    let remote = if context.parent.is_some() { IS_REMOTE } else { 0 };
    Span {
        span_id: context.span.to_vec(),
        parent_span_id: context.parent.map(Into::into).unwrap_or_default(),
        name: match &record.route {
            Some(route) => format!("{method} {route}"),
            None => method.to_owned(),
        },
        kind: SpanKind::Server.into(),
        status: status(is_error, None),
        flags: u32::from(context.flags) | HAS_IS_REMOTE | remote,
        ..lasting(traced, record.time, record.duration, attributes)
    }
}

/// An attempt, as the gateway sees it.
fn client(traced: &Traced, attempt: &AttemptRecord, number: u32) -> Span {
    let (record, context) = (&traced.record, &traced.context);
    let mut attributes = Attributes::default();
    let method = attributes.method(&record.method);
    let (scheme, path) = (scheme(traced.endpoint_over_tls), text(&record.path));
    attributes.add("url.full", format!("{scheme}://{}{path}", attempt.endpoint));
    attributes.add("server.address", attempt.endpoint.ip().to_string());
    attributes.add("server.port", attempt.endpoint.port());
    if attempt.connect.is_some() {
        let version = if traced.endpoint_over_h2 { "2" } else { "1.1" };
        attributes.add("network.protocol.version", version);
    }
    attributes.add_some("http.response.status_code", attempt.status);
    if number > 0 {
        attributes.add("http.request.resend_count", number);
    }
    attributes.add_some("switchback.pool", record.pool.as_deref());
    attributes.add("switchback.endpoint", attempt.endpoint.to_string());
    attributes.add("switchback.outcome", attempt.outcome);
    attributes.add("switchback.sent", attempt.sent);
    attributes.add_some("switchback.decision", attempt.decision);
    attributes.add("switchback.reused", attempt.reused);
    attributes.add_some("switchback.connect_ms", attempt.connect.map(millis));
    attributes.add_some("switchback.first_byte_ms", attempt.first_byte.map(millis));
    let went_through = attempt.outcome == Outcome::Completed.as_str();
    let refused = attempt.status.filter(|status| *status >= 400);
    if !went_through {
        attributes.add("error.type", attempt.outcome);
    } else if let Some(status) = refused {
        attributes.add("error.type", status.to_string());
    }
    let left = attempt.outcome == Outcome::ClientGone.as_str();
    let is_error = !left && (!went_through || refused.is_some());
    Span {
        span_id: context.attempt(number).to_vec(),
        parent_span_id: context.span.to_vec(),
        name: method.to_owned(),
        kind: SpanKind::Client.into(),
        status: status(is_error, attempt.detail.as_ref()),
        flags: u32::from(context.flags) | HAS_IS_REMOTE,
        ..lasting(traced, record.time + attempt.start, attempt.duration, attributes)
    }
}

/// What all spans of a request have in common.
fn lasting(traced: &Traced, start: SystemTime, duration: Duration, attributes: Attributes) -> Span {
    let context = &traced.context;
    Span {
        trace_id: context.trace.to_vec(),
        trace_state: context.state.as_ref().map(text).unwrap_or_default(),
        start_time_unix_nano: nanos(start),
        end_time_unix_nano: nanos(start + duration),
        attributes: attributes.0,
        ..Span::default()
    }
}

fn status(is_error: bool, message: Option<&Text>) -> Option<Status> {
    let message = message.map(text).unwrap_or_default();
    is_error.then(|| Status { message, code: StatusCode::Error.into() })
}

#[derive(Default)]
struct Attributes(Vec<KeyValue>);

impl Attributes {
    fn add(&mut self, key: &str, value: impl Into<Value>) {
        self.0.push(KeyValue::new(key, value.into()));
    }

    fn add_some(&mut self, key: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.add(key, value);
        }
    }

    /// Adds the method, and tells what a span's name calls it.
    fn method(&mut self, method: &Text) -> &'static str {
        let known = METHODS.into_iter().find(|known| known.as_bytes() == method.as_bytes());
        self.add("http.request.method", known.unwrap_or("_OTHER"));
        if known.is_none() {
            self.add("http.request.method_original", text(method));
        }
        known.unwrap_or("HTTP")
    }
}

fn text(text: &Text) -> String {
    String::from_utf8_lossy(text.as_bytes()).into_owned()
}

fn scheme(over_tls: bool) -> &'static str {
    if over_tls { "https" } else { "http" }
}

/// From the access log's word for a protocol.
fn version(protocol: &'static str) -> &'static str {
    match protocol {
        "h2" => "2",
        other => other.strip_prefix("HTTP/").unwrap_or(other),
    }
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

fn nanos(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
