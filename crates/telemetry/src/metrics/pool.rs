//! What is counted for each pool.

use std::time::Duration;

use super::counters::Row;
use super::histogram::Histogram;

/// The handle of one pool.
#[derive(Debug)]
pub struct PoolMetrics {
    pub(super) decisions: Row,
    pub(super) probe_duration: Histogram,
}

impl PoolMetrics {
    pub(super) fn new(decisions: &'static [&'static str]) -> Self {
        Self {
            decisions: Row::new(decisions),
            probe_duration: Histogram::default(),
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
}
