//! HTTP/2 towards the endpoints says more than HTTP/1.1 can: a stream that is refused, and a GOAWAY that
//! does not name it, are the endpoint's word that nothing was processed. So even a POST goes on to
//! another one. Every other end of a stream may come after the work was done.

use std::path::Path;
use std::time::{Duration, Instant};

use switchback_testkit::{Gateway, H2Backend, H2Behavior, Load, Report, eventually};

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_switchback"))
}

/// Shares no divisor with three endpoints; see tests/faults.rs.
const MIX: [(&str, usize); 7] = [
    ("GET", 0),
    ("PUT", 2_000),
    ("POST", 500),
    ("HEAD", 0),
    ("POST", 0),
    ("DELETE", 0),
    ("POST", 40_000),
];

/// HTTP/2 with prior knowledge.
async fn gateway(backends: &[H2Backend]) -> Gateway {
    let addresses: Vec<_> = backends.iter().map(H2Backend::addr).collect();
    Gateway::builder()
        .pool("web", &addresses)
        .pool_yaml("protocol: h2")
        .pool_yaml("timeouts: { connect: 500ms, first_byte: 1s, idle: 1s, request: 5s }")
        .start(binary())
        .await
}

async fn three(first: H2Behavior) -> Vec<H2Backend> {
    let mut backends = Vec::new();
    for behavior in [first, H2Behavior::Answer(200), H2Behavior::Answer(200)] {
        backends.push(H2Backend::with(behavior).await);
    }
    backends
}

fn nothing_was_executed_twice(backends: &[H2Backend], report: &Report) {
    for sample in report.samples.iter().filter(|sample| sample.method == "POST") {
        let executed: u64 = backends.iter().map(|backend| backend.executions(&sample.id)).sum();
        assert!(executed <= 1, "{} was executed {executed} times", sample.id);
    }
}

async fn nothing_in_flight(gateway: &Gateway) {
    eventually(Duration::from_secs(5), "nothing is in flight", async || {
        gateway.metric("switchback_endpoint_in_flight", &[]).await == 0.0
            && gateway.metric("switchback_requests_in_flight", &[]).await == 0.0
    })
    .await;
}

#[derive(Clone, Copy, PartialEq)]
enum Sent {
    No,
    Maybe,
}

#[expect(clippy::print_stderr, reason = "the table of all faults, by --nocapture")]
async fn rescued(behavior: H2Behavior, sent: Sent) {
    let backends = three(behavior).await;
    let gateway = gateway(&backends).await;
    let report = Load::new(gateway.addr()).clients(12).count(420).mix(&MIX).run().await;
    let posts = report.failed(|sample| sample.method == "POST");
    eprintln!(
        "FAULT {behavior:?}: requests {}, turned away {}, GET and PUT failed {}, POST failed {posts}",
        report.total,
        backends[0].turned_away(),
        report.failed_idempotent(),
    );
    assert!(backends[0].requests() > 0, "the fault was never met");
    assert_eq!(report.failed_idempotent(), 0, "{behavior:?}: {report}");
    match sent {
        Sent::No => {
            let mut failed = gateway.log();
            failed.retain(|line| line["status"] == 502);
            assert_eq!(posts, 0, "{behavior:?}: nothing was sent: {report}\n{failed:#?}");
        }
        Sent::Maybe => {}
    }
    nothing_was_executed_twice(&backends, &report);
    let labels = [("alternatives", "1+")];
    assert_eq!(gateway.metric("switchback_client_errors_total", &labels).await, 0.0);
    nothing_in_flight(&gateway).await;
}

#[tokio::test]
async fn requests_share_a_connection() {
    let backends = three(H2Behavior::Answer(200)).await;
    let gateway = gateway(&backends).await;
    let report = Load::new(gateway.addr()).clients(12).count(420).mix(&MIX).run().await;
    assert_eq!(report.ok, 420, "{report}");
    let executed: usize = backends.iter().map(|backend| backend.recorded().len()).sum();
    let connections: u64 = backends.iter().map(H2Backend::connections).sum();
    assert_eq!(executed, 420);
    assert!(connections < 60, "{connections} connections");
    nothing_was_executed_twice(&backends, &report);
}

#[tokio::test]
async fn a_refused_stream_is_taken_elsewhere() {
    rescued(H2Behavior::Refuse, Sent::No).await;
    rescued(H2Behavior::RefuseFirst(1), Sent::No).await;
}

#[tokio::test]
async fn a_refused_stream_of_the_only_endpoint_may_go_back_to_it() {
    // One endpoint: a moment later it takes what it refused. Nothing was processed, so a POST may.
    let backends = [H2Backend::with(H2Behavior::Answer(200)).await];
    let gateway = gateway(&backends).await;
    assert_eq!(gateway.get("/").await.expect("an answer").status, 200);
    backends[0].set(H2Behavior::Refuse);
    let mut client = gateway.client().await;
    let refused = client.request("POST", "/", &[("x-test-id", "once")], b"x").await;
    assert!(matches!(refused.expect("an answer").status, 502 | 503));
    assert_eq!(backends[0].executions("once"), 0);
    backends[0].set(H2Behavior::Answer(200));
    let served = async || gateway.get("/").await.is_ok_and(|answer| answer.status == 200);
    eventually(Duration::from_secs(5), "it is asked again", served).await;
}

#[tokio::test]
async fn a_goaway_below_the_request_disowns_it() {
    for close in [true, false] {
        rescued(H2Behavior::GoawayBelow { answers: 0, close }, Sent::No).await;
    }
}

#[tokio::test]
async fn a_goaway_on_a_connection_in_use_loses_nothing() {
    for close in [true, false] {
        rescued(H2Behavior::GoawayBelow { answers: 5, close }, Sent::No).await;
    }
    rescued(H2Behavior::AnswerAndGoaway, Sent::No).await;
}

/// The POST that meets the fault is the client's to repeat: it fails, and no other endpoint sees it.
async fn lost(behavior: H2Behavior) {
    let backends = three(behavior).await;
    let gateway = gateway(&backends).await;
    for n in 0..50 {
        let id = format!("post-{n}");
        let mut client = gateway.client().await;
        let answer = client.request("POST", "/", &[("x-test-id", &id)], b"x").await;
        let status = answer.expect("an answer").status;
        if backends[0].requests() == 0 {
            assert_eq!(status, 200, "{behavior:?}: it never met the fault");
            continue;
        }
        assert!(matches!(status, 502..=504), "{behavior:?}: {status}");
        let elsewhere: u64 = backends[1..].iter().map(|other| other.executions(&id)).sum();
        assert_eq!(elsewhere, 0, "{behavior:?}: it was sent again");
        return;
    }
    panic!("{behavior:?}: none of 50 went to the faulty endpoint");
}

#[tokio::test]
async fn what_was_read_and_not_answered_is_not_repeated_for_a_post() {
    for behavior in [
        H2Behavior::Reset(8),
        H2Behavior::Reset(2),
        H2Behavior::GoawayThenClose,
        H2Behavior::CloseBeforeAnswer,
    ] {
        lost(behavior).await;
        rescued(behavior, Sent::Maybe).await;
    }
}

#[tokio::test]
async fn an_answer_that_says_unavailable_is_like_any_other() {
    rescued(H2Behavior::Answer(503), Sent::Maybe).await;
}

#[tokio::test]
async fn one_that_hangs_is_given_up_within_the_limits_with_and_without_a_body() {
    let backends = [H2Backend::with(H2Behavior::Hang).await];
    let gateway = gateway(&backends).await;
    for method in ["GET", "POST"] {
        let began = Instant::now();
        let mut client = gateway.client().await;
        let body = if method == "GET" { &b""[..] } else { b"x" };
        let answer = client.request(method, "/", &[], body).await.expect("an answer");
        assert_eq!(answer.status, 504);
        assert!(began.elapsed() < Duration::from_secs(3), "{method}: {:?}", began.elapsed());
    }
}

#[tokio::test]
async fn one_that_resets_each_stream_is_left_alone_though_its_connection_lives() {
    let backends = three(H2Behavior::Reset(2)).await;
    let gateway = gateway(&backends).await;
    let load = Load::new(gateway.addr()).clients(6).count(1_000).mix(&[("POST", 100)]);
    let report = load.run().await;
    assert!((1..30).contains(&report.failures.len()), "{report}");
    let stale = [("outcome", "stale_connection")];
    assert_eq!(gateway.metric("switchback_attempts_total", &stale).await, 0.0);
}

#[tokio::test]
async fn where_all_refuse_their_streams_the_budget_bounds_what_they_see() {
    let mut backends = three(H2Behavior::Refuse).await;
    for backend in &mut backends {
        backend.set(H2Behavior::Refuse);
    }
    let gateway = gateway(&backends).await;
    let began = Instant::now();
    let report = Load::new(gateway.addr()).clients(12).count(1_000).run().await;
    let seen: u64 = backends.iter().map(H2Backend::requests).sum();
    let window = 10.0 + began.elapsed().as_secs_f64();
    let allowed = 1.2 * 1_000.0 + 10.0 * window;
    assert!(seen as f64 <= allowed, "{seen} of {allowed}: {report}");
}
