//! The promise: while the pool has an endpoint that could answer, no client sees the failure of
//! another, and nothing that may have been processed is executed twice.
//!
//! Each fault of the outcome table, made on real sockets by one of three endpoints, under load.

use std::path::Path;
use std::time::Duration;

use switchback_testkit::{
    Answer, Backend, Behavior, Client, Ending, Framing, Gateway, GatewayBuilder, Load, Report,
    TEST_ID, duplicated,
};

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_switchback"))
}

/// Every request may meet the fault: nobody is ejected for it, nor avoided for being slow.
fn builder(backends: &[Backend]) -> GatewayBuilder {
    let addresses: Vec<_> = backends.iter().map(Backend::addr).collect();
    Gateway::builder()
        .pool("web", &addresses)
        .pool_yaml(
            "timeouts: { connect: 500ms, first_byte: 300ms, idle: 300ms, write: 1s, request: 5s }",
        )
        .pool_yaml("ejection: { enabled: false }")
        .pool_yaml("balance: round_robin")
}

/// Three endpoints, of which the first behaves so.
async fn one_of_three(behavior: Behavior) -> (Vec<Backend>, Gateway) {
    let backends = Backend::start_many(3).await;
    let gateway = builder(&backends).start(binary()).await;
    backends[0].set(behavior);
    (backends, gateway)
}

const MIX: [(&str, usize); 7] = [
    ("GET", 0),
    ("HEAD", 0),
    ("PUT", 2_000),
    ("DELETE", 0),
    ("POST", 0),
    ("POST", 2_000),
    ("POST", 40_000),
];

async fn load(gateway: &Gateway) -> Report {
    Load::new(gateway.addr()).clients(12).count(420).mix(&MIX).target("/$ID").run().await
}

/// Whether the endpoint can have seen a request that met its fault.
#[derive(Clone, Copy, PartialEq)]
enum Sent {
    No,
    Maybe,
    /// It depends on what is faster, or on what the gateway has learned by then.
    Luck,
}

/// Runs the load against one fault, met as one of these outcomes, and checks the promise.
async fn rescued(behavior: Behavior, sent: Sent, outcome: &str) {
    let (backends, gateway) = one_of_three(behavior).await;
    let report = load(&gateway).await;
    let all: Vec<_> = backends.iter().collect();

    assert_eq!(report.total, 420);
    assert_eq!(report.failed_idempotent(), 0, "{outcome}: {report}");
    let posts = report.failed(|sample| sample.method == "POST");
    match sent {
        Sent::No => assert_eq!(posts, 0, "{outcome}: nothing was sent: {report}"),
        Sent::Maybe => assert!(posts > 0, "{outcome}: the fault was never met: {report}"),
        Sent::Luck => {}
    }
    let twice = duplicated(&all);
    for sample in report.samples.iter().filter(|sample| sample.method == "POST") {
        assert!(!twice.contains_key(&sample.id), "{outcome}: {} was executed twice", sample.id);
    }
    let mut met = 0.0;
    for outcome in outcome.split('|') {
        let labels = [("pool", "web"), ("outcome", outcome)];
        met += gateway.metric("switchback_attempts_total", &labels).await;
    }
    assert!(met > 0.0, "the fault was never met as {outcome}\n{}", gateway.stdout());
    assert_eq!(
        gateway.metric("switchback_client_errors_total", &[("alternatives", "1+")]).await,
        0.0,
        "a request failed although something else could have been tried"
    );
    nothing_in_flight(&gateway).await;
}

async fn nothing_in_flight(gateway: &Gateway) {
    switchback_testkit::eventually(Duration::from_secs(5), "nothing is in flight", async || {
        gateway.metric("switchback_endpoint_in_flight", &[]).await == 0.0
            && gateway.metric("switchback_requests_in_flight", &[]).await == 0.0
    })
    .await;
}

#[tokio::test]
async fn refused() {
    rescued(Behavior::RefuseConnections, Sent::No, "connection_refused").await;
}

#[tokio::test]
async fn reset_on_accept() {
    // The kernel has accepted before the reset: what was written may have been read. Often the reset is
    // faster, even than the end of connecting.
    let outcomes = "closed_before_answer|write_failed|connection_refused";
    rescued(Behavior::ResetOnAccept, Sent::Luck, outcomes).await;
}

#[tokio::test]
async fn accepted_and_silent() {
    let silent = Behavior::AcceptAndSilent { reads: false };
    rescued(silent, Sent::Maybe, "http_response_timeout").await;
}

#[tokio::test]
async fn executed_and_silent() {
    let silent = Behavior::AcceptAndSilent { reads: true };
    rescued(silent, Sent::Maybe, "http_response_timeout").await;
}

#[tokio::test]
async fn closed_before_the_answer_on_a_fresh_connection() {
    let closes = Behavior::CloseBeforeAnswer(Ending::Fin);
    rescued(closes, Sent::Maybe, "closed_before_answer").await;
}

#[tokio::test]
async fn reset_before_the_answer_on_a_fresh_connection() {
    let resets = Behavior::CloseBeforeAnswer(Ending::Rst);
    rescued(resets, Sent::Maybe, "closed_before_answer").await;
}

#[tokio::test]
async fn closed_before_the_answer_on_a_reused_connection() {
    for ending in [Ending::Fin, Ending::Rst] {
        let closes = Behavior::CloseOnReuse { executed: true, ending };
        // After the first, POSTs keep to new connections.
        rescued(closes, Sent::Luck, "stale_connection").await;
    }
}

#[tokio::test]
async fn garbage() {
    let garbage = Behavior::Garbage("\u{1}\u{2}this is no HTTP\r\n\r\n".into());
    rescued(garbage, Sent::Maybe, "http_protocol_error").await;
}

#[tokio::test]
async fn a_truncated_header() {
    let truncated = Behavior::TruncatedHeader(Ending::Fin);
    rescued(truncated, Sent::Maybe, "closed_before_answer").await;
}

#[tokio::test]
async fn a_header_too_large() {
    rescued(Behavior::HugeHeader(3_000_000), Sent::Maybe, "http_response_header_section_size")
        .await;
}

#[tokio::test]
async fn half_of_the_body_read_then_a_reset() {
    let half = Behavior::script(|request| match request.header("content-length") {
        Some(length) if length != "0" => Behavior::ReadHalfOfBodyThenReset,
        _ => Behavior::ok(),
    });
    rescued(half, Sent::Maybe, "closed_before_answer").await;
}

#[tokio::test]
async fn answers_that_say_unavailable() {
    for status in [502, 503, 504] {
        rescued(Behavior::status(status), Sent::Maybe, "failure_status").await;
    }
}

#[tokio::test]
async fn a_refused_post_goes_round_the_whole_pool() {
    let backends = Backend::start_many(8).await;
    let gateway = builder(&backends).start(binary()).await;
    for backend in &backends[..7] {
        backend.set(Behavior::RefuseConnections);
    }
    let report =
        Load::new(gateway.addr()).clients(4).count(60).mix(&[("POST", 100_000)]).run().await;
    assert_eq!(report.ok, 60, "{report}");
    assert_eq!(backends[7].requests(), 60);
}

#[tokio::test]
async fn no_endpoint_is_tried_twice_by_one_request() {
    let backends = Backend::start_many(3).await;
    let gateway = builder(&backends).start(binary()).await;
    for backend in &backends {
        backend.set(Behavior::CloseBeforeAnswer(Ending::Rst));
    }
    let answer = gateway.client().await.request("GET", "/", &[(TEST_ID, "one")], b"").await;
    assert_eq!(answer.expect("an answer").status, 502);
    let executions: Vec<_> = backends.iter().map(|backend| backend.executions("one")).collect();
    assert_eq!(executions, [1, 1, 1]);
}

#[tokio::test]
async fn attempts_of_which_something_was_sent_are_bounded() {
    let backends = Backend::start_many(5).await;
    let gateway = builder(&backends).start(binary()).await;
    for backend in &backends {
        backend.set(Behavior::CloseBeforeAnswer(Ending::Fin));
    }
    let answer = gateway.get("/").await.expect("an answer");
    assert_eq!(answer.status, 502);
    assert_eq!(backends.iter().map(Backend::requests).sum::<u64>(), 3);
}

#[tokio::test]
async fn the_last_real_answer_is_passed_on_with_its_body() {
    let backends = Backend::start_many(2).await;
    let gateway = builder(&backends).start(binary()).await;
    for backend in &backends {
        backend.set(Behavior::Answer(Answer::status(503).body("back in a minute")));
    }
    let answer = gateway.get("/busy").await.expect("an answer");
    assert_eq!((answer.status, answer.body.as_slice()), (503, b"back in a minute".as_slice()));
    assert_eq!(backends.iter().map(Backend::requests).sum::<u64>(), 2);
    let line = gateway.log_line_for("/busy").await;
    assert_eq!(line["origin"], "endpoint");
    assert_eq!(line["attempts"][0]["decision"], "retry");
    assert_eq!(line["attempts"][1]["decision"], "stop: no endpoint left");
}

#[tokio::test]
async fn a_body_is_replayed_whole() {
    let backends = Backend::start_many(2).await;
    let gateway = builder(&backends).start(binary()).await;
    backends[0].set(Behavior::CloseBeforeAnswer(Ending::Rst));
    backends[1].set(Behavior::Echo { body: false });
    for size in [1, 1_000, 60_000] {
        let body: Vec<u8> = (0..size).map(|n: u32| n.to_le_bytes()[0]).collect();
        let id = format!("put-{size}");
        let mut client = gateway.client().await;
        // Twice: whichever endpoint is first in turn, one of them meets the fault.
        for _ in 0..2 {
            let answer = client.request("PUT", "/", &[(TEST_ID, &id)], &body).await;
            let answer = answer.expect("an answer");
            assert_eq!(answer.status, 200);
            let echo: serde_json::Value = serde_json::from_slice(&answer.body).expect("an echo");
            assert_eq!(echo["body_len"], size);
            assert_eq!(echo["body_hash"], format!("{:016x}", switchback_testkit::hash(&body)));
        }
    }
    assert!(backends[0].requests() > 0, "the fault was never met");
}

#[tokio::test]
async fn a_body_too_large_to_replay_is_not_repeated_half() {
    let backends = Backend::start_many(2).await;
    let gateway = builder(&backends).start(binary()).await;
    for backend in &backends {
        backend.set(Behavior::CloseBeforeAnswer(Ending::Rst));
    }
    let body = vec![7; 300_000];
    let mut client = gateway.client().await;
    let answer = client.request("PUT", "/large", &[(TEST_ID, "large")], &body).await;
    assert_eq!(answer.expect("an answer").status, 502);
    assert_eq!(backends.iter().map(|backend| backend.executions("large")).sum::<u64>(), 1);
    let line = gateway.log_line_for("/large").await;
    assert_eq!(line["decision"], "stop: body too large to replay");
}

#[tokio::test]
async fn a_cut_off_body_is_cut_off_visibly() {
    for framing in [Framing::ContentLength, Framing::Chunked] {
        for ending in [Ending::Fin, Ending::Rst] {
            let backends = Backend::start_many(2).await;
            let gateway = builder(&backends).start(binary()).await;
            for backend in &backends {
                backend.set(Behavior::TruncatedBody { framing, declared: 1_000, sent: 10, ending });
            }
            let answer = gateway.get("/cut").await.expect("a header");
            assert_eq!(answer.status, 200);
            assert!(!answer.complete, "{framing:?} {ending:?} ended as {:?}", answer.end);
            let line = gateway.log_line_for("/cut").await;
            assert_eq!(line["reason"], "http_response_incomplete", "{line}");
            assert_eq!(backends.iter().map(Backend::requests).sum::<u64>(), 1);
        }
    }
}

#[tokio::test]
async fn a_stalled_body_ends_within_the_limit_and_visibly() {
    let backend = Backend::start().await;
    let gateway = builder(std::slice::from_ref(&backend)).start(binary()).await;
    let framing = Framing::Chunked;
    backend.set(Behavior::StalledBody { framing, declared: 1_000, sent: 10 });
    let answer = gateway.get("/stall").await.expect("a header");
    assert!(!answer.complete, "ended as {:?}", answer.end);
    assert_eq!(gateway.log_line_for("/stall").await["reason"], "http_response_incomplete");
}

#[tokio::test]
async fn a_client_that_goes_away_is_nobodys_failure_and_leaks_nothing() {
    let backends = Backend::start_many(2).await;
    let gateway = builder(&backends).start(binary()).await;
    for backend in &backends {
        backend.set(Behavior::Answer(Answer::ok("late").delay(Duration::from_millis(200))));
    }
    for _ in 0..20 {
        let mut client = Client::connect(gateway.addr()).await.expect("a connection");
        let request = b"GET /gone HTTP/1.1\r\nHost: a\r\n\r\n";
        client.send_raw(request).await.expect("sent");
        client.reset();
    }
    let line = gateway.log_line_for("/gone").await;
    assert_eq!(line["reason"], "client_gone", "{line}");
    assert_eq!(line["status"], serde_json::Value::Null);
    nothing_in_flight(&gateway).await;
}

#[tokio::test]
async fn retries_can_be_switched_off_by_route() {
    let backends = Backend::start_many(2).await;
    let gateway = builder(&backends)
        .route_yaml("{ path: /raw/, pool: web, retry: { enabled: false } }")
        .route_yaml("{ pool: web }")
        .start(binary())
        .await;
    backends[0].set(Behavior::RefuseConnections);
    let raw = Load::new(gateway.addr()).clients(2).count(40).target("/raw/$ID").run().await;
    // Not many: who was refused is left alone for a moment, whatever the route.
    assert!(raw.by_status.contains_key(&502), "{raw}");
    let rescued = Load::new(gateway.addr()).clients(2).count(40).run().await;
    assert_eq!(rescued.ok, 40, "{rescued}");
}

#[tokio::test]
async fn a_trusted_idempotency_key_makes_a_post_repeatable() {
    let backends = Backend::start_many(3).await;
    let gateway = builder(&backends)
        .pool_yaml("retry: { trust_idempotency_key: true }")
        .start(binary())
        .await;
    backends[0].set(Behavior::CloseBeforeAnswer(Ending::Rst));
    let load = Load::new(gateway.addr()).clients(4).count(90).mix(&[("POST", 100)]);
    let with_key = load.header("Idempotency-Key", "k").run().await;
    assert_eq!(with_key.ok, 90, "{with_key}");
    let load = Load::new(gateway.addr()).clients(4).count(90).mix(&[("POST", 100)]);
    let without = load.run().await;
    assert!(!without.failures.is_empty(), "{without}");
}

#[tokio::test]
async fn the_requests_time_bounds_all_attempts() {
    let backends = Backend::start_many(3).await;
    let addresses: Vec<_> = backends.iter().map(Backend::addr).collect();
    let gateway = Gateway::builder()
        .pool("web", &addresses)
        .pool_yaml("timeouts: { first_byte: 400ms, request: 600ms }")
        .start(binary())
        .await;
    for backend in &backends {
        backend.set(Behavior::AcceptAndSilent { reads: true });
    }
    let began = std::time::Instant::now();
    let answer = gateway.get("/slow").await.expect("an answer");
    assert_eq!(answer.status, 504);
    let took = began.elapsed();
    assert!((500..1_200).contains(&took.as_millis()), "took {took:?}");
    assert_eq!(backends.iter().map(Backend::requests).sum::<u64>(), 2);
}

#[tokio::test]
async fn killed_and_restarted_under_load() {
    let backends = Backend::start_many(3).await;
    let gateway = builder(&backends).start(binary()).await;
    let running = Load::new(gateway.addr())
        .clients(12)
        .duration(Duration::from_secs(4))
        .mix(&[("GET", 0), ("PUT", 2_000), ("POST", 500)])
        .pace(Duration::from_millis(2))
        .start();
    for _ in 0..3 {
        for backend in &backends {
            let begun = running.begun();
            backend.kill().await;
            let met = async || running.begun() > begun + 60;
            switchback_testkit::eventually(Duration::from_secs(5), "traffic", met).await;
            backend.restart();
        }
    }
    let report = running.stop().await;
    assert_eq!(report.failed_idempotent(), 0, "{report}");
    let all: Vec<_> = backends.iter().collect();
    let twice = duplicated(&all);
    let posts = report.samples.iter().filter(|sample| sample.method == "POST");
    for sample in posts {
        assert!(!twice.contains_key(&sample.id), "{} was executed twice", sample.id);
        let executed: u64 = all.iter().map(|backend| backend.executions(&sample.id)).sum();
        assert!(!sample.is_failure() || executed <= 1);
    }
    nothing_in_flight(&gateway).await;
}

#[tokio::test]
async fn an_answer_that_nobody_asked_for_goes_no_further() {
    let upgrade = |coding: &'static str| format!("HTTP/1.1 200 OK\r\n{coding}\r\n\r\nwords");
    for bad in [
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\njunk"
            .to_owned(),
        upgrade("Transfer-Encoding: gzip"),
        upgrade("Transfer-Encoding: chunked, gzip"),
        upgrade("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
    ] {
        let backends = Backend::start_many(2).await;
        let gateway = builder(&backends).start(binary()).await;
        backends[0].set(Behavior::Garbage(bad.clone().into()));
        let report = Load::new(gateway.addr()).clients(2).count(20).run().await;
        assert_eq!(report.by_status.get(&200), Some(&20), "{bad}: {report}");
        let labels = [("outcome", "http_protocol_error")];
        assert!(gateway.metric("switchback_attempts_total", &labels).await > 0.0, "{bad}");
    }
}

#[tokio::test]
async fn what_an_endpoint_answered_stays_out_of_the_log() {
    let backend = Backend::start().await;
    let gateway = builder(std::slice::from_ref(&backend)).start(binary()).await;
    let answer = "HTTP/1.1 200 OK\r\nSet-Cookie: session=SECRET\r\nbad header\u{1}: x\r\n\r\n";
    backend.set(Behavior::Garbage(answer.into()));
    assert_eq!(gateway.get("/leak").await.expect("an answer").status, 502);
    let line = gateway.log_line_for("/leak").await;
    assert_eq!(line["reason"], "http_protocol_error", "{line}");
    assert!(!gateway.stdout().contains("SECRET"), "{line}");
}

#[tokio::test]
async fn a_request_that_goes_round_a_large_pool_makes_a_short_line() {
    let backends = Backend::start_many(40).await;
    let gateway = builder(&backends).pool_yaml("queue: 0").start(binary()).await;
    for backend in &backends {
        backend.set(Behavior::RefuseConnections);
    }
    assert_eq!(gateway.get("/round").await.expect("an answer").status, 502);
    let line = gateway.log_line_for("/round").await;
    assert_eq!(line["attempts"].as_array().map(Vec::len), Some(10));
    assert_eq!(line["attempts_omitted"], 30);
    assert_eq!(line["decision"], "stop: no endpoint left");
}

#[tokio::test]
async fn a_body_that_never_came_is_taken_from_another_endpoint() {
    // A header that announces a length waits for its body; of a stream it goes out at once, and binds.
    let (length, chunks) = ("Content-Length: 5", "Transfer-Encoding: chunked");
    for (framing, others, complete) in [
        (length, "\"1\"", true),
        (length, "\"2\"", true),
        (chunks, "\"1\"", true),
        (chunks, "\"2\"", false),
    ] {
        let backends = Backend::start_many(2).await;
        let gateway = builder(&backends).start(binary()).await;
        let head = format!("HTTP/1.1 200 OK\r\n{framing}\r\nETag: \"1\"\r\n\r\n");
        let body = if framing == length { "hello" } else { "5\r\nhello\r\n0\r\n\r\n" };
        let whole = format!("{head}{body}").replace("\"1\"", others);
        backends[0].set(Behavior::Garbage(head.into()));
        backends[1].set(Behavior::Garbage(whole.into()));
        let mut met = 0;
        for _ in 0..4 {
            let answer = gateway.get("/header-only").await.expect("a header");
            met += usize::from(!answer.complete);
            assert!(answer.complete || !complete, "{framing}: ended as {:?}", answer.end);
            assert!(!answer.complete || answer.body == b"hello");
        }
        assert!(backends[0].requests() > 0, "the fault was never met");
        assert_eq!(met > 0, !complete, "another answer must not take the place of the one begun");
    }
}

#[tokio::test]
async fn a_body_of_no_chunks_comes_to_its_end_with_each_attempt() {
    let backends = Backend::start_many(2).await;
    let gateway = builder(&backends).start(binary()).await;
    backends[0].set(Behavior::Garbage(Vec::new().into()));
    for _ in 0..4 {
        let mut client = gateway.client().await;
        let request = "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
        client.send_raw(request.as_bytes()).await.expect("sent");
        let answer = client.read_response(Duration::from_secs(5)).await.expect("an answer");
        assert_eq!(answer.status, 200);
    }
    assert!(backends[0].requests() > 0, "the fault was never met");
}

#[tokio::test]
async fn a_post_whose_answer_has_begun_is_not_repeated() {
    for framing in ["Content-Length: 5", "Transfer-Encoding: chunked"] {
        let backends = Backend::start_many(2).await;
        let gateway = builder(&backends).start(binary()).await;
        for backend in &backends {
            backend.set(Behavior::Garbage(format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n").into()));
        }
        let mut client = gateway.client().await;
        let post = client.request("POST", "/", &[(TEST_ID, "once")], b"x");
        let answer = post.await.expect("a header");
        // Of the one nothing has gone out, and the gateway answers; the other is cut off.
        let expected = if answer.complete { 502 } else { 200 };
        assert_eq!(answer.status, expected, "{framing}: ended as {:?}", answer.end);
        assert_eq!(answer.complete, framing.starts_with("Content"), "{framing}");
        assert_eq!(backends.iter().map(|backend| backend.executions("once")).sum::<u64>(), 1);
    }
}
