//! Connections: how many, and how much over each.

use switchback_testkit::{Backend, Behavior, Client, Gateway, eventually};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{CONNECTIONS, SOON, assert_ended, binary, connect, hit, limited, refused};

/// The one that is read to see that nobody is connected is not of a client.
async fn nobody_is_left(gateway: &Gateway) {
    let none = async || gateway.metric("switchback_connections", &[]).await == 0.0;
    eventually(SOON, "nobody is connected", none).await;
}

/// A client that is connected for certain: it has had an answer.
async fn settled(gateway: &Gateway) -> Client {
    let mut client = gateway.client().await;
    assert_eq!(client.get("/").await.expect("an answer").status, 200);
    client
}

/// It is told so, without having asked for anything.
async fn assert_turned_away(mut client: Client, status: u16) {
    let answer = client.read_response(SOON).await.unwrap_or_else(|e| panic!("{status}: {e}"));
    assert_eq!((answer.status, answer.complete), (status, true), "{}", answer.text());
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(answer.header("connection"), Some("close"));
    let said = answer.header("proxy-status").unwrap_or_default();
    let expected = "switchback; error=connection_limit_reached; details=\"too many connections";
    assert!(said.starts_with(expected), "{said}");
    assert_ended(&mut client).await;
}

#[tokio::test]
async fn the_last_request_of_a_connection_says_so() {
    let backend = Backend::with(Behavior::Echo { body: false }).await;
    let gateway = limited(&backend, "requests_per_connection: 3").await;
    let mut client = gateway.client().await;
    for last in [false, false, true] {
        let answer = client.request("POST", "/", &[], b"x").await.expect("an answer");
        let expected = if last { "close" } else { "keep-alive" };
        assert_eq!(answer.header("connection"), Some(expected));
    }
    assert_ended(&mut client).await;
    // And where the client is ahead, those behind do not run.
    backend.clear();
    let mut client = gateway.client().await;
    let five: String = (0..5).map(|n| format!("GET /{n} HTTP/1.1\r\nHost: a\r\n\r\n")).collect();
    client.send_raw(five.as_bytes()).await.expect("sent");
    for n in 0..3 {
        let answer = client.read_response(SOON).await.expect("an answer");
        assert_eq!(answer.json()["target"], format!("/{n}"));
    }
    assert_ended(&mut client).await;
    assert_eq!(backend.requests(), 3);
    assert_eq!(hit(&gateway, "requests_per_connection").await, 2.0);
}

#[tokio::test]
async fn who_is_one_too_many_is_turned_away_with_an_answer() {
    let backend = Backend::start().await;
    let gateway = limited(&backend, "connections: 3").await;
    nobody_is_left(&gateway).await;
    let mut clients = Vec::new();
    for _ in 0..3 {
        clients.push(settled(&gateway).await);
    }
    for _ in 0..5 {
        assert_turned_away(gateway.client().await, 503).await;
    }
    // Also who has asked already.
    let mut client = gateway.client().await;
    client.send_raw(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.expect("sent");
    assert_turned_away(client, 503).await;
    assert_eq!(refused(&gateway, CONNECTIONS, "connections").await, 6.0);
    // The others are not disturbed, and who leaves makes room.
    for client in &mut clients {
        assert_eq!(client.get("/").await.expect("an answer").status, 200);
    }
    clients.pop().expect("a client").close();
    let room = async || gateway.metric("switchback_connections", &[]).await <= 2.0;
    eventually(SOON, "there is room", room).await;
    clients.push(settled(&gateway).await);
    assert_turned_away(gateway.client().await, 503).await;
    assert_eq!(refused(&gateway, CONNECTIONS, "connections").await, 7.0);
}

/// What comes first on a connection from there.
async fn first_bytes(gateway: &Gateway, from: &str) -> (TcpStream, String) {
    let mut client = connect(gateway.addr(), from, None).await;
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.expect("sent");
    let mut first = [0; 12];
    let read = timeout(SOON, client.read_exact(&mut first)).await;
    read.expect("in time").expect("an answer");
    (client, String::from_utf8_lossy(&first).into_owned())
}

#[tokio::test]
async fn an_address_has_its_share_and_leaves_the_others_theirs() {
    let backend = Backend::start().await;
    let gateway = limited(&backend, "connections_per_client: 2").await;
    nobody_is_left(&gateway).await;
    let first = settled(&gateway).await;
    let _second = settled(&gateway).await;
    for _ in 0..3 {
        assert_turned_away(gateway.client().await, 429).await;
    }
    let mut others = Vec::new();
    for _ in 0..2 {
        let (client, answer) = first_bytes(&gateway, "127.0.0.2").await;
        assert_eq!(answer, "HTTP/1.1 200");
        others.push(client);
    }
    let (_client, answer) = first_bytes(&gateway, "127.0.0.2").await;
    assert_eq!(answer, "HTTP/1.1 429");
    assert_eq!(refused(&gateway, CONNECTIONS, "connections_per_client").await, 4.0);
    first.close();
    let room = async || gateway.metric("switchback_connections", &[]).await <= 3.0;
    eventually(SOON, "there is room", room).await;
    settled(&gateway).await;
}

/// Behind a proxy of ours are many.
#[tokio::test]
async fn a_trusted_proxy_has_no_share() {
    let backend = Backend::start().await;
    let gateway = Gateway::builder()
        .pool("web", &[backend.addr()])
        .main_yaml("limits: { connections_per_client: 1 }\ntrusted_proxies: [ 127.0.0.1 ]")
        .start(binary())
        .await;
    let mut clients = Vec::new();
    for _ in 0..5 {
        clients.push(settled(&gateway).await);
    }
    let (_first, answer) = first_bytes(&gateway, "127.0.0.2").await;
    assert_eq!(answer, "HTTP/1.1 200");
    let (_second, answer) = first_bytes(&gateway, "127.0.0.2").await;
    assert_eq!(answer, "HTTP/1.1 429");
}
