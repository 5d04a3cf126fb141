use std::time::Duration;

use opentelemetry_proto::tonic::trace::v1 as otel;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind as Kind;
use smallvec::smallvec;
use switchback_telemetry::Failure;
use switchback_telemetry::access::Attempts;

use super::*;
use crate::batch::{Batch, resource};
use crate::testing::{attempt, spans, told, traced};

/// The spans of a request, encoded here and read by OpenTelemetry's messages.
fn sent(traced: &Traced) -> Vec<otel::Span> {
    let mut batch = Batch::default();
    batch.add(traced);
    let spans = spans(&batch.encode(&resource("x", 0)));
    assert_eq!(spans.len() as u64, traced.spans(), "as many as are counted");
    spans
}

fn attribute(span: &otel::Span, key: &str) -> Option<String> {
    told(&span.attributes).into_iter().find(|(name, _)| name == key).map(|(_, value)| value)
}

fn is_error(span: &otel::Span) -> bool {
    span.status.as_ref().is_some_and(|status| status.code == otel::status::StatusCode::Error as i32)
}

fn failed(reason: &'static str, origin: Origin) -> Option<Failure> {
    Some(Failure { reason, detail: None, origin, decision: None, pool: None })
}

#[test]
fn a_request_and_its_attempt_are_told_in_full() {
    let spans = sent(&traced());
    let [server, client] = &spans[..] else { panic!("{spans:?}") };
    let begin = 1_800_000_000_000_000_000;
    assert_eq!((server.name.as_str(), server.kind()), ("GET shop.example.com/api/", Kind::Server));
    assert_eq!((&*server.trace_id, &*server.span_id), (&[1; 16][..], &[3; 8][..]));
    assert_eq!((&*server.parent_span_id, &*server.trace_state), (&[2; 8][..], "a=1"));
    assert_eq!((server.flags, client.flags), (0x301, 0x101));
    assert_eq!(
        (server.start_time_unix_nano, server.end_time_unix_nano),
        (begin, begin + 8_000_000)
    );
    let expected = [
        ("http.request.method", "GET"),
        ("url.scheme", "https"),
        ("url.path", "/api/cart"),
        ("server.address", "shop.example.com"),
        ("server.port", "8443"),
        ("http.route", "shop.example.com/api/"),
        ("client.address", "203.0.113.9"),
        ("network.peer.address", "10.0.0.1"),
        ("network.protocol.version", "2"),
        ("http.response.status_code", "200"),
        ("switchback.request_id", "01JD"),
        ("switchback.pool", "api"),
    ];
    assert_eq!(told(&server.attributes), expected.map(|(a, b)| (a.to_owned(), b.to_owned())));

    assert_eq!((client.name.as_str(), client.kind()), ("GET", Kind::Client));
    assert_eq!((&client.trace_id, &client.parent_span_id), (&server.trace_id, &server.span_id));
    assert_eq!(client.span_id, traced().context.attempt(0));
    assert_eq!(
        (client.start_time_unix_nano, client.end_time_unix_nano),
        (begin + 2_000_000, begin + 7_000_000)
    );
    let expected = [
        ("http.request.method", "GET"),
        ("url.full", "http://10.0.1.12:8080/api/cart"),
        ("server.address", "10.0.1.12"),
        ("server.port", "8080"),
        ("network.protocol.version", "1.1"),
        ("http.response.status_code", "200"),
        ("switchback.pool", "api"),
        ("switchback.endpoint", "10.0.1.12:8080"),
        ("switchback.outcome", "completed"),
        ("switchback.sent", "yes"),
        ("switchback.reused", "true"),
        ("switchback.connect_ms", "0"),
        ("switchback.first_byte_ms", "4"),
    ];
    assert_eq!(told(&client.attributes), expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
    assert!(!is_error(server) && !is_error(client));
}

#[test]
fn a_rescued_request_is_well_and_its_first_attempt_is_not() {
    let mut rescued = traced();
    let lost = AttemptRecord {
        outcome: "connection_refused",
        sent: "no",
        connect: None,
        status: None,
        decision: Some("retry"),
        detail: Some(Text::from_static("connection refused (os error 111)")),
        ..attempt()
    };
    rescued.record.attempts = smallvec![lost, attempt()];
    let spans = sent(&rescued);
    let [server, first, second] = &spans[..] else { panic!("{spans:?}") };
    assert_eq!([server, first, second].map(is_error), [false, true, false]);
    assert_eq!(attribute(server, "error.type"), None);
    assert_eq!(attribute(first, "error.type").as_deref(), Some("connection_refused"));
    assert_eq!(attribute(first, "switchback.decision").as_deref(), Some("retry"));
    assert_eq!(attribute(first, "network.protocol.version"), None, "there was no connection");
    assert_eq!(
        first.status.as_ref().map(|status| &*status.message),
        Some("connection refused (os error 111)")
    );
    assert_eq!(attribute(first, "http.request.resend_count"), None);
    assert_eq!(attribute(second, "http.request.resend_count").as_deref(), Some("1"));
}

#[test]
fn an_error_is_what_the_gateway_or_an_endpoint_did() {
    let cases = [
        (Some(200), None, false, None),
        (Some(404), None, false, None),
        (Some(500), None, true, Some("500")),
        (
            Some(502),
            failed("connection_refused", Origin::Gateway),
            true,
            Some("connection_refused"),
        ),
        (
            Some(200),
            failed("http_response_incomplete", Origin::Endpoint),
            true,
            Some("http_response_incomplete"),
        ),
        (
            Some(404),
            failed("destination_not_found", Origin::Client),
            false,
            Some("destination_not_found"),
        ),
        (
            Some(400),
            failed("http_request_error", Origin::Client),
            false,
            Some("http_request_error"),
        ),
        (None, failed("client_gone", Origin::Client), false, Some("client_gone")),
        (None, failed("proxy_internal_error", Origin::Gateway), true, Some("proxy_internal_error")),
    ];
    for (status, failure, expected, kind) in cases {
        let mut traced = traced();
        (traced.record.status, traced.record.failure) = (status, failure);
        let spans = sent(&traced);
        let got = (is_error(&spans[0]), attribute(&spans[0], "error.type"));
        assert_eq!(got, (expected, kind.map(str::to_owned)), "{status:?}");
    }
}

#[test]
fn an_attempt_that_its_client_left_is_no_error() {
    for (outcome, status, expected, kind) in [
        ("completed", Some(404), true, "404"),
        ("client_gone", None, false, "client_gone"),
        ("failure_status", Some(503), true, "failure_status"),
        ("abandoned", None, true, "abandoned"),
    ] {
        let mut traced = traced();
        traced.record.attempts = smallvec![AttemptRecord { outcome, status, ..attempt() }];
        let spans = sent(&traced);
        let got = (is_error(&spans[1]), attribute(&spans[1], "error.type"));
        assert_eq!(got, (expected, Some(kind.to_owned())), "{outcome}");
    }
}

#[test]
fn what_clients_invent_gives_no_name_to_a_span() {
    let mut traced = traced();
    traced.record.method = Text::from_static("get");
    traced.record.route = None;
    traced.context.parent = None;
    let spans = sent(&traced);
    assert_eq!((&*spans[0].name, &*spans[1].name), ("HTTP", "HTTP"));
    for span in &spans {
        assert_eq!(attribute(span, "http.request.method").as_deref(), Some("_OTHER"));
        assert_eq!(attribute(span, "http.request.method_original").as_deref(), Some("get"));
    }
    assert_eq!(
        (spans[0].flags, spans[0].parent_span_id.len()),
        (0x101, 0),
        "the first of its trace"
    );
}

#[test]
fn hosts_are_addresses_and_ports() {
    for (host, address, port) in [
        (&b"shop.example.com"[..], "shop.example.com", None),
        (b"[2001:db8::1]:81", "2001:db8::1", Some("81")),
        (b"127.0.0.1:80", "127.0.0.1", Some("80")),
        (b"a b\xff", "a b\u{fffd}", None),
    ] {
        let mut traced = traced();
        traced.record.host = Some(Text::new(host));
        let span = &sent(&traced)[0];
        assert_eq!(attribute(span, "server.address").as_deref(), Some(address));
        assert_eq!(attribute(span, "server.port").as_deref(), port);
    }
}

#[test]
fn of_many_attempts_each_has_the_span_that_its_endpoint_was_told() {
    let mut traced = traced();
    traced.record.attempts = (0..10).map(|_| attempt()).collect::<Attempts>();
    traced.record.attempts_omitted = 90;
    traced.record.queued = Duration::from_millis(3);
    let spans = sent(&traced);
    let numbers = [0, 1, 2, 3, 4, 5, 6, 7, 98, 99];
    for (span, number) in spans[1..].iter().zip(numbers) {
        assert_eq!(span.span_id, traced.context.attempt(number), "{number}");
        let resent = (number > 0).then(|| number.to_string());
        assert_eq!(attribute(span, "http.request.resend_count"), resent);
    }
    assert_eq!(attribute(&spans[0], "switchback.attempts_omitted").as_deref(), Some("90"));
    assert_eq!(attribute(&spans[0], "switchback.queued_ms").as_deref(), Some("3"));
}
