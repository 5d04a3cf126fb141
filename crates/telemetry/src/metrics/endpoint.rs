//! What is counted for each endpoint.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::Vocabulary;
use super::counters::{Gauge, InFlight, Row};

/// No status is known yet.
const UNKNOWN: usize = usize::MAX;

/// Results of a probe, by index.
const RESULTS: &[&str] = &["fail", "pass"];

/// The handle of one endpoint of one pool.
#[derive(Debug)]
pub struct EndpointMetrics {
    pub(super) attempts: Row,
    pub(super) in_flight: Gauge,
    pub(super) status_changes: Row,
    pub(super) probes: Row,
    statuses: &'static [&'static str],
    status: AtomicUsize,
}

impl EndpointMetrics {
    pub(super) fn new(vocabulary: &Vocabulary) -> Self {
        Self {
            attempts: Row::new(vocabulary.outcomes),
            in_flight: Gauge::default(),
            status_changes: Row::new(vocabulary.statuses),
            probes: Row::new(RESULTS),
            statuses: vocabulary.statuses,
            status: AtomicUsize::new(UNKNOWN),
        }
    }

    /// Counts an attempt as in flight until the returned guard is dropped.
    pub fn attempt_started(&self) -> InFlight {
        self.in_flight.enter()
    }

    /// Counts an attempt that has ended, by the index of its outcome in [`Vocabulary::outcomes`].
    pub fn attempt_finished(&self, outcome: usize) {
        self.attempts.add(outcome);
    }

    /// How attempts have ended, of each outcome that there was: its name, how often.
    pub fn outcomes(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        self.attempts.counted()
    }

    /// Notes the status by its index in [`Vocabulary::statuses`]. The first is where the endpoint starts;
    /// each one that differs from the last is counted as a change.
    pub fn set_status(&self, status: usize) {
        let before = self.status.swap(status, Ordering::Relaxed);
        if before != UNKNOWN && before != status {
            self.status_changes.add(status);
        }
    }

    /// Counts a probe.
    pub fn probe_finished(&self, passed: bool) {
        self.probes.add(passed.into());
    }

    /// Every status with 1 for the current one and 0 for the others; nothing before the first is known.
    pub(super) fn statuses(&self) -> impl Iterator<Item = (&'static str, i64)> {
        let current = self.status.load(Ordering::Relaxed);
        let known = if current == UNKNOWN { &[] } else { self.statuses };
        known.iter().enumerate().map(move |(index, name)| (*name, i64::from(index == current)))
    }
}
