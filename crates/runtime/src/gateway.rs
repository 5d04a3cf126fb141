//! What every service of the process has in common.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use switchback_core::outcome::refusal;
use switchback_core::plan::Plan;
use switchback_core::retry::Decision;
use switchback_core::{Outcome, Status, Timestamp};
use switchback_telemetry::{AccessLog, Metrics, Vocabulary};

use crate::clock::Clock;
use crate::drain::Drain;
use crate::generation::Generation;
use crate::idle::Idle;

/// The state of the process.
#[derive(Debug)]
pub struct Gateway {
    /// Time.
    pub clock: Clock,
    /// What is measured.
    pub metrics: Arc<Metrics>,
    /// Where requests are logged.
    pub access_log: AccessLog,
    /// Who is on the way, and whether we are leaving.
    pub drain: Drain,
    current: ArcSwap<Generation>,
}

static OUTCOMES: LazyLock<Vec<&'static str>> =
    LazyLock::new(|| Outcome::ALL.iter().map(|outcome| outcome.as_str()).collect());
static STATUSES: LazyLock<Vec<&'static str>> =
    LazyLock::new(|| Status::ALL.iter().map(|status| status.as_str()).collect());
static DECISIONS: LazyLock<Vec<&'static str>> =
    LazyLock::new(|| Decision::ALL.iter().map(|decision| decision.as_str()).collect());
static REASONS: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let mut reasons: Vec<_> = Outcome::ALL.iter().map(|outcome| outcome.meaning().reason).collect();
    reasons.extend(refusal::ALL);
    reasons.sort_unstable();
    reasons.dedup();
    reasons
});

impl Gateway {
    /// How long after the start readiness waits for the first round of probes: an endpoint that
    /// neither answers nor refuses must not keep the gateway out for ever.
    const STARTUP_TIMEOUT: Duration = Duration::from_secs(10);

    /// A gateway with its first configuration.
    pub fn new(plan: Plan, access_log: AccessLog, version: &'static str) -> Arc<Self> {
        let vocabulary = Vocabulary {
            outcomes: &OUTCOMES,
            statuses: &STATUSES,
            decisions: &DECISIONS,
            reasons: &REASONS,
        };
        let clock = Clock::start();
        let metrics = Arc::new(Metrics::new(vocabulary, version, clock.wall()));
        metrics.watch_access_log(access_log.clone());
        metrics.set_config_generation(1);
        let generation = Generation::new(plan, &metrics, clock, &Idle::default());
        Arc::new(Self {
            clock,
            metrics,
            access_log,
            drain: Drain::default(),
            current: ArcSwap::from_pointee(generation),
        })
    }

    /// The configuration that is in force.
    pub fn current(&self) -> Arc<Generation> {
        self.current.load_full()
    }

    /// Why the gateway should get no traffic now, one reason each; empty: it is ready.
    pub fn reasons_not_ready(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        if self.drain.leaving() {
            reasons.push("the gateway is leaving".to_owned());
        }
        if self.clock.now() - Timestamp::START < Self::STARTUP_TIMEOUT {
            reasons.extend(
                self.current()
                    .unprobed_pools()
                    .map(|pool| format!("pool {}: not all probed yet", pool.plan.name)),
            );
        }
        reasons
    }
}
