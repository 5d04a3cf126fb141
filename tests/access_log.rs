//! The access log: one line a request, the whole story of it.

#[path = "access_log/rotation.rs"]
mod rotation;
#[path = "access_log/sinks.rs"]
mod sinks;

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use switchback_testkit::{Backend, Behavior, Ending, Gateway, Load};

/// Far more than anything here takes.
const SOON: Duration = Duration::from_secs(15);

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_switchback"))
}

#[tokio::test]
async fn a_rescued_request_shows_both_attempts() {
    let backends = Backend::start_many(2).await;
    let gateway = Gateway::builder()
        .pool("web", &[backends[0].addr(), backends[1].addr()])
        .route_yaml("{ host: shop.example.com, path: /api/, pool: web }")
        .start(binary())
        .await;
    backends[0].set(Behavior::RefuseConnections);
    let mut client = gateway.client().await;
    for _ in 0..2 {
        let request = b"GET /api/cart?token=secret HTTP/1.1\r\nHost: shop.example.com\r\n\r\n";
        client.send_raw(request).await.expect("sent");
        client.read_response(Duration::from_secs(2)).await.expect("an answer");
    }
    let rescued = |line: &Value| line["attempts"].as_array().is_some_and(|all| all.len() == 2);
    let line = gateway.wait_for_log(rescued, Duration::from_secs(2)).await;
    for (key, expected) in [
        ("client", json!("127.0.0.1")),
        ("method", json!("GET")),
        ("host", json!("shop.example.com")),
        ("path", json!("/api/cart")),
        ("status", json!(200)),
        ("route", json!("shop.example.com/api/")),
        ("pool", json!("web")),
        ("protocol", json!("HTTP/1.1")),
    ] {
        assert_eq!(line[key], expected, "{key} of {line}");
    }
    assert!(line["duration_ms"].as_f64().is_some_and(|ms| ms > 0.0));
    let [first, second] = [&line["attempts"][0], &line["attempts"][1]];
    assert_eq!(first["endpoint"], backends[0].addr().to_string());
    assert_eq!(first["outcome"], "connection_refused");
    assert_eq!(first["sent"], "no");
    assert_eq!(first["decision"], "retry");
    assert_eq!(second["endpoint"], backends[1].addr().to_string());
    assert_eq!(second["outcome"], "completed");
    assert_eq!(second["status"], 200);
    assert!(second["first_byte_ms"].as_f64().is_some());
    assert!(second["start_ms"].as_f64() >= first["duration_ms"].as_f64(), "{line}");
    assert!(second["duration_ms"].as_f64() >= second["first_byte_ms"].as_f64(), "{line}");
    assert!(!gateway.stdout().contains("secret"), "the query is not logged");
}

#[tokio::test]
async fn a_failed_request_says_why_and_how_the_pool_stood() {
    let backends = Backend::start_many(3).await;
    let addresses: Vec<_> = backends.iter().map(Backend::addr).collect();
    let gateway = Gateway::builder().pool("web", &addresses).start(binary()).await;
    for backend in &backends {
        backend.set(Behavior::CloseBeforeAnswer(Ending::Fin));
    }
    let mut client = gateway.client().await;
    let answer = client.request("POST", "/pay", &[], b"x").await.expect("an answer");
    let status = answer.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("proxy-status"));
    assert_eq!(answer.status, 502);
    assert_eq!(
        status.map(|(_, value)| value.as_str()),
        Some("switchback; error=connection_terminated")
    );
    let line = gateway.log_line_for("/pay").await;
    assert_eq!(line["reason"], "connection_terminated");
    assert_eq!(line["origin"], "gateway");
    assert_eq!(line["decision"], "stop: not idempotent");
    assert_eq!((&line["healthy"], &line["total"]), (&json!(3), &json!(3)));
    let id = line["id"].as_str().expect("an id");
    assert!(String::from_utf8_lossy(&answer.body).contains(id), "the client can tell the id");
    assert!(!String::from_utf8_lossy(&answer.body).contains("127.0.0.1"), "and nothing else");
}

#[tokio::test]
async fn every_request_has_exactly_one_line_under_load() {
    let backends = Backend::start_many(2).await;
    let gateway = Gateway::builder()
        .pool("web", &[backends[0].addr(), backends[1].addr()])
        .start(binary())
        .await;
    Load::new(gateway.addr()).clients(16).count(3_000).target("/$ID").run().await;
    let all = async || gateway.log().len() >= 3_000;
    switchback_testkit::eventually(Duration::from_secs(5), "all lines", all).await;
    let paths: std::collections::BTreeSet<_> =
        gateway.log().iter().map(|line| line["path"].to_string()).collect();
    assert_eq!((gateway.log().len(), paths.len()), (3_000, 3_000));
    assert_eq!(gateway.metric("switchback_access_log_dropped_total", &[]).await, 0.0);
}

#[tokio::test]
async fn it_can_go_to_a_file_or_nowhere() {
    let backend = Backend::start().await;
    let gateway = Gateway::builder()
        .pool("web", &[backend.addr()])
        .main_yaml("access_log: { file: access.log }")
        .start(binary())
        .await;
    gateway.get("/to-file").await.expect("an answer");
    let written = async || gateway.read("access.log").contains("/to-file");
    switchback_testkit::eventually(Duration::from_secs(2), "the line", written).await;
    assert_eq!(gateway.stdout(), "");
}

/// The first line of the log in a format, of a request that has a referer, a user agent and something to hide.
async fn in_format(format: &str) -> String {
    let backend = Backend::start().await;
    let gateway = Gateway::builder()
        .pool("web", &[backend.addr()])
        .main_yaml(&format!("access_log: {{ file: access.log, format: {format} }}"))
        .start(binary())
        .await;
    let headers = [("referer", "http://a.example/b?secret"), ("user-agent", "a\"b")];
    let mut client = gateway.client().await;
    client.request("GET", "/x?secret", &headers, b"").await.expect("an answer");
    let written = async || gateway.read("access.log").lines().next().map(str::to_owned);
    switchback_testkit::until(SOON, written).await.expect("a line")
}

#[tokio::test]
async fn it_can_be_nginxs_or_ones_own() {
    let line = in_format("combined").await;
    let (client, rest) = line.split_once(" - - [").expect("who");
    let (time, rest) = rest.split_once("] ").expect("when");
    assert_eq!((client, time.len()), ("127.0.0.1", "23/Nov/2026:10:11:12 +0000".len()), "{line}");
    assert_eq!(rest, r#""GET /x HTTP/1.1" 200 3 "http://a.example/b" "a\x22b""#);
    let line = in_format("{ template: '{{{status}}} {method} {pool} {reason} {attempts}' }").await;
    assert_eq!(line, "{200} GET web - 1");
}
