//! `Expect: 100-continue`: the client waits with its body until somebody wants it.

use std::time::Instant;

use switchback_testkit::{
    Answer, Backend, Behavior, Client, Early, Ending, Gateway, Response, eventually,
};

use super::{SMUGGLED, SOON, binary, ms};

async fn gateway(backends: &[Backend]) -> Gateway {
    let addresses: Vec<_> = backends.iter().map(Backend::addr).collect();
    Gateway::builder()
        .pool("web", &addresses)
        .pool_yaml("timeouts: { connect: 500ms, first_byte: 400ms, request: 5s }")
        .start(binary())
        .await
}

fn head(method: &str, id: &str) -> String {
    format!(
        "{method} /{id} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\
         x-test-id: {id}\r\n\r\n"
    )
}

/// A client that has sent the head and waits.
async fn waits(gateway: &Gateway, method: &str, id: &str) -> Client {
    let mut client = gateway.client().await;
    client.send_raw(head(method, id).as_bytes()).await.expect("sent");
    client
}

/// Waits for the 100, then sends the body.
async fn goes_on(mut client: Client) -> (Client, Response) {
    let interim = client.read_raw().await.expect("an interim answer");
    let text = String::from_utf8_lossy(&interim).into_owned();
    assert!(text.starts_with("HTTP/1.1 100 ") && text.ends_with("\r\n\r\n"), "{text}");
    assert_eq!(text.matches("HTTP/1.1").count(), 1, "one is enough: {text}");
    client.send_raw(b"hello").await.expect("sent");
    let answer = client.read_response(SOON).await.expect("an answer");
    (client, answer)
}

#[tokio::test]
async fn who_is_told_to_go_on_sends_the_body() {
    let backend = Backend::with(Behavior::Echo { body: true }).await;
    let gateway = gateway(std::slice::from_ref(&backend)).await;
    let mut client = gateway.client().await;
    for method in ["PUT", "POST"] {
        client.send_raw(head(method, "told").as_bytes()).await.expect("sent");
        let answer;
        (client, answer) = goes_on(client).await;
        assert_eq!(answer.json()["body"], "hello");
        assert!(answer.interim.is_empty());
        assert!(client.is_reusable(), "{:?}", answer.headers);
    }
    assert_eq!(backend.executions("told"), 2);
}

/// RFC 9110, section 10.1.1: a client need not wait for ever, or at all.
#[tokio::test]
async fn who_does_not_wait_is_served_as_well() {
    let backend = Backend::with(Behavior::Echo { body: true }).await;
    let gateway = gateway(std::slice::from_ref(&backend)).await;
    let mut client = gateway.client().await;
    for _ in 0..3 {
        let bytes = head("POST", "hasty") + "hello" + SMUGGLED;
        client.send_raw(bytes.as_bytes()).await.expect("sent");
        let answer = client.read_response(SOON).await.expect("an answer");
        assert_eq!(answer.json()["body"], "hello");
        let answer = client.read_response(SOON).await.expect("an answer");
        assert_eq!(answer.json()["target"], "/smuggled");
    }
}

/// The body is not sent then, so nothing may be read in its place.
#[tokio::test]
async fn who_is_turned_away_keeps_its_body_and_its_connection_closes() {
    let then = Early::Close(Ending::Fin);
    let turned_away = Behavior::EarlyAnswer { answer: Answer::status(413), then };
    let backend = Backend::with(turned_away).await;
    let gateway = gateway(std::slice::from_ref(&backend)).await;
    for method in ["PUT", "POST"] {
        let mut client = waits(&gateway, method, "away").await;
        let began = Instant::now();
        let answer = client.read_response(SOON).await.expect("an answer");
        assert_eq!((answer.status, answer.complete), (413, true));
        assert!(answer.interim.is_empty(), "{:?}", answer.interim);
        // What is sent now might be the body, or the next request.
        let _ = client.send_raw(SMUGGLED.as_bytes()).await;
        let (more, _) = client.read_to_end().await;
        assert!(more.is_empty(), "{}", String::from_utf8_lossy(&more));
        assert!(began.elapsed() < ms(1_500), "{:?}", began.elapsed());
    }
    let targets: Vec<_> = backend.recorded().into_iter().map(|it| it.target).collect();
    assert_eq!(targets, ["/away", "/away"]);
}

/// The endpoint takes the connection, and says nothing at all.
#[tokio::test]
async fn an_endpoint_that_hangs_is_not_waited_for_longer_than_for_its_first_byte() {
    let backend = Backend::with(Behavior::AcceptAndSilent { reads: false }).await;
    let gateway = gateway(std::slice::from_ref(&backend)).await;
    for method in ["PUT", "POST"] {
        let mut client = waits(&gateway, method, "hangs").await;
        let began = Instant::now();
        let answer = client.read_response(SOON).await.expect("an answer");
        let took = began.elapsed();
        assert_eq!(answer.status, 504, "{method}");
        assert!((ms(350)..ms(3_000)).contains(&took), "{method}: {took:?}");
    }
    let blamed = [("outcome", "http_response_timeout")];
    assert!(gateway.metric("switchback_attempts_total", &blamed).await >= 2.0);
}

/// Who has sent no body yet can go elsewhere.
#[tokio::test]
async fn from_an_endpoint_that_hangs_what_may_be_repeated_goes_to_another() {
    let backends = Backend::start_many(2).await;
    backends[0].set(Behavior::AcceptAndSilent { reads: false });
    backends[1].set(Behavior::Echo { body: true });
    let gateway = gateway(&backends).await;
    for n in 0..4 {
        let id = format!("put-{n}");
        let (_, answer) = goes_on(waits(&gateway, "PUT", &id).await).await;
        assert_eq!(answer.json()["body"], "hello", "{id}");
        assert_eq!(backends[1].executions(&id), 1);
    }
    assert!(backends[0].connections() > 0, "the fault was never met");
    let mut lost = 0;
    for n in 0..4 {
        let mut client = waits(&gateway, "POST", &format!("post-{n}")).await;
        let interim = client.read_raw().await.expect("an answer");
        lost += usize::from(interim.starts_with(b"HTTP/1.1 504 "));
    }
    assert!(lost > 0, "a POST that was sent is not repeated");
}

/// It asks for the body, gets it, and says nothing more.
#[tokio::test]
async fn an_endpoint_that_hangs_with_the_body_is_given_up() {
    let backends = Backend::start_many(2).await;
    backends[0].set(Behavior::AcceptAndSilent { reads: true });
    let gateway = gateway(&backends).await;
    for n in 0..4 {
        let id = format!("put-{n}");
        let began = Instant::now();
        let (_, answer) = goes_on(waits(&gateway, "PUT", &id).await).await;
        assert_eq!(answer.status, 200, "{id}");
        assert!(began.elapsed() < ms(3_000), "{id}: {:?}", began.elapsed());
        assert_eq!(backends[1].executions(&id), 1, "{id}");
    }
    assert!(backends[0].requests() > 0, "the fault was never met");
}

#[tokio::test]
async fn who_waits_and_leaves_is_noticed() {
    let backend = Backend::with(Behavior::AcceptAndSilent { reads: false }).await;
    let gateway = Gateway::builder()
        .pool("web", &[backend.addr()])
        .pool_yaml("timeouts: { connect: 500ms, first_byte: 20s, request: 20s }")
        .start(binary())
        .await;
    let client = waits(&gateway, "PUT", "leaves").await;
    eventually(SOON, "it waits", async || backend.connections() == 1).await;
    client.close();
    let line = gateway.log_line_for("/leaves").await;
    assert_eq!(line["origin"], "client", "{line}");
}
