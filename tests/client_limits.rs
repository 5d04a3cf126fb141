//! What a client may cost: `limits`, each with what is over it, and what is just within.
//!
//! What is over a limit is answered where somebody can read the answer, logged and counted; and what is
//! slow for another reason than its client is not held against the client.

#[path = "client_limits/bodies.rs"]
mod bodies;
#[path = "client_limits/connections.rs"]
mod connections;
#[path = "client_limits/heads.rs"]
mod heads;
#[path = "client_limits/memory.rs"]
mod memory;
#[path = "client_limits/readers.rs"]
mod readers;

use std::net::SocketAddr;
use std::ops::Range;
use std::path::Path;
use std::time::{Duration, Instant};

use switchback_testkit::{Backend, Client, Gateway, Response};
use tokio::net::{TcpSocket, TcpStream};

/// Far more than anything here takes.
const SOON: Duration = ms(10_000);

const REQUESTS: &str = "switchback_requests_refused_total";
const CONNECTIONS: &str = "switchback_connections_refused_total";

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_switchback"))
}

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A gateway with these `limits`, whose endpoint may take its time.
async fn limited(backend: &Backend, limits: &str) -> Gateway {
    Gateway::builder()
        .pool("web", &[backend.addr()])
        .pool_yaml(
            "timeouts: { connect: 500ms, first_byte: 15s, idle: 15s, write: 15s, request: 20s }",
        )
        .main_yaml(&format!("limits: {{ {limits} }}"))
        .start(binary())
        .await
}

/// How often this was refused for that.
async fn refused(gateway: &Gateway, metric: &str, reason: &str) -> f64 {
    gateway.metric(metric, &[("reason", reason)]).await
}

/// How often a client was stopped by this limit.
async fn hit(gateway: &Gateway, limit: &str) -> f64 {
    gateway.metric("switchback_limits_hit_total", &[("limit", limit)]).await
}

/// The answer is a refusal, and the connection ends behind it: with FIN.
async fn assert_refused(gateway: &Gateway, client: &mut Client, status: u16) -> Response {
    let answer = client.read_response(SOON).await.unwrap_or_else(|e| panic!("{status}: {e}"));
    assert_eq!((answer.status, answer.complete), (status, true), "{}", answer.text());
    assert_eq!(answer.header("connection"), Some("close"));
    let said = answer.header("proxy-status").unwrap_or_default();
    assert!(said.starts_with("switchback; error=http_request_error; details=\""), "{said}");
    assert_ended(client).await;
    let text = answer.text();
    let id = text.lines().find_map(|line| line.strip_prefix("request id: ")).expect("an id");
    let line = gateway.log_line_for(id).await;
    assert_eq!((&line["status"], &line["origin"]), (&status.into(), &"client".into()), "{line}");
    assert_eq!(line["reason"], "http_request_error", "{line}");
    answer
}

/// Nothing more comes but the end.
async fn assert_ended(client: &mut Client) {
    let (more, end) = client.read_to_end().await;
    assert!(more.is_empty(), "{}", String::from_utf8_lossy(&more));
    assert!(end.is_ok(), "{end:?}");
}

/// So long ago, in milliseconds.
#[track_caller]
fn assert_took(began: Instant, range: Range<u64>) {
    let took = began.elapsed();
    assert!((ms(range.start)..ms(range.end)).contains(&took), "{took:?} is not within {range:?}");
}

/// A connection from another address of this machine, or with a small window.
async fn connect(to: SocketAddr, from: &str, window: Option<u32>) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(SocketAddr::new(from.parse().expect("an address"), 0)).expect("bound");
    if let Some(window) = window {
        socket.set_recv_buffer_size(window).expect("a window");
    }
    socket.connect(to).await.expect("a connection")
}
