//! The gRPC probe on real sockets.

use std::sync::atomic::Ordering;
use std::time::Duration;

use switchback_core::plan::{PoolPlan, ProbePlan, Protocol};

use crate::h2_endpoint::{Answer, Endpoint, Then, Tls, tls};

const GRPC: &[(&str, &str)] = &[("content-type", "application/grpc")];
const OK: Then = Then::Trailers(&[("grpc-status", "0")]);
const SERVING: [u8; 7] = [0, 0, 0, 0, 2, 8, 1];

fn grpc(service: &str) -> ProbePlan {
    ProbePlan::Grpc { service: service.into(), port: None }
}

fn answer(body: &[u8], then: Then) -> Answer {
    Answer { status: 200, header: GRPC, body: body.to_vec(), then }
}

async fn probed(endpoint: &Endpoint) -> Result<(), String> {
    endpoint.probed(grpc(""), |_| {}).await
}

#[tokio::test]
async fn serving_passes() {
    let endpoint = Endpoint::h2(answer(&SERVING, OK), Tls::None).await;
    assert_eq!(probed(&endpoint).await, Ok(()));
    let asked = endpoint.only_request();
    assert_eq!(asked.head.method(), "POST");
    let uri = format!("http://{}/grpc.health.v1.Health/Check", endpoint.address);
    assert_eq!(asked.head.uri().to_string(), uri);
    let headers = asked.head.headers();
    assert_eq!(
        (&headers["te"], &headers["content-type"]),
        (&"trailers".parse().unwrap(), &"application/grpc".parse().unwrap())
    );
    assert_eq!(headers.get("host"), None, "{headers:?}");
    assert_eq!(asked.body, [0; 5]);
}

#[tokio::test]
async fn the_service_and_the_pools_host_are_asked_for_whatever_the_pool_speaks() {
    let endpoint = Endpoint::h2(answer(&SERVING, OK), Tls::None).await;
    let change = |pool: &mut PoolPlan| {
        pool.protocol = Protocol::Http1;
        pool.host = Some("shop.internal".into());
    };
    assert_eq!(endpoint.probed(grpc("shop.Cart"), change).await, Ok(()));
    let asked = endpoint.only_request();
    assert_eq!(asked.head.uri().authority().unwrap(), "shop.internal");
    assert_eq!(asked.body, *b"\0\0\0\0\x0b\x0a\x09shop.Cart");
}

#[tokio::test]
async fn another_port_can_be_asked() {
    let endpoint = Endpoint::h2(answer(&SERVING, OK), Tls::None).await;
    let port = endpoint.address.port();
    let elsewhere = Endpoint { address: ([127, 0, 0, 1], 1).into(), ..endpoint };
    let probe = ProbePlan::Grpc { service: "".into(), port: Some(port) };
    assert_eq!(elsewhere.probed(probe, |_| {}).await, Ok(()));
}

#[tokio::test]
async fn with_tls_it_agrees_on_http_2_or_fails() {
    let endpoint = Endpoint::h2(answer(&SERVING, OK), Tls::Alpn(b"h2")).await;
    assert_eq!(endpoint.probed(grpc(""), tls).await, Ok(()));
    let asked = endpoint.only_request();
    assert_eq!(asked.alpn.as_deref(), Some(&b"h2"[..]));
    assert_eq!(asked.head.uri().scheme_str(), Some("https"));
    let deaf = Endpoint::raw(b"HTTP/1.1 200 OK\r\n\r\n", true, Tls::Silent).await;
    let why = "did not agree on HTTP/2, which gRPC needs".to_owned();
    assert_eq!(deaf.probed(grpc(""), tls).await, Err(why));
    let old = Endpoint::raw(b"HTTP/1.1 200 OK\r\n\r\n", true, Tls::Alpn(b"http/1.1")).await;
    let why = old.probed(grpc(""), tls).await.unwrap_err();
    assert_eq!(
        why,
        "TLS handshake failed: the endpoint does not speak the version of HTTP that was asked for (alert NoApplicationProtocol)"
    );
}

#[tokio::test]
async fn whatever_else_is_answered_fails_and_says_why() {
    let not_found = &[("content-type", "application/grpc"), ("grpc-status", "5")];
    let early_ok = &[("content-type", "application/grpc"), ("grpc-status", "0")];
    let html = &[("content-type", "text/html")];
    let unimplemented = Then::Trailers(&[
        ("grpc-status", "12"),
        ("grpc-message", "unknown service grpc.health.v1.Health"),
    ]);
    let table = [
        (answer(&[0, 0, 0, 0, 2, 8, 2], OK), "NOT_SERVING"),
        (answer(&[0; 5], OK), "UNKNOWN"),
        (answer(&[], Then::Trailers(&[("grpc-status", "5")])), "grpc-status 5 (NOT_FOUND)"),
        (
            answer(&[], unimplemented),
            "grpc-status 12 (UNIMPLEMENTED): unknown service grpc.health.v1.Health",
        ),
        (
            answer(&SERVING, Then::Trailers(&[("grpc-status", "14")])),
            "grpc-status 14 (UNAVAILABLE)",
        ),
        (answer(&SERVING, Then::End), "the answer ended without a grpc-status"),
        (answer(&SERVING, Then::Trailers(&[("x", "y")])), "the answer ended without a grpc-status"),
        (Answer { header: not_found, ..answer(&[], Then::End) }, "grpc-status 5 (NOT_FOUND)"),
        (Answer { header: early_ok, ..answer(&[], Then::End) }, "answered with no message"),
        (answer(&[], OK), "answered with no message"),
        (answer(&SERVING[..6], OK), "answered with a message that was cut off"),
        (Answer { status: 404, header: html, ..answer(b"what?", Then::End) }, "HTTP status 404"),
        (
            Answer { header: html, ..answer(b"<html>", Then::End) },
            "answered text/html, not application/grpc",
        ),
        (answer(&[0; 2_000], OK), "answered more than 1024 bytes"),
        (answer(&[0; 200], Then::More), "answered more than 1024 bytes"),
        (answer(&SERVING, Then::Nothing), "no answer within 1s"),
        (
            answer(&[], Then::Reset(h2::Reason::REFUSED_STREAM)),
            "HTTP/2: stream error received: refused stream before processing any application logic",
        ),
    ];
    for (answer, expected) in table {
        let endpoint = Endpoint::h2(answer.clone(), Tls::None).await;
        let why = probed(&endpoint).await.unwrap_err();
        assert_eq!(why, expected, "{answer:?}");
    }
}

#[tokio::test]
async fn what_is_not_http_2_fails_and_says_so() {
    const OLD: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
    const NOT_A_FRAME: &str = "answered with what is not HTTP/2 (frame with invalid size)";
    const NOT_A_SETTING: &str =
        "answered with what is not HTTP/2 (unspecific protocol error detected)";
    let table: [(&[u8], bool, &str); 6] = [
        (OLD, true, NOT_A_FRAME),
        (OLD, false, NOT_A_FRAME),
        (b"SSH-2.0-OpenSSH_9.2\r\n", false, NOT_A_FRAME),
        (b"\0\0\0\0\0\0\0\0\0 nothing of HTTP", false, NOT_A_SETTING),
        (b"", true, "closed without a complete answer"),
        (b"", false, "no answer within 1s"),
    ];
    for (bytes, close, expected) in table {
        let endpoint = Endpoint::raw(bytes, close, Tls::None).await;
        assert_eq!(probed(&endpoint).await.unwrap_err(), expected, "{bytes:?}");
    }
}

#[tokio::test]
async fn no_connection_is_left_behind() {
    for then in [OK, Then::Nothing, Then::More] {
        let endpoint = Endpoint::h2(answer(&SERVING, then), Tls::None).await;
        for _ in 0..3 {
            let _ = probed(&endpoint).await;
        }
        let deadline = tokio::time::Instant::now() + Duration::from_secs(5);
        while endpoint.open.load(Ordering::SeqCst) > 0 {
            assert!(tokio::time::Instant::now() < deadline, "connections are left");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(endpoint.asked.lock().unwrap().len(), 3);
    }
}
