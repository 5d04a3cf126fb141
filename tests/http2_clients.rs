//! Clients that speak HTTP/2, with prior knowledge: everything that holds over HTTP/1 holds for them, stream
//! by stream. Endpoints speak either; what only HTTP/2 on both sides can do (both directions at
//! once, trailers) is tried with such.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use switchback_testkit::raw::{self, RawH2, Verdict};
use switchback_testkit::{
    Answer, Backend, Behavior, Client, Early, Ending, Gateway, H2Backend, H2Behavior, H2Client,
    H2End, H2Response, H2Service, Signal, Windows, eventually, hash,
};
use tokio::task::JoinSet;

const SOON: Duration = Duration::from_secs(5);
const MIB: usize = 1024 * 1024;

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_switchback"))
}

/// Over HTTP/1.1 to the endpoints.
async fn gateway(backends: &[&Backend]) -> Gateway {
    let addresses: Vec<_> = backends.iter().map(|backend| backend.addr()).collect();
    Gateway::builder().pool("web", &addresses).start(binary()).await
}

/// Over HTTP/2 to the endpoints.
async fn gateway_h2(addresses: &[SocketAddr]) -> Gateway {
    Gateway::builder().pool("web", addresses).pool_yaml("protocol: h2").start(binary()).await
}

async fn client(gateway: &Gateway) -> H2Client {
    H2Client::connect(gateway.addr()).await.unwrap_or_else(|e| panic!("the gateway: {e}"))
}

async fn raw(gateway: &Gateway) -> RawH2 {
    RawH2::connect(gateway.addr()).await.expect("the gateway")
}

fn complete(answer: &H2Response) -> (u16, H2End) {
    (answer.status, answer.end)
}

const FINE: (u16, H2End) = (200, H2End::Complete);

async fn nothing_in_flight(gateway: &Gateway) {
    eventually(SOON, "nothing is in flight", async || {
        gateway.metric("switchback_endpoint_in_flight", &[]).await == 0.0
            && gateway.metric("switchback_requests_in_flight", &[]).await == 0.0
    })
    .await;
}

fn resident(gateway: &Gateway) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", gateway.pid()));
    let status = status.expect("a running process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
    line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number of kB") * 1024
}

#[expect(clippy::print_stderr, reason = "the figures, by --nocapture")]
fn show(figures: std::fmt::Arguments<'_>) {
    eprintln!("HTTP2 {figures}");
}

#[tokio::test]
async fn a_request_reaches_an_endpoint_of_either_protocol_as_it_was() {
    let (http1, http2) = (Backend::start().await, H2Service::start().await);
    for over_http2 in [false, true] {
        let gateway = match over_http2 {
            false => gateway(&[&http1]).await,
            true => gateway_h2(&[http2.addr()]).await,
        };
        let client = client(&gateway).await;
        for (method, body) in [
            ("GET", ""),
            ("POST", "a body"),
            ("PUT", "another"),
            ("PATCH", "x"),
            ("DELETE", ""),
            ("OPTIONS", ""),
            ("POST", ""),
            ("M-SEARCH", ""),
        ] {
            let headers =
                [("host", "shop.example.com:8443"), ("x-forwarded-for", "1.2.3.4"), ("x-a", "b")];
            let answer = client.request(method, "/a/b?c=d&e", &headers, body.as_bytes()).await;
            assert_eq!(complete(&answer), FINE, "{method}");
            let (seen_method, target, host, fields, received) = if over_http2 {
                let seen = http2.seen().pop().expect("a request");
                (seen.method, seen.target, seen.authority, seen.headers, seen.received)
            } else {
                let seen = http1.recorded().pop().expect("a request");
                let host = seen.header("host").unwrap_or_default().to_owned();
                (seen.method, seen.target, host, seen.headers, seen.body_len)
            };
            let field = |wanted: &str| {
                let found = fields.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
                found.map(|(_, value)| value.as_str())
            };
            assert_eq!((&*seen_method, &*target), (method, "/a/b?c=d&e"));
            assert_eq!(host, "shop.example.com:8443");
            assert_eq!(received, body.len() as u64, "{method}");
            assert_eq!(field("x-a"), Some("b"));
            assert_eq!(field("x-forwarded-for"), Some("127.0.0.1"), "nobody is trusted");
            assert_eq!(field("x-forwarded-proto"), Some("http"));
            assert_eq!(field("x-forwarded-host"), Some("shop.example.com:8443"));
            assert!(field("x-request-id").is_some_and(|id| id.len() == 26), "{fields:?}");
        }
        assert_eq!(http1.malformed(), 0);
    }
}

#[tokio::test]
async fn a_hundred_requests_beside_each_other_get_each_its_own_answer() {
    let backend = Backend::with(Behavior::Echo { body: true }).await;
    let service = H2Service::start().await;
    for over_http2 in [false, true] {
        let gateway = match over_http2 {
            false => gateway(&[&backend]).await,
            true => gateway_h2(&[service.addr()]).await,
        };
        let client = client(&gateway).await;
        let mut requests = JoinSet::new();
        for n in 0..100_usize {
            let client = client.clone();
            requests.spawn(async move {
                let body = vec![b'x'; n * 100];
                (n, client.request("PUT", &format!("/{n}"), &[], &body).await)
            });
        }
        while let Some(request) = requests.join_next().await {
            let (n, answer) = request.expect("a request");
            assert_eq!(complete(&answer), FINE, "{n}");
            let expected = if over_http2 {
                (n * 100).to_string()
            } else {
                let said: Value = serde_json::from_str(&answer.text()).expect("json");
                assert_eq!(said["target"], format!("/{n}"));
                assert_eq!(said["body_len"], n * 100);
                answer.text()
            };
            assert_eq!(answer.text(), expected);
        }
        assert_eq!(gateway.metric("switchback_connections_accepted_total", &[]).await, 1.0 + 1.0);
        nothing_in_flight(&gateway).await;
    }
}

#[tokio::test]
async fn large_bodies_pass_both_ways_and_memory_stays_small() {
    const SIZE: usize = 32 * MIB;
    let body = vec![b'x'; SIZE];
    let http1 = Backend::with(Behavior::Answer(Answer::ok(body.clone()))).await;
    let http2 = H2Service::start().await;
    for over_http2 in [false, true] {
        let gateway = match over_http2 {
            false => gateway(&[&http1]).await,
            true => gateway_h2(&[http2.addr()]).await,
        };
        let windows = Windows { stream: 256 * 1024, connection: MIB as u32 };
        let client = H2Client::connect_with(gateway.addr(), windows).await.expect("the gateway");
        assert_eq!(client.get("/download/10").await.status, 200);
        let (before, began) = (resident(&gateway), Instant::now());
        let answer = client.get(&format!("/download/{SIZE}")).await;
        assert_eq!((complete(&answer), answer.body.len()), (FINE, SIZE));
        let down = began.elapsed();
        let began = Instant::now();
        let length = SIZE.to_string();
        let answer = client.request("PUT", "/up", &[("content-length", &length)], &body).await;
        assert_eq!(complete(&answer), FINE);
        let (received, hashed) = match over_http2 {
            true => (http2.seen().pop().map(|seen| seen.received), None),
            false => {
                let seen = http1.recorded().pop();
                (seen.as_ref().map(|seen| seen.body_len), seen.map(|seen| seen.body_hash))
            }
        };
        assert_eq!(received, Some(SIZE as u64));
        assert!(hashed.is_none_or(|hashed| hashed == hash(&body)));
        let grown = resident(&gateway).saturating_sub(before);
        show(format_args!(
            "32 MiB, endpoint over HTTP/2 {over_http2}: down {down:?}, up {:?}, grown {} KiB",
            began.elapsed(),
            grown / 1024
        ));
        assert!(grown < 12 * MIB, "{grown} bytes more than before");
    }
}

#[tokio::test]
async fn a_client_that_pauses_holds_its_endpoint_back_and_no_one_else() {
    const SIZE: usize = 64 * MIB;
    let big = Answer::ok(vec![b'x'; SIZE]);
    let http1 = Backend::with(Behavior::script(move |request| match &*request.target {
        "/small" => Behavior::ok(),
        "/download/100000" => Behavior::Answer(Answer::ok(vec![b'x'; 100_000])),
        _ => Behavior::Answer(big.clone()),
    }))
    .await;
    let http2 = H2Service::start().await;
    for over_http2 in [false, true] {
        let gateway = match over_http2 {
            false => gateway(&[&http1]).await,
            true => gateway_h2(&[http2.addr()]).await,
        };
        let windows = Windows { stream: 65_535, connection: MIB as u32 };
        let client = H2Client::connect_with(gateway.addr(), windows).await.expect("the gateway");
        assert_eq!(client.get("/small").await.status, 200);
        let before = resident(&gateway);
        let mut all = Vec::new();
        for _ in 0..4 {
            let target = format!("/download/{SIZE}");
            let mut paused = client.open("GET", &target, &[]).await.expect("sent");
            paused.finish().expect("sent");
            assert_eq!(paused.head().await.status, 200);
            all.push(paused);
        }
        // Every buffer on the way fills, and what is silent meanwhile is not the endpoint.
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        let other = self::client(&gateway).await;
        for client in [&client, &other] {
            let began = Instant::now();
            assert_eq!(complete(&client.get("/small").await), FINE, "beside them");
            assert_eq!(client.get("/download/100000").await.end, H2End::Complete, "beside them");
            assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
        }
        let grown = resident(&gateway).saturating_sub(before);
        show(format_args!("four paused answers, {over_http2}: grown {} KiB", grown / 1024));
        assert!(grown < 16 * MIB, "{grown} bytes more than before");
        let mut paused = all.remove(0);
        let mut read = 0;
        loop {
            let piece = paused.read().await.expect("it goes on where it was");
            read += piece.len();
            if piece.is_empty() {
                break;
            }
        }
        assert_eq!(read, SIZE);
    }
}

#[tokio::test]
async fn an_endpoint_that_reads_nothing_holds_its_client_back() {
    let http1 = Backend::with(Behavior::AcceptAndSilent { reads: false }).await;
    let http2 = H2Service::start().await;
    for over_http2 in [false, true] {
        let address = if over_http2 { http2.addr() } else { http1.addr() };
        let protocol = if over_http2 { "protocol: h2" } else { "protocol: http1" };
        let gateway = Gateway::builder()
            .pool("web", &[address])
            .pool_yaml(protocol)
            .pool_yaml(
                "timeouts: { connect: 1s, first_byte: 2s, write: 2s, idle: 2s, request: 2s }",
            )
            .main_yaml("limits: { body_timeout: 1s }")
            .start(binary())
            .await;
        let client = client(&gateway).await;
        let before = resident(&gateway);
        let mut upload = client.open("PUT", "/never-read", &[]).await.expect("sent");
        let mut sent = 0;
        let pushing = async {
            loop {
                if upload.send(vec![b'x'; 64 * 1024]).await.is_err() {
                    return;
                }
                sent += 64 * 1024;
            }
        };
        let _ = tokio::time::timeout(Duration::from_millis(1_500), pushing).await;
        let grown = resident(&gateway).saturating_sub(before);
        show(format_args!(
            "an endpoint that reads nothing, {over_http2}: took {} KiB, grown {} KiB",
            sent / 1024,
            grown / 1024
        ));
        assert!(sent < 16 * MIB, "{sent} bytes went out");
        assert!(grown < 16 * MIB, "{grown} bytes more than before");
        client.cut();
        // Pingora reads no client whose body waits: it is given up after `write`, and what an answer may take.
        eventually(2 * SOON, "nothing is in flight", async || {
            gateway.metric("switchback_requests_in_flight", &[]).await == 0.0
        })
        .await;
    }
}

#[tokio::test]
async fn what_has_no_body_ends_with_its_header() {
    let http1 = Backend::with(Behavior::script(|request| {
        match request.target.trim_start_matches('/').parse() {
            Ok(status) => Behavior::status(status),
            Err(_) => Behavior::Answer(Answer::ok("ok\n").header("etag", "\"1\"")),
        }
    }))
    .await;
    let gateway = gateway(&[&http1]).await;
    let client = client(&gateway).await;
    for (method, target, status, length) in [
        ("HEAD", "/", 200, Some("3")),
        ("GET", "/204", 204, None),
        ("GET", "/304", 304, None),
        ("DELETE", "/204", 204, None),
        ("HEAD", "/404", 404, Some("11")),
    ] {
        let answer = client.request(method, target, &[], b"").await;
        assert_eq!(complete(&answer), (status, H2End::Complete), "{method} {target}");
        assert!(answer.body.is_empty());
        if let Some(length) = length {
            assert_eq!(answer.header("content-length"), Some(length), "{method} {target}");
        }
    }
    let http2 = H2Backend::with(H2Behavior::Answer(200)).await;
    let gateway = gateway_h2(&[http2.addr()]).await;
    let client = self::client(&gateway).await;
    let answer = client.request("HEAD", "/", &[], b"").await;
    assert_eq!((complete(&answer), answer.body.len()), (FINE, 0));
}

#[tokio::test]
async fn what_the_gateway_answers_itself_is_whole() {
    let well = Backend::start().await;
    let dead = Backend::with(Behavior::RefuseConnections).await;
    let gateway = Gateway::builder()
        .pool("web", &[well.addr()])
        .pool("dead", &[dead.addr()])
        .pool_yaml("queue_timeout: 100ms")
        .route_yaml("{ host: shop.example.com, path: /old/, redirect: { to: /new/, status: 308 } }")
        .route_yaml("{ host: shop.example.com, path: /dead/, pool: dead }")
        .route_yaml("{ host: shop.example.com, path: /small/, pool: web, max_body: 100B }")
        .route_yaml("{ host: shop.example.com, path: /, pool: web }")
        .start(binary())
        .await;
    let client = client(&gateway).await;
    let shop = ("host", "shop.example.com");
    for (method, host, target, body, status) in [
        ("GET", shop, "/old/a?b=c", 0, 308),
        ("POST", shop, "/old/a?b=c", 200_000, 308),
        ("GET", ("host", "elsewhere.example.com"), "/", 0, 404),
        ("POST", ("host", "elsewhere.example.com"), "/", 200_000, 404),
        ("HEAD", ("host", "elsewhere.example.com"), "/", 0, 404),
        ("GET", shop, "/dead/", 0, 502),
        ("POST", shop, "/dead/", 200_000, 502),
        ("POST", shop, "/small/", 200_000, 413),
        ("POST", shop, "/small/", 100, 200),
        ("GET", shop, "/", 0, 200),
    ] {
        let answer = client.request(method, target, &[host], &vec![b'x'; body]).await;
        assert_eq!(answer.status, status, "{method} {target}: {answer:?}");
        // What is left of a body that nobody reads is not waited for (RFC 9113, section 8.1).
        let ended = matches!(answer.end, H2End::Complete | H2End::Reset(0 | 8));
        assert!(ended, "{method} {target}: {:?}", answer.end);
        match status {
            308 => assert_eq!(answer.header("location"), Some("/new/a?b=c")),
            404 | 413 | 502 if method != "HEAD" => {
                let said = answer.header("proxy-status").expect("why");
                assert!(said.starts_with("switchback; error="), "{said}");
                assert!(answer.text().starts_with(&status.to_string()), "{}", answer.text());
            }
            _ => {}
        }
    }
    // It says nothing of its length, and more than is allowed comes.
    let mut long = client.open("POST", "/small/", &[shop]).await.expect("sent");
    long.send(vec![b'x'; 90]).await.expect("sent");
    long.send(vec![b'x'; 90]).await.expect("sent");
    assert_eq!(long.answer().await.status, 413);
    assert_eq!(complete(&client.request("GET", "/", &[shop], b"").await), FINE);
    assert!(well.recorded().iter().all(|seen| !seen.complete || seen.body_len <= 100));
}

/// Three endpoints, the first ill: what becomes of a mixture of requests on one connection.
struct Rescue {
    idempotent_failed: usize,
    posts_failed: usize,
}

async fn rescue(gateway: &Gateway, executions: impl Fn(&str) -> u64) -> Rescue {
    let client = client(gateway).await;
    let mut requests = JoinSet::new();
    for lane in 0..6 {
        let client = client.clone();
        requests.spawn(async move {
            let mut answers = Vec::new();
            for n in 0..10 {
                let (method, body) =
                    [("GET", 0), ("PUT", 2_000), ("POST", 500), ("DELETE", 0)][(lane + n) % 4];
                let id = format!("{method}-{lane}-{n}");
                let answer =
                    client.request(method, "/", &[("x-test-id", &id)], &vec![b'x'; body]).await;
                answers.push((id, answer));
            }
            answers
        });
    }
    let mut rescue = Rescue { idempotent_failed: 0, posts_failed: 0 };
    while let Some(answers) = requests.join_next().await {
        for (id, answer) in answers.expect("requests") {
            let failed = usize::from(complete(&answer) != FINE);
            match id.starts_with("POST") {
                true => {
                    rescue.posts_failed += failed;
                    assert!(executions(&id) <= 1, "{id} was executed twice");
                }
                false => rescue.idempotent_failed += failed,
            }
        }
    }
    nothing_in_flight(gateway).await;
    rescue
}

#[tokio::test]
async fn what_an_endpoint_over_http1_fails_another_answers_and_a_post_is_never_repeated() {
    for (fault, unsent) in [
        (Behavior::RefuseConnections, true),
        (Behavior::CloseBeforeAnswer(Ending::Fin), false),
        (Behavior::CloseBeforeAnswer(Ending::Rst), false),
        (Behavior::ResetOnAccept, false),
        (Behavior::AcceptAndSilent { reads: true }, false),
        (Behavior::Garbage("no HTTP\r\n\r\n".into()), false),
        (Behavior::status(503), false),
        (Behavior::CloseOnReuse { executed: false, ending: Ending::Fin }, false),
    ] {
        let backends = Backend::start_many(3).await;
        let addresses: Vec<_> = backends.iter().map(Backend::addr).collect();
        let gateway = Gateway::builder()
            .pool("web", &addresses)
            .pool_yaml("timeouts: { connect: 500ms, first_byte: 300ms, idle: 1s, request: 5s }")
            .start(binary())
            .await;
        backends[0].set(fault.clone());
        let executions = |id: &str| backends.iter().map(|it| it.executions(id)).sum();
        let rescue = rescue(&gateway, executions).await;
        show(format_args!("{fault:?}: POST failed {}", rescue.posts_failed));
        assert_eq!(rescue.idempotent_failed, 0, "{fault:?}");
        assert!(!unsent || rescue.posts_failed == 0, "{fault:?}: nothing was sent");
    }
}

#[tokio::test]
async fn what_an_endpoint_over_http2_fails_another_answers_and_a_post_is_never_repeated() {
    for (fault, unsent) in [
        (H2Behavior::Refuse, true),
        (H2Behavior::GoawayBelow { answers: 0, close: true }, true),
        (H2Behavior::GoawayBelow { answers: 3, close: false }, true),
        (H2Behavior::AnswerAndGoaway, true),
        (H2Behavior::Reset(2), false),
        (H2Behavior::Reset(8), false),
        (H2Behavior::CloseBeforeAnswer, false),
        (H2Behavior::GoawayThenClose, false),
        (H2Behavior::Hang, false),
        (H2Behavior::Answer(503), false),
    ] {
        let mut backends = vec![H2Backend::with(fault).await];
        for _ in 0..2 {
            backends.push(H2Backend::with(H2Behavior::Answer(200)).await);
        }
        let addresses: Vec<_> = backends.iter().map(H2Backend::addr).collect();
        let gateway = Gateway::builder()
            .pool("web", &addresses)
            .pool_yaml("protocol: h2")
            .pool_yaml("timeouts: { connect: 500ms, first_byte: 300ms, idle: 1s, request: 5s }")
            .start(binary())
            .await;
        let executions = |id: &str| backends.iter().map(|it| it.executions(id)).sum();
        let rescue = rescue(&gateway, executions).await;
        show(format_args!("{fault:?}: POST failed {}", rescue.posts_failed));
        assert_eq!(rescue.idempotent_failed, 0, "{fault:?}");
        assert!(!unsent || rescue.posts_failed == 0, "{fault:?}: nothing was processed");
    }
}

#[tokio::test]
async fn who_waits_too_long_gets_504_and_those_beside_it_wait_on() {
    let http1 = Backend::with(Behavior::script(|request| match &*request.target {
        "/late" => Behavior::ok_after(Duration::from_millis(900)),
        "/stall" => Behavior::StalledBody {
            framing: switchback_testkit::Framing::ContentLength,
            declared: 100,
            sent: 10,
        },
        _ => Behavior::AcceptAndSilent { reads: true },
    }))
    .await;
    for (limits, least) in [
        ("first_byte: 400ms, idle: 400ms, request: 5s", 350),
        ("first_byte: 5s, idle: 400ms, request: 400ms", 350),
    ] {
        let gateway = Gateway::builder()
            .pool("web", &[http1.addr()])
            .pool_yaml(&format!("timeouts: {{ connect: 500ms, {limits} }}"))
            .pool("slow", &[http1.addr()])
            .route_yaml("{ path: /late, pool: slow }")
            .route_yaml("{ pool: web }")
            .start(binary())
            .await;
        let client = client(&gateway).await;
        let beside = tokio::spawn({
            let client = client.clone();
            async move { client.get("/late").await }
        });
        for (method, body) in [("GET", &b""[..]), ("POST", b"x")] {
            let began = Instant::now();
            let answer = client.request(method, "/hang", &[], body).await;
            let took = began.elapsed().as_millis();
            assert_eq!(complete(&answer), (504, H2End::Complete), "{limits}");
            assert!((least..2_000).contains(&took), "{method} {limits}: {took} ms");
        }
        let began = Instant::now();
        let cut = client.get("/stall").await;
        assert_eq!((cut.status, cut.body.len()), (200, 10), "{limits}");
        assert!(matches!(cut.end, H2End::Reset(code) if code != 0), "visibly: {:?}", cut.end);
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
        assert_eq!(complete(&beside.await.expect("a request")), FINE);
    }
}

#[tokio::test]
async fn a_client_that_resets_its_stream_ends_what_was_done_for_it() {
    let http1 = Backend::with(Behavior::AcceptAndSilent { reads: true }).await;
    let http2 = H2Service::start().await;
    for over_http2 in [false, true] {
        let gateway = match over_http2 {
            false => gateway(&[&http1]).await,
            true => gateway_h2(&[http2.addr()]).await,
        };
        let client = client(&gateway).await;
        let mut waits = client.open("GET", "/hang?waits", &[]).await.expect("sent");
        waits.finish().expect("sent");
        let mut sends = client.open("POST", "/hang?sends", &[]).await.expect("sent");
        sends.send("half").await.expect("sent");
        let arrived = async || match over_http2 {
            true => http2.seen().len() == 2 && http2.seen().iter().any(|seen| seen.received == 4),
            false => http1.recorded().len() == 2 && http1.open_connections() == 2,
        };
        eventually(SOON, "both have arrived", arrived).await;
        waits.reset(8);
        sends.reset(8);
        let told = async || match over_http2 {
            true => http2.seen().iter().all(|seen| seen.reset == Some(8)),
            false => http1.open_connections() == 0,
        };
        eventually(SOON, "the endpoint is told", told).await;
        let gone = |line: &Value| line["path"] == "/hang" && line["origin"] == "client";
        let line = gateway.wait_for_log(gone, SOON).await;
        assert_eq!(line["reason"], "client_gone", "{line}");
        assert_eq!(line["attempts"][0]["outcome"], "client_gone", "{line}");
        assert_eq!(line["status"], Value::Null, "{line}");
        nothing_in_flight(&gateway).await;
        let lines = gateway.log().iter().filter(|line| gone(line)).count();
        assert_eq!(lines, 2);
        assert!(!client.is_closed(), "the connection goes on");
    }
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_of_its_answers_ends_them() {
    let http1 = Backend::with(Behavior::Answer(Answer::ok(vec![b'x'; 64 * MIB]))).await;
    let http2 = H2Service::start().await;
    for over_http2 in [false, true] {
        let gateway = match over_http2 {
            false => gateway(&[&http1]).await,
            true => gateway_h2(&[http2.addr()]).await,
        };
        let client = client(&gateway).await;
        let mut streams = Vec::new();
        for _ in 0..4 {
            let mut stream = client.open("GET", "/download/67108864", &[]).await.expect("sent");
            stream.finish().expect("sent");
            assert_eq!(stream.head().await.status, 200);
            streams.push(stream);
        }
        client.cut();
        nothing_in_flight(&gateway).await;
        let closed = async || gateway.metric("switchback_connections", &[]).await == 0.0;
        eventually(SOON, "the connection is closed", closed).await;
        if !over_http2 {
            eventually(SOON, "the endpoint is told", async || http1.open_connections() == 0).await;
        }
    }
}

#[tokio::test]
async fn a_call_of_grpc_streams_both_ways_and_ends_with_its_trailers() {
    let service = H2Service::start().await;
    let gateway = gateway_h2(&[service.addr()]).await;
    let client = client(&gateway).await;
    let headers = [("content-type", "application/grpc"), ("te", "trailers")];
    let mut call = client.open("POST", "/echo", &headers).await.expect("sent");
    // The header of the answer comes before anything was sent of the body.
    let head = call.head().await;
    assert_eq!(head.status, 200);
    assert_eq!(head.header("content-type"), Some("application/grpc"));
    for n in 0..50 {
        let message = format!("message {n}");
        call.send(message.clone()).await.expect("sent");
        let mut echoed = Vec::new();
        while echoed.len() < message.len() {
            echoed.extend(call.read().await.expect("an echo"));
        }
        assert_eq!(echoed, message.as_bytes());
    }
    call.finish().expect("sent");
    let rest = call.answer().await;
    assert_eq!(rest.end, H2End::Complete);
    assert_eq!(rest.trailer("grpc-status"), Some("0"), "{rest:?}");
    assert_eq!(rest.trailer("grpc-message"), Some("fine"));
}

#[tokio::test]
async fn a_call_of_grpc_may_fail_with_its_header_alone() {
    let service = H2Service::start().await;
    let gateway = gateway_h2(&[service.addr()]).await;
    let client = client(&gateway).await;
    let headers = [("content-type", "application/grpc"), ("te", "trailers")];
    let answer = client.request("POST", "/trailers-only", &headers, b"hello").await;
    assert_eq!(complete(&answer), FINE);
    assert_eq!(answer.header("grpc-status"), Some("12"));
    assert_eq!((answer.body.len(), answer.trailers), (0, None));
    assert_eq!(service.seen()[0].received, 5);
}

#[tokio::test]
async fn an_endpoint_hears_that_its_trailers_are_wanted() {
    let service = H2Service::start().await;
    let gateway = gateway_h2(&[service.addr()]).await;
    let client = client(&gateway).await;
    client.request("POST", "/x", &[("te", "trailers")], b"").await;
    assert_eq!(service.seen()[0].header("te"), Some("trailers"), "gRPC demands it");
}

/// Pingora reads data alone of a request.
#[tokio::test]
async fn the_trailers_of_a_request_stop_at_the_gateway_and_its_body_ends_all_the_same() {
    let service = H2Service::start().await;
    let gateway = gateway_h2(&[service.addr()]).await;
    let client = client(&gateway).await;
    let mut call = client.open("POST", "/echo", &[]).await.expect("sent");
    call.send("hello").await.expect("sent");
    call.finish_with(&[("x-sum", "5")]).expect("sent");
    let answer = call.answer().await;
    assert_eq!((complete(&answer), answer.text().as_str()), (FINE, "hello"));
    let seen = &service.seen()[0];
    assert_eq!((seen.complete, &seen.trailers), (true, &None));
}

#[tokio::test]
async fn the_crumbs_of_a_cookie_are_one_field_to_an_endpoint_over_http1() {
    let backend = Backend::start().await;
    let gateway = gateway(&[&backend]).await;
    let client = client(&gateway).await;
    let crumbs = [("cookie", "a=1"), ("cookie", "b=2"), ("cookie", "c=3")];
    assert_eq!(client.request("GET", "/", &crumbs, b"").await.status, 200);
    let seen = backend.recorded().pop().expect("a request");
    let cookies = seen.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("cookie"));
    let cookies: Vec<_> = cookies.map(|(_, value)| value.as_str()).collect();
    assert_eq!(cookies, ["a=1; b=2; c=3"], "RFC 9113, section 8.2.3");
}

/// h2 can send them, Pingora does not; a client misses a hint and no answer.
#[tokio::test]
async fn interim_answers_do_not_reach_clients_of_http2_and_the_final_one_does() {
    let statuses = vec![103, 100, 103];
    let http1 =
        Backend::with(Behavior::Informational { statuses, answer: Answer::ok("ok\n") }).await;
    let http2 = H2Service::start().await;
    for over_http2 in [false, true] {
        let gateway = match over_http2 {
            false => gateway(&[&http1]).await,
            true => gateway_h2(&[http2.addr()]).await,
        };
        let answer = client(&gateway).await.get("/early-hints").await;
        assert_eq!((complete(&answer), answer.interim.len()), (FINE, 0));
        assert_eq!(answer.header("link"), None);
    }
}

/// Nobody tells it to (see the test before); RFC 9110, section 10.1.1, lets it wait but not for ever.
#[tokio::test]
async fn a_client_that_expects_to_be_told_to_continue_sends_its_body_at_last_and_is_served() {
    let http1 = Backend::with(Behavior::Echo { body: true }).await;
    let http2 = H2Service::start().await;
    for over_http2 in [false, true] {
        let gateway = match over_http2 {
            false => gateway(&[&http1]).await,
            true => gateway_h2(&[http2.addr()]).await,
        };
        let client = client(&gateway).await;
        let expects = [("expect", "100-continue"), ("content-length", "5")];
        for wait in [0, 300] {
            let mut request = client.open("PUT", "/echo", &expects).await.expect("sent");
            tokio::time::sleep(Duration::from_millis(wait)).await;
            request.send("hello").await.expect("sent");
            request.finish().expect("sent");
            let answer = request.answer().await;
            assert_eq!(complete(&answer), FINE, "{over_http2}");
            assert!(answer.text().contains("hello"), "{}", answer.text());
        }
        // One whose body nobody wants is told so before it was sent.
        if !over_http2 {
            let answer = Answer::status(413);
            http1.set(Behavior::EarlyAnswer { answer, then: Early::Close(Ending::Fin) });
            let mut request = client.open("PUT", "/echo", &expects).await.expect("sent");
            assert_eq!(request.head().await.status, 413);
        }
    }
}

#[tokio::test]
async fn a_websocket_over_http1_is_at_home_on_the_same_listener() {
    let backend = Backend::with(Behavior::Upgrade).await;
    let gateway = gateway(&[&backend]).await;
    let over_http2 = client(&gateway).await;
    let mut chat = gateway.client().await;
    let upgrade =
        "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    chat.send_raw(upgrade.as_bytes()).await.expect("sent");
    assert!(chat.read_raw().await.expect("an answer").starts_with(b"HTTP/1.1 101"));
    chat.send_raw(b"ping").await.expect("sent");
    assert_eq!(chat.read_raw().await.expect("an echo"), b"ping");
    // 426: it asked for no upgrade.
    assert_eq!(over_http2.get("/").await.status, 426);
    chat.send_raw(b"pong").await.expect("sent");
    assert_eq!(chat.read_raw().await.expect("an echo"), b"pong");
}

#[tokio::test]
async fn a_leaving_gateway_says_goaway_serves_whom_it_has_and_whoever_still_comes() {
    let backend = Backend::with(Behavior::ok_after(Duration::from_millis(900))).await;
    let gateway = Gateway::builder()
        .pool("web", &[backend.addr()])
        .main_yaml("drain: { delay: 700ms, timeout: 5s }")
        .start(binary())
        .await;
    let mut busy = raw(&gateway).await;
    busy.request(1, &get("/busy")).await.expect("sent");
    eventually(SOON, "under way", async || backend.requests() == 1).await;
    let mut idle = raw(&gateway).await;
    gateway.signal(Signal::TERM);
    eventually(SOON, "not ready", async || !gateway.is_ready().await).await;
    for connection in [&mut busy, &mut idle] {
        let deadline = Instant::now() + SOON;
        while connection.goaway().is_none() {
            connection.next(deadline.into()).await.expect("GOAWAY");
        }
        assert_eq!(connection.goaway(), Some(0));
    }
    let late = H2Client::connect(gateway.addr()).await.expect("the listener is still open");
    let late = tokio::spawn(async move { late.get("/late").await });
    assert_eq!(busy.verdict(1, SOON).await, Verdict::Answered(200));
    assert_eq!(complete(&late.await.expect("a request")), FINE);
    let began = Instant::now();
    assert!(gateway.wait_exit(SOON).await.success());
    show(format_args!("left {:?} after the last answer", began.elapsed()));
}

#[tokio::test]
async fn a_reload_leaves_open_streams_alone_and_the_next_ones_follow_it() {
    let (before, after) = (H2Service::start().await, H2Service::start().await);
    let gateway = gateway_h2(&[before.addr()]).await;
    let client = client(&gateway).await;
    let mut call = client.open("POST", "/echo", &[]).await.expect("sent");
    assert_eq!(call.head().await.status, 200);
    gateway.write_pool("web", &[after.addr()]);
    gateway.signal(Signal::HUP);
    let follows = async || client.get("/x").await.status == 200 && !after.seen().is_empty();
    eventually(SOON, "requests go to the new endpoint", follows).await;
    call.send("still here").await.expect("sent");
    assert_eq!(call.read().await.expect("an echo"), "still here");
    call.finish().expect("sent");
    let rest = call.answer().await;
    assert_eq!((rest.end, rest.trailer("grpc-status")), (H2End::Complete, Some("0")));
    assert!(!client.is_closed());
}

#[tokio::test]
async fn each_request_has_its_line_in_the_access_log() {
    let backend = Backend::with(Behavior::Echo { body: false }).await;
    let gateway = gateway(&[&backend]).await;
    let client = client(&gateway).await;
    let shop = ("host", "shop.example.com");
    let answer = client.request("POST", "/logged?secret=1", &[shop], &[b'x'; 1234]).await;
    assert_eq!(complete(&answer), FINE);
    let line = gateway.log_line_for("/logged").await;
    for (key, expected) in [
        ("client", json!("127.0.0.1")),
        ("method", json!("POST")),
        ("host", json!("shop.example.com")),
        ("path", json!("/logged")),
        ("status", json!(200)),
        ("protocol", json!("h2")),
        ("bytes_in", json!(1234)),
        ("bytes_out", json!(answer.body.len())),
    ] {
        assert_eq!(line[key], expected, "{key} of {line}");
    }
    assert!(!line.to_string().contains("secret"), "the query is not logged");
    assert_eq!(line["attempts"][0]["outcome"], "completed");
}

#[tokio::test]
async fn an_idle_connection_is_told_to_go_and_closed_a_busy_one_is_not() {
    let backend = Backend::with(Behavior::ok_after(Duration::from_secs(2))).await;
    let gateway = Gateway::builder()
        .pool("web", &[backend.addr()])
        .pool_yaml("timeouts: { first_byte: 4s, request: 5s }")
        .main_yaml("client_keepalive: 1s")
        .start(binary())
        .await;
    let (mut idle, mut busy) = (raw(&gateway).await, raw(&gateway).await);
    let began = Instant::now();
    busy.request(1, &get("/busy")).await.expect("sent");
    assert_eq!(idle.end(SOON).await, Verdict::GoAway(0));
    let took = began.elapsed();
    assert!((900..4_500).contains(&took.as_millis()), "{took:?}");
    assert_eq!(busy.goaway(), None);
    assert_eq!(busy.verdict(1, SOON).await, Verdict::Answered(200));
    show(format_args!("idle for a second: closed after {took:?}"));
}

/// What bounds the time for a head bounds no connection.
#[tokio::test]
async fn a_connection_outlives_the_limit_for_its_beginning() {
    let backend = Backend::with(Behavior::ok_after(Duration::from_millis(1_500))).await;
    let gateway = Gateway::builder()
        .pool("web", &[backend.addr()])
        .pool_yaml("timeouts: { first_byte: 4s, request: 5s }")
        .main_yaml("limits: { header_timeout: 1s, handshake_timeout: 1s }")
        .start(binary())
        .await;
    let client = client(&gateway).await;
    assert_eq!(complete(&client.get("/").await), FINE);
    assert_eq!(complete(&client.get("/").await), FINE);
    assert!(!client.is_closed());
}

fn get(target: &str) -> [(&str, &str); 4] {
    [(":method", "GET"), (":scheme", "http"), (":authority", "a.example"), (":path", target)]
}

/// A request that is to be refused: its frames on stream 3, and what it is.
struct Refused {
    what: String,
    frames: Vec<u8>,
}

fn refused(what: impl ToString, fields: &[(&str, &str)]) -> Refused {
    Refused { what: what.to_string(), frames: raw::headers(3, true, &raw::block(fields)) }
}

/// A GET of `/refused` with these fields instead of those of the same name, or behind them.
fn with(what: impl ToString, changes: &[(&str, &str)]) -> Refused {
    let mut fields = get("/refused").to_vec();
    for change in changes {
        match fields.iter_mut().find(|(name, _)| name == &change.0) {
            Some(field) => field.1 = change.1,
            None => fields.push(*change),
        }
    }
    refused(what, &fields)
}

fn without(name: &str) -> Refused {
    let fields: Vec<_> = get("/refused").into_iter().filter(|field| field.0 != name).collect();
    refused(format!("no {name}"), &fields)
}

fn post(what: &str, lengths: &[&str], body: &[u8]) -> Refused {
    let mut fields = get("/refused").to_vec();
    fields[0].1 = "POST";
    fields.extend(lengths.iter().map(|length| ("content-length", *length)));
    let mut frames = raw::headers(3, body.is_empty(), &raw::block(&fields));
    if !body.is_empty() {
        frames.extend(raw::frame(raw::Kind::Data, 1, 3, body));
    }
    Refused { what: what.to_owned(), frames }
}

fn refusals() -> Vec<Refused> {
    let mut all = Vec::new();
    for authority in [
        "a,b", "a b", " a", "a/b", "\"a\"", "a\\b", "u@a", "u:p@a", "a#b", "a?b", "a:b", "a:",
        ":80", "a:80:80", "a:99999", "[::1", "a..b", "a%41", "", "a;b", "a\tb", "a\0b", "a\r\nb",
    ] {
        all.push(with(format!(":authority {authority:?}"), &[(":authority", authority)]));
        if !authority.starts_with(' ') {
            let fields: Vec<_> =
                get("/refused").into_iter().filter(|it| it.0 != ":authority").collect();
            let fields = [&fields[..], &[("host", authority)]].concat();
            all.push(refused(format!("host {authority:?}"), &fields));
        }
    }
    for name in [":authority", ":method", ":path", ":scheme"] {
        all.push(without(name));
    }
    for host in ["b.example", "a.example:81", "a.example, a.example"] {
        all.push(with(format!("host {host:?} beside :authority"), &[("host", host)]));
    }
    for target in [
        "/refused b",
        "/refused\tb",
        "/refused\0",
        "/refused\r\nx: y",
        "/refused\u{7f}",
        "",
        "refused",
        "?refused",
        "@evil/refused",
        ":80/refused",
        "http://a.example/refused",
        "*",
        "a.example:80",
    ] {
        all.push(with(format!(":path {target:?}"), &[(":path", target)]));
    }
    for method in ["TRACE", "trace", "CONNECT", "G T", "", "GET\r\n", "G\"T"] {
        all.push(with(format!(":method {method:?}"), &[(":method", method)]));
    }
    let connect = [(":method", "CONNECT"), (":authority", "a.example:443")];
    all.push(refused("CONNECT", &connect));
    let extended = [&get("/refused")[..], &[(":protocol", "websocket")]].concat();
    all.push(refused("extended CONNECT without the setting", &extended));
    for (name, value) in [
        ("X-Upper", "1"),
        ("transfer-encoding", "chunked"),
        ("transfer-encoding", "identity"),
        ("connection", "close"),
        ("connection", "x-a"),
        ("keep-alive", "timeout=5"),
        ("proxy-connection", "close"),
        ("upgrade", "websocket"),
        ("te", "gzip"),
        ("te", "trailers, gzip"),
        (":status", "200"),
        (":unknown", "1"),
        (":path", ""),
        ("", "1"),
        ("x a", "1"),
        ("x:a", "1"),
        ("x-a", "1\r\nx-b: 2"),
        ("x-a", "1\0"),
        ("x-a", "1\n"),
    ] {
        all.push(with(format!("{name:?}: {value:?}"), &[(name, value)]));
    }
    for name in [":method", ":path", ":authority", ":scheme"] {
        let value = get("/refused").into_iter().find(|it| it.0 == name).map_or("", |it| it.1);
        let fields = [&get("/refused")[..], &[(name, value)]].concat();
        all.push(refused(format!("{name} twice"), &fields));
        let mut fields = get("/refused").to_vec();
        fields.retain(|it| it.0 != name);
        fields.extend([("x-a", "1"), (name, value)]);
        all.push(refused(format!("{name} after a field"), &fields));
    }
    all.push(post("content-length too long", &["10"], b"12345"));
    all.push(post("content-length too short", &["3"], b"12345"));
    all.push(post("content-length without a body", &["5"], b""));
    all.push(post("content-length twice", &["5", "5"], b"12345"));
    all.push(post("content-length twice, unlike", &["5", "6"], b"12345"));
    for length in ["5, 5", "+5", "5 5", "-5", "0x5", "5.0", "", "99999999999999999999999"] {
        all.push(post(&format!("content-length {length:?}"), &[length], b"12345"));
    }
    let many: Vec<_> = (0..100).map(|n| format!("x-{n}")).collect();
    let many: Vec<_> = many.iter().map(|name| (name.as_str(), "1")).collect();
    all.push(with("101 fields with the host", &many));
    let large = "a".repeat(33 * 1024);
    let pieces: Vec<_> =
        large.as_bytes().chunks(4096).map(|it| str::from_utf8(it).unwrap_or("")).collect();
    let fields: Vec<_> = ["x-a", "x-b", "x-c", "x-d", "x-e", "x-f", "x-g", "x-h", "x-i"]
        .into_iter()
        .zip(pieces)
        .collect();
    let mut fields_of_large = get("/refused").to_vec();
    fields_of_large.extend(fields);
    let block = raw::block(&fields_of_large);
    let (first, rest) = block.split_at(16_000);
    let mut frames = raw::frame(raw::Kind::Headers, 1, 3, first);
    let mut pieces = rest.chunks(16_000).peekable();
    while let Some(piece) = pieces.next() {
        let end = if pieces.peek().is_none() { 4 } else { 0 };
        frames.extend(raw::frame(raw::Kind::Continuation, end, 3, piece));
    }
    all.push(Refused { what: "a header above header_size".to_owned(), frames });
    let long = format!("/refused{}", "a".repeat(8 * 1024));
    all.push(with("a target above target_size", &[(":path", &long)]));
    all
}

/// RFC 9113, section 8.1.1: a malformed request is an error of its stream. Those beside it have
/// nothing to do with it, unless the connection itself cannot be read on.
#[tokio::test]
async fn what_http1_would_be_refused_for_is_refused_and_those_beside_it_are_served() {
    let backend = Backend::with(Behavior::script(|request| match &*request.target {
        "/beside" => Behavior::ok_after(Duration::from_millis(40)),
        _ => Behavior::ok(),
    }))
    .await;
    let gateway = gateway(&[&backend]).await;
    let mut wrong = Vec::new();
    let all = refusals();
    for Refused { what, frames } in &all {
        let mut connection = raw(&gateway).await;
        connection.request(1, &get("/beside")).await.expect("sent");
        connection.send(frames).await.expect("sent");
        let [beside, verdict] = connection.verdicts([1, 3], SOON).await;
        let refused = match verdict {
            Verdict::Answered(status) => (400..500).contains(&status),
            Verdict::Reset(code) | Verdict::GoAway(code) => code != 0,
            Verdict::Closed | Verdict::Nothing => false,
        };
        let mut after = Verdict::Nothing;
        if !matches!(verdict, Verdict::GoAway(_) | Verdict::Closed) {
            // Whoever could not be read on has no siblings.
            let _ = connection.request(5, &get("/after")).await;
            after = connection.verdict(5, SOON).await;
        }
        show(format_args!("{what}: {verdict:?}"));
        let fine = Verdict::Answered(200);
        let siblings = beside == fine && after == fine;
        if !refused || !(siblings || matches!(verdict, Verdict::GoAway(_))) {
            wrong.push(format!("{what}: {verdict:?}, beside it {beside:?}, after it {after:?}"));
        }
    }
    let expected = ["/beside", "/after"];
    let came: Vec<_> = backend
        .recorded()
        .into_iter()
        .filter(|seen| seen.complete && !expected.contains(&&*seen.target))
        .map(|seen| format!("{} {} {:?}", seen.method, seen.target, seen.headers))
        .collect();
    assert!(came.is_empty(), "requests that came through:\n{}", came.join("\n"));
    assert!(wrong.is_empty(), "of {}:\n{}", all.len(), wrong.join("\n"));
    assert_eq!(backend.malformed(), 0);
    assert!(gateway.metric("switchback_requests_refused_total", &[]).await > 0.0);
    nothing_in_flight(&gateway).await;
}

/// The `http` crate drops a fragment while it reads the target, before anybody here sees it.
#[tokio::test]
async fn a_fragment_is_cut_off_the_target() {
    let backend = Backend::start().await;
    let gateway = gateway(&[&backend]).await;
    let mut connection = raw(&gateway).await;
    connection.request(1, &get("/a?b#c/../d")).await.expect("sent");
    assert_eq!(connection.verdict(1, SOON).await, Verdict::Answered(200));
    assert_eq!(backend.recorded()[0].target, "/a?b");
}

#[tokio::test]
async fn a_refused_request_is_told_why_and_logged() {
    let backend = Backend::start().await;
    let gateway = gateway(&[&backend]).await;
    let client = client(&gateway).await;
    let answer = client.request("GET", "/why", &[("host", "a,b")], b"").await;
    assert_eq!(complete(&answer), (400, H2End::Complete));
    let said = answer.header("proxy-status").expect("why");
    assert!(said.contains("the authority is not a host"), "{said}");
    let line = gateway.log_line_for("/why").await;
    assert_eq!((&line["status"], &line["origin"]), (&json!(400), &json!("client")), "{line}");
    assert_eq!(line["protocol"], "h2");
    let labels = [("reason", "invalid_host")];
    assert_eq!(gateway.metric("switchback_requests_refused_total", &labels).await, 1.0);
}

#[tokio::test]
async fn a_connection_ends_after_its_last_request() {
    let backend = Backend::start().await;
    let gateway = Gateway::builder()
        .pool("web", &[backend.addr()])
        .main_yaml("limits: { requests_per_connection: 3 }")
        .start(binary())
        .await;
    let mut connection = raw(&gateway).await;
    for stream in [1, 3, 5] {
        connection.request(stream, &get("/")).await.expect("sent");
    }
    let fine = Verdict::Answered(200);
    assert_eq!(connection.verdicts([1, 3, 5], SOON).await, [fine; 3]);
    assert_eq!(connection.end(SOON).await, Verdict::GoAway(0));
    let mut over_http1: Client = gateway.client().await;
    assert_eq!(over_http1.get("/").await.expect("an answer").status, 200);
}
