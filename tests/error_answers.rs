//! What a client gets of a failure that the gateway answers itself: in the form that it asks for, or the
//! operator's own page; and that it tells nothing of the inside.

use std::path::Path;

use serde_json::{Value, json};
use switchback_testkit::{Backend, Behavior, Gateway, GatewayBuilder, H2Client, Response};

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_switchback"))
}

/// A gateway whose one endpoint refuses connections.
async fn builder() -> (Backend, GatewayBuilder) {
    let gone = Backend::with(Behavior::RefuseConnections).await;
    let gateway = Gateway::builder().pool("web", &[gone.addr()]).pool_yaml("queue: 0");
    (gone, gateway)
}

async fn asked(gateway: &Gateway, method: &str, target: &str, accept: &str) -> Response {
    let mut client = gateway.client().await;
    let headers = [("accept", accept)];
    client.request(method, target, &headers, b"").await.expect("an answer")
}

/// Nothing that an attacker could use.
fn tells_nothing(answer: &Response, endpoint: &Backend) {
    let all = format!("{:?}{}", answer.headers, answer.text());
    let address = endpoint.addr();
    for secret in
        [&address.to_string(), &address.ip().to_string(), "web", env!("CARGO_PKG_VERSION")]
    {
        assert!(!all.contains(secret), "{secret} is told: {all}");
    }
}

#[tokio::test]
async fn a_client_gets_the_form_that_it_accepts() {
    let (gone, builder) = builder().await;
    let gateway = builder.start(binary()).await;
    for (accept, kind) in [
        ("*/*", "text/plain; charset=utf-8"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "text/html; charset=utf-8"),
        ("application/json", "application/problem+json"),
    ] {
        let answer = asked(&gateway, "GET", "/", accept).await;
        assert_eq!((answer.status, answer.header("content-type")), (502, Some(kind)));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let said = answer.header("proxy-status");
        assert_eq!(said, Some("switchback; error=connection_refused"));
        let id = answer.header("x-request-id").expect("an id").to_owned();
        assert!(answer.text().contains(&id), "{}", answer.text());
        tells_nothing(&answer, &gone);
        let line = gateway.log_line_for(&id).await;
        assert_eq!(line["reason"], "connection_refused", "{line}");
        if kind == "application/problem+json" {
            let problem: Value = serde_json::from_str(&answer.text()).expect("JSON");
            let expected = json!({ "title": "Bad Gateway", "status": 502, "request_id": id });
            assert_eq!(problem, expected);
        }
        let head = asked(&gateway, "HEAD", "/", accept).await;
        assert_eq!((head.status, head.header("content-type")), (502, Some(kind)));
        assert!(head.body.is_empty() && head.complete, "{head:?}");
    }
}

#[tokio::test]
async fn so_does_a_client_of_http2() {
    let (_gone, builder) = builder().await;
    let gateway = builder.start(binary()).await;
    let client = H2Client::connect(gateway.addr()).await.expect("a connection");
    let accept = [("accept", "application/problem+json")];
    let answer = client.request("GET", "/", &accept, b"").await;
    assert_eq!(answer.status, 502);
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    let id = answer.header("x-request-id").expect("an id").to_owned();
    let problem: Value = serde_json::from_str(&answer.text()).expect("JSON");
    assert_eq!(problem["request_id"], id);
}

#[tokio::test]
async fn a_page_of_the_routes_comes_before_the_gateways() {
    let (_gone, builder) = builder().await;
    let gateway = builder
        .main_yaml("error_pages: { 4xx: errors/lost.html, 500-599: errors/sorry.html }")
        .route_yaml("{ path: /api/, pool: web, error_pages: { 502: errors/api.json } }")
        .route_yaml("{ host: shop.example, pool: web }")
        .file("errors/lost.html", "<p>{status}, {request_id}")
        .file("errors/sorry.html", "<p>sorry: {request_id}")
        .file("errors/api.json", r#"{"error":"{status}","id":"{request_id}"}"#)
        .start(binary())
        .await;

    let answer = asked(&gateway, "GET", "/api/x", "text/html").await;
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let id = answer.header("x-request-id").expect("an id").to_owned();
    let body: Value = serde_json::from_str(&answer.text()).expect("JSON");
    assert_eq!((answer.status, body), (502, json!({ "error": "502", "id": id })));

    // Behind the route's own, the gateway's; and there, too, where no route is.
    let mut client = gateway.client().await;
    let answer = client.request("GET", "/", &[("host", "shop.example")], b"").await;
    let answer = answer.expect("an answer");
    let id = answer.header("x-request-id").expect("an id").to_owned();
    assert_eq!((answer.status, answer.text()), (502, format!("<p>sorry: {id}")));
    let answer = asked(&gateway, "GET", "/nowhere", "*/*").await;
    let id = answer.header("x-request-id").expect("an id").to_owned();
    assert_eq!((answer.status, answer.text()), (404, format!("<p>404, {id}")));
    let said = answer.header("proxy-status");
    assert_eq!(said, Some("switchback; error=destination_not_found"));
}

#[tokio::test]
async fn an_answer_of_an_endpoint_stays_its_own() {
    let backend = Backend::with(Behavior::status(503)).await;
    let gateway = Gateway::builder()
        .pool("web", &[backend.addr()])
        .main_yaml("error_pages: { 5xx: errors/sorry.html }")
        .file("errors/sorry.html", "sorry")
        .start(binary())
        .await;
    let answer = gateway.get("/").await.expect("an answer");
    assert_eq!(answer.status, 503);
    assert_ne!(answer.text(), "sorry");
    assert_eq!(answer.header("proxy-status"), Some("switchback; received-status=503"));
    backend.set(Behavior::status(404));
    let answer = gateway.get("/").await.expect("an answer");
    assert_eq!((answer.status, answer.header("proxy-status")), (404, None));
}
