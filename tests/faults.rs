//! The promise under load: whatever one endpoint does, no request fails that could have been saved, nothing
//! is executed twice, and within a moment the endpoint is left alone.
//!
//! One test a fault. While GET, PUT and POST come at a steady rate, one of three endpoints (or as said)
//! falls ill; afterwards is counted: failed requests that may be repeated, 0; failed requests of which
//! nothing was sent, 0; POSTs executed twice, 0. A POST that was sent to the ill endpoint may have been
//! executed, so it fails by right, but only until the endpoint is out: how many is bounded.
//!
//! The time until it is out is the time until its attempts are a trickle, as an endpoint that was
//! ejected is tried now and then with live requests. Bounds are about twice what is needed, for busy
//! machines.
//!
//! ```console
//! $ cargo test -p switchback --test faults -- --nocapture 2>&1 | grep FAULT
//! ```

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;
use switchback_testkit::{
    Answer, Backend, Behavior, Ending, Framing, Gateway, GatewayBuilder, Health, Load, Report,
    duplicated, eventually, until,
};

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_switchback"))
}

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Requests a second. A third of them is enough to see an ejection within a tenth of a second, and
/// light enough for several tests on two processors.
const RATE: u32 = 150;

/// Seven, which shares no divisor with the number of endpoints: turns would otherwise send all POSTs
/// to one of them.
const MIX: [(&str, usize); 7] = [
    ("GET", 0),
    ("PUT", 2_000),
    ("POST", 500),
    ("GET", 0),
    ("POST", 0),
    ("PUT", 2_000),
    ("POST", 2_000),
];

/// For faults that show at once: five failures in a row, at fifty requests a second, and what was under
/// way.
const AT_ONCE: Duration = ms(1_000);
/// For those that show at a time limit.
const IN_SILENCE: Duration = ms(1_500);
/// For those that are told from chance only after some dozens of answers.
const BY_RATE: Duration = ms(4_000);
/// What probes need at an interval of a second when they have to fail three times in a row.
const BY_PROBES: Duration = ms(3_500);

/// POSTs sent to the ill endpoint in those times, 21 a second; half of what the bounds above allow.
const LOST_AT_ONCE: usize = 10;
const LOST_IN_SILENCE: usize = 20;
const LOST_BY_RATE: usize = 25;

/// Each request in turn, so that the time until an endpoint is out is the merit of who takes it out
/// and not of an algorithm that avoids it. Probes every second instead of every other, and limits
/// of tenths of seconds instead of seconds: the same proportions, in the time of a test.
fn builder(backends: &[Backend], interval: &str) -> GatewayBuilder {
    let addresses: Vec<_> = backends.iter().map(Backend::addr).collect();
    let probes = format!(
        "health: {{ http: {{ path: /healthz }}, interval: {interval}, timeout: 500ms, fall: 3 }}"
    );
    Gateway::builder()
        .pool("web", &addresses)
        .pool_yaml("timeouts: { connect: 500ms, first_byte: 300ms, idle: 300ms, request: 5s }")
        .pool_yaml(&probes)
}

/// A fault, and what it may cost.
struct Fault {
    name: &'static str,
    lasts: Duration,
    /// The longest time until the ill endpoints are left alone; `None`: not asked.
    quiet: Option<Duration>,
    /// POSTs that were sent to an ill endpoint.
    lost: usize,
    /// Requests that may be repeated but had an answer begun.
    cut_off: usize,
    endpoints: usize,
    ill: usize,
    rate: u32,
    interval: &'static str,
    pool: &'static str,
}

impl Fault {
    fn new(name: &'static str) -> Self {
        Self {
            name,
            lasts: ms(2_500),
            quiet: Some(AT_ONCE),
            lost: LOST_AT_ONCE,
            cut_off: 0,
            endpoints: 3,
            ill: 1,
            rate: RATE,
            interval: "1s",
            pool: "",
        }
    }

    fn sends_nothing(self) -> Self {
        Self { lost: 0, ..self }
    }

    fn in_silence(self) -> Self {
        Self { quiet: Some(IN_SILENCE), lost: LOST_IN_SILENCE, ..self }
    }

    fn by_rate(self) -> Self {
        Self { quiet: Some(BY_RATE), lost: LOST_BY_RATE, lasts: ms(5_000), ..self }
    }

    /// The first endpoint behaves so, as long as the fault lasts.
    async fn of(self, behavior: Behavior) {
        let lasts = self.lasts;
        self.run(async |backends: &[Backend]| {
            backends[0].set(behavior);
            tokio::time::sleep(lasts).await;
            backends[0].set(Behavior::ok());
        })
        .await;
    }

    /// `during` makes the fault, and ends it.
    async fn run(self, during: impl AsyncFnOnce(&[Backend])) {
        let backends = Backend::start_many(self.endpoints).await;
        let gateway = builder(&backends, self.interval).pool_yaml(self.pool).start(binary()).await;
        let all: Vec<_> = backends.iter().collect();
        let ill: Vec<_> = backends[..self.ill].iter().map(Backend::addr).collect();
        let watch = gateway.watch(&ill);
        let load = Load::new(gateway.addr()).rate(self.rate).mix(&MIX).target("/$ID");
        let running = load.duration(ms(60_000)).start();
        tokio::time::sleep(ms(500)).await;
        let begin = Instant::now();
        during(&backends).await;
        let end = Instant::now();
        // Whoever is back must harm nobody.
        tokio::time::sleep(ms(500)).await;
        let report = running.stop().await;
        let seen = Seen::of(&gateway, &report).await;
        let quiet = watch.quiet_after(begin, end);
        self.print(&report, &seen, quiet, &gateway).await;

        let name = self.name;
        assert!(report.failed_idempotent() <= self.cut_off, "{name}: {report}");
        assert_eq!(seen.unsent, 0, "{name}: failed although nothing was sent: {report}");
        assert!(seen.lost <= self.lost, "{name}: {} POSTs were lost: {report}", seen.lost);
        // Who closes a kept connection just as it is used: a matter of tests/keepalive.rs.
        assert!(seen.stale <= 2, "{name}: {} POSTs met a stale connection: {report}", seen.stale);
        let twice = duplicated(&all);
        for sample in report.samples.iter().filter(|sample| sample.method == "POST") {
            assert!(!twice.contains_key(&sample.id), "{name}: {} was executed twice", sample.id);
        }
        if let Some(bound) = self.quiet {
            assert!(quiet.is_some_and(|quiet| quiet <= bound), "{name}: quiet after {quiet:?}");
        }
    }

    #[expect(clippy::print_stderr, reason = "the table of all faults, by --nocapture")]
    async fn print(&self, report: &Report, seen: &Seen, quiet: Option<Duration>, on: &Gateway) {
        let rescued = on.metric("switchback_requests_rescued_total", &[]).await;
        let quiet = match (self.quiet, quiet) {
            (None, _) => "not asked".to_owned(),
            (_, None) => "never".to_owned(),
            (_, Some(quiet)) => format!("after {:.1} s", quiet.as_secs_f32()),
        };
        eprintln!(
            "FAULT {}: requests {}, rescued {rescued}, GET and PUT failed {}, POST failed {} \
             (unsent {}, stale {}), p99 {:.0?}, quiet {quiet}",
            self.name,
            report.total,
            report.failed_idempotent(),
            report.failed(|sample| sample.method == "POST"),
            seen.unsent,
            seen.stale,
            report.p99,
        );
    }
}

/// Failed requests by what the access log says of them.
struct Seen {
    /// No attempt sent anything.
    unsent: usize,
    /// POSTs that went to a kept connection as it closed.
    stale: usize,
    /// The other POSTs.
    lost: usize,
}

impl Seen {
    async fn of(gateway: &Gateway, report: &Report) -> Self {
        let failed = until(ms(5_000), async || {
            let log = gateway.log();
            let line_of = |id: &str| {
                let path = Value::from(format!("/{id}"));
                log.iter().find(|line| line["path"] == path).cloned()
            };
            report.failures.iter().map(|sample| Some((sample, line_of(&sample.id)?))).collect()
        });
        let failed: Vec<_> = failed.await.expect("a line for each failed request");
        let mut seen = Self { unsent: 0, stale: 0, lost: 0 };
        for (sample, line) in failed {
            let attempts = line["attempts"].as_array().cloned().unwrap_or_default();
            if attempts.iter().all(|attempt| attempt["sent"] == "no") {
                seen.unsent += 1;
            } else if sample.method == "POST" {
                let stale = attempts.iter().any(|a| a["outcome"] == "stale_connection");
                *if stale { &mut seen.stale } else { &mut seen.lost } += 1;
            }
        }
        seen
    }
}

#[tokio::test]
async fn refused() {
    Fault::new("refused").sends_nothing().of(Behavior::RefuseConnections).await;
}

#[tokio::test]
async fn reset_on_accept() {
    Fault::new("reset on accept")
        .run(async |backends| {
            backends[0].set(Behavior::ResetOnAccept);
            // Kept connections would go on: this acts on new ones.
            backends[0].disconnect(Ending::Rst).await;
            tokio::time::sleep(ms(2_500)).await;
            backends[0].set(Behavior::ok());
        })
        .await;
}

#[tokio::test]
async fn syn_dropped() {
    let fault = Fault { quiet: Some(IN_SILENCE), ..Fault::new("SYN dropped") };
    fault.sends_nothing().of(Behavior::DropSyns).await;
}

#[tokio::test]
async fn silent() {
    let silent = Behavior::AcceptAndSilent { reads: true };
    Fault::new("silent").in_silence().of(silent).await;
}

#[tokio::test]
async fn stopped_and_continued() {
    Fault::new("stopped and continued")
        .in_silence()
        .run(async |backends| {
            backends[0].pause();
            tokio::time::sleep(ms(2_500)).await;
            // What has waited in the kernel is executed only now.
            backends[0].resume();
        })
        .await;
}

#[tokio::test]
async fn killed_and_restarted() {
    Fault::new("killed and restarted")
        .run(async |backends| {
            backends[0].kill().await;
            tokio::time::sleep(ms(2_000)).await;
            backends[0].restart();
        })
        .await;
}

#[tokio::test]
async fn graceful_rolling_restart_of_all() {
    // A rollout that waits: announced for four probes, back for two before the next one goes.
    let fault = Fault { quiet: None, interval: "150ms", ..Fault::new("graceful rolling restart") };
    let fault = fault.sends_nothing();
    fault
        .run(async |backends| {
            for backend in backends {
                backend.restart_gracefully(ms(750), ms(200)).await;
                tokio::time::sleep(ms(600)).await;
            }
        })
        .await;
}

#[tokio::test]
async fn flapping_at_two_seconds() {
    let fault = Fault { quiet: None, ..Fault::new("flapping at 2 s") };
    fault
        .run(async |backends| {
            let _flapping = backends[0].flap(ms(2_000), ms(2_000));
            tokio::time::sleep(ms(6_500)).await;
        })
        .await;
}

#[tokio::test]
async fn garbage() {
    let garbage = Behavior::Garbage("\u{1}\u{2}this is no HTTP\r\n\r\n".into());
    Fault::new("garbage").of(garbage).await;
}

#[tokio::test]
async fn header_bombs() {
    // Above what the gateway takes, and at a lower rate: writing them is the work of the test.
    let fault = Fault { rate: 60, lasts: ms(3_000), ..Fault::new("header bombs") };
    fault.of(Behavior::HugeHeader(1_200_000)).await;
}

/// Each answer of the ill endpoint is this status, or three of ten. That 500 counts as a failure is
/// the operator's word; all of its probes pass.
async fn status(name: &'static str, status: u16, p: f64) {
    let fault = Fault { pool: "retry: { statuses: [ 500, 502-504 ] }", ..Fault::new(name) };
    let fault = if p < 1.0 { fault.by_rate() } else { fault };
    fault.of(Behavior::status(status).sometimes(p, u64::from(status))).await;
}

#[tokio::test]
async fn every_answer_a_500() {
    status("500, p = 1", 500, 1.0).await;
}

#[tokio::test]
async fn every_answer_a_502() {
    status("502, p = 1", 502, 1.0).await;
}

#[tokio::test]
async fn every_answer_a_503() {
    status("503, p = 1", 503, 1.0).await;
}

#[tokio::test]
async fn every_answer_a_504() {
    status("504, p = 1", 504, 1.0).await;
}

#[tokio::test]
async fn some_answers_a_500() {
    status("500, p = 0.3", 500, 0.3).await;
}

#[tokio::test]
async fn some_answers_a_502() {
    status("502, p = 0.3", 502, 0.3).await;
}

#[tokio::test]
async fn some_answers_a_503() {
    status("503, p = 0.3", 503, 0.3).await;
}

#[tokio::test]
async fn some_answers_a_504() {
    status("504, p = 0.3", 504, 0.3).await;
}

#[tokio::test]
async fn some_first_bytes_are_slow() {
    let slow = Behavior::ok_after(ms(1_000)).sometimes(0.3, 7);
    Fault::new("slow first byte, p = 0.3").by_rate().of(slow).await;
}

#[tokio::test]
async fn a_health_endpoint_that_lies() {
    // Ten probes pass while nothing else does: none of them may bring the traffic back.
    let fault =
        Fault { lasts: ms(5_000), interval: "500ms", ..Fault::new("lying health endpoint") };
    fault.of(Behavior::CloseBeforeAnswer(Ending::Fin)).await;
}

#[tokio::test]
async fn a_health_endpoint_that_says_draining() {
    let fault = Fault { quiet: Some(BY_PROBES), ..Fault::new("draining health endpoint") };
    fault
        .sends_nothing()
        .run(async |backends| {
            backends[0].set_health(Health::Status(503));
            tokio::time::sleep(ms(4_500)).await;
            backends[0].set_health(Health::Healthy);
        })
        .await;
}

#[tokio::test]
async fn cut_off_bodies() {
    // The only fault that costs those that may be repeated: their answer has begun.
    let cut = Behavior::TruncatedBody {
        framing: Framing::ContentLength,
        declared: 1_000,
        sent: 10,
        ending: Ending::Rst,
    };
    Fault { cut_off: 20, ..Fault::new("cut-off bodies") }.of(cut).await;
}

#[tokio::test]
async fn stalled_bodies() {
    let stalled =
        Behavior::StalledBody { framing: Framing::ContentLength, declared: 1_000, sent: 10 };
    Fault { cut_off: 30, ..Fault::new("stalled bodies") }.in_silence().of(stalled).await;
}

#[tokio::test]
async fn four_of_five_dead_at_once() {
    let fault = Fault { endpoints: 5, ill: 4, quiet: Some(BY_PROBES), ..Fault::new("4 of 5 dead") };
    fault
        .run(async |backends| {
            for backend in &backends[..4] {
                backend.kill().await;
            }
            tokio::time::sleep(ms(4_500)).await;
            backends[..4].iter().for_each(Backend::restart);
        })
        .await;
}

#[tokio::test]
async fn who_asks_for_a_pause_gets_it() {
    let backends = Backend::start_many(3).await;
    let gateway = builder(&backends, "1s").start(binary()).await;
    let load = Load::new(gateway.addr()).rate(RATE).mix(&[("GET", 0), ("PUT", 100)]);
    let running = load.duration(ms(60_000)).start();
    tokio::time::sleep(ms(300)).await;
    backends[0].set(Behavior::Answer(Answer::status(503).header("Retry-After", "2")));
    let asked = backends[0].requests();
    eventually(ms(2_000), "it asks", async || backends[0].requests() > asked).await;
    let begin = Instant::now();
    tokio::time::sleep(ms(1_000)).await;
    backends[0].set(Behavior::ok());
    tokio::time::sleep(ms(700)).await;
    // What was under way when it asked has arrived within the first two tenths.
    let met = backends[0].requests_within(begin + ms(200)..begin + ms(1_700));
    let back = async || backends[0].last_request().is_some_and(|last| last > begin + ms(1_900));
    eventually(ms(5_000), "it gets traffic again", back).await;
    let report = running.stop().await;
    assert_eq!(report.failures.len(), 0, "{report}");
    assert_eq!(met, 0, "requests in the two seconds for which it asked");
}
