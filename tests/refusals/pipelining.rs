//! Requests that do not wait for answers, and requests that come in pieces.

use std::io::Write;
use std::time::{Duration, Instant};

use switchback_testkit::{Backend, Behavior, Gateway, eventually, hash};

use super::{SMUGGLED, SOON, assert_ended, assert_refused, binary, ms, one, seen};

/// Ten requests, and for each its target and body.
fn ten() -> (Vec<u8>, Vec<(String, Vec<u8>)>) {
    let (mut bytes, mut expected) = (Vec::new(), Vec::new());
    for n in 0..10_usize {
        let target = format!("/{n}");
        let (method, body) = match n % 5 {
            0 => ("GET", Vec::new()),
            1 => ("POST", format!("{n}").repeat(7).into_bytes()),
            2 => ("PUT", vec![b'x'; 20_000]),
            3 => ("POST", b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n".to_vec()),
            _ => ("POST", Vec::new()),
        };
        let head = format!("{method} {target} HTTP/1.1\r\nHost: a\r\n");
        // Writing to a vector cannot fail.
        let _ = match (method, n % 2) {
            ("GET", _) => write!(bytes, "{head}\r\n"),
            (_, 0) => write!(bytes, "{head}Content-Length: {}\r\n\r\n", body.len()),
            _ => write!(bytes, "{head}Transfer-Encoding: chunked\r\n\r\n"),
        };
        match (method, n % 2) {
            ("GET", _) => {}
            (_, 0) => bytes.extend(&body),
            _ => {
                for piece in body.chunks(6_000) {
                    let _ = write!(bytes, "{:x}\r\n", piece.len());
                    bytes.extend(piece);
                    bytes.extend(b"\r\n");
                }
                bytes.extend(b"0\r\nX-Trailer: a\r\n\r\n");
            }
        }
        expected.push((target, body));
    }
    (bytes, expected)
}

#[tokio::test]
async fn requests_in_one_packet_are_answered_in_their_order() {
    let (backend, gateway) = one().await;
    let (bytes, expected) = ten();
    for size in [bytes.len(), 4_099, 61] {
        backend.clear();
        let mut client = gateway.client().await;
        for piece in bytes.chunks(size) {
            client.send_raw(piece).await.expect("sent");
        }
        for (target, body) in &expected {
            let answer = client.read_response(SOON).await;
            let said = answer.unwrap_or_else(|e| panic!("{target} by {size}: {e}")).json();
            assert_eq!(said["target"], **target, "by {size}");
            assert_eq!(said["body_hash"], format!("{:016x}", hash(body)), "{target} by {size}");
        }
        let targets: Vec<_> = backend.recorded().into_iter().map(|it| it.target).collect();
        let sent: Vec<_> = expected.iter().map(|(target, _)| target.clone()).collect();
        assert_eq!(targets, sent, "each once, by {size}");
        assert!(client.is_reusable());
    }
}

#[tokio::test]
async fn a_request_in_single_bytes_is_one_request() {
    let (backend, gateway) = one().await;
    let mut client = gateway.client().await;
    let body = "5;a\r\nhello\r\n0\r\nA: b\r\n\r\n";
    let head = "\r\nPUT /slow HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    for _ in 0..2 {
        for byte in (head.to_owned() + body).bytes() {
            client.send_raw(&[byte]).await.expect("sent");
            tokio::task::yield_now().await;
        }
        let answer = client.read_response(SOON).await.expect("an answer");
        assert_eq!(answer.json()["body"], "hello");
    }
    assert_eq!(seen(&backend), ["PUT /slow", "PUT /slow"]);
}

#[tokio::test]
async fn those_before_a_malformed_one_are_answered_and_those_behind_never_run() {
    let (backend, gateway) = one().await;
    for (malformed, status) in [
        ("GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n!", 400),
        ("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 405),
        ("GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505),
    ] {
        backend.clear();
        let sound = "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n\
                     POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi\r\n\
                     GET /3 HTTP/1.1\r\nHost: a\r\n\r\n";
        let mut client = gateway.client().await;
        let bytes = format!("{sound}{malformed}{SMUGGLED}{SMUGGLED}");
        client.send_raw(bytes.as_bytes()).await.expect("sent");
        for target in ["/1", "/2", "/3"] {
            let answer = client.read_response(SOON).await.expect("an answer");
            assert_eq!(answer.json()["target"], target, "before {malformed:?}");
        }
        let answer = client.read_response(SOON).await.expect("an answer");
        assert_refused(&answer, malformed, status);
        assert_ended(client, malformed).await;
        assert_eq!(seen(&backend), ["GET /1", "POST /2", "GET /3"], "{malformed:?}");
    }
}

#[tokio::test]
async fn http10_keeps_a_connection_only_where_it_asks_for_it() {
    let (backend, gateway) = one().await;
    let mut client = gateway.client().await;
    for n in 0..3 {
        let request = format!("GET /{n} HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n");
        client.send_raw(request.as_bytes()).await.expect("sent");
        let answer = client.read_response(SOON).await.expect("an answer");
        assert_eq!(answer.json()["target"], format!("/{n}"));
        let connection = answer.header("connection").unwrap_or_default();
        assert!(connection.eq_ignore_ascii_case("keep-alive"), "{connection}");
    }
    let request = format!("GET /last HTTP/1.0\r\n\r\n{SMUGGLED}");
    client.send_raw(request.as_bytes()).await.expect("sent");
    let answer = client.read_response(SOON).await.expect("an answer");
    assert_eq!(answer.json()["target"], "/last");
    assert_ended(client, "after the last").await;
    assert_eq!(backend.requests(), 4);
}

#[tokio::test]
async fn after_connection_close_nothing_runs() {
    let (backend, gateway) = one().await;
    let mut client = gateway.client().await;
    let last = "GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let behind = SMUGGLED.repeat(100);
    client.send_raw((last.to_owned() + &behind).as_bytes()).await.expect("sent");
    let answer = client.read_response(SOON).await.expect("an answer");
    assert_eq!(answer.json()["target"], "/last");
    assert_eq!(answer.header("connection"), Some("close"));
    assert_ended(client, "after the last").await;
    assert_eq!(seen(&backend), ["GET /last"]);
}

#[tokio::test]
async fn requests_that_wait_for_nobody_are_their_client_s_however_many_come_at_once() {
    // Answered by the gateway itself: nothing has them wait, and Tokio puts one off now and then.
    let (backend, gateway) = one().await;
    let mut client = gateway.client().await;
    let request = "OPTIONS /own HTTP/1.1\r\nHost: a\r\nMax-Forwards: 0\r\n\r\n";
    client.send_raw(request.repeat(400).as_bytes()).await.expect("sent");
    for _ in 0..400 {
        assert_eq!(client.read_response(SOON).await.expect("an answer").status, 200);
    }
    assert_eq!(backend.requests(), 0);
    let own = || gateway.log().into_iter().filter(|line| line["path"] == "/own");
    eventually(SOON, "all lines", || async { own().count() == 400 }).await;
    for line in own() {
        assert_eq!(line["client"], "127.0.0.1", "{line}");
    }
}

/// A gateway whose endpoints take a request and say nothing, but the last of them.
async fn silent(count: usize, timeouts: &str) -> (Vec<Backend>, Gateway) {
    let backends = Backend::start_many(count).await;
    backends[0].set(Behavior::AcceptAndSilent { reads: true });
    let addresses: Vec<_> = backends.iter().map(Backend::addr).collect();
    let gateway = Gateway::builder()
        .pool("web", &addresses)
        .pool_yaml(&format!("timeouts: {{ connect: 500ms, {timeouts} }}"))
        .start(binary())
        .await;
    (backends, gateway)
}

/// A request that is not answered.
const FIRST: &str = "GET /hangs HTTP/1.1\r\nHost: a\r\n\r\n";

/// The next request of a client, long before the answer to the one before.
fn two(padding: usize) -> Vec<u8> {
    let next = format!("GET /next HTTP/1.1\r\nHost: a\r\nA: {}\r\n\r\n", "b".repeat(padding));
    (FIRST.to_owned() + &next).into_bytes()
}

#[tokio::test]
async fn a_client_that_is_ahead_waits_no_longer_than_others() {
    let (backends, gateway) = silent(1, "first_byte: 400ms, request: 5s").await;
    // Less and more than what is read ahead, in one packet and in two.
    for (padding, gap) in [(0, 0), (0, 100), (30_000, 0), (30_000, 100)] {
        backends[0].clear();
        let mut client = gateway.client().await;
        let bytes = two(padding);
        let (first, next) = bytes.split_at(FIRST.len());
        let began = Instant::now();
        if gap == 0 {
            client.send_raw(&bytes).await.expect("sent");
        } else {
            client.send_raw(first).await.expect("sent");
            tokio::time::sleep(ms(gap)).await;
            client.send_raw(next).await.expect("sent");
        }
        let answer = client.read_response(SOON).await.expect("an answer");
        let took = began.elapsed();
        assert_eq!(answer.status, 504, "{padding}, {gap}");
        assert!((ms(350)..ms(2_000)).contains(&took), "{padding}, {gap}: {took:?}");
        assert_ended(client, "after the limit").await;
        assert_eq!(seen(&backends[0]), ["GET /hangs"], "{padding}, {gap}");
    }
}

#[tokio::test]
async fn a_client_that_is_ahead_is_rescued_like_others() {
    let (backends, gateway) = silent(2, "first_byte: 300ms, request: 5s").await;
    for _ in 0..4 {
        let mut client = gateway.client().await;
        client.send_raw(&two(0)).await.expect("sent");
        for _ in 0..2 {
            let answer = client.read_response(SOON).await.expect("an answer");
            assert_eq!(answer.status, 200);
        }
        assert!(client.is_reusable());
    }
    assert!(backends[0].requests() > 0, "the fault was never met");
}

#[tokio::test]
async fn a_client_that_is_ahead_and_leaves_is_noticed() {
    const LONG: Duration = ms(8_000);
    let (backends, gateway) = silent(1, "first_byte: 20s, request: 20s").await;
    for (padding, ends) in [(0, "reset"), (10_000, "reset"), (0, "close")] {
        backends[0].clear();
        let mut client = gateway.client().await;
        // That it has closed its half says nothing while a request of it waits.
        let bytes = if ends == "close" { two(0)[..FIRST.len()].to_vec() } else { two(padding) };
        client.send_raw(&bytes).await.expect("sent");
        eventually(SOON, "it hangs", async || backends[0].requests() == 1).await;
        match ends {
            "reset" => client.reset(),
            _ => client.close(),
        }
        let left = async || backends[0].open_connections() == 0;
        eventually(LONG, &format!("{padding}, {ends}: the endpoint is left"), left).await;
        assert_eq!(seen(&backends[0]), ["GET /hangs"], "{padding}, {ends}");
    }
}
