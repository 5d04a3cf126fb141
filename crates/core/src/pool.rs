//! A pool while it runs: its endpoints, where each stands, and the choice among them.
//!
//! One structure and two ways in: [`Pool::pick`] begins an attempt, [`Pool::apply`] takes in what
//! happened since. The caller holds the lock, passes the time and the random source, and carries
//! out the returned [`Effects`]. Both ways in cost the same whatever the pool's size; only a change
//! of status walks a list.

use rand_core::RngCore;

use crate::balance::{Candidates, Tried, least_requests, round_robin};
use crate::endpoint::{Endpoint, Status};
use crate::id::EndpointIndex;
use crate::ladder::Rung;
use crate::outcome::Outcome;
use crate::plan::{Balance, HealthPlan, PoolPlan};
use crate::time::Timestamp;

/// The state of a pool.
#[derive(Clone, Debug)]
pub struct Pool {
    endpoints: Vec<Endpoint>,
    balance: Balance,
    health: Option<HealthPlan>,
    /// Who can be picked, best first: by rung, then tier. None is empty.
    steps: Vec<(Step, Candidates)>,
    /// How many endpoints have each status, by its position in [`Status::ALL`].
    counts: [usize; Status::ALL.len()],
}

/// A rung and a tier on it: what is used up before the next is touched.
type Step = (Rung, u8);

/// Something that happened to an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// An attempt that [`Pool::pick`] began has ended.
    Ended {
        /// The endpoint that was picked.
        endpoint: EndpointIndex,
        /// What came of it.
        outcome: Outcome,
    },
    /// A probe has a result.
    Probed {
        /// The endpoint that was probed.
        endpoint: EndpointIndex,
        /// Whether it passed.
        pass: bool,
    },
}

/// What follows from an event, for the caller to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Effects {
    /// A status that changed: to be logged and shown.
    pub change: Option<StatusChange>,
    /// Whether the endpoint should be probed sooner than usual, because its status may turn.
    pub probe_soon: bool,
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
}

impl Pool {
    /// A pool with nothing in flight and nothing known.
    pub fn new(plan: &PoolPlan, now: Timestamp) -> Self {
        let probed = plan.health.is_some();
        let mut pool = Self {
            endpoints: plan
                .endpoints
                .iter()
                .map(|endpoint| Endpoint::new(*endpoint, probed, now))
                .collect(),
            balance: plan.balance,
            health: plan.health.clone(),
            steps: Vec::new(),
            counts: [0; Status::ALL.len()],
        };
        for endpoint in (0..).map(EndpointIndex).take(pool.endpoints.len()) {
            pool.enter(endpoint);
        }
        pool
    }

    /// The endpoints, by index.
    pub fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    /// How many endpoints have this status.
    pub fn count(&self, status: Status) -> usize {
        self.counts[status.position()]
    }

    /// Begins an attempt: the best endpoint that is not in `tried`, which counts as in flight until
    /// [`Event::Ended`] is applied. `None` if every endpoint was tried.
    pub fn pick(&mut self, tried: &Tried, rng: &mut impl RngCore) -> Option<EndpointIndex> {
        let endpoint = self.steps.iter_mut().find_map(|(_, candidates)| match self.balance {
            Balance::RoundRobin => round_robin(candidates, tried),
            Balance::LeastRequests => least_requests(candidates, &self.endpoints, tried, rng),
        })?;
        self.endpoints[endpoint.at()].in_flight += 1;
        Some(endpoint)
    }

    /// Takes in what happened.
    pub fn apply(&mut self, event: Event, now: Timestamp) -> Effects {
        match event {
            Event::Ended { endpoint, outcome: _ } => {
                let ended = &mut self.endpoints[endpoint.at()];
                debug_assert!(ended.in_flight > 0, "{endpoint:?} ended more than it began");
                ended.in_flight = ended.in_flight.saturating_sub(1);
                Effects::default()
            }
            Event::Probed { endpoint, pass } => self.probed(endpoint, pass, now),
        }
    }

    fn probed(&mut self, endpoint: EndpointIndex, pass: bool, now: Timestamp) -> Effects {
        let Some((rise, fall)) = self.health.as_ref().map(|health| (health.rise, health.fall))
        else {
            return Effects::default();
        };
        let mut probes = self.endpoints[endpoint.at()].probes;
        let changed_from = probes.observe(pass, rise, fall);
        let change = changed_from.map(|from| {
            self.leave(endpoint);
            let since = std::mem::replace(&mut self.endpoints[endpoint.at()].since, now);
            StatusChange { endpoint, from, to: probes.status(), since }
        });
        self.endpoints[endpoint.at()].probes = probes;
        if change.is_some() {
            self.enter(endpoint);
        }
        Effects { change, probe_soon: probes.turning() }
    }

    fn step_of(&self, endpoint: EndpointIndex) -> Step {
        let endpoint = &self.endpoints[endpoint.at()];
        (endpoint.status().into(), endpoint.plan.tier)
    }

    fn enter(&mut self, endpoint: EndpointIndex) {
        self.counts[self.endpoints[endpoint.at()].status().position()] += 1;
        let step = self.step_of(endpoint);
        let at = match self.steps.binary_search_by_key(&step, |(step, _)| *step) {
            Ok(at) => at,
            Err(at) => {
                self.steps.insert(at, (step, Candidates::default()));
                at
            }
        };
        self.steps[at].1.insert(endpoint, self.endpoints[endpoint.at()].plan.weight);
    }

    fn leave(&mut self, endpoint: EndpointIndex) {
        self.counts[self.endpoints[endpoint.at()].status().position()] -= 1;
        let step = self.step_of(endpoint);
        if let Ok(at) = self.steps.binary_search_by_key(&step, |(step, _)| *step) {
            self.steps[at].1.remove(endpoint, self.endpoints[endpoint.at()].plan.weight);
            if self.steps[at].1.is_empty() {
                self.steps.remove(at);
            }
        }
    }

    /// What must hold after every step, whatever happened; the simulation asks it each time.
    ///
    /// # Errors
    ///
    /// Says what does not hold.
    #[cfg(any(test, debug_assertions))]
    pub fn check_invariants(&self) -> Result<(), String> {
        let mut seen = vec![0; self.endpoints.len()];
        for (step, candidates) in &self.steps {
            if candidates.is_empty() {
                return Err(format!("step {step:?} is empty and yet there"));
            }
            for member in candidates.members() {
                seen[member.at()] += 1;
                if self.step_of(member) != *step {
                    return Err(format!("{member:?} stands on {step:?}, not where its status is"));
                }
            }
        }
        if !self.steps.is_sorted_by_key(|(step, _)| *step) {
            return Err("the steps are not in order".to_owned());
        }
        for status in Status::ALL {
            let have = self.endpoints.iter().filter(|endpoint| endpoint.status() == status).count();
            if have != self.count(status) {
                return Err(format!("{have} are {status}, counted {}", self.count(status)));
            }
        }
        match seen.iter().position(|&times| times != 1) {
            Some(at) => Err(format!("endpoint {at} can be picked in {} places", seen[at])),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
