//! More requests than the pool can serve: what it can serve is served, and what it cannot is not made
//! worse by repeating it.
//!
//! Three endpoints with four workers each, 50 ms of work for an answer, no queue of their own: 240
//! requests a second. 600 are asked, at a fixed rate, as a crowd asks that does not wait for others.

use std::path::Path;
use std::time::{Duration, Instant};

use switchback_testkit::{Backend, Behavior, Gateway, GatewayBuilder, Load};

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_switchback"))
}

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

const SLOTS: usize = 4;
const WORK: Duration = ms(50);
const CAPACITY: f64 = 240.0;
const ASKED: u32 = 600;
/// Attempts a second that the retry budget always grants: the default floor.
const FLOOR: f64 = 10.0;
/// The default of `queue_timeout`.
const QUEUE: Duration = ms(1_000);

fn builder(backends: &[Backend]) -> GatewayBuilder {
    let addresses: Vec<_> = backends.iter().map(Backend::addr).collect();
    Gateway::builder()
        .pool("web", &addresses)
        .pool_yaml("timeouts: { connect: 500ms, first_byte: 2s, request: 5s }")
        .pool_yaml("health: { http: { path: /healthz }, interval: 1s, timeout: 500ms }")
}

/// It knows what an endpoint can do at once, and lets the rest wait.
fn with_limits(builder: GatewayBuilder) -> GatewayBuilder {
    builder
        .pool_yaml("balance: peak_ewma")
        .pool_yaml("max_requests: 4")
        .pool_yaml("queue: 1024")
        .pool_yaml("queue_timeout: 1s")
}

/// `goodput` is the least share of the capacity.
#[expect(clippy::print_stderr, reason = "the table of all faults, by --nocapture")]
async fn overloaded(name: &str, describe: impl Fn(GatewayBuilder) -> GatewayBuilder, goodput: f64) {
    let mut backends = Vec::new();
    for _ in 0..3 {
        backends.push(Backend::with(Behavior::slots(SLOTS, WORK)).await);
    }
    let gateway = describe(builder(&backends)).start(binary()).await;
    let addresses: Vec<_> = backends.iter().map(Backend::addr).collect();
    let watch = gateway.watch(&addresses);
    // What was asked in the last moments is served after them: the span to be judged ends before.
    let load = Load::new(gateway.addr()).rate(ASKED).duration(ms(5_000));
    let running = load.mix(&[("GET", 0), ("PUT", 500), ("GET", 0)]).start();
    tokio::time::sleep(ms(1_500)).await;
    let begin = Instant::now();
    tokio::time::sleep(ms(3_000)).await;
    let end = Instant::now();
    let report = running.report().await;

    let judged = report.between(ms(1_500)..ms(4_500));
    let attempts = watch.attempts(begin, end);
    let amplification = attempts / judged.total as f64;
    eprintln!(
        "FAULT overload, {name}: asked {:.0} a second, goodput {:.0} of {CAPACITY}, {amplification:.2} attempts \
         each, p99 {:.0?}, status {:?}",
        judged.total as f64 / 3.0,
        judged.goodput(),
        judged.p99,
        judged.by_status,
    );
    assert!(judged.total >= 1_700, "the test's machine is too slow to ask: {judged}");
    assert!(judged.goodput() >= goodput * CAPACITY, "goodput {:.0}: {judged}", judged.goodput());
    let allowed = 1.2 * judged.total as f64 + FLOOR * 3.0;
    assert!(attempts <= allowed, "{attempts} attempts for {} requests", judged.total);
    assert!(judged.max <= QUEUE + ms(700), "an answer came late: {judged}");
    let odd = judged.failed(|sample| sample.status != Some(503));
    assert_eq!(odd, 0, "who is turned away is told so: {judged}");
}

#[tokio::test]
async fn overload_that_the_endpoints_refuse() {
    overloaded("refused by the endpoints", |builder| builder, 0.8).await;
}

#[tokio::test]
async fn overload_that_waits_in_the_queue() {
    overloaded("queued", with_limits, 0.9).await;
}
