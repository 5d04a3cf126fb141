//! Random pools, and what an operator makes of them.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use switchback_core::plan::{
    Admin, Balance, EndpointPlan, HealthPlan, PoolPlan, QueuePlan, RetryPolicy, Weight,
};
use switchback_core::{Pool, Timestamp};

use super::{Backend, Behavior, World};

const ALGORITHMS: [Balance; 6] = [
    Balance::PeakEwma,
    Balance::LeastRequests,
    Balance::RoundRobin,
    Balance::Random,
    Balance::RingHash,
    Balance::Maglev,
];

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let mut rng = SmallRng::seed_from_u64(seed);
        let largest = if rng.random_bool(0.1) { 200 } else { 6 };
        let count = rng.random_range(1..=largest);
        let endpoints = (0..count).map(|n| endpoint(n, &mut rng)).collect();
        let mut plan = PoolPlan::of("sim", endpoints);
        plan.balance = ALGORITHMS[rng.random_range(0..ALGORITHMS.len())];
        plan.health = rng.random_bool(0.9).then(|| HealthPlan {
            rise: NonZeroU32::new(rng.random_range(1..4)).unwrap(),
            fall: NonZeroU32::new(rng.random_range(1..4)).unwrap(),
            ..HealthPlan::default()
        });
        plan.ejection.enabled = rng.random_bool(0.9);
        plan.ejection.consecutive = NonZeroU32::new(rng.random_range(1..6)).unwrap();
        plan.queue = QueuePlan {
            size: *[0, 2, 1024].get(rng.random_range(0..3)).unwrap(),
            timeout: Duration::from_secs(1),
        };
        if rng.random_bool(0.2) {
            plan.slow_start.duration = Duration::ZERO;
        }
        let policy = RetryPolicy {
            attempts: NonZeroU32::new(rng.random_range(1..5)).unwrap(),
            ..RetryPolicy::default()
        };
        let well = Backend { behavior: Behavior::Answers, lies: false };
        Self {
            pool: Pool::new(&plan, Timestamp::START),
            backends: vec![well; usize::from(count)],
            requests: Vec::new(),
            begun: 0,
            granted_retries: 0,
            now: Timestamp::START,
            plan,
            policy,
            rng,
        }
    }

    /// The plan with something changed: an endpoint more, one less, or one that is another.
    pub(super) fn next_plan(&mut self) -> PoolPlan {
        let mut plan = self.plan.clone();
        match self.rng.random_range(0..4) {
            0 => {
                let n = self.rng.random_range(0..1000);
                let new = endpoint(n, &mut self.rng);
                if plan.endpoints.iter().all(|known| known.address != new.address) {
                    plan.endpoints.push(new);
                }
            }
            1 if plan.endpoints.len() > 1 => {
                let at = self.rng.random_range(0..plan.endpoints.len());
                plan.endpoints.remove(at);
            }
            2 => {
                let at = self.rng.random_range(0..plan.endpoints.len());
                let address = plan.endpoints[at].address;
                plan.endpoints[at] = endpoint(0, &mut self.rng);
                plan.endpoints[at].address = address;
            }
            _ => plan.balance = ALGORITHMS[self.rng.random_range(0..ALGORITHMS.len())],
        }
        plan
    }
}

fn endpoint(n: u16, rng: &mut SmallRng) -> EndpointPlan {
    let weight = *[1, 1, 1, 2, 10].get(rng.random_range(0..5)).unwrap();
    let limit = |rng: &mut SmallRng| {
        let limited = rng.random_bool(0.2);
        limited.then(|| NonZeroU32::new(rng.random_range(1..4)).unwrap())
    };
    EndpointPlan {
        weight: Weight::new(weight).unwrap(),
        tier: if rng.random_bool(0.2) { rng.random_range(0..3) } else { 0 },
        far: rng.random_bool(0.2),
        max_requests: limit(rng),
        max_connections: limit(rng),
        admin: match rng.random_range(0..20) {
            0 => Admin::Drain,
            1 => Admin::Disabled,
            _ => Admin::Enabled,
        },
        ..EndpointPlan::at(SocketAddr::from(([127, 0, 0, 1], 1000 + n)))
    }
}
