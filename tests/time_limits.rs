//! Time limits: each ends what it is for, and nothing else.

use std::path::Path;
use std::time::{Duration, Instant};

use switchback_testkit::{
    Answer, Backend, Behavior, Client, Framing, Gateway, TEST_ID, eventually,
};

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_switchback"))
}

async fn gateway(backends: &[Backend], timeouts: &str) -> Gateway {
    let addresses: Vec<_> = backends.iter().map(Backend::addr).collect();
    Gateway::builder()
        .pool("web", &addresses)
        .pool_yaml(&format!("timeouts: {{ connect: 500ms, {timeouts} }}"))
        .start(binary())
        .await
}

const SOON: Duration = Duration::from_secs(5);

#[tokio::test]
async fn a_stream_with_gaps_longer_than_the_first_byte_limit_lives() {
    let gap = Duration::from_millis(500);
    let framing = Framing::Chunked;
    let backend = Backend::with(Behavior::SlowBody { framing, piece: 8, count: 4, gap }).await;
    let limits = "first_byte: 200ms, idle: 2s, request: 300ms";
    let gateway = gateway(std::slice::from_ref(&backend), limits).await;
    let answer = gateway.get("/events").await.expect("an answer");
    assert!(answer.complete, "ended as {:?}", answer.end);
    assert_eq!(answer.body.len(), 32);
}

#[tokio::test]
async fn a_silent_body_is_cut_after_the_idle_limit() {
    let framing = Framing::Chunked;
    let stalls = Behavior::StalledBody { framing, declared: 100, sent: 10 };
    let backend = Backend::with(stalls).await;
    let gateway = gateway(std::slice::from_ref(&backend), "first_byte: 5s, idle: 300ms").await;
    let began = Instant::now();
    let answer = gateway.get("/stall").await.expect("a header");
    assert!(!answer.complete);
    assert!((250..1_500).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
    let line = gateway.log_line_for("/stall").await;
    assert_eq!(line["reason"], "http_response_incomplete", "{line}");
}

#[tokio::test]
async fn a_slow_upload_is_the_clients_own_affair() {
    let backends = Backend::start_many(2).await;
    for backend in &backends {
        backend.set(Behavior::Echo { body: true });
    }
    let gateway = gateway(&backends, "first_byte: 200ms, idle: 200ms, request: 300ms").await;
    let mut client = gateway.client().await;
    let head = "PUT /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\nx-test-id: slow\r\n\r\n";
    client.send_raw(head.as_bytes()).await.expect("sent");
    for part in [b"01234", b"56789"] {
        tokio::time::sleep(Duration::from_millis(600)).await;
        client.send_raw(part).await.expect("sent");
    }
    let answer = client.read_response(SOON).await.expect("an answer");
    assert_eq!(answer.status, 200);
    let executions: u64 = backends.iter().map(|backend| backend.executions("slow")).sum();
    assert_eq!(executions, 1, "nobody was blamed and nothing was repeated");
}

#[tokio::test]
async fn a_header_that_trickles_in_is_ended_by_the_first_byte_limit() {
    let gap = Duration::from_millis(100);
    let drips = Behavior::SlowHeader { answer: Answer::ok("x"), gap };
    let backend = Backend::with(drips).await;
    let gateway = gateway(std::slice::from_ref(&backend), "first_byte: 400ms, request: 2s").await;
    let began = Instant::now();
    assert_eq!(gateway.get("/").await.expect("an answer").status, 504);
    assert!(began.elapsed() < Duration::from_millis(1_500), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_late_rescue_may_stream_for_as_long_as_it_likes() {
    let backends = Backend::start_many(2).await;
    let gap = Duration::from_millis(400);
    let framing = Framing::Chunked;
    backends[0].set(Behavior::AcceptAndSilent { reads: true });
    backends[1].set(Behavior::SlowBody { framing, piece: 8, count: 4, gap });
    let gateway = gateway(&backends, "first_byte: 500ms, idle: 2s, request: 800ms").await;
    for _ in 0..2 {
        let answer = gateway.get("/").await.expect("an answer");
        assert_eq!((answer.status, answer.complete), (200, true), "ended as {:?}", answer.end);
    }
    assert!(backends[0].requests() > 0, "the fault was never met");
}

#[tokio::test]
async fn a_slow_reader_is_no_silent_endpoint() {
    let body = vec![7; 8_000_000];
    let backend = Backend::with(Behavior::Answer(Answer::ok(body))).await;
    let gateway = gateway(std::slice::from_ref(&backend), "first_byte: 1s, idle: 300ms").await;
    let mut client = gateway.client().await;
    client.send_raw(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n").await.expect("sent");
    // Long enough for every buffer on the way to fill, and for the limit to pass twice.
    tokio::time::sleep(Duration::from_millis(900)).await;
    let answer = client.read_response(Duration::from_secs(10)).await.expect("an answer");
    assert_eq!((answer.complete, answer.body.len()), (true, 8_000_000), "{:?}", answer.end);
}

async fn upgraded(gateway: &Gateway) -> Client {
    let mut client = gateway.client().await;
    let request = "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    client.send_raw(request.as_bytes()).await.expect("sent");
    let mut got = Vec::new();
    while !got.windows(4).any(|end| end == b"\r\n\r\n") {
        got.extend(client.read_raw().await.expect("bytes"));
    }
    client
}

#[tokio::test]
async fn a_quiet_websocket_lives_until_the_tunnel_limit() {
    let backend = Backend::with(Behavior::Upgrade).await;
    let limits = "first_byte: 200ms, idle: 200ms, request: 300ms, tunnel: 1500ms";
    let gateway = gateway(std::slice::from_ref(&backend), limits).await;
    let mut client = upgraded(&gateway).await;
    for _ in 0..2 {
        tokio::time::sleep(Duration::from_millis(900)).await;
        client.send_raw(b"ping").await.expect("sent");
        assert_eq!(client.read_raw().await.expect("bytes"), b"ping");
    }
    let began = Instant::now();
    let (left, _) = client.read_to_end().await;
    assert!(left.is_empty());
    assert!((1_200..3_000).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
    let line = gateway.log_line_for("/chat").await;
    assert_eq!(line["attempts"][0]["outcome"], "completed", "{line}");
    assert!(line.get("reason").is_none(), "{line}");
}

#[tokio::test]
async fn after_a_limit_the_same_request_goes_to_another_endpoint() {
    let backends = Backend::start_many(2).await;
    let gateway = gateway(&backends, "first_byte: 200ms, request: 5s").await;
    backends[0].set(Behavior::AcceptAndSilent { reads: true });
    let mut client = gateway.client().await;
    for n in 0..4 {
        let body = vec![b'x'; 30_000];
        let id = format!("put-{n}");
        let answer = client.request("PUT", "/", &[(TEST_ID, &id)], &body).await;
        assert_eq!(answer.expect("an answer").status, 200);
        assert_eq!(backends[1].executions(&id), 1);
    }
    let idle = async || gateway.metric("switchback_endpoint_in_flight", &[]).await == 0.0;
    eventually(SOON, "nothing in flight", idle).await;
}

#[tokio::test]
async fn however_a_body_is_cut_into_chunks_a_silent_endpoint_is_noticed() {
    let backends = Backend::start_many(2).await;
    backends[0].set(Behavior::AcceptAndSilent { reads: true });
    let gateway = gateway(&backends, "first_byte: 300ms, request: 5s").await;
    for chunks in 1..=9 {
        // Twice: whichever endpoint is first in turn, one of them meets the fault.
        for turn in 0..2 {
            let mut client = gateway.client().await;
            let body = "1\r\nx\r\n".repeat(chunks);
            let request = format!(
                "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{body}0\r\n\r\n"
            );
            client.send_raw(request.as_bytes()).await.expect("sent");
            let answer = client.read_response(Duration::from_secs(3)).await;
            let status = answer.map(|answer| answer.status);
            assert!(matches!(status, Ok(200)), "{chunks} chunks, turn {turn}: {status:?}");
        }
    }
    assert!(backends[0].requests() > 0, "the fault was never met");
}

#[tokio::test]
async fn an_early_answer_is_complete_though_its_client_pauses() {
    let backends = Backend::start_many(2).await;
    for backend in &backends {
        let answer = Answer::status(204);
        let then = switchback_testkit::Early::Keep;
        backend.set(Behavior::EarlyAnswer { answer, then });
    }
    let gateway = gateway(&backends, "first_byte: 200ms, idle: 200ms, request: 5s").await;
    let mut client = gateway.client().await;
    let head = "PUT /early HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n";
    client.send_raw(head.as_bytes()).await.expect("sent");
    let answer = client.read_response(SOON).await.expect("an answer");
    assert_eq!((answer.status, answer.complete), (204, true));
    tokio::time::sleep(Duration::from_millis(700)).await;
    client.close();
    let line = gateway.log_line_for("/early").await;
    assert_eq!(line["attempts"].as_array().map(Vec::len), Some(1), "not repeated: {line}");
    assert_ne!(line["origin"], "gateway", "{line}");
}
