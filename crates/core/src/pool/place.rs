//! Where an endpoint stands: its status, and the step of the ladder at which it can be picked.
//!
//! Both are kept rather than asked for at each pick, so each event that touches what they are made of
//! ends in [`Pool::settle`], which compares what they are with what they should be.

use super::{Effects, Pool, StatusChange, Why};
use crate::balance::{Candidates, Latency};
use crate::endpoint::Status;
use crate::id::EndpointIndex;
use crate::keepalive::KeepAlive;
use crate::ladder::{Rung, Step};
use crate::time::Timestamp;

/// Those who can be picked at one step.
#[derive(Debug)]
pub(super) struct Candidacy {
    pub(super) step: Step,
    pub(super) candidates: Candidates,
    /// What they have in flight together.
    pub(super) in_flight: u64,
}

impl Pool {
    /// Takes in that something about an endpoint is new: its status, and where it can be picked.
    pub(super) fn settle(
        &mut self,
        endpoint: EndpointIndex,
        why: Why,
        now: Timestamp,
        effects: &mut Effects,
    ) {
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
                    // What it took before says nothing of what it takes now; and connections that its death
                    // has closed say nothing of when it closes idle ones.
                    it.latency = Latency::default();
                    it.keepalive = KeepAlive::default();
                }
                it.warming = (cold && !self.plan.slow_start.duration.is_zero()).then_some(now);
            }
            Status::Pending => {}
            _ => it.warm = false,
        }
    }

    /// Puts an endpoint among the candidates of the step where it belongs now, or of none.
    pub(super) fn place(&mut self, endpoint: EndpointIndex) {
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
    pub(super) fn withdraw(&mut self, endpoint: EndpointIndex) {
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
pub(super) fn find(steps: &[Candidacy], step: Step) -> Result<usize, usize> {
    steps.binary_search_by_key(&step, |place| place.step)
}
