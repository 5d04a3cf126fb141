//! Who gets how much, seen from the endpoints.
//!
//! Each part of what a pool promises has its file: shares by weight and slow start, keys that stay at
//! home, the ladder of tiers, zones and drained endpoints, and limits with the queue in front of them.
//! What is a matter of chance is held to a bound that a sound gateway misses once in a million runs.

#[path = "balancing/hashing.rs"]
mod hashing;
#[path = "balancing/ladder.rs"]
mod ladder;
#[path = "balancing/limits.rs"]
mod limits;
#[path = "balancing/shares.rs"]
mod shares;

use std::path::Path;
use std::time::Duration;

use switchback_testkit::{Backend, Gateway, eventually};

/// Probes that notice within a fraction of a second, and endpoints that are back at once.
const NIMBLE: &str = "health: { tcp: {}, interval: 200ms, fast_interval: 100ms, rise: 1, fall: 1 }\n\
                      slow_start: { enabled: false }";

/// Far more than anything here takes.
const SOON: Duration = ms(10_000);

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_switchback"))
}

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// An endpoint in YAML, with more keys than its address.
fn endpoint(backend: &Backend, keys: &str) -> String {
    format!("{{ address: '{}', {keys} }}", backend.addr())
}

/// How many requests each has had.
fn requests(backends: &[Backend]) -> Vec<u64> {
    backends.iter().map(Backend::requests).collect()
}

/// How many requests a backend had at once, where each takes `work` and then its answer is written: as
/// it counts itself, so never more than there were.
fn most_at_once(backend: &Backend, work: Duration) -> usize {
    let begun: Vec<_> = backend.recorded().iter().map(|request| request.at).collect();
    let overlaps = |at| begun.iter().filter(|&&begin| begin <= at && at < begin + work).count();
    begun.iter().map(|&at| overlaps(at)).max().unwrap_or(0)
}

/// Waits until an endpoint has this status in each of so many pools.
async fn has_status(gateway: &Gateway, backend: &Backend, status: &str, pools: usize) {
    let endpoint = backend.addr().to_string();
    eventually(SOON, &format!("{endpoint} is {status}"), async || {
        let labels = [("endpoint", &*endpoint), ("status", status)];
        gateway.metric("switchback_endpoint_status", &labels).await == pools as f64
    })
    .await;
}
