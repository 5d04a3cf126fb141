//! A pool that services share: its state behind a lock, its metrics beside it.
//!
//! The lock is held for the length of a pick or of an event: some tens of nanoseconds whatever the pool's
//! size, but for failures, which may walk the pool. Nothing is awaited or logged under it. What follows from an
//! event — a line of the log, a probe, an attempt for a request that waited — is done after.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use switchback_core::balance::Tried;
use switchback_core::plan::PoolPlan;
use switchback_core::pool::WaiterId;
use switchback_core::pool::{Effects, End, Granted, Pick, PickRequest, Picked, StatusChange, Why};
use switchback_core::{EndpointIndex, Event, Pool, Status, Timestamp};
use switchback_telemetry::{EndpointMetrics, Metrics, PoolMetrics, PoolState};
use tokio::sync::oneshot;

use crate::attempt::Attempt;
use crate::clock::Clock;
use crate::idle::Idle;
use crate::probe_requests::ProbeRequests;
use crate::random;
use crate::sticky::Sticky;
use crate::waiting::Waiting;

/// A running pool.
#[derive(Debug)]
pub struct PoolHandle {
    /// The configuration.
    pub plan: PoolPlan,
    /// The pool's metrics.
    pub metrics: Arc<PoolMetrics>,
    /// The cookies of its sessions, if they stay with their endpoints.
    pub sticky: Option<Sticky>,
    /// The endpoints that are to be probed at once.
    pub probe_requests: ProbeRequests,
    pub(crate) idle: Idle,
    endpoints: Vec<Arc<EndpointMetrics>>,
    state: Mutex<State>,
    clock: Clock,
}

#[derive(Debug)]
struct State {
    pool: Pool,
    /// Those in the pool's queue.
    waiting: HashMap<WaiterId, oneshot::Sender<Attempt>>,
    /// Whether a task looks after those who wait for time to pass.
    ticking: bool,
}

/// What there is for a request.
#[derive(Debug)]
pub enum Begin {
    /// An attempt.
    Attempt(Attempt),
    /// Nothing now, but later maybe.
    Wait,
    /// Nothing: every endpoint was tried, or is switched off.
    Nobody,
}

impl PoolHandle {
    /// While requests wait, time is looked at as often: a request may be waiting for an endpoint that
    /// was found out of reach after the next look had been planned.
    const TICK: Duration = Duration::from_millis(50);

    /// A pool of which nothing is known yet.
    pub fn new(plan: PoolPlan, metrics: &Metrics, clock: Clock, idle: Idle) -> Self {
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
        Self {
            sticky: Sticky::new(&plan),
            probe_requests: ProbeRequests::default(),
            plan,
            metrics,
            idle,
            endpoints,
            state: Mutex::new(State { pool, waiting: HashMap::new(), ticking: false }),
            clock,
        }
    }

    /// Begins an attempt at the best endpoint for a request; `first`: it is the request's first.
    pub fn begin(self: &Arc<Self>, request: &PickRequest, first: bool) -> Begin {
        let now = self.clock.now();
        let (pick, effects) = random::with(|rng| {
            let pool = &mut self.state.lock().pool;
            let due = pool.next_tick().is_some_and(|at| at <= now);
            let effects = due.then(|| self.shown(pool.tick(now, rng)));
            if first {
                pool.request(now);
            }
            (pool.pick(request, now, rng), effects)
        });
        if let Some(effects) = effects {
            self.carry_out(effects, None, now);
        }
        match pick {
            Pick::Endpoint(picked) => Begin::Attempt(self.attempt(picked, now)),
            Pick::Wait => Begin::Wait,
            Pick::Nobody => Begin::Nobody,
        }
    }

    /// Lets a request wait for which [`Self::begin`] had nothing now; `None`: too many wait.
    pub fn wait(self: &Arc<Self>, request: &PickRequest) -> Option<Waiting> {
        let (granted, waiting) = oneshot::channel();
        let mut state = self.state.lock();
        let waiter = state.pool.wait(request)?;
        state.waiting.insert(waiter, granted);
        self.metrics.set_waiting(state.pool.waiting());
        if !std::mem::replace(&mut state.ticking, true) {
            tokio::spawn(self.clone().tick());
        }
        drop(state);
        Some(Waiting::new(self.clone(), waiter, waiting))
    }

    /// Takes a request out of the queue; `false`: it is not there any more.
    pub(crate) fn leave(&self, waiter: WaiterId) -> bool {
        let mut state = self.state.lock();
        let left = state.pool.leave(waiter);
        if left {
            state.waiting.remove(&waiter);
            self.metrics.set_waiting(state.pool.waiting());
        }
        left
    }

    /// Looks at what time has changed, for as long as anybody waits.
    async fn tick(self: Arc<Self>) {
        loop {
            let now = self.clock.now();
            let (next, effects) = random::with(|rng| {
                let mut state = self.state.lock();
                let effects = self.shown(state.pool.tick(now, rng));
                state.ticking = state.pool.waiting() > 0;
                (state.ticking.then(|| state.pool.next_tick()), effects)
            });
            self.carry_out(effects, None, now);
            let Some(next) = next else { return };
            let sleep = next.map_or(Self::TICK, |at| self.clock.until(at).min(Self::TICK));
            tokio::time::sleep(sleep).await;
        }
    }

    /// Whether an endpoint is left that was not tried.
    pub fn is_any_left(&self, tried: &Tried) -> bool {
        self.state.lock().pool.is_any_left(tried)
    }

    /// Takes a retry out of the budget; `false`: it is used up.
    pub fn grant_retry(&self) -> bool {
        let now = self.clock.now();
        self.state.lock().pool.grant_retry(now)
    }

    /// How the pool stands.
    pub fn standing(&self) -> PoolState {
        let state = self.state.lock();
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        PoolState {
            healthy: count(state.pool.count(Status::Healthy)),
            total: count(self.endpoints.len()),
        }
    }

    /// How many endpoints have this status.
    pub fn count(&self, status: Status) -> usize {
        self.state.lock().pool.count(status)
    }

    /// The statuses of the endpoints, in the order of the plan.
    pub fn statuses(&self) -> Vec<Status> {
        let state = self.state.lock();
        state.pool.endpoints().iter().map(|endpoint| endpoint.status()).collect()
    }

    /// When its connections were last used.
    pub fn idle(&self) -> &Idle {
        &self.idle
    }

    /// Takes in the result of a probe, with what went wrong if it failed; tells whether the next
    /// should come sooner than usual.
    pub fn probed(
        self: &Arc<Self>,
        endpoint: EndpointIndex,
        result: Result<(), String>,
        took: Duration,
    ) -> bool {
        let pass = result.is_ok();
        self.endpoints[endpoint.at()].probe_finished(pass);
        self.metrics.probe_took(took);
        let now = self.clock.now();
        let effects = self.apply(Event::Probed { endpoint, pass }, now);
        let soon = effects.probe_soon;
        self.carry_out(effects, result.err(), now);
        soon
    }

    pub(crate) fn may_reuse(&self, endpoint: EndpointIndex, idle: Duration) -> bool {
        self.state.lock().pool.may_reuse(endpoint, idle, self.clock.now())
    }

    /// Takes in what an attempt has found out.
    pub(crate) fn tell(self: &Arc<Self>, event: Event) {
        let now = self.clock.now();
        let effects = self.apply(event, now);
        self.carry_out(effects, None, now);
    }

    /// Takes in the end of an attempt that [`Self::begin`] began.
    pub(crate) fn ended(self: &Arc<Self>, picked: Picked, end: End, now: Timestamp) {
        self.endpoints[picked.endpoint.at()].attempt_finished(end.outcome.position());
        let effects = self.apply(Event::Ended(picked, end), now);
        self.carry_out(effects, None, now);
    }

    pub(crate) fn clock(&self) -> Clock {
        self.clock
    }

    fn apply(&self, event: Event, now: Timestamp) -> Effects {
        random::with(|rng| {
            let mut state = self.state.lock();
            self.shown(state.pool.apply(event, now, rng))
        })
    }

    /// Shows changes of status while the lock is held: two of one endpoint must not change places.
    fn shown(&self, effects: Effects) -> Effects {
        for change in &effects.changes {
            self.endpoints[change.endpoint.at()].set_status(change.to.position());
        }
        effects
    }

    fn attempt(self: &Arc<Self>, picked: Picked, now: Timestamp) -> Attempt {
        Attempt::new(self.clone(), picked, &self.endpoints[picked.endpoint.at()], now)
    }

    fn carry_out(self: &Arc<Self>, effects: Effects, failed: Option<String>, now: Timestamp) {
        for change in effects.changes {
            self.log(&change, failed.as_deref(), now);
        }
        if let Some(endpoint) = effects.probe_now {
            self.probe_requests.want(endpoint);
        }
        for granted in effects.granted {
            self.grant(granted, now);
        }
    }

    /// Hands an attempt to the request that waited for it. If that has just gone, the attempt ends.
    fn grant(self: &Arc<Self>, granted: Granted, now: Timestamp) {
        let attempt = self.attempt(granted.picked, now);
        let mut state = self.state.lock();
        let sender = state.waiting.remove(&granted.waiter);
        self.metrics.set_waiting(state.pool.waiting());
        drop(state);
        if let Some(sender) = sender {
            // Not taken, it comes back and is dropped.
            let _ = sender.send(attempt);
        }
    }

    fn log(&self, change: &StatusChange, failed: Option<&str>, now: Timestamp) {
        let address = self.plan.endpoints[change.endpoint.at()].address;
        let why = match change.why {
            Why::Probe => failed.unwrap_or("probe passed"),
            Why::Traffic(cause) => cause.as_str(),
            Why::Trusted => "requests on probation succeeded",
            Why::Time => "the ejection is over",
            Why::Configuration => "the configuration says so",
        };
        let PoolState { healthy, total } = self.standing();
        let bad = matches!(change.to, Status::Failing | Status::Ejected);
        let level = if bad { log::Level::Warn } else { log::Level::Info };
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
