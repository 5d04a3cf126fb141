//! A pool that services share: its state behind a lock, its metrics beside it.
//!
//! The lock is held for the length of a pick or of an event, both of which cost some tens of
//! nanoseconds whatever the pool's size; nothing is awaited, logged or allocated under it.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use switchback_core::balance::Tried;
use switchback_core::plan::PoolPlan;
use switchback_core::pool::StatusChange;
use switchback_core::{EndpointIndex, Event, Outcome, Pool, Status, Timestamp};
use switchback_telemetry::{EndpointMetrics, Metrics, PoolMetrics, PoolState};

use crate::attempt::Attempt;
use crate::clock::Clock;
use crate::random;

/// A running pool.
#[derive(Debug)]
pub struct PoolHandle {
    /// The configuration.
    pub plan: PoolPlan,
    /// The pool's metrics.
    pub metrics: Arc<PoolMetrics>,
    endpoints: Vec<Arc<EndpointMetrics>>,
    state: Mutex<Pool>,
    clock: Clock,
}

impl PoolHandle {
    /// A pool of which nothing is known yet.
    pub fn new(plan: PoolPlan, metrics: &Metrics, clock: Clock) -> Self {
        let pool = Pool::new(&plan, clock.now());
        let endpoints: Vec<_> = plan
            .endpoints
            .iter()
            .map(|endpoint| metrics.endpoint(&plan.name, endpoint.address))
            .collect();
        for (metrics, endpoint) in endpoints.iter().zip(pool.endpoints()) {
            metrics.set_status(endpoint.status().position());
        }
        let metrics = metrics.pool(&plan.name);
        Self { plan, metrics, endpoints, state: Mutex::new(pool), clock }
    }

    /// Begins an attempt at the best endpoint that is not in `tried`; `None` if every one was
    /// tried.
    pub fn begin(self: &Arc<Self>, tried: &Tried) -> Option<Attempt> {
        let endpoint = random::with(|rng| self.state.lock().pick(tried, rng))?;
        let metrics = self.endpoints[endpoint.at()].clone();
        Some(Attempt::new(self.clone(), endpoint, metrics, self.clock.now()))
    }

    /// How the pool stands.
    pub fn standing(&self) -> PoolState {
        let healthy = self.count(Status::Healthy);
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        PoolState { healthy: count(healthy), total: count(self.endpoints.len()) }
    }

    /// How many endpoints have this status.
    pub fn count(&self, status: Status) -> usize {
        self.state.lock().count(status)
    }

    /// The statuses of the endpoints, in the order of the plan.
    pub fn statuses(&self) -> Vec<Status> {
        self.state.lock().endpoints().iter().map(|endpoint| endpoint.status()).collect()
    }

    /// Takes in the result of a probe, with what went wrong if it failed; tells whether the next
    /// should come sooner than usual.
    pub fn probed(
        &self,
        endpoint: EndpointIndex,
        result: Result<(), String>,
        took: Duration,
    ) -> bool {
        let pass = result.is_ok();
        self.endpoints[endpoint.at()].probe_finished(pass);
        self.metrics.probe_took(took);
        let now = self.clock.now();
        let effects = self.state.lock().apply(Event::Probed { endpoint, pass }, now);
        if let Some(change) = effects.change {
            self.endpoints[endpoint.at()].set_status(change.to.position());
            self.tell(change, result, now);
        }
        effects.probe_soon
    }

    /// Takes in the end of an attempt that [`Self::begin`] began.
    pub(crate) fn ended(&self, endpoint: EndpointIndex, outcome: Outcome) {
        let now = self.clock.now();
        let _ = self.state.lock().apply(Event::Ended { endpoint, outcome }, now);
        self.endpoints[endpoint.at()].attempt_finished(outcome.position());
    }

    pub(crate) fn clock(&self) -> Clock {
        self.clock
    }

    fn tell(&self, change: StatusChange, result: Result<(), String>, now: Timestamp) {
        let address = self.plan.endpoints[change.endpoint.at()].address;
        let why = result.err().unwrap_or_else(|| "probe passed".to_owned());
        let PoolState { healthy, total } = self.standing();
        let level = if change.to == Status::Failing { log::Level::Warn } else { log::Level::Info };
        log::log!(
            level,
            "pool {}: endpoint {address}: {} → {} after {:.1} s: {why} ({healthy} of {total} healthy)",
            self.plan.name,
            change.from,
            change.to,
            (now - change.since).as_secs_f64(),
        );
    }
}
