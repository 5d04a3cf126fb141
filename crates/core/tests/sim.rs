//! Hours of faults in a second: random pools under random probes, clients and endings, in virtual
//! time. After each step the pool's invariants hold; at the end nothing is left in flight.
//!
//! Every run is a seed. A failure prints it; `SIM_SEED=<seed> cargo test -p switchback-core --test
//! sim` runs just that one, `SIM_SEEDS=<count>` more of them.
#![expect(clippy::unwrap_used, reason = "a failing unwrap is a failing run")]

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use switchback_core::balance::Tried;
use switchback_core::outcome::Sent;
use switchback_core::plan::{
    Balance, EndpointPlan, HealthPlan, PoolPlan, RetryPolicy, Timeouts, Weight,
};
use switchback_core::retry::{Decision, Situation, decide, excludes_endpoint};
use switchback_core::{EndpointIndex, Event, Outcome, Pool, Status, Timestamp};

/// A request on its way: at most one attempt at a time.
struct Request {
    tried: Tried,
    picked: Vec<EndpointIndex>,
    current: EndpointIndex,
    repeatable: bool,
    attempts_sent: u32,
    /// How often it may have been executed.
    executions: u32,
}

/// What an endpoint does to those who come.
#[derive(Clone, Copy, PartialEq)]
enum Behavior {
    Answers,
    Refuses,
    /// Takes the request and closes.
    Drops,
    /// Closed an idle connection just as it was used.
    Stale,
}

struct Simulation {
    rng: SmallRng,
    now: Timestamp,
    pool: Pool,
    behaviors: Vec<Behavior>,
    requests: Vec<Request>,
    policy: RetryPolicy,
    health: HealthPlan,
}

impl Simulation {
    fn new(seed: u64) -> Self {
        let mut rng = SmallRng::seed_from_u64(seed);
        let largest = if rng.random_bool(0.2) { 200 } else { 6 };
        let count = rng.random_range(1..=largest);
        let endpoints = (0..count)
            .map(|n: u16| EndpointPlan {
                address: SocketAddr::from(([127, 0, 0, 1], 1000 + n)),
                weight: Weight::new(*[1, 1, 1, 2, 10].get(rng.random_range(0..5)).unwrap())
                    .unwrap(),
                tier: if rng.random_bool(0.2) { rng.random_range(0..3) } else { 0 },
            })
            .collect();
        let health = HealthPlan {
            rise: NonZeroU32::new(rng.random_range(1..4)).unwrap(),
            fall: NonZeroU32::new(rng.random_range(1..4)).unwrap(),
            ..HealthPlan::default()
        };
        let balance =
            if rng.random_bool(0.5) { Balance::RoundRobin } else { Balance::LeastRequests };
        let plan = PoolPlan {
            name: "sim".into(),
            endpoints,
            balance,
            health: rng.random_bool(0.9).then(|| health.clone()),
            timeouts: Timeouts::default(),
            tls: None,
            host: None,
        };
        Self {
            pool: Pool::new(&plan, Timestamp::START),
            behaviors: vec![Behavior::Answers; usize::from(count)],
            requests: Vec::new(),
            policy: RetryPolicy {
                attempts: NonZeroU32::new(rng.random_range(1..5)).unwrap(),
                ..RetryPolicy::default()
            },
            now: Timestamp::START,
            health,
            rng,
        }
    }

    fn run(&mut self, steps: usize) {
        for _ in 0..steps {
            self.now = self.now + Duration::from_millis(self.rng.random_range(0..2000));
            match self.rng.random_range(0..100) {
                0..10 => self.change_behavior(),
                10..35 => self.probe(),
                35..65 => self.begin_request(),
                _ => self.end_attempt(),
            }
            self.pool.check_invariants().unwrap();
            self.check_in_flight();
        }
        while !self.requests.is_empty() {
            self.end_attempt();
        }
        self.check_in_flight();
        assert!(self.pool.endpoints().iter().all(|endpoint| endpoint.in_flight == 0));
    }

    fn change_behavior(&mut self) {
        let at = self.rng.random_range(0..self.behaviors.len());
        self.behaviors[at] = match self.rng.random_range(0..5) {
            0 => Behavior::Refuses,
            1 => Behavior::Drops,
            2 => Behavior::Stale,
            _ => Behavior::Answers,
        };
    }

    fn probe(&mut self) {
        let at = self.rng.random_range(0..self.behaviors.len());
        let endpoint = EndpointIndex(u32::try_from(at).unwrap());
        let pass = self.behaviors[at] == Behavior::Answers;
        let before = self.pool.endpoints()[at].status();
        let effects = self.pool.apply(Event::Probed { endpoint, pass }, self.now);
        let after = self.pool.endpoints()[at].status();
        assert_eq!(
            effects.change.is_some(),
            before != after,
            "a change is told, and only a change"
        );
        if let Some(change) = effects.change {
            assert_eq!((change.from, change.to), (before, after));
            let needed = if pass { self.health.rise } else { self.health.fall };
            assert!(before == Status::Pending || needed.get() == 1 || !effects.probe_soon);
        }
    }

    fn begin_request(&mut self) {
        let Some(pick) = self.pick(&Tried::default()) else {
            panic!("a request that tried nobody found nobody");
        };
        let repeatable = self.rng.random_bool(0.7);
        self.requests.push(Request {
            tried: Tried::default(),
            picked: vec![pick],
            current: pick,
            repeatable,
            attempts_sent: 0,
            executions: 0,
        });
    }

    /// Picks, and checks that nobody better was passed over.
    fn pick(&mut self, tried: &Tried) -> Option<EndpointIndex> {
        let best = (0..)
            .map(EndpointIndex)
            .zip(self.pool.endpoints())
            .filter(|(index, _)| !tried.contains(*index))
            .map(|(_, endpoint)| (endpoint.status() as u8, endpoint.plan.tier))
            .min();
        let pick = self.pool.pick(tried, &mut self.rng);
        let picked = pick.map(|pick| {
            let endpoint = &self.pool.endpoints()[pick.at()];
            assert!(!tried.contains(pick), "nobody is picked twice by one request");
            (endpoint.status() as u8, endpoint.plan.tier)
        });
        assert_eq!(picked, best, "the best that is left is picked");
        pick
    }

    fn end_attempt(&mut self) {
        if self.requests.is_empty() {
            return;
        }
        let at = self.rng.random_range(0..self.requests.len());
        let mut request = self.requests.swap_remove(at);
        let outcome = if self.rng.random_bool(0.05) {
            Outcome::ClientGone
        } else {
            match self.behaviors[request.current.at()] {
                Behavior::Answers => Outcome::Completed,
                Behavior::Refuses => Outcome::ConnectionRefused,
                Behavior::Drops => Outcome::ClosedBeforeAnswer,
                Behavior::Stale => Outcome::StaleConnection,
            }
        };
        if outcome.meaning().sent != Sent::No {
            request.attempts_sent += 1;
            request.executions += 1;
        }
        let ended = Event::Ended { endpoint: request.current, outcome };
        let _ = self.pool.apply(ended, self.now);
        if excludes_endpoint(outcome) {
            request.tried.insert(request.current);
        }
        let decision = decide(
            &self.policy,
            &Situation {
                outcome,
                answer_begun: false,
                repeatable: request.repeatable,
                body_replayable: true,
                attempts_sent: request.attempts_sent,
                endpoint_left: request.tried.len() < self.pool.endpoints().len(),
                time_left: true,
            },
        );
        assert!(
            request.repeatable || request.executions <= 1,
            "what must not be repeated was executed {} times",
            request.executions
        );
        assert!(request.executions <= self.policy.attempts.get());
        if decision == Decision::Retry {
            let next = self.pick(&request.tried).expect("who may retry finds someone");
            request.current = next;
            request.picked.push(next);
            self.requests.push(request);
        } else if outcome == Outcome::ConnectionRefused {
            let all = self.pool.endpoints().len();
            assert_eq!(request.tried.len(), all, "an unsent request gave up with endpoints left");
        }
    }

    fn check_in_flight(&self) {
        for (index, endpoint) in (0..).map(EndpointIndex).zip(self.pool.endpoints()) {
            let current = self.requests.iter().filter(|request| request.current == index).count();
            assert_eq!(endpoint.in_flight as usize, current, "in flight at {index:?}");
        }
    }
}

#[test]
fn whatever_happens_the_invariants_hold() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seeds = match number("SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SIM_SEEDS").unwrap_or(2_000),
    };
    for seed in seeds {
        let run = AssertUnwindSafe(|| Simulation::new(seed).run(400));
        if let Err(panic) = catch_unwind(run) {
            println!("replay with SIM_SEED={seed}");
            std::panic::resume_unwind(panic);
        }
    }
}
