//! The choice among the candidates of the ladder's steps.

use rand_core::RngCore;
use smallvec::SmallVec;

use super::{Candidacy, PickRequest, Pool};
use crate::balance::{self, Bound};
use crate::endpoint::Status;
use crate::id::EndpointIndex;
use crate::ladder::Rung;
use crate::plan::Balance;
use crate::time::Timestamp;

impl Pool {
    /// How often another is drawn instead of one that warms up and is to be spared.
    const REDRAWS: usize = 3;
    /// Of how many on probation it is asked at a pick whether a trial is due; of the next ones at the next.
    const ASKED: usize = 8;
    /// So many in flight are no overload, whatever the average: where little is going on, two requests
    /// with the same key would else part.
    const FEW: u32 = 4;
    /// How much more than its share the gateway's own zone is asked to bear before
    /// requests go to others: Envoy's overprovisioning factor.
    const OVERPROVISIONING: f64 = 1.4;

    /// The best endpoint for a request, and whether the request is a trial of it.
    pub(super) fn choose(
        &mut self,
        request: &PickRequest,
        now: Timestamp,
        rng: &mut impl RngCore,
    ) -> Option<(EndpointIndex, bool)> {
        if let Some(sticky) = request.sticky.filter(|&sticky| self.keeps(sticky, request)) {
            return Some((sticky, false));
        }
        if !self.probation.is_empty()
            && let Some(endpoint) = self.trial(request, now)
        {
            return Some((endpoint, true));
        }
        if self.spills(rng)
            && let Some(far) = self.choose_at(1, request, now, rng)
        {
            return Some((far, false));
        }
        let mut steps = 0..self.steps.len();
        let chosen = steps.find_map(|at| self.choose_at(at, request, now, rng))?;
        Some((chosen, false))
    }

    /// Whether a session can stay with its endpoint. It does so while that drains: this is what
    /// draining is for.
    fn keeps(&self, sticky: EndpointIndex, request: &PickRequest) -> bool {
        let Some(it) = self.endpoints.get(sticky.at()) else { return false };
        let serves = matches!(it.status(), Status::Healthy | Status::Pending | Status::Draining);
        serves && it.step.is_some() && !request.tried.contains(sticky)
    }

    /// An endpoint on probation whose next trial is due, and whose tier would be in use if it were healthy:
    /// what stands by for an emergency gets no request without one.
    fn trial(&mut self, request: &PickRequest, now: Timestamp) -> Option<EndpointIndex> {
        let best = self.steps.first().map(|place| place.step);
        for _ in 0..self.probation.len().min(Self::ASKED) {
            let endpoint = self.probation.pop_front()?;
            self.probation.push_back(endpoint);
            let it = &self.endpoints[endpoint.at()];
            let serves = it.step.is_some_and(|step| {
                best.is_none_or(|best| (Rung::Healthy, step.tier) <= (best.rung, best.tier))
            });
            if serves
                && !request.tried.contains(endpoint)
                && it.ejection.trial_due(now, request.repeatable)
            {
                return Some(endpoint);
            }
        }
        None
    }

    /// Whether this pick goes to other zones first, because too few endpoints of the gateway's own are
    /// left to bear all of its traffic. Those other zones are then the second step.
    fn spills(&self, rng: &mut impl RngCore) -> bool {
        let [first, second, ..] = self.steps.as_slice() else { return false };
        let (near, far) = (first.step, second.step);
        if near.far || !far.far || (near.rung, near.tier) != (far.rung, far.tier) {
            return false;
        }
        let bears = first.candidates.total() as f64 * Self::OVERPROVISIONING;
        uniform(rng) * self.near_weight(near.tier) >= bears
    }

    /// What the endpoints of a tier in the gateway's own zone weigh together.
    fn near_weight(&self, tier: u8) -> f64 {
        let weights = self.near.iter().find(|(of, _)| *of == tier);
        weights.map_or(0.0, |(_, weight)| *weight as f64)
    }

    fn choose_at(
        &mut self,
        at: usize,
        request: &PickRequest,
        now: Timestamp,
        rng: &mut impl RngCore,
    ) -> Option<EndpointIndex> {
        let mut spared: SmallVec<[EndpointIndex; Self::REDRAWS + 1]> = SmallVec::new();
        while spared.len() <= Self::REDRAWS {
            let Some(chosen) = self.choose_among(at, request, &spared, now, rng) else { break };
            let it = &mut self.endpoints[chosen.at()];
            if it.warming.is_none() {
                return Some(chosen);
            }
            let share = it.share(&self.plan.slow_start, now);
            if share >= 1.0 {
                it.warming = None;
            }
            if uniform(rng) < share {
                return Some(chosen);
            }
            spared.push(chosen);
        }
        // Nobody else is there, or all warm up together: then they share as ever.
        spared.first().copied()
    }

    fn choose_among(
        &mut self,
        at: usize,
        request: &PickRequest,
        spared: &[EndpointIndex],
        now: Timestamp,
        rng: &mut impl RngCore,
    ) -> Option<EndpointIndex> {
        let Candidacy { candidates, in_flight, .. } = &mut self.steps[at];
        let (in_flight, endpoints) = (*in_flight, &self.endpoints);
        let fits = |endpoint: EndpointIndex| {
            !request.tried.contains(endpoint) && !spared.contains(&endpoint)
        };
        let load = |endpoint: EndpointIndex| {
            let it = &endpoints[endpoint.at()];
            (it.in_flight, it.plan.weight)
        };
        match self.plan.balance {
            Balance::RoundRobin => balance::round_robin(candidates, fits),
            Balance::Random => balance::random(candidates, fits, rng),
            Balance::LeastRequests => balance::least_requests(candidates, load, fits, rng),
            Balance::PeakEwma => {
                let cost = |endpoint: EndpointIndex| {
                    let it = &endpoints[endpoint.at()];
                    let weight = candidates.relative(it.plan.weight);
                    it.latency.cost(now, it.in_flight, weight, self.typical)
                };
                balance::two_choices(candidates, cost, fits, rng)
            }
            Balance::RingHash | Balance::Maglev => {
                let (Some(hash), Some(table)) = (request.hash, &self.table) else {
                    return balance::least_requests(candidates, load, fits, rng);
                };
                let bound = self.plan.hash.bounded_load.map(|factor| Bound {
                    factor,
                    in_flight,
                    weight: candidates.total(),
                });
                let overloaded = |endpoint: EndpointIndex| {
                    let (in_flight, weight) = load(endpoint);
                    in_flight >= Self::FEW
                        && bound.is_some_and(|bound| bound.overloads(in_flight, weight))
                };
                balance::by_hash(table, hash, candidates, fits, overloaded)
            }
        }
    }
}

/// A number from 0 up to 1.
fn uniform(rng: &mut impl RngCore) -> f64 {
    // The upper 53 bits are what an f64 holds.
    (rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
}
