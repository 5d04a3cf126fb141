//! The keep-alive race: an endpoint closes a kept connection just as a request goes out on it, and nobody
//! can tell whether the request was read.
//!
//! GET and PUT are repeated. A POST must not be, so the art is not to lose any: not to send it where the
//! endpoint may be about to close. What an endpoint never says can only be learned from it, so each may cost one
//! POST; without any care a tenth of them is lost where the endpoint's time and the load's agree.

use std::path::Path;
use std::time::Duration;

use switchback_testkit::{Backend, Behavior, Ending, Gateway, Load, duplicated};

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_switchback"))
}

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// One for each endpoint to learn by; two where each connection lives differently.
const LOST: usize = 3;
const LOST_BY_CHANCE: usize = 6;

const MIX: [(&str, usize); 4] = [("GET", 0), ("POST", 500), ("PUT", 2_000), ("POST", 0)];

async fn gateway(backends: &[Backend]) -> Gateway {
    let addresses: Vec<_> = backends.iter().map(Backend::addr).collect();
    // Kept for longer than any of these backends does.
    let limits = "timeouts: { connect: 500ms, first_byte: 1s, keepalive: 10s, request: 5s }";
    Gateway::builder().pool("web", &addresses).pool_yaml(limits).start(binary()).await
}

/// All three endpoints close alike.
#[expect(clippy::print_stderr, reason = "the table of all faults, by --nocapture")]
async fn raced(name: &str, behavior: Behavior, lost: usize, load: impl Fn(Load) -> Load) {
    let backends = Backend::start_many(3).await;
    let gateway = gateway(&backends).await;
    backends.iter().for_each(|backend| backend.set(behavior.clone()));
    let report = load(Load::new(gateway.addr()).mix(&MIX).target("/$ID")).run().await;
    let posts = report.failed(|sample| sample.method == "POST");
    let stale = [("outcome", "stale_connection")];
    let stale = gateway.metric("switchback_attempts_total", &stale).await;
    let dead = [("outcome", "dead_before_request")];
    let dead = gateway.metric("switchback_attempts_total", &dead).await;
    let connections: u64 = backends.iter().map(Backend::connections).sum();
    eprintln!(
        "FAULT {name}: requests {}, connections {connections}, raced {stale} (and {dead} before they were \
         written), GET and PUT failed {}, POST failed {posts}",
        report.total,
        report.failed_idempotent(),
    );
    assert_eq!(report.failed_idempotent(), 0, "{name}: {report}");
    assert!(posts <= lost, "{name}: {posts} POSTs were lost: {report}");
    let twice = duplicated(&backends.iter().collect::<Vec<_>>());
    for sample in report.samples.iter().filter(|sample| sample.method == "POST") {
        assert!(!twice.contains_key(&sample.id), "{name}: {} was executed twice", sample.id);
    }
}

#[tokio::test]
async fn closed_after_some_idle_time() {
    for ending in [Ending::Fin, Ending::Rst] {
        // Multiples of the load's pace, so that any of them can meet a request.
        let idles = Behavior::script(move |request| Behavior::CloseAfterAnswerSilently {
            idle: ms(97 * (1 + request.index % 5) - request.index % 4),
            ending,
        });
        let name = format!("idle 50 ms to 500 ms, then {ending:?}");
        raced(&name, idles, LOST_BY_CHANCE, |load| {
            load.clients(12).pace(ms(97)).duration(ms(3_000))
        })
        .await;
    }
}

#[tokio::test]
async fn closed_in_step_with_the_load() {
    // Three endpoints in turn, a request every 20 ms: a connection is wanted again just as it closes.
    let idle = ms(59);
    for ending in [Ending::Fin, Ending::Rst] {
        let closes = Behavior::CloseAfterAnswerSilently { idle, ending };
        let name = format!("idle 59 ms, asked every 60 ms, then {ending:?}");
        raced(&name, closes, LOST, |load| load.rate(50).duration(ms(4_000))).await;
    }
}

#[tokio::test]
async fn closed_after_every_fifth_answer() {
    for ending in [Ending::Fin, Ending::Rst] {
        let closes = Behavior::CloseAfterEvery { answers: 5, ending };
        let name = format!("closed after every fifth answer, {ending:?}");
        raced(&name, closes, LOST, |load| load.clients(8).count(1_000)).await;
    }
}

#[tokio::test]
async fn closed_after_every_answer() {
    let closes = Behavior::CloseAfterEvery { answers: 1, ending: Ending::Fin };
    raced("closed after every answer", closes, LOST, |load| load.clients(8).count(1_000)).await;
}
