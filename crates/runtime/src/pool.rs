//! A pool that services share: its state behind a lock, its metrics beside it.
//!
//! The lock is held for the length of a pick or of an event: some tens of nanoseconds whatever the pool's
//! size, but for failures, which may walk the pool. Nothing is awaited or logged under it. What follows from an
//! event — a line of the log, a probe, an attempt for a request that waited — is done after.

mod report;
mod state;
mod telling;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use switchback_core::balance::Tried;
use switchback_core::plan::PoolPlan;
use switchback_core::pool::WaiterId;
use switchback_core::pool::{Effects, End, Granted, Pick, PickRequest, Picked, StatusChange, Why};
use switchback_core::{EndpointIndex, Event, Status, Timestamp};
use switchback_telemetry::{Metrics, PoolMetrics, PoolState};
use tokio::sync::{oneshot, watch};

use crate::attempt::Attempt;
use crate::clock::Clock;
use crate::endpoint_tls::EndpointTls;
use crate::idle::Idle;
use crate::probe_requests::ProbeRequests;
use crate::random;
use crate::sticky::Sticky;
use crate::waiting::Waiting;

pub use report::{EndpointReport, ProbeReport};
pub use state::Override;
pub(crate) use state::Seat;
use state::State;
use telling::{INTERVAL, Tell};

/// A running pool, under one configuration.
#[derive(Debug)]
pub struct PoolHandle {
    /// The configuration.
    pub plan: PoolPlan,
    /// The pool's metrics.
    pub metrics: Arc<PoolMetrics>,
    /// The cookies of its sessions, if they stay with their endpoints.
    pub sticky: Option<Sticky>,
    /// TLS towards its endpoints; `None`: plain TCP.
    pub tls: Option<EndpointTls>,
    shared: Arc<Shared>,
}

/// What a pool keeps over all configurations.
#[derive(Debug)]
struct Shared {
    probe_requests: ProbeRequests,
    idle: Idle,
    state: Mutex<State>,
    clock: Clock,
    changes: watch::Sender<()>,
}

/// An endpoint, and how it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Its place in the pool; see [`PoolHandle::probed`].
    pub place: EndpointIndex,
    /// Where it is.
    pub address: SocketAddr,
    /// How it stands.
    pub status: Status,
}

/// What there is for a request.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "taken apart at once; a box would cost an allocation"
)]
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
    /// At so many endpoints is looked under one lock: some microseconds.
    const AT_ONCE: usize = 256;

    /// A pool of which nothing is known yet.
    pub fn new(plan: PoolPlan, metrics: &Metrics, clock: Clock, idle: Idle) -> Self {
        let state = State::new(&plan, metrics, clock.now());
        let shared = Shared {
            probe_requests: ProbeRequests::default(),
            idle,
            state: Mutex::new(state),
            clock,
            changes: watch::Sender::new(()),
        };
        Self::over(Arc::new(shared), plan, metrics)
    }

    /// The same pool under another configuration. What is known of an endpoint stays; new ones are
    /// pending; those that are gone finish what they have.
    pub(crate) fn reconfigured(&self, plan: PoolPlan, metrics: &Metrics) -> Arc<Self> {
        let (effects, ended, now) = self.take_over(&plan, metrics);
        let next = Arc::new(Self::over(self.shared.clone(), plan, metrics));
        self.shared.changes.send_replace(());
        next.carry_out(effects, None, now);
        for address in ended {
            let pool = &next.plan.name;
            log::info!("pool {pool}: endpoint {address}: its override has gone with it");
        }
        next
    }

    /// Takes a configuration over; gives the overrides, too, that nobody has any more. Requests wait for the
    /// lock, so what takes long is done without it; whoever calls this sees to it that nobody else does.
    fn take_over(
        &self,
        plan: &PoolPlan,
        metrics: &Metrics,
    ) -> (Effects, Vec<SocketAddr>, Timestamp) {
        let plan = plan.clone();
        let (mut next, ended) = self.shared.state.lock().prepare(plan);
        next.make_table();
        let now = self.shared.clock.now();
        let effects = self.shared.state.lock().take_over(&mut next, metrics, now);
        (effects, ended, now)
    }

    fn over(shared: Arc<Shared>, plan: PoolPlan, metrics: &Metrics) -> Self {
        // Each has an HMAC of its own, which is not worked out while requests wait.
        let endpoints: Vec<_> = match plan.sticky {
            Some(_) => {
                let state = shared.state.lock();
                state.seated().map(|(place, seat)| (place, seat.address)).collect()
            }
            None => Vec::new(),
        };
        let sticky = Sticky::new(&plan, endpoints.into_iter());
        let tls = plan.tls.as_ref().map(EndpointTls::new);
        Self { sticky, tls, metrics: metrics.pool(plan.name.clone()), plan, shared }
    }

    /// Overrides what is configured of an endpoint; `false`: the pool has none of this address.
    pub(crate) fn set_override(
        self: &Arc<Self>,
        address: SocketAddr,
        change: Override,
        metrics: &Metrics,
    ) -> bool {
        if !self.plan.endpoints.iter().any(|endpoint| endpoint.address == address) {
            return false;
        }
        let mut state = self.shared.state.lock();
        if change.is_empty() {
            state.overrides.remove(&address);
        } else {
            state.overrides.insert(address, change);
        }
        drop(state);
        let (effects, _ended, now) = self.take_over(&self.plan, metrics);
        let nobody = self.shared.state.lock().pool.enabled() == 0;
        self.shared.changes.send_replace(());
        self.carry_out(effects, Some("the admin API says so".to_owned()), now);
        if nobody {
            log::warn!("pool {}: nobody is enabled any more", self.plan.name);
        }
        true
    }

    /// What is overridden, by address.
    pub fn overrides(&self) -> Vec<(SocketAddr, Override)> {
        let state = self.shared.state.lock();
        state.overrides.iter().map(|(address, it)| (*address, *it)).collect()
    }

    /// Begins an attempt at the best endpoint for a request, at the time `now`; `first`: it is the request's
    /// first.
    pub fn begin(self: &Arc<Self>, request: &PickRequest, first: bool, now: Timestamp) -> Begin {
        let (pick, effects) = random::with(|rng| {
            let mut state = self.shared.state.lock();
            let due = state.pool.next_tick().is_some_and(|at| at <= now);
            let effects = due.then(|| state.tick(now, rng));
            if first {
                state.pool.request(now);
            }
            let pick = match state.pool.pick(request, now, rng) {
                Pick::Endpoint(picked) => Ok((picked, state.at(picked.endpoint))),
                Pick::Wait => Err(Begin::Wait),
                Pick::Nobody => Err(Begin::Nobody),
            };
            (pick, effects)
        });
        if let Some(effects) = effects {
            self.carry_out(effects, None, now);
        }
        match pick {
            Ok((picked, seat)) => Begin::Attempt(Attempt::new(self.clone(), picked, seat, now)),
            Err(nothing) => nothing,
        }
    }

    /// Lets a request wait for which [`Self::begin`] had nothing now; `None`: too many wait.
    pub fn wait(self: &Arc<Self>, request: &PickRequest) -> Option<Waiting> {
        let (granted, waiting) = oneshot::channel();
        let mut state = self.shared.state.lock();
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
        let mut state = self.shared.state.lock();
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
            let now = self.shared.clock.now();
            let (next, effects) = random::with(|rng| {
                let mut state = self.shared.state.lock();
                let effects = state.tick(now, rng);
                state.ticking = state.pool.waiting() > 0;
                (state.ticking.then(|| state.pool.next_tick()), effects)
            });
            self.carry_out(effects, None, now);
            let Some(next) = next else { return };
            let sleep = next.map_or(Self::TICK, |at| self.shared.clock.until(at).min(Self::TICK));
            tokio::time::sleep(sleep).await;
        }
    }

    /// Whether an endpoint is left that was not tried.
    pub fn is_any_left(&self, tried: &Tried) -> bool {
        self.shared.state.lock().pool.is_any_left(tried)
    }

    /// Takes a retry out of the budget; `false`: it is used up.
    pub fn grant_retry(&self) -> bool {
        let now = self.shared.clock.now();
        self.shared.state.lock().pool.grant_retry(now)
    }

    /// How the pool stands.
    pub fn standing(&self) -> PoolState {
        let state = self.shared.state.lock();
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        PoolState {
            healthy: count(state.pool.count(Status::Healthy)),
            total: count(self.plan.endpoints.len()),
        }
    }

    /// How many endpoints have this status.
    pub fn count(&self, status: Status) -> usize {
        self.shared.state.lock().pool.count(status)
    }

    /// The endpoints that are configured now, by their place.
    pub fn endpoints(&self) -> Vec<Standing> {
        let mut endpoints = Vec::with_capacity(self.plan.endpoints.len());
        self.for_each(|state, place, seat| {
            endpoints.push(Standing { place, address: seat.address, status: state.status(place) });
        });
        endpoints
    }

    /// Looks at each endpoint that is configured, in the order of their places. Requests wait for the lock, so
    /// it is let go now and then, and what they do meanwhile is seen or not.
    fn for_each(&self, mut look: impl FnMut(&State, EndpointIndex, &Arc<Seat>)) {
        for first in (0..).step_by(Self::AT_ONCE) {
            let state = self.shared.state.lock();
            let Some(endpoints) = state.seated_from(first, Self::AT_ONCE) else { return };
            endpoints.for_each(|(place, seat)| look(&state, place, seat));
        }
    }

    /// Hears of each change of who the endpoints are, and which of them are switched off.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.shared.changes.subscribe()
    }

    /// When its connections were last used.
    pub fn idle(&self) -> &Idle {
        &self.shared.idle
    }

    /// The endpoints that are to be probed at once.
    pub fn probe_requests(&self) -> &ProbeRequests {
        &self.shared.probe_requests
    }

    /// Takes in the result of a probe, with what went wrong if it failed; tells whether the next
    /// should come sooner than usual. A result from an address that the place no longer stands for is
    /// nobody's.
    pub fn probed(
        self: &Arc<Self>,
        place: EndpointIndex,
        address: SocketAddr,
        result: Result<(), String>,
        took: Duration,
    ) -> bool {
        let pass = result.is_ok();
        let now = self.shared.clock.now();
        let effects = random::with(|rng| {
            let mut state = self.shared.state.lock();
            let seat = state.named(place).filter(|seat| seat.address == address)?;
            seat.metrics.probe_finished(pass);
            seat.story.lock().last_probe = Some(ProbeReport {
                time: self.shared.clock.wall(),
                took,
                error: result.as_ref().err().map(|error| error.as_str().into()),
            });
            Some(state.apply(Event::Probed { endpoint: place, pass }, now, rng))
        });
        let Some(effects) = effects else { return false };
        self.metrics.probe_took(took);
        let soon = effects.probe_soon;
        self.carry_out(effects, result.err(), now);
        soon
    }

    pub(crate) fn may_reuse(&self, endpoint: EndpointIndex, idle: Duration) -> bool {
        self.shared.state.lock().pool.may_reuse(endpoint, idle, self.shared.clock.now())
    }

    /// Takes in what an attempt has found out.
    pub(crate) fn tell(self: &Arc<Self>, event: Event) {
        let now = self.shared.clock.now();
        let effects = self.apply(event, now);
        self.carry_out(effects, None, now);
    }

    /// Takes in the end of an attempt that [`Self::begin`] began.
    pub(crate) fn ended(self: &Arc<Self>, picked: Picked, end: End, now: Timestamp) {
        let effects = self.apply(Event::Ended(picked, end), now);
        self.carry_out(effects, None, now);
    }

    pub(crate) fn clock(&self) -> Clock {
        self.shared.clock
    }

    fn apply(&self, event: Event, now: Timestamp) -> Effects {
        random::with(|rng| self.shared.state.lock().apply(event, now, rng))
    }

    /// `why` is what only the caller knows of the cause.
    fn carry_out(self: &Arc<Self>, effects: Effects, why: Option<String>, now: Timestamp) {
        for change in effects.changes {
            self.log(&change, why.as_deref(), now);
        }
        if let Some(endpoint) = effects.probe_now {
            self.shared.probe_requests.want(endpoint);
        }
        for granted in effects.granted {
            self.grant(granted, now);
        }
    }

    /// Hands an attempt to the request that waited for it. If that has just gone, the attempt ends.
    fn grant(self: &Arc<Self>, granted: Granted, now: Timestamp) {
        let mut state = self.shared.state.lock();
        let seat = state.at(granted.picked.endpoint);
        let sender = state.waiting.remove(&granted.waiter);
        self.metrics.set_waiting(state.pool.waiting());
        drop(state);
        let attempt = Attempt::new(self.clone(), granted.picked, seat, now);
        if let Some(sender) = sender {
            // Not taken, it comes back and is dropped.
            let _ = sender.send(attempt);
        }
    }

    fn log(self: &Arc<Self>, change: &StatusChange, told: Option<&str>, now: Timestamp) {
        // Of who is no longer configured the reload itself tells.
        let Some(seat) = self.shared.state.lock().named(change.endpoint).cloned() else { return };
        let address = seat.address;
        let why = match change.why {
            Why::Probe => told.unwrap_or("probe passed"),
            Why::Traffic(cause) => cause.as_str(),
            Why::Trusted => "requests on probation succeeded",
            Why::Time => "the ejection is over",
            Why::Configuration => told.unwrap_or("the configuration says so"),
        };
        let tell = {
            let mut story = seat.story.lock();
            story.why = Some(why.into());
            // What an operator does is told, however often he does it.
            let bounded = change.why != Why::Configuration;
            // Outside of a runtime nobody could sum up; nothing happens often there.
            let later = tokio::runtime::Handle::try_current().ok().filter(|_| bounded);
            later.map_or(Tell::Now, |later| {
                let tell = story.telling.change(now);
                if tell == Tell::Later {
                    later.spawn(self.clone().sum_up(change.endpoint, seat.clone()));
                }
                tell
            })
        };
        if tell != Tell::Now {
            return;
        }
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

    /// Tells, a while later, what has become of an endpoint that changes too often for a line each.
    async fn sum_up(self: Arc<Self>, place: EndpointIndex, seat: Arc<Seat>) {
        tokio::time::sleep(INTERVAL).await;
        let (changes, why) = {
            let mut story = seat.story.lock();
            (story.telling.sum_up(self.shared.clock.now()), story.why.clone())
        };
        let status = {
            let state = self.shared.state.lock();
            let named = state.named(place).is_some_and(|it| Arc::ptr_eq(it, &seat));
            named.then(|| state.status(place))
        };
        // Of who is no longer configured there is nothing to tell.
        let Some(status) = status else { return };
        let PoolState { healthy, total } = self.standing();
        log::warn!(
            "pool {}: endpoint {}: {status} now, after {changes} more changes within {INTERVAL:?}: {} \
             ({healthy} of {total} healthy)",
            self.plan.name,
            seat.address,
            why.as_deref().unwrap_or("nobody knows why"),
        );
    }
}
