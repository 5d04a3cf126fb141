//! A raw client against the real server.

mod api;
mod fake;
mod openapi;
mod pages;
mod slow;
mod unix;

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use switchback_telemetry::{Metrics, Vocabulary};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::*;
use fake::Fake;

const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Default)]
struct Reasons(Mutex<Vec<String>>);

impl Readiness for Reasons {
    fn reasons_not_ready(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

fn at(address: SocketAddr) -> Address {
    Address::Tcp(address)
}

/// What a listener tells about; without reasons against its readiness yet.
fn state(operator: Option<Arc<Fake>>) -> (AdminState, Arc<Reasons>) {
    let reasons = Arc::new(Reasons::default());
    let vocabulary = Vocabulary {
        outcomes: &[],
        statuses: &[],
        decisions: &[],
        reasons: &[],
        refusals: &[],
        causes: &[],
    };
    let metrics = Arc::new(Metrics::new(vocabulary, "1.2.3", SystemTime::now()));
    let readiness = Arc::<Reasons>::clone(&reasons);
    let operator = operator.map(|it| it as Arc<dyn Operator>);
    (AdminState { metrics, readiness, operator }, reasons)
}

struct Admin {
    address: SocketAddr,
    reasons: Arc<Reasons>,
    shutdown: oneshot::Sender<()>,
    server: JoinHandle<std::io::Result<()>>,
}

impl Admin {
    async fn start() -> Self {
        Self::with(None).await
    }

    async fn of(operator: &Arc<Fake>) -> Self {
        Self::with(Some(operator.clone())).await
    }

    async fn with(operator: Option<Arc<Fake>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (state, reasons) = state(operator);
        let (shutdown, ended) = oneshot::channel();
        let server = tokio::spawn(serve(listener, state, async {
            // A test that is over shuts down, too.
            let _ = ended.await;
        }));
        Self { address, reasons, shutdown, server }
    }

    /// Sends raw bytes and reads to the end: head and body.
    async fn ask(&self, request: &str) -> (String, String) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        let read = stream.read_to_string(&mut answer);
        timeout(PATIENCE, read).await.expect("an answer in time").unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        (head.to_ascii_lowercase(), body.to_owned())
    }

    async fn get(&self, path: &str) -> (String, String) {
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: admin\r\n\r\n")).await
    }
}

#[tokio::test]
async fn alive_is_whoever_answers() {
    let admin = Admin::start().await;
    admin.reasons.0.lock().unwrap().push("no listener yet".to_owned());
    let (head, body) = admin.get("/livez").await;
    assert!(head.starts_with("http/1.1 200 "), "{head}");
    assert!(head.contains("\r\ncache-control: no-store"), "{head}");
    assert_eq!(body, "ok");
}

#[tokio::test]
async fn not_ready_says_why_line_by_line() {
    let admin = Admin::start().await;
    let (head, body) = admin.get("/readyz").await;
    assert!(head.starts_with("http/1.1 200 "), "{head}");
    assert_eq!(body, "ready");

    let reasons = ["draining", "pool api: no endpoint\nis healthy"];
    *admin.reasons.0.lock().unwrap() = reasons.map(str::to_owned).into();
    let (head, body) = admin.get("/readyz").await;
    assert!(head.starts_with("http/1.1 503 "), "{head}");
    assert!(head.contains("content-type: text/plain"), "{head}");
    assert_eq!(body, "not ready\ndraining\npool api: no endpoint is healthy\n");
}

#[tokio::test]
async fn metrics_come_with_their_media_type() {
    let admin = Admin::start().await;
    let (head, body) = admin.get("/metrics").await;
    assert!(head.starts_with("http/1.1 200 "), "{head}");
    assert!(
        head.contains("\r\ncontent-type: text/plain; version=0.0.4; charset=utf-8\r\n"),
        "{head}"
    );
    assert!(body.contains("\nswitchback_build_info{version=\"1.2.3\"} 1\n"), "{body}");
    assert!(body.contains("# TYPE switchback_build_info gauge\n"), "{body}");

    let accept = "Accept: application/openmetrics-text; version=1.0.0, */*; q=0.1";
    let request = format!("GET /metrics HTTP/1.1\r\nHost: admin\r\n{accept}\r\n\r\n");
    let (head, body) = admin.ask(&request).await;
    let kind = "\r\ncontent-type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n";
    assert!(head.contains(kind), "{head}");
    assert!(body.contains("# TYPE switchback_build info\n"), "{body}");
    assert!(body.ends_with("# EOF\n"));
}

#[tokio::test]
async fn another_path_is_told_the_three() {
    let admin = Admin::start().await;
    for path in ["/", "/health", "/metrics/", "/livez/x"] {
        let (head, body) = admin.get(path).await;
        assert!(head.starts_with("http/1.1 404 "), "{path}: {head}");
        assert!(head.contains("\r\ncache-control: no-store"), "{head}");
        for known in ["/livez", "/readyz", "/metrics"] {
            assert!(body.contains(known), "{path}: {body}");
        }
    }
}

#[tokio::test]
async fn a_method_that_is_not_offered_is_refused() {
    let admin = Admin::start().await;
    let request = "POST /metrics HTTP/1.1\r\nHost: admin\r\nContent-Length: 2\r\n\r\nhi";
    let (head, _) = admin.ask(request).await;
    assert!(head.starts_with("http/1.1 405 "), "{head}");
    assert!(head.contains("\r\nallow: get,head"), "{head}");
    let (head, body) = admin.ask("HEAD /livez HTTP/1.1\r\nHost: admin\r\n\r\n").await;
    assert!(head.starts_with("http/1.1 200 "), "{head}");
    assert_eq!(body, "");
}

#[tokio::test]
async fn a_header_that_is_too_large_is_refused() {
    let admin = Admin::start().await;
    let mut stream = TcpStream::connect(admin.address).await.unwrap();
    let request = format!("GET /livez HTTP/1.1\r\nHost: admin\r\nX: {}", "x".repeat(64 * 1024));
    // The server may have closed before it has read everything.
    let _ = stream.write_all(request.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("an end in time");
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431 "), "{answer}");
}

#[tokio::test]
async fn a_client_that_never_ends_its_header_is_cut_off() {
    let admin = Admin::start().await;
    let mut stream = TcpStream::connect(admin.address).await.unwrap();
    stream.write_all(b"GET /livez HTTP/1.1\r\nHost:").await.unwrap();
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    timeout(PATIENCE, read).await.expect("to be cut off").unwrap();
    assert!(!answer.starts_with(b"HTTP/1.1 200"));
}

#[tokio::test]
async fn more_idle_clients_than_places_do_not_shut_the_others_out_for_ever() {
    let admin = Admin::start().await;
    let mut idle = Vec::new();
    for _ in 0..100 {
        idle.push(TcpStream::connect(admin.address).await.unwrap());
    }
    let (head, _) = admin.get("/livez").await;
    assert!(head.starts_with("http/1.1 200 "), "{head}");
}

#[tokio::test]
async fn shutdown_ends_the_server_though_a_client_hangs_on() {
    let admin = Admin::start().await;
    let mut idle = TcpStream::connect(admin.address).await.unwrap();
    idle.write_all(b"GET /livez HTTP/1.1\r\n").await.unwrap();
    admin.get("/livez").await;
    admin.shutdown.send(()).unwrap();
    timeout(PATIENCE, admin.server).await.expect("an end in time").unwrap().unwrap();
    assert!(TcpStream::connect(admin.address).await.is_err());
}

#[tokio::test]
async fn a_probe_returns_status_and_body() {
    let admin = Admin::start().await;
    let address = admin.address;
    let ask = |path: &'static str| {
        tokio::task::spawn_blocking(move || probe(&at(address), path, PATIENCE))
    };
    assert_eq!(ask("/readyz").await.unwrap().unwrap(), (200, "ready".to_owned()));
    admin.reasons.0.lock().unwrap().push("draining".to_owned());
    let answer = ask("/readyz").await.unwrap().unwrap();
    assert_eq!(answer, (503, "not ready\ndraining\n".to_owned()));
    let refused = ask("/x HTTP/1.0\r\n").await.unwrap().unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidInput);
}

#[tokio::test]
async fn an_answer_is_fetched_whole() {
    let admin = Admin::start().await;
    let address = admin.address;
    let ask = |path: &'static str, limit| {
        tokio::task::spawn_blocking(move || {
            fetch(&at(address), &Request::get(path), limit, PATIENCE)
        })
    };
    let answer = ask("/metrics", 1 << 20).await.unwrap().unwrap();
    assert_eq!(answer.status, 200);
    let text = String::from_utf8(answer.body).unwrap();
    let last = text.strip_suffix('\n').and_then(|text| text.lines().last());
    assert!(last.is_some_and(|line| line.starts_with("process_start_time_seconds ")), "{text}");
    assert_eq!(ask("/api/v1/config", 1 << 20).await.unwrap().unwrap().status, 404);
    let refused = ask("/metrics", 10).await.unwrap().unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::FileTooLarge);
}

#[test]
fn a_probe_of_a_silent_server_ends_in_time() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let error = probe(&at(address), "/livez", Duration::from_millis(50)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    let error =
        fetch(&at(address), &Request::get("/livez"), 10, Duration::from_millis(50)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
}

#[test]
fn a_probe_of_something_else_says_that_it_is_not_http() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        use std::io::{Read, Write};
        let (mut stream, _) = listener.accept().unwrap();
        assert!(stream.read(&mut [0; 1024]).unwrap() > 0);
        stream.write_all(b"220 mail.example.com ESMTP\r\n\r\n").unwrap();
    });
    let error = probe(&at(address), "/livez", PATIENCE).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    server.join().unwrap();
}
