//! The world of the simulation: endpoints that fail, clients that come and go, an operator who reloads.

mod check;
mod client;
mod make;

use std::time::Duration;

use rand::Rng;
use rand::rngs::SmallRng;
use switchback_core::endpoint::Endpoint;
use switchback_core::plan::{PoolPlan, RetryPolicy};
use switchback_core::pool::{Effects, Event, Granted};
use switchback_core::{EndpointIndex, Pool, Status, Timestamp};

use client::{Request, Standing};

/// What an endpoint does to those who come, and to its probes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Behavior {
    Answers,
    Refuses,
    /// Takes the request and closes.
    Drops,
    /// Closed an idle connection just as it was used.
    Stale,
    /// Answers 500.
    Errs,
    /// Answers 503, and asks to be left alone.
    Overloaded,
    /// Cuts its answers off.
    Truncates,
    /// Refuses streams of HTTP/2.
    RefusesStreams,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Backend {
    behavior: Behavior,
    /// Whether its health endpoint passes whatever its requests get.
    lies: bool,
}

pub(crate) struct World {
    rng: SmallRng,
    now: Timestamp,
    plan: PoolPlan,
    policy: RetryPolicy,
    pool: Pool,
    /// By endpoint.
    backends: Vec<Backend>,
    requests: Vec<Request>,
    /// Requests that clients have begun.
    begun: u64,
    /// Retries that the budget granted.
    granted_retries: u64,
}

impl World {
    pub(crate) fn run(&mut self, steps: usize) {
        for _ in 0..steps {
            self.step();
            self.check();
        }
        self.end();
    }

    fn step(&mut self) {
        let longest = if self.rng.random_bool(0.02) { 60_000 } else { 300 };
        let time = Duration::from_millis(self.rng.random_range(0..longest));
        self.pass(time);
        match self.rng.random_range(0..100) {
            0..6 => self.change_behavior(),
            6..25 => self.probe_any(),
            25..55 => self.begin_request(),
            55..57 => self.reload(),
            57..62 => self.somebody_leaves(),
            62..67 => self.somebody_gives_up(),
            _ => self.something_ends(),
        }
    }

    /// Lets time pass.
    fn pass(&mut self, time: Duration) {
        self.now = self.now + time;
        if self.pool.next_tick().is_some_and(|at| at <= self.now) {
            let effects = self.pool.tick(self.now, &mut self.rng);
            self.carry_out(effects);
        }
    }

    fn change_behavior(&mut self) {
        let at = self.rng.random_range(0..self.backends.len());
        let behavior = match self.rng.random_range(0..12) {
            0 => Behavior::Refuses,
            1 => Behavior::Drops,
            2 => Behavior::Stale,
            3 => Behavior::Errs,
            4 => Behavior::Overloaded,
            5 => Behavior::Truncates,
            6 => Behavior::RefusesStreams,
            _ => Behavior::Answers,
        };
        self.backends[at] = Backend { behavior, lies: self.rng.random_bool(0.3) };
    }

    fn probe_any(&mut self) {
        let at = self.rng.random_range(0..self.backends.len());
        self.probe(EndpointIndex(u32::try_from(at).unwrap()));
    }

    fn probe(&mut self, endpoint: EndpointIndex) {
        let backend = self.backends[endpoint.at()];
        let pass = match backend.behavior {
            Behavior::Answers | Behavior::Stale => true,
            Behavior::Refuses => false,
            _ => backend.lies,
        };
        let before = self.pool.endpoints()[endpoint.at()].status();
        let cause = self.pool.endpoints()[endpoint.at()].ejected_for();
        let event = Event::Probed { endpoint, pass };
        let effects = self.pool.apply(event, self.now, &mut self.rng);
        let after = self.pool.endpoints()[endpoint.at()].status();
        let told = effects.changes.iter().filter(|change| change.endpoint == endpoint).count();
        assert_eq!(told, usize::from(before != after), "a change is told once, and only a change");
        if before == Status::Ejected && after == Status::Healthy {
            use switchback_core::outlier::Cause;
            assert_eq!(cause, Some(Cause::Connection), "a health endpoint can lie");
        }
        self.carry_out(effects);
    }

    fn reload(&mut self) {
        let plan = self.next_plan();
        let before: Vec<_> = self
            .pool
            .endpoints()
            .iter()
            .map(|it| (it.plan.clone(), it.status(), it.in_flight))
            .collect();
        let (indices, effects) = self.pool.reconfigure(&plan, self.now);
        self.check_reload(&plan, &before, &indices);
        self.plan = plan;
        let well = Backend { behavior: Behavior::Answers, lies: false };
        self.backends.resize(self.pool.endpoints().len(), well);
        self.carry_out(effects);
        // What is granted is told with the next event.
        let effects = self.pool.tick(self.now, &mut self.rng);
        self.carry_out(effects);
    }

    /// Everybody gets well, everybody leaves, and time passes.
    fn end(&mut self) {
        for backend in &mut self.backends {
            *backend = Backend { behavior: Behavior::Answers, lies: false };
        }
        while !self.requests.is_empty() {
            self.pass(Duration::from_millis(10));
            self.something_ends();
            self.somebody_gives_up();
            self.check();
        }
        assert_eq!(self.pool.waiting(), 0, "nobody is left in line");
        assert!(self.pool.endpoints().iter().all(|it| it.in_flight == 0), "nothing is in flight");
        self.check_budget();
        self.recover();
    }

    /// With traffic and probes, and without faults, whoever is named and not switched off comes back:
    /// all that is used, and of what stands by for an emergency all but what must prove itself in one.
    fn recover(&mut self) {
        for _ in 0..20_000 {
            self.pass(Duration::from_millis(200));
            self.probe_any();
            self.begin_request();
            while !self.requests.is_empty() {
                self.something_ends();
                self.somebody_gives_up();
            }
            if self.is_well() {
                return;
            }
        }
        let standing: Vec<_> =
            self.pool.endpoints().iter().map(|it| (it.status(), it.ejected_for())).collect();
        panic!("somebody is well and does not come back: {standing:?}");
    }

    fn is_well(&self) -> bool {
        let healthy = |it: &&Endpoint| it.status() == Status::Healthy;
        let used = self.pool.endpoints().iter().filter(healthy).map(|it| it.plan.tier).min();
        self.pool.endpoints().iter().all(|it| match it.status() {
            Status::Healthy | Status::Draining | Status::Disabled => true,
            Status::Probation => used.is_some_and(|used| used < it.plan.tier),
            _ => false,
        })
    }

    fn carry_out(&mut self, effects: Effects) {
        effects.changes.iter().for_each(|change| self.check_ejected(change));
        for Granted { waiter, picked } in effects.granted {
            let at = self.requests.iter().position(|it| it.standing == Standing::Waits(waiter));
            let at = at.expect("what is granted is granted to somebody who waits");
            self.check_turn(waiter, picked.endpoint);
            self.requests[at].take(picked);
        }
    }
}
