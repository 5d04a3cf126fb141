//! What is counted for each pool.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::counters::Row;
use super::histogram::Histogram;

/// The handle of one pool.
#[derive(Debug)]
pub struct PoolMetrics {
    pub(super) decisions: Row,
    pub(super) probe_duration: Histogram,
    /// In nanoseconds.
    probe_lag: AtomicU64,
}

impl PoolMetrics {
    pub(super) fn new(decisions: &'static [&'static str]) -> Self {
        Self {
            decisions: Row::new(decisions),
            probe_duration: Histogram::default(),
            probe_lag: AtomicU64::new(0),
        }
    }

    /// Counts what was decided after a failed attempt.
    pub fn retry_decided(&self, decision: &'static str) {
        self.decisions.add_named(decision);
    }

    /// Notes how long a probe of one of the pool's endpoints took, whatever its result.
    pub fn probe_took(&self, duration: Duration) {
        self.probe_duration.observe(duration);
    }

    /// Notes how late the probe is that has been due for longest; zero while none is late.
    pub fn probe_lag(&self, lag: Duration) {
        let nanos = u64::try_from(lag.as_nanos()).unwrap_or(u64::MAX);
        self.probe_lag.store(nanos, Ordering::Relaxed);
    }

    pub(super) fn probe_lag_seconds(&self) -> f64 {
        Duration::from_nanos(self.probe_lag.load(Ordering::Relaxed)).as_secs_f64()
    }
}
