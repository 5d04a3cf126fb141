//! HTTP/1.1 both ways: routes, header fields, framing, streaming, upgrades.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;
use switchback_testkit::{
    Answer, Backend, Behavior, Client, End, Framing, Gateway, Response, TEST_ID,
};

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_switchback"))
}

async fn one(behavior: Behavior) -> (Backend, Gateway) {
    let backend = Backend::with(behavior).await;
    let gateway = Gateway::builder().pool("web", &[backend.addr()]).start(binary()).await;
    (backend, gateway)
}

async fn raw(gateway: &Gateway, request: &str) -> Response {
    let mut client = gateway.client().await;
    client.send_raw(request.as_bytes()).await.expect("sent");
    client.read_response(Duration::from_secs(5)).await.expect("an answer")
}

fn echoed(answer: &Response) -> Value {
    serde_json::from_slice(&answer.body).expect("an echo")
}

/// The values of a field that the endpoint got.
fn field(echo: &Value, name: &str) -> Vec<String> {
    let fields = echo["headers"].as_array().expect("fields");
    let of = |field: &Value, at: usize| field[at].as_str().unwrap_or_default().to_owned();
    fields
        .iter()
        .filter(|field| of(field, 0).eq_ignore_ascii_case(name))
        .map(|field| of(field, 1))
        .collect()
}

#[tokio::test]
async fn an_endpoint_learns_who_asked_for_what() {
    let (_backend, gateway) = one(Behavior::Echo { body: false }).await;
    let request = "GET /a?b=c HTTP/1.1\r\nHost: shop.example.com\r\n\
        X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\n\
        Forwarded: for=6.6.6.6\r\nX-Request-Id: mine\r\n\r\n";
    let echo = echoed(&raw(&gateway, request).await);
    assert_eq!(echo["target"], "/a?b=c");
    assert_eq!(field(&echo, "host"), ["shop.example.com"]);
    assert_eq!(field(&echo, "x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(field(&echo, "x-forwarded-proto"), ["http"]);
    assert_eq!(field(&echo, "x-forwarded-host"), ["shop.example.com"]);
    assert!(field(&echo, "forwarded").is_empty());
    let id = field(&echo, "x-request-id");
    assert!(id.len() == 1 && id[0].len() == 26, "{id:?}");
    assert_eq!(gateway.log_line_for("\"/a\"").await["id"], id[0]);
}

#[tokio::test]
async fn a_trusted_proxy_is_believed() {
    let backend = Backend::with(Behavior::Echo { body: false }).await;
    let gateway = Gateway::builder()
        .pool("web", &[backend.addr()])
        .main_yaml("trusted_proxies: [127.0.0.0/8, 10.0.0.0/8]")
        .start(binary())
        .await;
    let request = "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 6.6.6.6, 203.0.113.9\r\n\
        X-Forwarded-For: 10.1.1.1\r\nX-Forwarded-Proto: https\r\nX-Request-Id: edge-1\r\n\r\n";
    let echo = echoed(&raw(&gateway, request).await);
    assert_eq!(field(&echo, "x-forwarded-for"), ["6.6.6.6, 203.0.113.9, 10.1.1.1, 127.0.0.1"]);
    assert_eq!(field(&echo, "x-forwarded-proto"), ["https"]);
    assert_eq!(field(&echo, "x-request-id"), ["edge-1"]);
    let line = gateway.log_line_for("edge-1").await;
    assert_eq!(line["client"], "203.0.113.9");
}

#[tokio::test]
async fn hop_by_hop_fields_stop_here_in_both_directions() {
    let answer = Answer::ok("x")
        .header("Connection", "X-Hop")
        .header("X-Hop", "1")
        .header("Keep-Alive", "timeout=9")
        .header("X-End", "1");
    let (backend, gateway) = one(Behavior::Answer(answer)).await;
    let request = "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, X-Mine\r\nX-Mine: 1\r\n\
        Keep-Alive: 5\r\nTE: trailers\r\nProxy-Connection: x\r\nX-Kept: 1\r\n\r\n";
    let answer = raw(&gateway, request).await;
    let has = |name: &str| answer.headers.iter().any(|(n, _)| n.eq_ignore_ascii_case(name));
    assert!(has("x-end") && !has("x-hop") && !has("keep-alive"), "{:?}", answer.headers);
    let got = backend.recorded();
    for gone in ["x-mine", "keep-alive", "te", "proxy-connection"] {
        assert_eq!(got[0].header(gone), None, "{gone}");
    }
    assert_eq!(got[0].header("x-kept"), Some("1"));
}

#[tokio::test]
async fn connections_are_kept_on_both_sides() {
    let (backend, gateway) = one(Behavior::ok()).await;
    let mut client = gateway.client().await;
    for _ in 0..20 {
        assert_eq!(client.get("/").await.expect("an answer").status, 200);
    }
    assert_eq!((backend.requests(), backend.connections()), (20, 1));
}

#[tokio::test]
async fn a_request_body_streams_while_it_is_being_sent() {
    let (backend, gateway) = one(Behavior::Echo { body: true }).await;
    let mut client = gateway.client().await;
    let head =
        "POST /up HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nx-test-id: up\r\n\r\n";
    client.send_raw(head.as_bytes()).await.expect("sent");
    client.send_raw(b"5\r\nhello\r\n").await.expect("sent");
    let begun = async || backend.connections() == 1;
    switchback_testkit::eventually(Duration::from_secs(2), "it has begun upstream", begun).await;
    client.send_raw(b"6\r\n world\r\n0\r\n\r\n").await.expect("sent");
    let answer = client.read_response(Duration::from_secs(2)).await.expect("an answer");
    assert_eq!(echoed(&answer)["body"], "hello world");
}

#[tokio::test]
async fn an_answer_streams_while_it_is_being_made() {
    let gap = Duration::from_millis(150);
    let framing = Framing::Chunked;
    let (_backend, gateway) = one(Behavior::SlowBody { framing, piece: 10, count: 5, gap }).await;
    let mut client = gateway.client().await;
    client.send_raw(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.expect("sent");
    let began = Instant::now();
    let first = client.read_raw().await.expect("bytes");
    assert!(!first.is_empty() && began.elapsed() < gap * 3, "held back: {:?}", began.elapsed());
}

#[tokio::test]
async fn large_bodies_go_through_whole_both_ways() {
    let body: Vec<u8> = (0..5_000_000_u32).map(|n| n.to_le_bytes()[1]).collect();
    let (backend, gateway) = one(Behavior::Answer(Answer::ok(body.clone()))).await;
    let mut client = gateway.client().await;
    let answer = client.request("POST", "/", &[(TEST_ID, "big")], &body).await.expect("an answer");
    assert!(answer.complete && answer.body == body);
    let got = &backend.recorded()[0];
    assert_eq!((got.body_len, got.body_hash), (5_000_000, switchback_testkit::hash(&body)));
    let line = gateway.log_line_for("\"POST\"").await;
    assert_eq!((&line["bytes_in"], &line["bytes_out"]), (&5_000_000.into(), &5_000_000.into()));
}

#[tokio::test]
async fn an_upgraded_connection_carries_bytes_both_ways() {
    let (_backend, gateway) = one(Behavior::Upgrade).await;
    let mut client = gateway.client().await;
    let request = "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\n\
        Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    client.send_raw(request.as_bytes()).await.expect("sent");
    let mut got = Vec::new();
    while !got.windows(4).any(|end| end == b"\r\n\r\n") {
        got.extend(client.read_raw().await.expect("bytes"));
    }
    let head = String::from_utf8_lossy(&got).to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 101") && head.contains("upgrade: websocket"), "{head}");
    for message in ["one", "two", "three"] {
        client.send_raw(message.as_bytes()).await.expect("sent");
        let mut echo = Vec::new();
        while echo.len() < message.len() {
            echo.extend(client.read_raw().await.expect("bytes"));
        }
        assert_eq!(echo, message.as_bytes());
    }
    client.close();
    let line = gateway.log_line_for("/chat").await;
    assert_eq!(line["status"], 101, "{line}");
    assert_eq!(line["attempts"][0]["outcome"], "completed", "{line}");
}

#[tokio::test]
async fn an_endpoint_that_ends_an_upgraded_connection_ends_it_for_the_client() {
    let switched = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\
        Upgrade: websocket\r\n\r\nbye";
    let (_backend, gateway) = one(Behavior::Garbage(switched.into())).await;
    let mut client = gateway.client().await;
    let request = "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n\
        Upgrade: websocket\r\n\r\n";
    client.send_raw(request.as_bytes()).await.expect("sent");
    let read = tokio::time::timeout(Duration::from_secs(5), client.read_to_end()).await;
    let (got, end) = read.expect("the end, long before any limit");
    assert!(got.ends_with(b"\r\n\r\nbye") && end.is_ok(), "{end:?}");
}

#[tokio::test]
async fn the_most_specific_route_wins() {
    let backends = Backend::start_many(3).await;
    for (n, backend) in backends.iter().enumerate() {
        backend.set(Behavior::Answer(Answer::ok(format!("{n}"))));
    }
    let gateway = Gateway::builder()
        .pool("everything", &[backends[0].addr()])
        .pool("shop", &[backends[1].addr()])
        .pool("api", &[backends[2].addr()])
        .route_yaml("{ pool: everything }")
        .route_yaml("{ host: '*.example.com', pool: shop }")
        .route_yaml("{ host: shop.example.com, path: /api/, pool: api }")
        .route_yaml("{ path: { exact: /only }, pool: api }")
        .route_yaml("{ path: { regex: '^/v[0-9]+/' }, pool: shop }")
        .start(binary())
        .await;
    for (host, path, pool) in [
        ("other.org", "/", "0"),
        ("SHOP.example.com:8080", "/x", "1"),
        ("shop.example.com", "/api/x", "2"),
        ("shop.example.com", "/apix", "1"),
        ("other.org", "/only", "2"),
        ("other.org", "/v2/x", "1"),
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        let answer = raw(&gateway, &request).await;
        assert_eq!(answer.body, pool.as_bytes(), "{host}{path}");
    }
}

#[tokio::test]
async fn what_the_gateway_answers_itself_keeps_the_connection() {
    let backend = Backend::start().await;
    let gateway = Gateway::builder()
        .pool("web", &[backend.addr()])
        .route_yaml("{ host: known.example, path: /old/, redirect: { to: /new/, status: 301 } }")
        .route_yaml("{ host: known.example, path: /app/, pool: web }")
        .start(binary())
        .await;
    let mut client = gateway.client().await;
    let mut ask = async |target: &str| {
        let request = format!("GET {target} HTTP/1.1\r\nHost: known.example\r\n\r\n");
        client.send_raw(request.as_bytes()).await.expect("sent");
        client.read_response(Duration::from_secs(2)).await.expect("an answer")
    };
    let moved = ask("/old/a?b=c").await;
    let location = moved.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("location"));
    assert_eq!(moved.status, 301);
    assert_eq!(location.map(|(_, value)| value.as_str()), Some("/new/a?b=c"));
    let missing = ask("/nothing").await;
    assert_eq!(missing.status, 404);
    assert_eq!(ask("/app/").await.status, 200);
    assert_eq!(backend.requests(), 1);
    assert_eq!(gateway.log_line_for("/nothing").await["reason"], "destination_not_found");
}

#[tokio::test]
async fn a_split_divides_by_weight() {
    let backends = Backend::start_many(2).await;
    let gateway = Gateway::builder()
        .pool("web", &[backends[0].addr()])
        .pool("canary", &[backends[1].addr()])
        .route_yaml("{ split: [ { pool: web, weight: 75 }, { pool: canary, weight: 25 } ] }")
        .start(binary())
        .await;
    switchback_testkit::Load::new(gateway.addr()).clients(4).count(1_000).run().await;
    let canary = backends[1].requests();
    // Six standard deviations around 250.
    assert!((168..=332).contains(&canary), "{canary}");
}

#[tokio::test]
async fn a_request_without_one_host_is_refused() {
    let (backend, gateway) = one(Behavior::ok()).await;
    for request in [
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET http://a/ HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
    ] {
        assert_eq!(raw(&gateway, request).await.status, 400, "{request}");
    }
    assert_eq!(backend.requests(), 0);
}

#[tokio::test]
async fn an_old_client_gets_no_chunks_and_an_end_by_closing() {
    let answer = Answer::ok("some words").framing(Framing::Chunked);
    let (backend, gateway) = one(Behavior::Answer(answer)).await;
    let mut client = gateway.client().await;
    client.send_raw(b"GET / HTTP/1.0\r\n\r\n").await.expect("sent");
    let (bytes, _) = client.read_to_end().await;
    let text = String::from_utf8_lossy(&bytes).to_ascii_lowercase();
    assert!(!text.contains("transfer-encoding"), "{text}");
    assert!(text.ends_with("\r\n\r\nsome words"), "{text}");
    assert!(backend.recorded()[0].header("host").is_some());
}

#[tokio::test]
async fn interim_answers_are_passed_on() {
    let behavior = Behavior::Informational { statuses: vec![103], answer: Answer::ok("x") };
    let (_backend, gateway) = one(behavior).await;
    let answer = gateway.get("/").await.expect("an answer");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.interim.iter().map(|interim| interim.status).collect::<Vec<_>>(), [103]);
}

#[tokio::test]
async fn a_client_that_expects_to_be_told_is_told_to_continue() {
    let (backend, gateway) = one(Behavior::Echo { body: true }).await;
    let mut client = gateway.client().await;
    let head = "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n";
    client.send_raw(head.as_bytes()).await.expect("sent");
    let told = client.read_raw().await.expect("bytes");
    assert!(told.starts_with(b"HTTP/1.1 100"), "{}", String::from_utf8_lossy(&told));
    client.send_raw(b"body").await.expect("sent");
    let answer = client.read_response(Duration::from_secs(2)).await.expect("an answer");
    assert_eq!(echoed(&answer)["body"], "body");
    assert_eq!(backend.requests(), 1);
}

#[tokio::test]
async fn answers_without_a_body_have_none() {
    for status in [204, 304] {
        let (_backend, gateway) = one(Behavior::status(status)).await;
        let mut client = gateway.client().await;
        for _ in 0..2 {
            let answer = client.get("/").await.expect("an answer");
            assert_eq!((answer.status, answer.end), (status, End::NoBody));
        }
    }
    let (_backend, gateway) = one(Behavior::Answer(Answer::ok("twelve bytes"))).await;
    let mut client = gateway.client().await;
    for _ in 0..2 {
        let answer = client.request("HEAD", "/", &[], b"").await.expect("an answer");
        assert_eq!((answer.status, answer.end), (200, End::NoBody));
    }
}

#[tokio::test]
async fn an_early_answer_reaches_a_client_that_is_still_sending() {
    let answer = Answer::status(413).body("too much");
    let then = switchback_testkit::Early::Close(switchback_testkit::Ending::Fin);
    let (_backend, gateway) = one(Behavior::EarlyAnswer { answer, then }).await;
    let mut client = Client::connect(gateway.addr()).await.expect("a connection");
    let head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n";
    client.send_raw(head.as_bytes()).await.expect("sent");
    client.send_raw(&[7; 100_000]).await.expect("sent");
    let answer = client.read_response(Duration::from_secs(5)).await.expect("an answer");
    assert_eq!((answer.status, answer.body.as_slice()), (413, b"too much".as_slice()));
}

#[tokio::test]
async fn requests_sent_ahead_are_answered_in_order() {
    let answer = |target: &str| {
        let answer = Answer::ok(target.to_owned()).delay(Duration::from_millis(60));
        Behavior::Answer(answer)
    };
    let behavior = Behavior::script(move |request| answer(&request.target));
    let (_backend, gateway) = one(behavior).await;
    let get = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
    let post = "POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody";
    let at_once = format!("{}{post}{}", get("/1"), get("/3"));
    let mut client = gateway.client().await;
    client.send_raw(at_once.as_bytes()).await.expect("sent");
    for expected in ["/1", "/2", "/3"] {
        let answer = client.read_response(Duration::from_secs(2)).await.expect("an answer");
        assert_eq!((answer.status, answer.body.as_slice()), (200, expected.as_bytes()));
    }
    for target in ["/4", "/5"] {
        client.send_raw(get(target).as_bytes()).await.expect("sent");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for expected in ["/4", "/5"] {
        let answer = client.read_response(Duration::from_secs(2)).await.expect("an answer");
        assert_eq!((answer.status, answer.body.as_slice()), (200, expected.as_bytes()));
    }
}

#[tokio::test]
async fn what_follows_a_broken_chunked_body_is_no_request() {
    for broken in ["\r\n", ";x\r\n"] {
        let (backend, gateway) = one(Behavior::ok()).await;
        let request = format!(
            "POST /first HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{broken}\r\n\
             GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
        );
        let mut client = gateway.client().await;
        client.send_raw(request.as_bytes()).await.expect("sent");
        let _ = client.read_to_end().await;
        let smuggled = backend.recorded().iter().any(|request| request.target == "/smuggled");
        assert!(!smuggled, "{broken:?}");
    }
}

#[tokio::test]
async fn an_old_client_may_name_the_host_in_the_target() {
    let backend = Backend::with(Behavior::Echo { body: false }).await;
    let gateway = Gateway::builder()
        .pool("web", &[backend.addr()])
        .route_yaml("{ host: a.example, pool: web }")
        .start(binary())
        .await;
    let mut client = gateway.client().await;
    client.send_raw(b"GET http://a.example/p HTTP/1.0\r\n\r\n").await.expect("sent");
    let answer = client.read_response(Duration::from_secs(2)).await.expect("an answer");
    assert_eq!(answer.status, 200);
    assert_eq!(field(&echoed(&answer), "host"), ["a.example"]);
}

#[tokio::test]
async fn an_answer_reaches_a_client_whose_body_nobody_reads() {
    let backend = Backend::start().await;
    let gateway = Gateway::builder()
        .pool("web", &[backend.addr()])
        .route_yaml("{ path: /app/, pool: web }")
        .start(binary())
        .await;
    let mut client = gateway.client().await;
    let head = "POST /nothing HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n";
    client.send_raw(head.as_bytes()).await.expect("sent");
    for _ in 0..30 {
        client.send_raw(&[7; 100_000]).await.expect("sent: nobody has reset the connection");
    }
    let answer = client.read_response(Duration::from_secs(5)).await.expect("an answer");
    assert_eq!(answer.status, 404);
}
