//! Requests: what the gateway does for each, as `crates/proxy` does it.

use std::time::Duration;

use rand::Rng;
use switchback_core::balance::{Tried, hash};
use switchback_core::outcome::Sent;
use switchback_core::pool::{End, Event, Pick, PickRequest, Picked, WaiterId};
use switchback_core::retry::{
    Decision, Situation, burdens, decide, draws_on_budget, excludes_endpoint,
};
use switchback_core::{EndpointIndex, Outcome, Timestamp};

use super::{Behavior, World};

/// A request on its way: at most one attempt at a time.
pub(super) struct Request {
    pub(super) standing: Standing,
    pub(super) request: PickRequest,
    attempts_sent: u32,
    free_used: bool,
    /// How often it may have been executed.
    executions: u32,
    waited: Duration,
    since: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Standing {
    At(Picked),
    Waits(WaiterId),
}

impl Request {
    pub(super) fn take(&mut self, picked: Picked) {
        self.standing = Standing::At(picked);
    }

    pub(super) fn at(&self) -> Option<EndpointIndex> {
        match self.standing {
            Standing::At(picked) => Some(picked.endpoint),
            Standing::Waits(_) => None,
        }
    }
}

impl World {
    pub(super) fn begin_request(&mut self) {
        self.begun += 1;
        self.pool.request(self.now);
        let endpoints = u32::try_from(self.pool.endpoints().len()).unwrap();
        let request = PickRequest {
            repeatable: self.rng.random_bool(0.7),
            hash: self.rng.random_bool(0.9).then(|| hash(&self.rng.random::<[u8; 2]>())),
            sticky: self
                .rng
                .random_bool(0.1)
                .then(|| EndpointIndex(self.rng.random_range(0..endpoints))),
            ..PickRequest::default()
        };
        self.dispatch(request, 0, false, 0, Duration::ZERO);
    }

    /// Lets a request go to an endpoint, wait for one, or fail.
    fn dispatch(
        &mut self,
        mut request: PickRequest,
        attempts_sent: u32,
        free_used: bool,
        executions: u32,
        waited: Duration,
    ) {
        let standing = match self.pick(&request) {
            Pick::Endpoint(picked) => Standing::At(picked),
            Pick::Wait => {
                let may_wait = waited < self.plan.queue.timeout && !request.last_resort;
                match may_wait.then(|| self.pool.wait(&request)).flatten() {
                    Some(waiter) => Standing::Waits(waiter),
                    None => {
                        request.last_resort = true;
                        match self.pick(&request) {
                            Pick::Endpoint(picked) => Standing::At(picked),
                            _ => return,
                        }
                    }
                }
            }
            Pick::Nobody => return,
        };
        let since = self.now;
        let request =
            Request { standing, request, attempts_sent, free_used, executions, waited, since };
        self.requests.push(request);
    }

    pub(super) fn something_ends(&mut self) {
        let ends: Vec<_> =
            (0..self.requests.len()).filter(|&at| self.requests[at].at().is_some()).collect();
        let Some(&at) = ends.get(self.rng.random_range(0..ends.len().max(1))) else { return };
        let request = self.requests.swap_remove(at);
        let Standing::At(picked) = request.standing else { return };
        let behavior = self.backends[picked.endpoint.at()].behavior;
        let end = self.end_of(behavior, request.since);
        self.attempt_ended(request, picked, end);
    }

    fn end_of(&mut self, behavior: Behavior, since: Timestamp) -> End {
        let outcome = match behavior {
            Behavior::Answers | Behavior::Errs => Outcome::Completed,
            Behavior::Refuses => Outcome::ConnectionRefused,
            Behavior::Drops => Outcome::ClosedBeforeAnswer,
            Behavior::Stale => Outcome::StaleConnection,
            Behavior::Overloaded => Outcome::FailureStatus,
            Behavior::Truncates => Outcome::BodyIncomplete,
            Behavior::RefusesStreams => Outcome::StreamRefused,
        };
        End {
            errored: behavior == Behavior::Errs,
            waited: Some(self.now - since),
            retry_after: (behavior == Behavior::Overloaded && self.rng.random_bool(0.5))
                .then(|| Duration::from_secs(self.rng.random_range(0..100))),
            ..End::of(outcome)
        }
    }

    fn attempt_ended(&mut self, mut it: Request, picked: Picked, end: End) {
        let outcome = end.outcome;
        if !outcome.is_unreachable() && self.rng.random_bool(0.5) {
            let reused = self.rng.random_bool(0.5);
            let event = if reused { Event::Reused(picked) } else { Event::Connected(picked) };
            let effects = self.pool.apply(event, self.now, &mut self.rng);
            self.carry_out(effects);
        }
        let effects = self.pool.apply(Event::Ended(picked, end), self.now, &mut self.rng);
        self.carry_out(effects);
        let sent = outcome.meaning().sent != Sent::No;
        it.attempts_sent += u32::from(sent);
        it.executions += u32::from(sent);
        assert!(
            it.request.repeatable || it.executions <= 1,
            "what must not be repeated was executed {} times",
            it.executions
        );
        assert!(it.executions <= self.policy.attempts.get());
        if excludes_endpoint(outcome) {
            it.request.tried.insert(picked.endpoint);
        }
        let situation = Situation {
            outcome,
            answer_begun: false,
            repeatable: it.request.repeatable,
            body_replayable: true,
            attempts_sent: it.attempts_sent,
            endpoint_left: self.pool.is_any_left(&it.request.tried),
            may_wait: self.plan.queue.size > 0 && it.waited < self.plan.queue.timeout,
            time_left: true,
        };
        if decide(&self.policy, &situation) != Decision::Retry {
            assert!(
                !outcome.is_unreachable() || !situation.endpoint_left,
                "an unsent request gave up with endpoints left"
            );
            return;
        }
        if draws_on_budget(outcome, it.free_used) {
            if !self.pool.grant_retry(self.now) {
                return;
            }
            self.granted_retries += 1;
        }
        it.free_used |= !burdens(outcome);
        if !self.pool.is_any_left(&it.request.tried) {
            it.request.tried = Tried::default();
        }
        self.dispatch(it.request, it.attempts_sent, it.free_used, it.executions, it.waited);
    }

    /// A client goes away, wherever its request is.
    pub(super) fn somebody_leaves(&mut self) {
        if self.requests.is_empty() {
            return;
        }
        let at = self.rng.random_range(0..self.requests.len());
        match self.requests.swap_remove(at).standing {
            Standing::At(picked) => {
                let outcome = *[Outcome::ClientGone, Outcome::Abandoned, Outcome::OutOfTime]
                    .get(self.rng.random_range(0..3))
                    .unwrap();
                let event = Event::Ended(picked, End::of(outcome));
                let effects = self.pool.apply(event, self.now, &mut self.rng);
                self.carry_out(effects);
            }
            Standing::Waits(waiter) => assert!(self.pool.leave(waiter), "it was waiting"),
        }
    }

    /// The first in line has waited for too long, and goes to whoever is there.
    pub(super) fn somebody_gives_up(&mut self) {
        let waits = |it: &Request| matches!(it.standing, Standing::Waits(_));
        let Some(at) = self.requests.iter().position(waits) else { return };
        let it = self.requests.swap_remove(at);
        if let Standing::Waits(waiter) = it.standing {
            assert!(self.pool.leave(waiter), "it was waiting");
            assert!(!self.pool.leave(waiter), "and is no longer");
        }
        let request = PickRequest { last_resort: true, ..it.request };
        let waited = self.plan.queue.timeout;
        self.dispatch(request, it.attempts_sent, it.free_used, it.executions, waited);
    }
}
