//! What a client may not send, byte for byte, and what must not be taken for it.
//!
//! Request smuggling needs two that read the same bytes in two ways, so each promise is looked at from
//! both sides: what the client gets, and what the endpoint has seen. Behind most of what is malformed
//! stands a request that must never run.

#[path = "refusals/bodies.rs"]
mod bodies;
#[path = "refusals/expect.rs"]
mod expect;
#[path = "refusals/heads.rs"]
mod heads;
#[path = "refusals/pipelining.rs"]
mod pipelining;
#[path = "refusals/upgrade.rs"]
mod upgrade;

use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use switchback_testkit::{Backend, Behavior, Client, Gateway, Response};

/// Far more than anything here takes.
const SOON: Duration = ms(10_000);

/// What stands behind a malformed request, and must never run.
const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

/// A name, the bytes, the status, and the reason in one word.
type Row<'a> = (&'a str, &'a str, u16, &'a str);

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_switchback"))
}

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A gateway before one endpoint that tells what it was asked.
async fn one() -> (Backend, Gateway) {
    let backend = Backend::with(Behavior::Echo { body: true }).await;
    let gateway = Gateway::builder().pool("web", &[backend.addr()]).start(binary()).await;
    (backend, gateway)
}

/// The answer to bytes that were all sent before anything is read, and after which the gateway ends the
/// connection: with FIN, as a reset could overtake the answer.
async fn only_answer(gateway: &Gateway, name: &str, bytes: &[u8]) -> Response {
    let mut client = gateway.client().await;
    client.send_raw(bytes).await.unwrap_or_else(|e| panic!("{name}: {e}"));
    let answer = client.read_response(SOON).await.unwrap_or_else(|e| panic!("{name}: {e}"));
    assert_ended(client, name).await;
    answer
}

/// The gateway says nothing more, and ends the connection with FIN.
async fn assert_ended(mut client: Client, name: &str) {
    let (more, end) = client.read_to_end().await;
    assert!(end.is_ok(), "{name}: {end:?} after {:?}", String::from_utf8_lossy(&more));
    assert!(more.is_empty(), "{name}: {:?}", String::from_utf8_lossy(&more));
}

/// It is a refusal: of this status, which says why, to machines and to people, and that the connection
/// closes.
fn assert_refused(answer: &Response, name: &str, status: u16) {
    let text = answer.text();
    assert_eq!(answer.status, status, "{name}: {text}");
    assert!(answer.complete, "{name}: {:?}", answer.end);
    assert_eq!(answer.header("connection"), Some("close"), "{name}");
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{name}");
    let said = answer.header("proxy-status").unwrap_or_default();
    let details = said
        .strip_prefix("switchback; error=http_request_error; details=\"")
        .and_then(|rest| rest.strip_suffix('"'))
        .unwrap_or_else(|| panic!("{name}: {said}"));
    let lines: Vec<_> = text.lines().collect();
    let [status_line, why, id] = lines[..] else { panic!("{name}: {text}") };
    assert!(status_line.starts_with(&status.to_string()), "{name}: {text}");
    assert_eq!(why, details, "{name}");
    assert!(id.starts_with("request id: "), "{name}: {text}");
}

/// Its line of the access log says the same, and names the request id of the answer.
async fn assert_logged(gateway: &Gateway, name: &str, answer: &Response) -> Value {
    let text = answer.text();
    let id = text.lines().find_map(|line| line.strip_prefix("request id: ")).expect("an id");
    let line = gateway.log_line_for(id).await;
    assert_eq!(line["status"], answer.status, "{name}: {line}");
    assert_eq!(line["reason"], "http_request_error", "{name}: {line}");
    assert_eq!(line["origin"], "client", "{name}: {line}");
    assert_eq!(line["client"], "127.0.0.1", "{name}: {line}");
    line
}

/// How many requests have been refused, and how many for this.
async fn refused(gateway: &Gateway, reason: &str) -> (f64, f64) {
    let metrics = gateway.metrics().await;
    let of = |labels: &[(&str, &str)]| metrics.sum("switchback_requests_refused_total", labels);
    (of(&[]), of(&[("reason", reason)]))
}

/// The requests that the endpoint has seen, as method and target.
fn seen(backend: &Backend) -> Vec<String> {
    assert_eq!(backend.malformed(), 0, "the endpoint has got what is no HTTP");
    let requests = backend.recorded();
    requests.iter().map(|request| format!("{} {}", request.method, request.target)).collect()
}
