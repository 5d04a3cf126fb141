//! When nobody is left: clients hear of it soon, the endpoints are not beaten further, and as soon as
//! they are back everything is as before. A pool of one that restarts is the same on an ordinary day.

use std::path::Path;
use std::time::{Duration, Instant};

use switchback_testkit::{
    Backend, Behavior, Ending, Gateway, GatewayBuilder, Load, Running, duplicated,
};

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_switchback"))
}

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// How long a request waits where nobody can be asked: the default of `queue_timeout`.
const QUEUE: Duration = ms(1_000);
/// Between two probes of an endpoint.
const INTERVAL: Duration = ms(500);
/// For a busy machine, and for the attempt at the end of the wait.
const SLACK: Duration = ms(500);
/// Attempts a second that the retry budget always grants: the default floor.
const FLOOR: f64 = 10.0;
const RATE: u32 = 150;
const MIX: [(&str, usize); 7] = [
    ("GET", 0),
    ("PUT", 2_000),
    ("POST", 500),
    ("GET", 0),
    ("POST", 0),
    ("PUT", 2_000),
    ("POST", 2_000),
];

/// The defaults for everything that matters here, but for probes four times as often.
fn builder(backends: &[Backend]) -> GatewayBuilder {
    let addresses: Vec<_> = backends.iter().map(Backend::addr).collect();
    Gateway::builder()
        .pool("web", &addresses)
        .pool_yaml("timeouts: { connect: 500ms, first_byte: 1s, request: 5s }")
        .pool_yaml("health: { http: { path: /healthz }, interval: 500ms, timeout: 300ms }")
}

async fn loaded(gateway: &Gateway, rate: u32) -> Running {
    let load = Load::new(gateway.addr()).rate(rate).mix(&MIX).target("/$ID");
    let running = load.duration(ms(60_000)).start();
    tokio::time::sleep(ms(700)).await;
    running
}

/// All three behave so for two and a half seconds; an attempt is followed by at most `factor - 1`
/// others, on average and above the floor.
#[expect(clippy::print_stderr, reason = "the table of all faults, by --nocapture")]
async fn all_dead(name: &str, behavior: Behavior, factor: f64) {
    let backends = Backend::start_many(3).await;
    let gateway = builder(&backends).start(binary()).await;
    let all: Vec<_> = backends.iter().collect();
    let addresses: Vec<_> = backends.iter().map(Backend::addr).collect();
    let watch = gateway.watch(&addresses);
    let running = loaded(&gateway, RATE).await;

    let (begin, died) = (Instant::now(), running.elapsed());
    all.iter().for_each(|backend| backend.set(behavior.clone()));
    tokio::time::sleep(ms(2_500)).await;
    all.iter().for_each(|backend| backend.set(Behavior::ok()));
    let (end, back) = (Instant::now(), running.elapsed());
    tokio::time::sleep(2 * INTERVAL + ms(1_000)).await;
    let report = running.stop().await;

    let dead = report.between(died..back);
    let after = report.between(back + 2 * INTERVAL..report.elapsed);
    // Counted when they end: some began before, and an eye of the watch is not exact.
    let attempts = watch.attempts(begin, end);
    let allowed = factor * dead.total as f64 + FLOOR * (end - begin).as_secs_f64() + 15.0;
    eprintln!(
        "FAULT all dead, {name}: requests {}, failed {}, attempts {attempts} ({:.2} each, allowed {allowed:.0}), \
         slowest {:.1?}, after two intervals {} of {} failed",
        dead.total,
        dead.failures.len(),
        attempts / dead.total as f64,
        dead.max,
        after.failures.len(),
        after.total,
    );
    assert!(dead.max <= QUEUE + SLACK, "the answer came late: {dead}");
    let odd = dead.failed(|sample| !matches!(sample.status, Some(502..=504)));
    assert_eq!(odd, 0, "each failure is a whole answer: {dead}");
    assert!(after.total > 50 && after.failures.is_empty(), "not recovered: {after}");
    assert!(attempts <= allowed, "{attempts} attempts for {} requests", dead.total);
    let twice = duplicated(&all);
    for sample in report.samples.iter().filter(|sample| sample.method == "POST") {
        assert!(!twice.contains_key(&sample.id), "{} was executed twice", sample.id);
    }
}

#[tokio::test]
async fn all_refuse() {
    all_dead("refused", Behavior::RefuseConnections, 1.2).await;
}

#[tokio::test]
async fn all_close_before_they_answer() {
    all_dead("closed before the answer", Behavior::CloseBeforeAnswer(Ending::Rst), 1.2).await;
}

#[tokio::test]
async fn all_answer_503() {
    all_dead("503", Behavior::status(503), 1.2).await;
}

/// A pool of one that is away for less than requests wait loses only POSTs that were under way.
#[expect(clippy::print_stderr, reason = "the table of all faults, by --nocapture")]
async fn alone(name: &str, lost: usize, restart: impl AsyncFnOnce(&Backend)) {
    let backends = Backend::start_many(1).await;
    let gateway = builder(&backends).start(binary()).await;
    let running = loaded(&gateway, 100).await;
    restart(&backends[0]).await;
    tokio::time::sleep(ms(1_000)).await;
    let report = running.stop().await;
    let posts = report.failed(|sample| sample.method == "POST");
    eprintln!(
        "FAULT one endpoint, {name}: requests {}, GET and PUT failed {}, POST failed {posts}, slowest {:.1?}",
        report.total,
        report.failed_idempotent(),
        report.max,
    );
    assert_eq!(report.failed_idempotent(), 0, "{report}");
    assert!(posts <= lost, "{report}");
    let twice = duplicated(&[&backends[0]]);
    for sample in report.samples.iter().filter(|sample| sample.method == "POST") {
        assert!(!twice.contains_key(&sample.id), "{} was executed twice", sample.id);
    }
}

#[tokio::test]
async fn one_endpoint_killed_and_restarted() {
    alone("killed and restarted", 3, async |backend| {
        backend.kill().await;
        tokio::time::sleep(ms(500)).await;
        backend.restart();
    })
    .await;
}

#[tokio::test]
async fn one_endpoint_restarting_gracefully() {
    // Its probes fail and it is the only one: it is asked all the same until it is gone.
    alone("graceful restart", 1, async |backend| {
        backend.restart_gracefully(ms(800), ms(400)).await;
    })
    .await;
}

#[tokio::test]
async fn one_endpoint_that_closes_its_listener_for_a_moment() {
    alone("refusing for 0.5 s", 0, async |backend| {
        backend.set(Behavior::RefuseConnections);
        tokio::time::sleep(ms(500)).await;
        backend.set(Behavior::ok());
    })
    .await;
}
