//! Traces: `traceparent` in and out, and the spans that a collector gets.
//!
//! Most tests have a server of their own in the collector's place ([`recording`]): it takes everything, and
//! reads it with OpenTelemetry's own messages. One has a real collector ([`rotel`]): Rotel, of PyPI's package
//! `rotel`. Where that is missing its test says so and passes; where `CI` is set it fails, because
//! `.ci/run` has installed it.

#[path = "tracing/recording.rs"]
mod recording;
#[path = "tracing/rotel.rs"]
mod rotel;

use std::path::Path;
use std::time::Duration;

use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use recording::{Recording, attribute, hex};
use rotel::Rotel;
use switchback_testkit::{Backend, Behavior, Ending, Gateway, GatewayBuilder, Signal, eventually};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_switchback"))
}

fn traceparent(flags: &str) -> String {
    format!("00-{TRACE}-{PARENT}-{flags}")
}

/// A gateway in front of these, that exports to `otlp`.
fn traced(backends: &[Backend], otlp: &str, sample: &str) -> GatewayBuilder {
    let addresses: Vec<_> = backends.iter().map(Backend::addr).collect();
    Gateway::builder().pool("web", &addresses).main_yaml(&format!(
        "tracing: {{ otlp: \"{otlp}\", sample: {sample}, service: shop-edge, \
         headers: {{ x-key: secret }} }}"
    ))
}

/// Sends requests of this trace until one was rescued; its path.
async fn rescued(gateway: &Gateway) -> String {
    let parent = traceparent("01");
    let fields = [("traceparent", &*parent), ("tracestate", "a=1")];
    let mut client = gateway.client().await;
    for number in 0..4 {
        let path = format!("/rescued/{number}");
        let answer = client.request("GET", &path, &fields, b"").await.expect("an answer");
        assert_eq!(answer.status, 200);
        let line = gateway.log_line_for(&path).await;
        if line["attempts"].as_array().is_some_and(|all| all.len() == 2) {
            return path;
        }
    }
    panic!("nothing was rescued")
}

/// Ends a gateway, which exports what it still has.
async fn end(gateway: &Gateway) {
    gateway.signal(Signal::TERM);
    assert!(gateway.wait_exit(Duration::from_secs(10)).await.success());
}

/// Two backends, of which the first closes its connections when it has read a request.
async fn one_that_closes() -> Vec<Backend> {
    let backends = Backend::start_many(2).await;
    backends[0].set(Behavior::CloseBeforeAnswer(Ending::Fin));
    backends
}

/// What an endpoint was told of a request.
fn told(backend: &Backend, path: &str, name: &str) -> Option<String> {
    let recorded = backend.recorded();
    let request = recorded.iter().find(|request| request.target == path)?;
    request.header(name).map(str::to_owned)
}

#[tokio::test]
async fn a_rescued_request_is_one_trace() {
    let collector = Recording::start().await;
    let backends = one_that_closes().await;
    let gateway = traced(&backends, &collector.otlp(), "0%").start(binary()).await;
    let path = rescued(&gateway).await;
    end(&gateway).await;

    let of_path = |span: &&Span| attribute(span, "url.path").is_some_and(|it| it == path);
    let spans = collector.spans();
    let server = spans.iter().find(of_path).expect("the request's span");
    assert_eq!((hex(&server.trace_id), hex(&server.parent_span_id)), (TRACE.into(), PARENT.into()));
    assert_eq!((&*server.name, server.kind()), ("GET */", SpanKind::Server));
    assert_eq!(server.trace_state, "a=1");
    let mut attempts: Vec<_> =
        spans.iter().filter(|span| span.parent_span_id == server.span_id).collect();
    attempts.sort_by_key(|span| span.start_time_unix_nano);
    let [first, second] = attempts[..] else { panic!("{attempts:?}") };
    for (span, backend) in [(first, &backends[0]), (second, &backends[1])] {
        assert_eq!(span.kind(), SpanKind::Client);
        let expected = format!("00-{TRACE}-{}-01", hex(&span.span_id));
        assert_eq!(
            told(backend, &path, "traceparent"),
            Some(expected),
            "the attempt is the parent"
        );
        assert_eq!(told(backend, &path, "tracestate").as_deref(), Some("a=1"));
        assert_eq!(attribute(span, "switchback.endpoint"), Some(backend.addr().to_string()));
        assert!(span.start_time_unix_nano >= server.start_time_unix_nano);
        assert!(span.end_time_unix_nano <= server.end_time_unix_nano);
    }
    let outcomes = [first, second].map(|span| attribute(span, "switchback.outcome"));
    assert_eq!(outcomes[1].as_deref(), Some("completed"));
    assert_ne!(outcomes[0], outcomes[1]);
    assert_eq!(attribute(first, "switchback.decision").as_deref(), Some("retry"));
    assert_eq!(attribute(second, "http.request.resend_count").as_deref(), Some("1"));
    assert_eq!(collector.resource("service.name").as_deref(), Some("shop-edge"));
    assert!(collector.heads().iter().all(|head| head.contains("x-key: secret")));
    assert!(!gateway.stderr().contains("secret"));
}

#[tokio::test]
async fn what_begins_here_is_sampled_here() {
    for (sample, flags, exported) in [("100%", "03", true), ("0%", "02", false)] {
        let collector = Recording::start().await;
        let backends = Backend::start_many(1).await;
        let gateway = traced(&backends, &collector.otlp(), sample).start(binary()).await;
        gateway.get("/new").await.expect("an answer");
        let mut client = gateway.client().await;
        let broken = [("traceparent", "00-zz-zz-01"), ("tracestate", "a=1")];
        client.request("GET", "/broken", &broken, b"").await.expect("an answer");
        let parents = ["/new", "/broken"].map(|path| {
            let parent = told(&backends[0], path, "traceparent").expect("a traceparent");
            assert!(
                parent.starts_with("00-") && parent.ends_with(&format!("-{flags}")),
                "{parent}"
            );
            parent
        });
        assert_ne!(parents[0][3..35], parents[1][3..35], "two traces");
        assert_eq!(told(&backends[0], "/broken", "tracestate"), None);
        end(&gateway).await;
        let spans = collector.spans();
        assert_eq!(spans.len(), if exported { 4 } else { 0 }, "{sample}");
        let begun = spans.iter().filter(|span| span.parent_span_id.is_empty());
        assert!(begun.clone().all(|span| span.kind() == SpanKind::Server));
        assert_eq!(begun.count(), if exported { 2 } else { 0 });
    }
}

#[tokio::test]
async fn a_trace_that_nobody_records_goes_on_untouched() {
    let collector = Recording::start().await;
    let backends = Backend::start_many(1).await;
    let gateway = traced(&backends, &collector.otlp(), "100%").start(binary()).await;
    let parent = traceparent("00");
    let fields = [("traceparent", &*parent), ("tracestate", "a=1")];
    gateway.client().await.request("GET", "/", &fields, b"").await.expect("an answer");
    assert_eq!(told(&backends[0], "/", "traceparent"), Some(parent));
    assert_eq!(told(&backends[0], "/", "tracestate").as_deref(), Some("a=1"));
    end(&gateway).await;
    assert!(collector.spans().is_empty());
}

#[tokio::test]
async fn spans_do_not_need_the_access_log_and_failures_are_errors() {
    let collector = Recording::start().await;
    let backends = Backend::start_many(1).await;
    backends[0].set(Behavior::RefuseConnections);
    let gateway = traced(&backends, &collector.otlp(), "100%")
        .main_yaml("access_log: off")
        .pool_yaml("queue: 0")
        .start(binary())
        .await;
    let answer = gateway.get("/failed").await.expect("an answer");
    assert!((502..=503).contains(&answer.status), "{}", answer.status);
    let exported = async || {
        gateway.metric("switchback_trace_spans_exported_total", &[]).await
            >= collector.spans().len().max(2) as f64
    };
    eventually(Duration::from_secs(15), "an export without an end", exported).await;
    let spans = collector.spans();
    let (server, attempts): (Vec<_>, Vec<_>) =
        spans.iter().partition(|span| span.kind() == SpanKind::Server);
    let is_error = |span: &&Span| span.status.as_ref().is_some_and(|status| status.code == 2);
    assert_eq!(server.len(), 1);
    assert!(server.iter().all(is_error) && attempts.iter().all(is_error), "{spans:?}");
    let kind = attribute(attempts[0], "error.type");
    assert_eq!(kind.as_deref(), Some("connection_refused"));
    assert_eq!(gateway.metric("switchback_trace_spans_dropped_total", &[]).await, 0.0);
}

#[tokio::test]
async fn a_collector_that_is_down_is_told_of_once_and_costs_no_request() {
    let collector = Recording::reserve();
    let backends = Backend::start_many(1).await;
    let gateway = traced(&backends, &collector.otlp(), "100%").start(binary()).await;
    let mut client = gateway.client().await;
    for _ in 0..600 {
        assert_eq!(client.get("/").await.expect("an answer").status, 200);
    }
    let lines = |level: &str| {
        let stderr = gateway.stderr();
        stderr.lines().filter(|line| line.contains("traces:") && line.contains(level)).count()
    };
    eventually(Duration::from_secs(10), "a warning", async || lines("WARN") == 1).await;
    let collector = collector.open().await;
    eventually(Duration::from_secs(20), "spans", async || collector.spans().len() >= 512).await;
    eventually(Duration::from_secs(10), "its end", async || lines("INFO") == 1).await;
    end(&gateway).await;
    assert_eq!(collector.spans().len(), 1_200, "all of them");
    assert_eq!((lines("WARN"), lines("INFO")), (1, 1));
}

#[tokio::test]
async fn a_real_collector_reads_the_same() {
    let Some(collector) = Rotel::start().await else { return };
    let backends = one_that_closes().await;
    let gateway = traced(&backends, &collector.otlp(), "100%").start(binary()).await;
    let path = rescued(&gateway).await;
    end(&gateway).await;
    let spans = collector.spans_of_a_request(&path).await;
    let server = spans.iter().find(|span| span.is("Kind", "SPAN_KIND_SERVER")).expect("one");
    assert!(server.is("Trace ID", TRACE) && server.is("Parent ID", PARENT), "{server:?}");
    assert!(
        server.is("http.route", "Str(*/)") && server.is("http.response.status_code", "Int(200)")
    );
    let attempts: Vec<_> =
        spans.iter().filter(|span| span.is("Parent ID", &server.field("ID"))).collect();
    assert_eq!(attempts.len(), 2, "{spans:?}");
    for backend in &backends {
        let at = format!("Str({})", backend.addr());
        let attempt =
            attempts.iter().find(|span| span.is("switchback.endpoint", &at)).expect("one");
        assert!(attempt.is("Kind", "SPAN_KIND_CLIENT"), "{attempt:?}");
        let expected = format!("00-{TRACE}-{}-01", attempt.field("ID"));
        assert_eq!(told(backend, &path, "traceparent"), Some(expected));
    }
}
