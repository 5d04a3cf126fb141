//! Nothing leaks: whatever endpoints and clients do to each other, in the end nothing is in flight. A count
//! that stays up takes its endpoint out of every comparison, and at a limit out of service.

use std::path::Path;
use std::time::Duration;

use switchback_testkit::{
    Answer, Backend, Behavior, Early, Ending, Framing, Gateway, Load, Metrics, duplicated,
    eventually,
};

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_switchback"))
}

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Another fault for each request, and every third of them none.
fn any_fault() -> Behavior {
    let framing = Framing::Chunked;
    let faults = [
        Behavior::CloseBeforeAnswer(Ending::Fin),
        Behavior::CloseBeforeAnswer(Ending::Rst),
        Behavior::AcceptAndSilent { reads: true },
        Behavior::ResetOnAccept,
        Behavior::ReadHalfOfBodyThenReset,
        Behavior::Garbage("no HTTP\r\n\r\n".into()),
        Behavior::TruncatedHeader(Ending::Rst),
        Behavior::TruncatedBody { framing, declared: 1_000, sent: 10, ending: Ending::Fin },
        Behavior::StalledBody { framing, declared: 1_000, sent: 10 },
        Behavior::SlowBody { framing, piece: 100, count: 5, gap: ms(20) },
        Behavior::EarlyAnswer { answer: Answer::status(413), then: Early::Close(Ending::Fin) },
        Behavior::Informational { statuses: vec![103], answer: Answer::ok("ok\n") },
        Behavior::status(503),
        Behavior::ok_after(ms(100)),
        Behavior::Upgrade,
        Behavior::CloseAfterEvery { answers: 2, ending: Ending::Rst },
    ];
    Behavior::script(move |request| match request.index as usize {
        index if index % 3 == 0 => Behavior::ok(),
        index => faults[index % faults.len()].clone(),
    })
}

/// Gauges that count what is under way or waits, whatever they are called; the reading of them is not
/// among them.
fn under_way(metrics: &Metrics) -> Vec<String> {
    let counts = |name: &str| name.ends_with("_in_flight") || name.ends_with("_waiting");
    let samples = metrics.samples.iter().filter(|s| counts(&s.name) && s.value != 0.0);
    samples.map(|sample| format!("{} {:?}: {}", sample.name, sample.labels, sample.value)).collect()
}

async fn nothing_is_in_flight(gateway: &Gateway) {
    eventually(ms(10_000), "nothing is in flight", async || {
        under_way(&gateway.metrics().await).is_empty()
    })
    .await;
}

/// Faults, deaths and clients that leave, at once; half of the time every client has had enough
/// before an answer can come.
#[expect(clippy::print_stderr, reason = "the table of all faults, by --nocapture")]
async fn mixture(pool: &str) {
    let backends = Backend::start_many(5).await;
    let addresses: Vec<_> = backends.iter().map(Backend::addr).collect();
    let gateway = Gateway::builder()
        .pool("web", &addresses)
        .pool_yaml("timeouts: { connect: 200ms, first_byte: 300ms, idle: 300ms, request: 2s }")
        .pool_yaml("health: { http: { path: /healthz }, interval: 500ms, timeout: 300ms }")
        .pool_yaml(pool)
        .start(binary())
        .await;
    backends.iter().for_each(|backend| backend.set(any_fault()));
    let mix = [("GET", 0), ("PUT", 20_000), ("POST", 500), ("HEAD", 0), ("DELETE", 0)];
    let load = Load::new(gateway.addr()).mix(&mix).leave_every(4).duration(ms(3_500));
    let patient = load.clone().clients(12).pace(ms(10)).start();
    let hasty = load.clients(6).pace(ms(10)).patience(ms(60)).start();

    let flapping = backends[0].flap(ms(200), ms(300));
    tokio::time::sleep(ms(800)).await;
    backends[1].pause();
    backends[2].set(Behavior::DropSyns);
    tokio::time::sleep(ms(800)).await;
    backends[1].resume();
    backends[2].set(any_fault());
    for backend in &backends[1..] {
        backend.kill().await;
    }
    tokio::time::sleep(ms(500)).await;
    backends.iter().for_each(Backend::restart);
    let (patient, hasty) = (patient.report().await, hasty.report().await);
    drop(flapping);

    let total = patient.total + hasty.total;
    let left = patient.left + hasty.left;
    eprintln!(
        "FAULT mixture: requests {total}, ok {}, clients that left {left}",
        patient.ok + hasty.ok
    );
    assert!(total > 500 && left > 100, "{patient}{hasty}");
    let twice = duplicated(&backends.iter().collect::<Vec<_>>());
    let samples = patient.samples.iter().chain(&hasty.samples);
    for sample in samples.filter(|sample| sample.method == "POST") {
        assert!(!twice.contains_key(&sample.id), "{} was executed twice", sample.id);
    }
    // Those who wait for nothing any more end at their limits.
    nothing_is_in_flight(&gateway).await;

    // And it serves as on the first day.
    backends.iter().for_each(|backend| backend.set(Behavior::ok()));
    let healed = async || {
        let report = Load::new(gateway.addr()).clients(8).count(80).run().await;
        report.failures.is_empty() && backends.iter().all(|backend| backend.requests() > 0)
    };
    eventually(ms(10_000), "all is well", healed).await;
    nothing_is_in_flight(&gateway).await;
    assert!(gateway.is_running());
    assert!(!gateway.stderr().contains("panicked"), "{}", gateway.stderr());
}

#[tokio::test]
async fn nothing_is_in_flight_after_any_mixture_of_faults() {
    mixture("").await;
}

/// So few places that requests wait, leave while they wait, and are turned
/// away.
#[tokio::test]
async fn nothing_waits_after_any_mixture_of_faults_in_a_short_queue() {
    mixture("balance: peak_ewma\nmax_requests: 2\nqueue: 8\nqueue_timeout: 200ms").await;
}
