//! Heads: how large, how soon.

use std::time::Instant;

use switchback_testkit::{Backend, Client, Gateway};

use super::{
    REQUESTS, SOON, assert_ended, assert_refused, assert_took, binary, hit, limited, ms, refused,
};

/// Sends so many bytes of a head, one at a time.
async fn trickle(client: &mut Client, bytes: usize) {
    let head = "GET /slow HTTP/1.1\r\nHost: a\r\nX-Slow: very";
    for byte in &head.as_bytes()[..bytes] {
        client.send_raw(&[*byte]).await.expect("sent");
        tokio::time::sleep(ms(150)).await;
    }
}

/// If each byte had its own time, it would end a second later.
#[tokio::test]
async fn a_head_has_its_time_in_all_on_the_first_request_and_on_later_ones() {
    let backend = Backend::start().await;
    let gateway = limited(&backend, "header_timeout: 1500ms").await;
    let first = async {
        let mut client = gateway.client().await;
        let began = Instant::now();
        trickle(&mut client, 8).await;
        assert_refused(&gateway, &mut client, 408).await;
        assert_took(began, 1_400..2_500);
    };
    let later = async {
        let mut client = gateway.client().await;
        for _ in 0..2 {
            assert_eq!(client.get("/fast").await.expect("an answer").status, 200);
        }
        // What is idle before it does not count.
        tokio::time::sleep(ms(2_000)).await;
        let began = Instant::now();
        trickle(&mut client, 8).await;
        assert_refused(&gateway, &mut client, 408).await;
        assert_took(began, 1_400..2_500);
    };
    tokio::join!(first, later);
    assert_eq!(refused(&gateway, REQUESTS, "header_timeout").await, 2.0);
    assert_eq!(backend.requests(), 2);
}

/// A new connection has said nothing for most of that time: it gets no more for its head.
#[tokio::test]
async fn the_first_head_has_its_time_from_the_beginning_of_the_connection() {
    let backend = Backend::start().await;
    let gateway = limited(&backend, "header_timeout: 1500ms").await;
    let began = Instant::now();
    let mut client = gateway.client().await;
    tokio::time::sleep(ms(1_000)).await;
    trickle(&mut client, 2).await;
    assert_refused(&gateway, &mut client, 408).await;
    assert_took(began, 1_400..2_400);
    // In time, it is served.
    let mut client = gateway.client().await;
    tokio::time::sleep(ms(700)).await;
    assert_eq!(client.get("/").await.expect("an answer").status, 200);
}

/// Nobody has asked for anything: there is nothing to answer or to log. That a limit was hit is counted.
#[tokio::test]
async fn who_says_nothing_is_left_without_a_word() {
    let backend = Backend::start().await;
    let gateway = Gateway::builder()
        .pool("web", &[backend.addr()])
        .main_yaml("limits: { header_timeout: 600ms }\nclient_keepalive: 1200ms")
        .start(binary())
        .await;
    let new = async {
        let mut client = gateway.client().await;
        let began = Instant::now();
        assert_ended(&mut client).await;
        assert_took(began, 500..1_100);
    };
    let kept = async {
        let mut client = gateway.client().await;
        assert_eq!(client.get("/").await.expect("an answer").status, 200);
        let began = Instant::now();
        assert_ended(&mut client).await;
        assert_took(began, 1_100..2_500);
    };
    // An empty line is no request, but a head has begun.
    let blank = async {
        let mut client = gateway.client().await;
        client.send_raw(b"\r\n").await.expect("sent");
        let answer = client.read_response(SOON).await.expect("an answer");
        assert_eq!(answer.status, 408);
    };
    tokio::join!(new, kept, blank);
    assert_eq!(gateway.log().len(), 2, "{}", gateway.stdout());
    assert_eq!(gateway.metric(REQUESTS, &[]).await, 1.0);
    assert_eq!(hit(&gateway, "header_timeout").await, 2.0);
    assert_eq!(gateway.metric("switchback_connections", &[]).await, 0.0);
}

#[tokio::test]
async fn a_head_may_be_as_large_as_it_may_be() {
    let backend = Backend::start().await;
    let gateway =
        limited(&backend, "header_size: 2KiB, header_fields: 10, target_size: 128B").await;
    let head = |target: usize, fields: usize, size: usize| {
        let head = format!(
            "GET /{} HTTP/1.1\r\nHost: a\r\n{}",
            "a".repeat(target - 1),
            "A: b\r\n".repeat(fields - 2)
        );
        let rest = size.saturating_sub(head.len() + "C: \r\n\r\n".len());
        format!("{head}C: {}\r\n\r\n", "d".repeat(rest))
    };
    for (target, fields, size, reason) in [
        (128, 10, 2_048, None),
        (129, 2, 0, Some((414, "target_too_long"))),
        (1, 11, 0, Some((431, "too_many_fields"))),
        (1, 2, 2_049, Some((431, "header_too_large"))),
    ] {
        let mut client = gateway.client().await;
        client.send_raw(head(target, fields, size).as_bytes()).await.expect("sent");
        match reason {
            None => {
                let answer = client.read_response(SOON).await.expect("an answer");
                assert_eq!(answer.status, 200, "{}", answer.text());
            }
            Some((status, reason)) => {
                assert_refused(&gateway, &mut client, status).await;
                assert_eq!(refused(&gateway, REQUESTS, reason).await, 1.0, "{reason}");
            }
        }
    }
    assert_eq!(backend.requests(), 1);
}
