//! Brownout: an endpoint that answers everything, and twenty times as slowly as the others. No request fails,
//! so nothing is repeated or ejected; only an algorithm that knows latencies can keep requests away from it.

use std::path::Path;
use std::time::Duration;

use switchback_testkit::{Backend, Behavior, Gateway, Load, Report};

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_switchback"))
}

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

const GOOD: Duration = ms(10);
const SLOW: Duration = ms(200);

/// The load from a second after the brownout began: all of it, and what the good ones answered.
#[expect(clippy::print_stderr, reason = "the table of all faults, by --nocapture")]
async fn brownout(balance: &str) -> (Report, Duration) {
    let backends = Backend::start_many(3).await;
    backends.iter().for_each(|backend| backend.set(Behavior::ok_after(GOOD)));
    let addresses: Vec<_> = backends.iter().map(Backend::addr).collect();
    let gateway = Gateway::builder()
        .pool("web", &addresses)
        .pool_yaml(&format!("balance: {balance}"))
        .pool_yaml("health: { http: { path: /healthz }, interval: 1s, timeout: 500ms }")
        .start(binary())
        .await;
    let mix = [("GET", 0), ("PUT", 2_000), ("POST", 500)];
    let running = Load::new(gateway.addr()).rate(200).duration(ms(5_000)).mix(&mix).start();
    tokio::time::sleep(ms(700)).await;
    backends[0].set(Behavior::ok_after(SLOW));
    let report = running.report().await;
    assert_eq!(report.failures.len(), 0, "{report}");

    let judged = report.between(ms(1_700)..ms(5_000));
    let slow = backends[0].addr().to_string();
    let of_slow = |backend: &Option<String>| backend.as_deref() == Some(&slow);
    let (met, good): (Vec<_>, Vec<_>) =
        judged.samples.iter().partition(|sample| of_slow(&sample.backend));
    let mut latencies: Vec<_> = good.iter().map(|sample| sample.latency).collect();
    latencies.sort_unstable();
    let p99_of_good = latencies[latencies.len() * 99 / 100];
    eprintln!(
        "FAULT brownout, {balance}: requests {}, {} by the slow one, p50 {:.0?}, p99 {:.0?}, of the good ones {p99_of_good:.0?}",
        judged.total,
        met.len(),
        judged.p50,
        judged.p99,
    );
    (judged, p99_of_good)
}

#[tokio::test]
async fn nobody_fails_where_only_requests_in_flight_are_known() {
    let (report, _) = brownout("least_requests").await;
    assert!(report.p50 < SLOW, "{report}");
}

/// What is to be shown.
#[tokio::test]
async fn the_p99_is_that_of_the_good_ones() {
    let (report, p99_of_good) = brownout("peak_ewma").await;
    assert!(report.p99 < SLOW && report.p99 <= 2 * p99_of_good + ms(20), "{report}");
}
