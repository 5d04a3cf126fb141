//! A pool while it runs: its endpoints, where each stands, and the choice among them.
//!
//! One structure and few ways in: [`Pool::pick`] begins an attempt, [`Pool::apply`] takes in what
//! happened since, [`Pool::tick`] what time alone has changed, [`Pool::wait`] keeps a request in line
//! that nobody can take now. The caller holds the lock, passes the time and the random source, and
//! carries out the returned [`Effects`]. A pick and the end of an attempt cost the same whatever the
//! pool's size; only what is rare walks a list.
//!
//! An endpoint is among the candidates of exactly one step of the [ladder](crate::ladder), or of none
//! while it is full, held back after a failed connection, or switched off. So the best step that has a
//! candidate which the request has not tried is found without looking at anyone who could not serve.

mod choice;
mod event;
mod events;
mod invariants;
mod place;
mod queue;
mod reconfigure;

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use rand_core::RngCore;

use crate::balance::{HashTable, Tried, Typical};
use crate::endpoint::{Endpoint, Status};
use crate::id::EndpointIndex;
use crate::ladder::Rung;
use crate::outlier::Window;
use crate::plan::PoolPlan;
use crate::reach::Reach;
use crate::retry::Budget;
use crate::time::Timestamp;

pub use event::{Effects, End, Event, Pick, PickRequest, Picked, StatusChange, Why};
pub use queue::{Granted, WaiterId};
pub use reconfigure::Preparation;

use place::{Candidacy, find};

/// The state of a pool.
#[derive(Debug)]
pub struct Pool {
    plan: PoolPlan,
    endpoints: Vec<Endpoint>,
    /// Who can be picked, best first. None is empty.
    steps: Vec<Candidacy>,
    /// Where keys belong, for the algorithms that hash.
    table: Option<HashTable>,
    /// What the endpoints of the gateway's own zone weigh together, by tier; empty without zones.
    near: Vec<(u8, i64)>,
    /// How many endpoints have each status, by its position in [`Status::ALL`].
    counts: [usize; Status::ALL.len()],
    /// The attempts at all endpoints that live traffic does not keep out.
    window: Window,
    /// What the pool takes to answer.
    typical: Typical,
    budget: Budget,
    /// Who is on probation; whoever was asked for longest stands first.
    probation: VecDeque<EndpointIndex>,
    /// When time may change something about an endpoint: one entry for each at most.
    timers: BTreeSet<(Timestamp, EndpointIndex)>,
    waiting: VecDeque<queue::Waiter>,
    waiters: u64,
    /// Whether an endpoint has become a candidate since the waiting were last asked.
    stirred: bool,
    /// How many of them have been asked since.
    asked: usize,
}

impl Pool {
    /// A pool with nothing in flight and nothing known, of endpoints that were there before it: the
    /// first probe that passes gives each its full share.
    pub fn new(plan: &PoolPlan, now: Timestamp) -> Self {
        let mut pool = Self {
            window: Window::of(&plan.ejection),
            plan: plan.clone(),
            endpoints: Vec::new(),
            steps: Vec::new(),
            table: None,
            near: Vec::new(),
            counts: [0; Status::ALL.len()],
            typical: Typical::default(),
            budget: Budget::default(),
            probation: VecDeque::new(),
            timers: BTreeSet::new(),
            waiting: VecDeque::new(),
            waiters: 0,
            stirred: false,
            asked: 0,
        };
        // Nothing can have changed, and nobody waits.
        let (_places, _effects) = pool.reconfigure(plan, now);
        for endpoint in &mut pool.endpoints {
            endpoint.warm = endpoint.status() == Status::Pending;
            endpoint.warming = None;
        }
        pool
    }

    /// The endpoints, by index; among them those that the configuration no longer names.
    pub fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    /// How many endpoints have this status.
    pub fn count(&self, status: Status) -> usize {
        self.counts[status.position()]
    }

    /// How many endpoints the configuration names and has not switched off.
    pub fn enabled(&self) -> usize {
        self.endpoints.len() - self.count(Status::Disabled)
    }

    /// How many requests wait.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Whether a request that may not be repeated can use a connection to this endpoint that has been
    /// idle for so long.
    pub fn may_reuse(&self, endpoint: EndpointIndex, idle: Duration, now: Timestamp) -> bool {
        idle <= self.endpoints[endpoint.at()].keepalive.safe(now)
    }

    /// Counts a request of a client towards the retry budget.
    pub fn request(&mut self, now: Timestamp) {
        self.budget.request(now);
    }

    /// Takes a retry out of the budget; `false`: it is used up.
    pub fn grant_retry(&mut self, now: Timestamp) -> bool {
        self.budget.grant(&self.plan.retry_budget, now)
    }

    /// When [`Self::tick`] may have something to do; `None`: not before something happens.
    pub fn next_tick(&self) -> Option<Timestamp> {
        if self.stirred && !self.waiting.is_empty() {
            return Some(Timestamp::START);
        }
        self.timers.first().map(|(at, _)| *at)
    }

    /// Takes in what time has changed: ejections that are over, endpoints that may be tried again.
    pub fn tick(&mut self, now: Timestamp, rng: &mut impl RngCore) -> Effects {
        let mut effects = Effects::default();
        while let Some(&(at, endpoint)) = self.timers.first()
            && at <= now
        {
            self.timers.pop_first();
            let it = &mut self.endpoints[endpoint.at()];
            it.timer = None;
            it.reach = it.reach.advance(now);
            it.ejection.advance(now);
            self.settle(endpoint, Why::Time, now, &mut effects);
        }
        self.serve_waiting(now, rng, &mut effects);
        effects
    }

    /// Begins an attempt at the best endpoint for a request.
    pub fn pick(&mut self, request: &PickRequest, now: Timestamp, rng: &mut impl RngCore) -> Pick {
        if let Some((endpoint, trial)) = self.choose(request, now, rng) {
            return Pick::Endpoint(self.begin(endpoint, trial, now));
        }
        if !self.is_any_left(&request.tried) {
            return Pick::Nobody;
        }
        match self.out_of_reach(request) {
            Some(endpoint) => Pick::Endpoint(self.begin(endpoint, false, now)),
            None => Pick::Wait,
        }
    }

    /// Whether an endpoint is left that was not tried, and is not switched off.
    pub fn is_any_left(&self, tried: &Tried) -> bool {
        let enabled = |endpoint: &EndpointIndex| {
            self.endpoints.get(endpoint.at()).is_some_and(|it| it.status() != Status::Disabled)
        };
        tried.iter().filter(enabled).count() < self.enabled()
    }

    /// The last resort: somebody out of reach, who has room.
    fn out_of_reach(&self, request: &PickRequest) -> Option<EndpointIndex> {
        if !request.last_resort {
            return None;
        }
        let fits = |(_, it): &(EndpointIndex, &Endpoint)| {
            it.status() != Status::Disabled && it.has_room() && !it.reach.may_go()
        };
        let indexed = (0..).map(EndpointIndex).zip(&self.endpoints);
        indexed
            .filter(fits)
            .filter(|(index, _)| !request.tried.contains(*index))
            .min_by_key(|(_, it)| (Rung::of(it.status()), it.plan.tier, it.in_flight))
            .map(|(index, _)| index)
    }

    fn begin(&mut self, endpoint: EndpointIndex, trial: bool, now: Timestamp) -> Picked {
        let it = &mut self.endpoints[endpoint.at()];
        it.latency.began(it.in_flight, now);
        it.in_flight += 1;
        if let Some(at) = it.step.and_then(|step| find(&self.steps, step).ok()) {
            self.steps[at].in_flight += 1;
        }
        let knock = matches!(it.reach, Reach::Ajar { .. });
        it.reach = it.reach.picked();
        if trial {
            it.ejection.trial_begun(now);
        }
        if knock || !it.has_room() {
            self.place(endpoint);
        }
        Picked { endpoint, began: now, trial, knock }
    }
}

#[cfg(test)]
mod tests;
