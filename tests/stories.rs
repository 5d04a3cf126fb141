//! Whatever comes of a request, everybody who is asked tells the same: its line of the access log, the metrics,
//! `Proxy-Status`, `switchback explain` and the recent failures.
//!
//! A row for each of the table of outcomes (`crates/core/src/outcome.rs`), made by a real fault on a real
//! socket. The line of the log is the one thing that is compared with what is expected; everything else is
//! compared with the line.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use switchback_testkit::{
    Backend, Behavior, Ending, Framing, Gateway, H2Backend, H2Behavior, Response, eventually,
};
use tokio::net::TcpListener;

const SOON: Duration = Duration::from_secs(5);

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_switchback"))
}

/// What is expected of a request that fails.
struct Row {
    /// The pool, and the path.
    name: &'static str,
    /// What the client gets; `None`: nothing, or something that is cut off.
    status: Option<u16>,
    /// Why.
    reason: &'static str,
    /// What came of its attempt; `None`: there was none.
    outcome: Option<&'static str>,
    /// How much of it the endpoint may have seen.
    sent: &'static str,
    origin: &'static str,
}

const fn row(
    name: &'static str,
    status: u16,
    reason: &'static str,
    outcome: &'static str,
    sent: &'static str,
) -> Row {
    let origin = "gateway";
    Row { name, status: Some(status), reason, outcome: Some(outcome), sent, origin }
}

/// A gateway with a pool for each row: of one endpoint, without retries and queue, so that each failure
/// reaches the client.
struct Stage {
    gateway: Gateway,
    /// What must live as long.
    _endpoints: (Vec<Backend>, Vec<H2Backend>),
}

impl Stage {
    async fn build() -> Self {
        let plain = [
            ("refused", Behavior::RefuseConnections),
            ("dropped", Behavior::DropSyns),
            ("stale", Behavior::CloseOnReuse { executed: true, ending: Ending::Rst }),
            ("closed", Behavior::CloseBeforeAnswer(Ending::Fin)),
            ("silent", Behavior::AcceptAndSilent { reads: true }),
            ("garbage", Behavior::Garbage("no answer at all\r\n\r\n".into())),
            ("huge", Behavior::HugeHeader(3_000_000)),
            ("unavailable", Behavior::status(503)),
            (
                "cut",
                Behavior::TruncatedBody {
                    framing: Framing::ContentLength,
                    declared: 1000,
                    sent: 10,
                    ending: Ending::Fin,
                },
            ),
            ("left", Behavior::AcceptAndSilent { reads: true }),
        ];
        let mut gateway = Gateway::builder();
        let mut add = |name: &str, endpoint: String, yaml: &str| {
            gateway = std::mem::take(&mut gateway)
                .pool_of(name, &[endpoint])
                .pool_yaml("retry: { enabled: false }\nqueue: 0\nejection: { enabled: false }")
                .pool_yaml(yaml)
                .route_yaml(&format!("{{ path: /{name}/, pool: {name} }}"));
        };
        let mut backends = Vec::new();
        for (name, behavior) in plain {
            let backend = Backend::with(behavior).await;
            add(name, backend.addr().to_string(), "");
            backends.push(backend);
        }
        // A connection to everybody is nobody's (RFC 1122, section 4.2.3.10).
        add("unroutable", "255.255.255.255:80".to_owned(), "");
        let plain = Backend::start().await;
        add("no-tls", plain.addr().to_string(), "tls: { sni: shop.internal }");
        let unknown = self_signed().await;
        add("unknown", unknown.to_string(), "tls: { sni: shop.internal }");
        let refusing = H2Backend::with(H2Behavior::Refuse).await;
        add("stream", refusing.addr().to_string(), "protocol: h2");
        let off = Backend::start().await;
        add("nobody", format!("{{ address: {}, disabled: true }}", off.addr()), "");
        let busy = Backend::with(Behavior::AcceptAndSilent { reads: true }).await;
        add("busy", format!("{{ address: {}, max_requests: 1 }}", busy.addr()), "");
        backends.extend([plain, off, busy]);
        let gateway = gateway.start(binary()).await;
        Self { gateway, _endpoints: (backends, vec![refusing]) }
    }
}

/// An endpoint whose certificate nobody vouches for.
async fn self_signed() -> std::net::SocketAddr {
    let made = rcgen::generate_simple_self_signed(["shop.internal".to_owned()]).expect("made");
    let key = rustls::pki_types::PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .expect("a configuration");
    let acceptor = tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // The gateway hangs up in the middle.
            let _ = acceptor.accept(stream).await;
        }
    });
    address
}

/// What `switchback explain` says of a request.
fn explained(gateway: &Gateway, id: &str, format: &str) -> String {
    let output = Command::new(binary())
        .args(["explain", id, "--format", format, "--admin"])
        .arg(gateway.admin_addr().to_string())
        .output()
        .expect("the command");
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}{err}");
    out.into_owned()
}

async fn errors(gateway: &Gateway, row: &Row) -> f64 {
    let labels = [("origin", row.origin), ("reason", row.reason)];
    gateway.metric("switchback_client_errors_total", &labels).await
}

async fn attempts(gateway: &Gateway, row: &Row) -> f64 {
    let Some(outcome) = row.outcome else { return 0.0 };
    let labels = [("pool", row.name), ("outcome", outcome)];
    gateway.metric("switchback_attempts_total", &labels).await
}

/// The recent failures have just what the log has, and `explain` says it in words.
async fn told_alike(gateway: &Gateway, line: &Value, by_client: bool) {
    let id = line["id"].as_str().expect("an id");
    let target = format!("/api/v1/failures?by_clients={by_client}");
    let answer = gateway.admin("GET", &target).await.expect("the recent failures");
    assert_eq!(answer.status, 200, "{}", answer.text());
    let recent: Value = serde_json::from_str(&answer.text()).expect("JSON");
    let recent = recent["failures"].as_array().expect("a list");
    assert!(recent.contains(line), "{line}\nis not among {recent:?}");

    let alone: Value = serde_json::from_str(&explained(gateway, id, "json")).expect("JSON");
    assert_eq!(alone, *line);
    let text = explained(gateway, id, "text");
    let outcomes = line["attempts"].as_array().expect("attempts").iter();
    let words = outcomes.flat_map(|attempt| [&attempt["outcome"], &attempt["endpoint"]]);
    for word in words.chain([&line["id"], &line["path"]]).chain(line.get("reason")) {
        let word = word.as_str().expect("a word");
        assert!(text.contains(word), "{word} is not said:\n{text}");
    }
}

/// Asks for a row's path, and hears the story from all.
async fn tell(stage: &Stage, row: &Row, ask: impl AsyncFnOnce(&str) -> Option<Response>) {
    let gateway = &stage.gateway;
    let path = format!("/{}/{}", row.name, ulid());
    let before = (errors(gateway, row).await, attempts(gateway, row).await);
    let answer = ask(&path).await;
    let line = gateway.log_line_for(&path).await;

    let attempt = line["attempts"].as_array().and_then(|all| all.last()).cloned();
    let attempt = attempt.unwrap_or(Value::Null);
    assert_eq!(line["reason"], row.reason, "{line}");
    assert_eq!(line["origin"], row.origin, "{line}");
    assert_eq!(attempt["outcome"], json!(row.outcome), "{line}");
    if row.outcome.is_some() {
        assert_eq!(attempt.get("sent").unwrap_or(&"yes".into()), row.sent, "{line}");
    }
    if let Some(answer) = answer {
        let said = answer.header("proxy-status").expect("a Proxy-Status").to_owned();
        if row.origin == "endpoint" {
            assert_eq!(said, format!("switchback; received-status={}", answer.status));
        } else {
            assert_eq!(said, format!("switchback; error={}", row.reason), "{line}");
            assert_eq!(answer.header("x-request-id"), line["id"].as_str());
            assert!(answer.text().contains(line["id"].as_str().expect("an id")));
        }
        assert_eq!(
            (Some(answer.status), line["status"].as_u64()),
            (row.status, row.status.map(u64::from))
        );
    } else {
        assert_eq!(row.status, None, "{}: no answer", row.name);
    }
    let counted = async || errors(gateway, row).await - before.0 == 1.0;
    eventually(SOON, row.name, counted).await;
    let ended = f64::from(u8::from(row.outcome.is_some()));
    assert_eq!(attempts(gateway, row).await - before.1, ended, "{}", row.name);
    told_alike(gateway, &line, row.origin == "client").await;
}

/// Something that is in no other path.
fn ulid() -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("n{}-", NEXT.fetch_add(1, Ordering::Relaxed))
}

#[tokio::test]
async fn every_failure_is_told_alike_by_all() {
    let stage = Stage::build().await;
    let gateway = &stage.gateway;
    for row in [
        row("refused", 502, "connection_refused", "connection_refused", "no"),
        row("dropped", 504, "connection_timeout", "connection_timeout", "no"),
        row("unroutable", 502, "destination_ip_unroutable", "destination_ip_unroutable", "no"),
        row("no-tls", 502, "tls_protocol_error", "tls_protocol_error", "no"),
        row("unknown", 502, "tls_certificate_error", "tls_certificate_error", "no"),
        row("stream", 502, "connection_terminated", "stream_refused", "no"),
        row("closed", 502, "connection_terminated", "closed_before_answer", "maybe"),
        row("silent", 504, "http_response_timeout", "http_response_timeout", "maybe"),
        row("garbage", 502, "http_protocol_error", "http_protocol_error", "maybe"),
        row(
            "huge",
            502,
            "http_response_header_section_size",
            "http_response_header_section_size",
            "maybe",
        ),
        Row {
            origin: "endpoint",
            ..row("unavailable", 503, "failure_status", "failure_status", "yes")
        },
        Row { outcome: None, ..row("nobody", 503, "destination_unavailable", "", "") },
    ] {
        tell(&stage, &row, async |path| gateway.get(path).await.ok()).await;
    }
}

#[tokio::test]
async fn a_stale_connection_is_told_alike_by_all() {
    let stage = Stage::build().await;
    // The first answer leaves a connection that the next request dies on.
    assert_eq!(stage.gateway.get("/stale/first").await.expect("an answer").status, 200);
    let row = row("stale", 502, "connection_terminated", "stale_connection", "maybe");
    tell(&stage, &row, async |path| stage.gateway.get(path).await.ok()).await;
}

#[tokio::test]
async fn an_answer_that_is_cut_off_is_told_alike_by_all() {
    let stage = Stage::build().await;
    let (reason, outcome) = ("http_response_incomplete", "http_response_incomplete");
    let row = Row { status: None, ..row("cut", 0, reason, outcome, "yes") };
    tell(&stage, &row, async |path| {
        let cut = stage.gateway.get(path).await.expect("the beginning of an answer");
        assert!((cut.status, cut.complete) == (200, false), "{cut:?}");
        None
    })
    .await;
}

#[tokio::test]
async fn a_client_that_leaves_is_told_alike_by_all() {
    let stage = Stage::build().await;
    let row = Row {
        status: None,
        origin: "client",
        ..row("left", 0, "client_gone", "client_gone", "maybe")
    };
    tell(&stage, &row, async |path| {
        let mut client = stage.gateway.client().await;
        let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n");
        client.send_raw(request.as_bytes()).await.expect("sent");
        let at_work = [("pool", "left")];
        eventually(SOON, "it is there", async || {
            stage.gateway.metric("switchback_endpoint_in_flight", &at_work).await == 1.0
        })
        .await;
        client.close();
        None
    })
    .await;
}

#[tokio::test]
async fn a_pool_without_room_is_told_alike_by_all() {
    let stage = Stage::build().await;
    let mut first = stage.gateway.client().await;
    first.send_raw(b"GET /busy/first HTTP/1.1\r\nhost: a\r\n\r\n").await.expect("sent");
    let at_work = [("pool", "busy")];
    eventually(SOON, "it is there", async || {
        stage.gateway.metric("switchback_endpoint_in_flight", &at_work).await == 1.0
    })
    .await;
    let row = Row { outcome: None, ..row("busy", 503, "connection_limit_reached", "", "") };
    tell(&stage, &row, async |path| stage.gateway.get(path).await.ok()).await;
}

#[tokio::test]
async fn a_request_that_was_rescued_is_told_alike_by_all() {
    let backends = [Backend::with(Behavior::RefuseConnections).await, Backend::start().await];
    let gateway = Gateway::builder()
        .pool("web", &backends.each_ref().map(Backend::addr))
        .start(binary())
        .await;
    // One of two has the first turn.
    for turn in 0..2 {
        let answer = gateway.get(&format!("/turn-{turn}-")).await.expect("an answer");
        assert_eq!((answer.status, answer.header("proxy-status")), (200, None));
    }
    let rescued = |line: &Value| line["attempts"].as_array().is_some_and(|all| all.len() == 2);
    let line = gateway.wait_for_log(rescued, SOON).await;
    assert_eq!(line["attempts"][0]["outcome"], "connection_refused", "{line}");
    assert_eq!(line["attempts"][0]["decision"], "retry", "{line}");
    assert_eq!(line["attempts"][1]["outcome"], "completed", "{line}");
    assert_eq!((line.get("reason"), &line["status"]), (None, &json!(200)), "{line}");
    told_alike(&gateway, &line, false).await;
    assert_eq!(gateway.metric("switchback_requests_rescued_total", &[]).await, 1.0);
    assert_eq!(gateway.metric("switchback_client_errors_total", &[]).await, 0.0);
    let refused = [("outcome", "connection_refused")];
    assert_eq!(gateway.metric("switchback_attempts_total", &refused).await, 1.0);
    let retries = [("decision", "retry")];
    assert_eq!(gateway.metric("switchback_retries_total", &retries).await, 1.0);
}
