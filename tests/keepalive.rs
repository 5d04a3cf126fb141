//! The keep-alive race: an endpoint closes a kept connection just as a request goes out on it, and nobody
//! can tell whether the request was read.
//!
//! GET and PUT are repeated. A POST must not be, so the art is not to lose any: not to send it where the
//! endpoint may be about to close. What an endpoint never says can only be learned from it, so each may cost one
//! POST; without any care a tenth of them is lost where the endpoint's time and the load's agree.

use std::path::Path;
use std::time::Duration;

use switchback_testkit::{Answer, Backend, Behavior, Client, Ending, Gateway, Load, duplicated};

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

/// A request after so much silence; whether it went out on a connection that had been used before.
async fn reuses(client: &mut Client, backend: &Backend, method: &str, silence: Duration) -> bool {
    // The silence is what is tested: it is not waited for anything.
    tokio::time::sleep(silence).await;
    let answer = client.request(method, "/", &[], b"").await.expect("an answer");
    assert_eq!(answer.status, 200);
    backend.recorded().last().expect("a request").nth > 0
}

#[tokio::test]
async fn a_hint_tells_for_how_long_a_post_may_reuse_a_connection() {
    // Of one second half is safe, of four seconds three.
    for (hint, safe, unsafe_after) in [("timeout=1", 150, 700), ("timeout=4, max=99", 1_500, 3_200)]
    {
        let backend = Backend::start().await;
        backend.set(Behavior::Answer(Answer::ok("x").header("Keep-Alive", hint)));
        let gateway = gateway(std::slice::from_ref(&backend)).await;
        let mut client = gateway.client().await;
        assert!(!reuses(&mut client, &backend, "POST", ms(0)).await, "{hint}: the first is new");
        assert!(reuses(&mut client, &backend, "POST", ms(safe)).await, "{hint}: it is safe");
        assert!(!reuses(&mut client, &backend, "POST", ms(unsafe_after)).await, "{hint}: no more");
        assert!(!reuses(&mut client, &backend, "GET", ms(0)).await, "GETs have their own");
        for method in ["GET", "PUT"] {
            let reused = reuses(&mut client, &backend, method, ms(unsafe_after)).await;
            assert!(reused, "{hint}: {method} may be repeated");
        }
        assert_eq!(backend.connections(), 3, "{hint}");
    }
}

#[tokio::test]
async fn a_hint_of_zero_is_a_connection_for_one_post() {
    let backend = Backend::start().await;
    backend.set(Behavior::Answer(Answer::ok("x").header("Keep-Alive", "timeout=0")));
    let gateway = gateway(std::slice::from_ref(&backend)).await;
    let mut client = gateway.client().await;
    for post in 1..=3 {
        assert!(!reuses(&mut client, &backend, "POST", ms(0)).await, "{post}");
    }
}

#[tokio::test]
async fn without_a_hint_trust_is_earned_by_requests_that_may_fail() {
    let backend = Backend::start().await;
    let gateway = gateway(std::slice::from_ref(&backend)).await;
    let mut client = gateway.client().await;
    assert!(!reuses(&mut client, &backend, "POST", ms(0)).await, "the first is new");
    assert!(!reuses(&mut client, &backend, "POST", ms(300)).await, "nothing is known");
    // One that has served after so long makes half of that safe.
    assert!(!reuses(&mut client, &backend, "GET", ms(0)).await, "GETs have their own");
    assert!(reuses(&mut client, &backend, "GET", ms(1_500)).await);
    assert!(!reuses(&mut client, &backend, "POST", ms(0)).await, "it was idle since");
    assert!(reuses(&mut client, &backend, "POST", ms(200)).await);
    assert!(!reuses(&mut client, &backend, "POST", ms(1_200)).await);
}
