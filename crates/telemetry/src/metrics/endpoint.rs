//! What is counted for each endpoint.

use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use super::Vocabulary;
use super::counters::{Gauge, InFlight, Row};

/// No status is known yet.
const UNKNOWN: usize = usize::MAX;

/// No latency is known.
const NONE: u64 = u64::MAX;

/// Results of a probe, by index.
const RESULTS: &[&str] = &["fail", "pass"];

/// The handle of one endpoint of one pool.
#[derive(Debug)]
pub struct EndpointMetrics {
    pub(super) attempts: Row,
    pub(super) in_flight: Gauge,
    pub(super) status_changes: Row,
    pub(super) ejections: Row,
    pub(super) probes: Row,
    pub(super) connections_opened: AtomicU64,
    pub(super) connections_reused: AtomicU64,
    /// In nanoseconds.
    latency: AtomicU64,
    weight: AtomicU32,
    statuses: &'static [&'static str],
    status: AtomicUsize,
}

impl EndpointMetrics {
    pub(super) fn new(vocabulary: &Vocabulary) -> Self {
        Self {
            attempts: Row::new(vocabulary.outcomes),
            in_flight: Gauge::default(),
            status_changes: Row::new(vocabulary.statuses),
            ejections: Row::new(vocabulary.causes),
            probes: Row::new(RESULTS),
            connections_opened: AtomicU64::new(0),
            connections_reused: AtomicU64::new(0),
            latency: AtomicU64::new(NONE),
            weight: AtomicU32::new(0),
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

    /// Counts that live traffic has taken the endpoint out, for one of [`Vocabulary::causes`].
    pub fn ejected(&self, cause: &'static str) {
        self.ejections.add_named(cause);
    }

    /// Counts a connection that an attempt goes over: one from before, or a new one.
    pub fn connected(&self, reused: bool) {
        let count = if reused { &self.connections_reused } else { &self.connections_opened };
        count.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes how long the endpoint takes to answer, lately; `None`: nothing is known.
    pub fn set_latency(&self, latency: Option<Duration>) {
        let nanos = |it: Duration| u64::try_from(it.as_nanos()).unwrap_or(NONE);
        self.latency.store(latency.map_or(NONE, nanos), Ordering::Relaxed);
    }

    pub(super) fn latency_seconds(&self) -> Option<f64> {
        let nanos = self.latency.load(Ordering::Relaxed);
        (nanos != NONE).then(|| Duration::from_nanos(nanos).as_secs_f64())
    }

    /// Notes the share of the endpoint.
    pub fn set_weight(&self, weight: u32) {
        self.weight.store(weight, Ordering::Relaxed);
    }

    pub(super) fn weight(&self) -> u32 {
        self.weight.load(Ordering::Relaxed)
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
