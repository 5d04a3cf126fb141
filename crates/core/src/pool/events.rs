//! What happened at an endpoint, and what follows from it.

use std::time::Duration;

use rand_core::RngCore;

use super::{Effects, End, Event, Picked, Pool, Why, find};
use crate::endpoint::{Endpoint, Status};
use crate::id::EndpointIndex;
use crate::outcome::{Fault, Outcome, Sent};
use crate::outlier::{self, Cause, State, TrialEnd};
use crate::time::Timestamp;

/// What an attempt says about its endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sign {
    /// It serves.
    Good,
    /// It answers, but with an error of its own.
    Errored,
    /// It fails.
    Bad,
    /// Nothing.
    None,
}

impl End {
    fn sign(&self) -> Sign {
        match (self.outcome.meaning().fault, self.outcome) {
            (Fault::Endpoint, _) => Sign::Bad,
            (_, Outcome::Completed) if self.errored => Sign::Errored,
            (_, Outcome::Completed) => Sign::Good,
            _ => Sign::None,
        }
    }
}

impl Pool {
    /// The longest time for which an endpoint is left alone at its own wish: one that asks for an hour
    /// is asked again after a minute, because the wish may come from one page of many.
    const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(60);

    /// The share of failures of the others from which on one in probation is excused for its own: of
    /// five requests one in four trials would fail by what all do.
    const EXCUSED_FROM: f64 = 0.05;

    /// Takes in what happened.
    pub fn apply(&mut self, event: Event, now: Timestamp, rng: &mut impl RngCore) -> Effects {
        let mut effects = Effects::default();
        match event {
            Event::Connected(picked) => self.connected(picked, now, &mut effects),
            Event::Reused(picked) => self.undecided(picked, now, &mut effects),
            Event::Answered(picked, waited) => {
                self.heard(picked.endpoint, waited, now);
                self.connected(picked, now, &mut effects);
            }
            Event::Ended(picked, end) => self.ended(picked, &end, now, rng, &mut effects),
            Event::Probed { endpoint, pass } => self.probed(endpoint, pass, now, &mut effects),
        }
        self.serve_waiting(now, rng, &mut effects);
        effects
    }

    fn connected(&mut self, picked: Picked, now: Timestamp, effects: &mut Effects) {
        let it = &mut self.endpoints[picked.endpoint.at()];
        if it.reach.is_open() {
            return;
        }
        it.reach = Default::default();
        self.settle(picked.endpoint, Why::Time, now, effects);
    }

    /// A knock has come in by a door that was open all along: another one may knock.
    fn undecided(&mut self, picked: Picked, now: Timestamp, effects: &mut Effects) {
        if picked.knock {
            let it = &mut self.endpoints[picked.endpoint.at()];
            it.reach = it.reach.unknown();
            self.settle(picked.endpoint, Why::Time, now, effects);
        }
    }

    fn ended(
        &mut self,
        picked: Picked,
        end: &End,
        now: Timestamp,
        rng: &mut impl RngCore,
        effects: &mut Effects,
    ) {
        let Picked { endpoint, .. } = picked;
        let sign = end.sign();
        let it = &mut self.endpoints[endpoint.at()];
        debug_assert!(it.in_flight > 0, "{endpoint:?} ended more than it began");
        let was_full = !it.has_room();
        it.in_flight = it.in_flight.saturating_sub(1);
        if let Some(at) = it.step.and_then(|step| find(&self.steps, step).ok()) {
            let place = &mut self.steps[at];
            place.in_flight = place.in_flight.saturating_sub(1);
        }
        self.learn(endpoint, end, sign, now);

        let ordinary = sign == Sign::Good && !picked.knock;
        if ordinary && self.endpoints[endpoint.at()].is_at_ease() {
            if was_full {
                self.place(endpoint);
            }
            return;
        }
        self.reached(picked, end, now);
        if end.outcome.is_unreachable() {
            effects.probe_now = Some(endpoint);
        }
        let why = self.judge(picked, end, sign, now, rng);
        self.settle(endpoint, why, now, effects);
    }

    /// What the attempt tells about the endpoint's pace and habits.
    fn learn(&mut self, endpoint: EndpointIndex, end: &End, sign: Sign, now: Timestamp) {
        let it = &mut self.endpoints[endpoint.at()];
        if let Some(keeps_alive) = end.keeps_alive {
            it.keepalive.hinted(keeps_alive);
        }
        match (end.idle, end.outcome) {
            (Some(idle), Outcome::DeadBeforeRequest | Outcome::StaleConnection) => {
                it.keepalive.closed_at(idle, now);
            }
            (Some(idle), Outcome::Completed) => it.keepalive.reused(idle, now),
            _ => {}
        }
        let typical = self.typical;
        match (sign, end.waited) {
            (Sign::Good, Some(waited)) => self.heard(endpoint, waited, now),
            (Sign::Errored | Sign::Bad, waited) => {
                it.latency.failed(waited.unwrap_or_default(), typical, now);
            }
            // Who leaves has waited at least so long; less than is usual says nothing.
            (Sign::None, Some(waited)) => {
                let known = it.latency.average(now).unwrap_or(0.0);
                let known = known.max(typical.nanos().unwrap_or(0.0));
                if waited.as_nanos() as f64 > known {
                    it.latency.observe(waited, typical, now);
                }
            }
            (Sign::Good | Sign::None, None) => {}
        }
        let it = &mut self.endpoints[endpoint.at()];
        if it.ejection.state() == State::In {
            match sign {
                Sign::Good => it.record.observe(true, &mut self.window, now),
                Sign::Bad => it.record.observe(false, &mut self.window, now),
                Sign::Errored => it.record.errored(&mut self.window, now),
                Sign::None => {}
            }
        }
    }

    /// The endpoint has begun to answer.
    fn heard(&mut self, endpoint: EndpointIndex, waited: Duration, now: Timestamp) {
        self.endpoints[endpoint.at()].latency.observe(waited, self.typical, now);
        self.typical.observe(waited, now);
    }

    /// Whether the endpoint can be reached, as far as the attempt tells.
    fn reached(&mut self, picked: Picked, end: &End, now: Timestamp) {
        let it = &mut self.endpoints[picked.endpoint.at()];
        it.reach = match end.outcome {
            outcome if outcome.is_unreachable() => it.reach.failed(picked.knock, now),
            // An answer opens; a new connection has opened already; the rest says nothing.
            outcome if picked.knock && outcome.meaning().sent == Sent::Yes => Default::default(),
            _ if picked.knock => it.reach.unknown(),
            _ => it.reach,
        };
    }

    /// Whether live traffic keeps the endpoint out from now on, or lets it in again.
    fn judge(
        &mut self,
        picked: Picked,
        end: &End,
        sign: Sign,
        now: Timestamp,
        rng: &mut impl RngCore,
    ) -> Why {
        if !self.plan.ejection.enabled {
            return Why::Time;
        }
        let state = self.endpoints[picked.endpoint.at()].ejection.state();
        let trial_end = match state {
            State::Probation { .. } => self.trial_end(picked.endpoint, sign, now),
            State::In | State::Ejected { .. } => TrialEnd::Neutral,
        };
        let wish = self.wish(picked.endpoint, end);
        let plan = &self.plan.ejection;
        let it = &mut self.endpoints[picked.endpoint.at()];
        match wish {
            Some(wish) => it.ejection.defer(now + wish, now),
            None => it.ejection.attempt_ended(trial_end, picked.began, plan, now, rng),
        };
        if state == State::In && matches!(sign, Sign::Errored | Sign::Bad) {
            self.eject(picked.endpoint, end.outcome, now, rng);
        }
        let cause = self.endpoints[picked.endpoint.at()].ejection.cause();
        match (state, cause) {
            (State::Probation { .. }, None) => Why::Trusted,
            (_, cause) => cause.map_or(Why::Time, Why::Traffic),
        }
    }

    /// How long the endpoint is to be left alone at its own wish.
    fn wish(&self, endpoint: EndpointIndex, end: &End) -> Option<Duration> {
        let wish = end.retry_after.filter(|wish| !wish.is_zero())?;
        let tier = self.endpoints[endpoint.at()].plan.tier;
        let limit = outlier::allowance(&self.plan.ejection, self.enabled());
        (self.left_alone(tier) < limit).then(|| wish.min(Self::LONGEST_RETRY_AFTER))
    }

    /// What an attempt means for an endpoint on probation.
    fn trial_end(&self, endpoint: EndpointIndex, sign: Sign, now: Timestamp) -> TrialEnd {
        let excused = || {
            let own = self.endpoints[endpoint.at()].record.totals(now);
            let rest = self.window.totals(now) - own;
            rest.failure_share() >= Self::EXCUSED_FROM
        };
        match sign {
            Sign::Good => TrialEnd::Passed,
            Sign::Errored | Sign::Bad if !excused() => TrialEnd::Failed,
            Sign::Errored | Sign::Bad | Sign::None => TrialEnd::Neutral,
        }
    }

    /// Ejects an endpoint that is in, if its attempts give a reason and not too many are out.
    fn eject(
        &mut self,
        endpoint: EndpointIndex,
        outcome: Outcome,
        now: Timestamp,
        rng: &mut impl RngCore,
    ) {
        let plan = &self.plan.ejection;
        let it = &self.endpoints[endpoint.at()];
        let cause = if outcome.is_unreachable() {
            Cause::Connection
        } else if let Some(cause) = it.record.verdict(plan, &self.window, now) {
            cause
        } else {
            return;
        };
        // A probe within a moment confirms that an endpoint is out of reach, or ends its ejection; it
        // is not traffic alone that speaks against it.
        let confirmed = cause == Cause::Connection && self.plan.health.is_some();
        let limit = outlier::allowance(plan, self.enabled());
        if confirmed && self.enabled() > 1 || self.left_alone(it.plan.tier) < limit {
            let it = &mut self.endpoints[endpoint.at()];
            it.ejection.eject(cause, plan, now, rng);
            it.record.withdraw(&mut self.window);
        }
    }

    /// How many endpoints traffic alone keeps out, of this tier and those before it. One whose probes
    /// fail is not kept out by traffic; what stands by for an emergency does not come back without one.
    fn left_alone(&self, tier: u8) -> usize {
        let probed = self.plan.health.is_some();
        let counts = |it: &&Endpoint| {
            matches!(it.status(), Status::Ejected | Status::Probation)
                && it.plan.tier <= tier
                && !(probed && it.ejection.cause() == Some(Cause::Connection))
        };
        self.endpoints.iter().filter(counts).count()
    }

    fn probed(
        &mut self,
        endpoint: EndpointIndex,
        pass: bool,
        now: Timestamp,
        effects: &mut Effects,
    ) {
        let Some(health) = &self.plan.health else { return };
        let it = &mut self.endpoints[endpoint.at()];
        it.probes.observe(pass, health.rise, health.fall);
        if pass {
            it.reach = it.reach.promising();
            it.ejection.probe_passed(now);
        }
        effects.probe_soon = it.probes.turning();
        self.settle(endpoint, Why::Probe, now, effects);
    }
}
