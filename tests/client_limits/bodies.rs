//! Bodies: how soon, how large.

use std::time::Instant;

use switchback_testkit::{Backend, Behavior, Gateway, eventually};

use super::{REQUESTS, SOON, assert_refused, assert_took, binary, hit, limited, ms, refused};

#[tokio::test]
async fn a_body_that_stalls_is_not_waited_for() {
    let backend = Backend::start().await;
    let gateway = limited(&backend, "body_timeout: 700ms").await;
    let stalls = async |fields: &str, begin: &str| {
        let mut client = gateway.client().await;
        let head = format!("PUT /stalls HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n{begin}");
        client.send_raw(head.as_bytes()).await.expect("sent");
        // What comes in time puts it off.
        tokio::time::sleep(ms(500)).await;
        if !begin.is_empty() {
            client.send_raw(b"x").await.expect("sent");
        }
        let began = Instant::now();
        assert_refused(&gateway, &mut client, 408).await;
        assert_took(began, if begin.is_empty() { 100..1_500 } else { 600..2_000 });
    };
    tokio::join!(
        stalls("Content-Length: 100", "hello"),
        stalls("Content-Length: 100", ""),
        stalls("Transfer-Encoding: chunked", "10\r\nhello"),
        stalls("Transfer-Encoding: chunked", ""),
    );
    assert_eq!(refused(&gateway, REQUESTS, "body_timeout").await, 4.0);
    assert_eq!(hit(&gateway, "body_timeout").await, 4.0);
    assert!(backend.recorded().iter().all(|request| !request.complete));
    let left = async || backend.open_connections() == 0;
    eventually(SOON, "the endpoint is left", left).await;
    // It is not to blame, and nobody was asked again.
    let attempts = gateway.metrics().await;
    let of = |labels: &[(&str, &str)]| attempts.sum("switchback_attempts_total", labels);
    assert_eq!((of(&[]), of(&[("outcome", "client_gone")])), (4.0, 4.0));
}

/// Slower than the rate, but not for long: that is everybody's at times.
#[tokio::test]
async fn a_slow_body_that_goes_on_is_taken() {
    let backend = Backend::with(Behavior::Echo { body: true }).await;
    let gateway = limited(&backend, "body_timeout: 1s, body_rate: 1MiB").await;
    let mut client = gateway.client().await;
    let head = "PUT /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n";
    client.send_raw(head.as_bytes()).await.expect("sent");
    for _ in 0..10 {
        tokio::time::sleep(ms(200)).await;
        client.send_raw(b"x").await.expect("sent");
    }
    let answer = client.read_response(SOON).await.expect("an answer");
    assert_eq!(answer.json()["body"], "xxxxxxxxxx");
    assert!(client.is_reusable());
}

/// The client would send, if only somebody took it.
#[tokio::test]
async fn an_endpoint_that_takes_nothing_is_not_the_clients_doing() {
    let backend = Backend::with(Behavior::Echo { body: false }).await;
    let gateway = limited(&backend, "body_timeout: 500ms").await;
    let mut client = gateway.client().await;
    assert_eq!(client.get("/").await.expect("an answer").status, 200);
    backend.pause();
    let body = vec![b'x'; 30_000_000];
    let asked = tokio::spawn(async move { client.request("PUT", "/big", &[], &body).await });
    tokio::time::sleep(ms(2_000)).await;
    backend.resume();
    let answer = asked.await.expect("it ran").expect("an answer");
    assert_eq!((answer.status, &answer.json()["body_len"]), (200, &30_000_000.into()));
    assert_eq!(gateway.metric(REQUESTS, &[]).await, 0.0);
}

async fn small_bodies(backend: &Backend) -> Gateway {
    Gateway::builder()
        .pool("web", &[backend.addr()])
        .route_yaml("{ path: /small/, pool: web, max_body: 1KiB }")
        .route_yaml("{ pool: web }")
        .start(binary())
        .await
}

/// All of the body is sent before the answer is read, which must not be lost for that.
#[tokio::test]
async fn a_body_that_says_that_it_is_too_large_reaches_nobody() {
    let backend = Backend::start().await;
    let gateway = small_bodies(&backend).await;
    let sizes = [1_025, 100_000, 3_000_000];
    for size in sizes {
        let mut client = gateway.client().await;
        let head = format!("POST /small/ HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\n\r\n");
        let bytes = [head.as_bytes(), &vec![b'x'; size]].concat();
        client.send_raw(&bytes).await.unwrap_or_else(|e| panic!("{size}: {e}"));
        assert_refused(&gateway, &mut client, 413).await;
    }
    // Who waits to be told is told so at once.
    let mut client = gateway.client().await;
    let head =
        "PUT /small/ HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2000\r\n\r\n";
    client.send_raw(head.as_bytes()).await.expect("sent");
    let began = Instant::now();
    let answer = assert_refused(&gateway, &mut client, 413).await;
    assert!(answer.interim.is_empty());
    assert_took(began, 0..1_500);
    assert_eq!(refused(&gateway, REQUESTS, "body_too_large").await, 4.0);
    assert_eq!(backend.connections(), 0);
}

#[tokio::test]
async fn a_body_in_chunks_ends_where_it_becomes_too_large() {
    let backend = Backend::start().await;
    let gateway = small_bodies(&backend).await;
    for chunks in [103, 10_000, 300_000] {
        let mut client = gateway.client().await;
        let head = "PUT /small/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        let bytes = format!("{head}{}0\r\n\r\n", "a\r\n0123456789\r\n".repeat(chunks));
        client.send_raw(bytes.as_bytes()).await.unwrap_or_else(|e| panic!("{chunks}: {e}"));
        assert_refused(&gateway, &mut client, 413).await;
    }
    assert_eq!(refused(&gateway, REQUESTS, "body_too_large").await, 3.0);
    assert!(backend.recorded().iter().all(|request| !request.complete));
    assert!(backend.recorded().iter().all(|request| request.body_len <= 16_384));
}

#[tokio::test]
async fn a_body_may_be_as_large_as_its_route_allows() {
    let backend = Backend::start().await;
    let gateway = small_bodies(&backend).await;
    let mut client = gateway.client().await;
    let chunked = [("transfer-encoding", "chunked")];
    for (target, headers, size) in [
        ("/small/", [].as_slice(), 1_024),
        ("/small/", &chunked, 1_024),
        ("/", &[], 1_000_000),
        ("/", &chunked, 1_000_000),
        // The limit of one request is not that of the next.
        ("/small/", &chunked, 1_024),
    ] {
        let answer = client.request("POST", target, headers, &vec![b'x'; size]).await;
        assert_eq!(answer.expect("an answer").status, 200, "{target}, {headers:?}, {size}");
    }
    assert!(client.is_reusable());
    assert_eq!(gateway.metric(REQUESTS, &[]).await, 0.0);
}
