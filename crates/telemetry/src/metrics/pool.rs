//! What is counted for each pool.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::counters::Row;
use super::histogram::Histogram;

/// How a request's waiting in its pool's queue ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// It got an endpoint.
    Granted,
    /// It waited for as long as it may.
    TimedOut,
    /// Its client went away.
    ClientGone,
    /// It did not get in: as many waited as may.
    Full,
}

impl Wait {
    /// Their names, by position.
    const NAMES: &[&str] = &["granted", "timed_out", "client_gone", "full"];
}

/// The handle of one pool.
#[derive(Debug)]
pub struct PoolMetrics {
    pub(super) decisions: Row,
    pub(super) waits: Row,
    pub(super) wait_duration: Histogram,
    waiting: AtomicU64,
    pub(super) probe_duration: Histogram,
    /// In nanoseconds.
    probe_lag: AtomicU64,
}

impl PoolMetrics {
    pub(super) fn new(decisions: &'static [&'static str]) -> Self {
        Self {
            decisions: Row::new(decisions),
            waits: Row::new(Wait::NAMES),
            wait_duration: Histogram::default(),
            waiting: AtomicU64::new(0),
            probe_duration: Histogram::default(),
            probe_lag: AtomicU64::new(0),
        }
    }

    /// Counts what was decided after a failed attempt.
    pub fn retry_decided(&self, decision: &'static str) {
        self.decisions.add_named(decision);
    }

    /// Counts a request that waits no longer, and has waited for so long. One that did not get in has not
    /// waited.
    pub fn wait_ended(&self, wait: Wait, waited: Duration) {
        self.waits.add(wait as usize);
        if wait != Wait::Full {
            self.wait_duration.observe(waited);
        }
    }

    /// Notes how many requests wait.
    pub fn set_waiting(&self, waiting: usize) {
        self.waiting.store(waiting as u64, Ordering::Relaxed);
    }

    pub(super) fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed)
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
