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
mod events;
mod invariants;
mod queue;
mod reconfigure;

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use rand_core::RngCore;
use smallvec::SmallVec;

use crate::balance::{Candidates, HashTable, Latency, Tried, Typical};
use crate::endpoint::{Endpoint, Status};
use crate::id::EndpointIndex;
use crate::ladder::{Rung, Step};
use crate::outcome::Outcome;
use crate::outlier::{Cause, Window};
use crate::plan::PoolPlan;
use crate::reach::Reach;
use crate::retry::Budget;
use crate::time::Timestamp;

pub use queue::{Granted, WaiterId};

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

/// Those who can be picked at one step.
#[derive(Debug)]
struct Candidacy {
    step: Step,
    candidates: Candidates,
    /// What they have in flight together.
    in_flight: u64,
}

/// What a pick must know of a request.
#[derive(Clone, Debug, Default)]
pub struct PickRequest {
    /// Where it has been, and so does not go again.
    pub tried: Tried,
    /// Whether it could go elsewhere if this attempt fails after something was sent.
    pub repeatable: bool,
    /// The hash of its key, for the algorithms that hash.
    pub hash: Option<u64>,
    /// The endpoint that its session belongs to.
    pub sticky: Option<EndpointIndex>,
    /// Whether it goes even to an endpoint that was found out of reach a moment ago.
    pub last_resort: bool,
}

/// What a pick found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pick {
    /// An endpoint. The attempt has begun.
    Endpoint(Picked),
    /// Nobody now; but an endpoint that was not tried is full, or out of reach for the moment.
    Wait,
    /// Nobody: every endpoint was tried or is switched off.
    Nobody,
}

/// An attempt that has begun; it ends with [`Event::Ended`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Picked {
    /// Where it goes.
    pub endpoint: EndpointIndex,
    /// When it began.
    began: Timestamp,
    /// Whether an endpoint on probation is judged by it.
    trial: bool,
    /// Whether it is the one that may knock at an endpoint out of reach.
    knock: bool,
}

/// Something that happened to an endpoint.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Event {
    /// An attempt has got through to its endpoint.
    Connected(Picked),
    /// An attempt has a connection from before: it tells nothing of whether new ones can be made.
    Reused(Picked),
    /// An attempt has ended.
    Ended(Picked, End),
    /// A probe has a result.
    Probed {
        /// The endpoint that was probed.
        endpoint: EndpointIndex,
        /// Whether it passed.
        pass: bool,
    },
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct End {
    /// What came of it.
    pub outcome: Outcome,
    /// Whether its answer counts as a failure when the success rate is taken.
    pub errored: bool,
    /// How long the endpoint took to begin its answer, or let us wait in vain; `None`: nobody waited
    /// for it alone.
    pub waited: Option<Duration>,
    /// How long the endpoint asked to be left alone (`Retry-After`).
    pub retry_after: Option<Duration>,
    /// How long its connection had been idle before; `None`: it was new.
    pub idle: Option<Duration>,
    /// How long the endpoint says it keeps idle connections (`Keep-Alive`).
    pub keeps_alive: Option<Duration>,
}

impl Picked {
    /// Whether an endpoint on probation is judged by it.
    pub fn is_trial(&self) -> bool {
        self.trial
    }

    /// Whether it is the one that knocks at an endpoint out of reach.
    pub fn is_knock(&self) -> bool {
        self.knock
    }
}

impl End {
    /// An end of which nothing is known but its outcome.
    pub fn of(outcome: Outcome) -> Self {
        Self {
            outcome,
            errored: false,
            waited: None,
            retry_after: None,
            idle: None,
            keeps_alive: None,
        }
    }
}

/// What follows from an event, for the caller to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Effects {
    /// The statuses that changed: to be logged and shown.
    pub changes: SmallVec<[StatusChange; 2]>,
    /// Whether the endpoint that was probed should be probed sooner than usual.
    pub probe_soon: bool,
    /// The endpoint to be probed now: traffic could not connect to it.
    pub probe_now: Option<EndpointIndex>,
    /// Those whose waiting is over, with their endpoints: their attempts have begun.
    pub granted: SmallVec<[Granted; 1]>,
}

/// A change of status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusChange {
    /// Whose.
    pub endpoint: EndpointIndex,
    /// From.
    pub from: Status,
    /// To.
    pub to: Status,
    /// When it had come to the status that it leaves.
    pub since: Timestamp,
    /// What changed it.
    pub why: Why,
}

/// What changed a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The result of a probe.
    Probe,
    /// Live traffic.
    Traffic(Cause),
    /// Requests on probation succeeded.
    Trusted,
    /// An ejection is over.
    Time,
    /// The configuration.
    Configuration,
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

    /// Takes in that something about an endpoint is new: its status, and where it can be picked.
    fn settle(&mut self, endpoint: EndpointIndex, why: Why, now: Timestamp, effects: &mut Effects) {
        let it = &mut self.endpoints[endpoint.at()];
        let (from, to) = (it.status(), it.standing());
        if from != to {
            let since = std::mem::replace(&mut it.since, now);
            it.set_status(to);
            self.counts[from.position()] -= 1;
            self.counts[to.position()] += 1;
            effects.changes.push(StatusChange { endpoint, from, to, since, why });
            if from == Status::Probation {
                self.probation.retain(|&other| other != endpoint);
            }
            if to == Status::Probation {
                self.probation.push_back(endpoint);
            }
            self.warm_up(endpoint, now);
        }
        let it = &mut self.endpoints[endpoint.at()];
        let next = [it.reach.next_change(), it.ejection.next_change()].into_iter().flatten().min();
        let before = std::mem::replace(&mut it.timer, next);
        if before != next {
            before.map(|at| self.timers.remove(&(at, endpoint)));
            next.map(|at| self.timers.insert((at, endpoint)));
        }
        self.place(endpoint);
    }

    /// An endpoint that has become healthy grows into its share, unless it had it all along.
    fn warm_up(&mut self, endpoint: EndpointIndex, now: Timestamp) {
        let it = &mut self.endpoints[endpoint.at()];
        it.warming = None;
        match it.status() {
            Status::Healthy => {
                let cold = !std::mem::take(&mut it.warm);
                if cold {
                    // What it took before says nothing of what it takes now.
                    it.latency = Latency::default();
                }
                it.warming = (cold && !self.plan.slow_start.duration.is_zero()).then_some(now);
            }
            Status::Pending => {}
            _ => it.warm = false,
        }
    }

    /// Puts an endpoint among the candidates of the step where it belongs now, or of none.
    fn place(&mut self, endpoint: EndpointIndex) {
        let it = &self.endpoints[endpoint.at()];
        let belongs = Rung::of(it.status())
            .filter(|_| it.has_room() && it.reach.may_go())
            .map(|rung| Step { rung, tier: it.plan.tier, far: it.plan.far });
        if it.step == belongs {
            return;
        }
        self.withdraw(endpoint);
        let it = &mut self.endpoints[endpoint.at()];
        it.step = belongs;
        let Some(step) = belongs else { return };
        let at = find(&self.steps, step).unwrap_or_else(|at| {
            let candidates = Candidates::default();
            self.steps.insert(at, Candidacy { step, candidates, in_flight: 0 });
            at
        });
        self.steps[at].candidates.insert(endpoint, it.plan.weight);
        self.steps[at].in_flight += u64::from(it.in_flight);
        (self.stirred, self.asked) = (true, 0);
    }

    /// Takes an endpoint out of where it can be picked; [`Self::place`] puts it back.
    fn withdraw(&mut self, endpoint: EndpointIndex) {
        let it = &mut self.endpoints[endpoint.at()];
        let Some(at) = it.step.take().and_then(|step| find(&self.steps, step).ok()) else { return };
        let place = &mut self.steps[at];
        place.candidates.remove(endpoint, it.plan.weight);
        place.in_flight = place.in_flight.saturating_sub(u64::from(it.in_flight));
        if place.candidates.is_empty() {
            self.steps.remove(at);
        }
    }
}

/// Where a step stands among those that have candidates, or would.
fn find(steps: &[Candidacy], step: Step) -> Result<usize, usize> {
    steps.binary_search_by_key(&step, |place| place.step)
}

#[cfg(test)]
mod tests;
