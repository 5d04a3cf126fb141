//! Upgrades: what a client sends before it is told whether it is one.

use std::time::Instant;

use switchback_testkit::{Behavior, Client, Gateway};

use super::{SMUGGLED, SOON, ms, one, seen};

const UPGRADE: &str = "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// The head of the answer, and what has come behind it.
async fn head(client: &mut Client) -> (String, Vec<u8>) {
    let mut got = Vec::new();
    loop {
        if let Some(end) = got.windows(4).position(|end| end == b"\r\n\r\n") {
            let rest = got.split_off(end + 4);
            return (String::from_utf8_lossy(&got).into_owned(), rest);
        }
        let more = client.read_raw().await.expect("bytes");
        assert!(!more.is_empty(), "{}", String::from_utf8_lossy(&got));
        got.extend(more);
    }
}

async fn exactly(client: &mut Client, mut got: Vec<u8>, expected: &[u8]) {
    while got.len() < expected.len() {
        let more = client.read_raw().await.expect("bytes");
        assert!(!more.is_empty(), "after {} bytes", got.len());
        got.extend(more);
    }
    assert!(got == expected, "{:.200}", String::from_utf8_lossy(&got));
}

async fn upgraded(gateway: &Gateway, early: &[u8], late: &[u8]) -> Client {
    let mut client = gateway.client().await;
    client.send_raw(&[UPGRADE.as_bytes(), early].concat()).await.expect("sent");
    let (answer, got) = head(&mut client).await;
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    client.send_raw(late).await.expect("sent");
    exactly(&mut client, got, &[early, late].concat()).await;
    client
}

/// Bytes of the new protocol, whatever they look like.
#[tokio::test]
async fn what_was_sent_before_the_101_is_not_lost() {
    let (backend, gateway) = one().await;
    backend.set(Behavior::Upgrade);
    let large = vec![b'x'; 100_000];
    for early in [b"".as_slice(), b"hello", SMUGGLED.as_bytes(), b"\0\r\n\r\n", &large] {
        let mut client = upgraded(&gateway, early, b"and more").await;
        client.send_raw(SMUGGLED.as_bytes()).await.expect("sent");
        exactly(&mut client, Vec::new(), SMUGGLED.as_bytes()).await;
        client.close();
    }
    assert_eq!(seen(&backend), ["GET /chat"; 5]);
}

#[tokio::test]
async fn an_upgrade_that_is_declined_is_a_request_like_others() {
    let (backend, gateway) = one().await;
    // One after the other, and in one packet.
    let mut client = gateway.client().await;
    for _ in 0..2 {
        client.send_raw(UPGRADE.as_bytes()).await.expect("sent");
        let answer = client.read_response(SOON).await.expect("an answer");
        assert_eq!((answer.status, &answer.json()["target"]), (200, &"/chat".into()));
        let answer = client.get("/next").await.expect("an answer");
        assert_eq!(answer.json()["target"], "/next");
    }
    let bytes = format!("{UPGRADE}{SMUGGLED}{UPGRADE}");
    client.send_raw(bytes.as_bytes()).await.expect("sent");
    for target in ["/chat", "/smuggled", "/chat"] {
        let answer = client.read_response(SOON).await.expect("an answer");
        assert_eq!(answer.json()["target"], target);
    }
    assert_eq!(backend.requests(), 7);
    assert!(client.is_reusable());
}

/// With a length, the body comes before what is no HTTP any more.
#[tokio::test]
async fn an_upgrade_with_a_body_sends_that_first() {
    let (backend, gateway) = one().await;
    let head = UPGRADE.replace("GET", "POST").replace("Host: a", "Host: a\r\nContent-Length: 5");
    let mut client = gateway.client().await;
    client.send_raw(format!("{head}hello{SMUGGLED}").as_bytes()).await.expect("sent");
    let answer = client.read_response(SOON).await.expect("an answer");
    assert_eq!(answer.json()["body"], "hello");
    let answer = client.read_response(SOON).await.expect("an answer");
    assert_eq!(answer.json()["target"], "/smuggled");
    assert_eq!(seen(&backend), ["POST /chat", "GET /smuggled"]);
}

/// 101 and silence from the client: the endpoint's end is passed on, and the client's.
#[tokio::test]
async fn a_tunnel_ends_when_its_client_leaves() {
    let (backend, gateway) = one().await;
    backend.set(Behavior::Upgrade);
    let client = upgraded(&gateway, b"", b"hello").await;
    let began = Instant::now();
    client.close();
    let left = async || backend.open_connections() == 0;
    switchback_testkit::eventually(SOON, "the endpoint is left", left).await;
    assert!(began.elapsed() < ms(900), "{:?}", began.elapsed());
}
