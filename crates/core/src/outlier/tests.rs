//! What becomes of pools under traffic, in virtual time and from seeds.

use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::*;
use crate::time::Timestamp;

/// A pool whose requests come evenly spaced and go anywhere.
struct Traffic {
    plan: EjectionPlan,
    pool: Window,
    records: Vec<Record>,
    between: Duration,
    now: Timestamp,
    rng: SmallRng,
}

impl Traffic {
    fn new(endpoints: usize, per_second: u32, seed: u64) -> Self {
        let plan = EjectionPlan::default();
        let mut rng = SmallRng::seed_from_u64(seed);
        Self {
            pool: Window::of(&plan),
            records: vec![Record::of(&plan); endpoints],
            between: Duration::from_secs(1) / per_second,
            now: Timestamp::from_start(Duration::from_millis(rng.random_range(0..1_000))),
            plan,
            rng,
        }
    }

    /// A request; endpoints fail at these rates. Tells who got it and what would come of it.
    fn request(&mut self, failing: &[f64]) -> (usize, Option<Cause>) {
        self.now = self.now + self.between;
        let at = self.rng.random_range(0..self.records.len());
        let ok = !self.rng.random_bool(failing[at]);
        let record = &mut self.records[at];
        record.observe(ok, &mut self.pool, self.now);
        let cause = if ok { None } else { record.verdict(&self.plan, &self.pool, self.now) };
        (at, cause)
    }

    fn run(&mut self, requests: usize, failing: &[f64]) -> Vec<(usize, Cause)> {
        (0..requests)
            .filter_map(|_| {
                let (at, cause) = self.request(failing);
                cause
                    .inspect(|_| self.records[at].withdraw(&mut self.pool))
                    .map(|cause| (at, cause))
            })
            .collect()
    }

    /// After twenty good seconds the first endpoint fails at this rate: how many of its own requests
    /// until it is found out, and how. Panics if another is.
    fn found_out(&mut self, rate: f64, rest: f64) -> (u32, Cause) {
        let mut failing = vec![rest; self.records.len()];
        let good = Duration::from_secs(20).as_nanos() / self.between.as_nanos();
        for _ in 0..good {
            self.request(&failing);
        }
        failing[0] = rate;
        let mut own = 0;
        loop {
            let (at, cause) = self.request(&failing);
            own += u32::from(at == 0);
            if let Some(cause) = cause {
                assert_eq!(at, 0, "a good endpoint was ejected: {cause}");
                return (own, cause);
            }
        }
    }
}

#[test]
fn errors_that_all_endpoints_have_eject_hardly_anybody_in_four_million_requests() {
    let ejected: usize = [10, 30, 100, 1_000]
        .map(|per_second| Traffic::new(3, per_second, 1).run(1_000_000, &[0.2; 3]).len())
        .iter()
        .sum();
    assert!(ejected <= 2, "{ejected}");
}

#[test]
fn an_endpoint_with_30_percent_errors_leaves_within_some_fifty_of_its_requests() {
    for (endpoints, median_at_most, p95_at_most) in [(2, 60, 95), (3, 45, 70), (10, 42, 58)] {
        for own_per_second in [10, 30] {
            let per_second = own_per_second * u32::try_from(endpoints).unwrap();
            let mut needed: Vec<_> = (0..200)
                .map(|seed| Traffic::new(endpoints, per_second, seed).found_out(0.3, 0.0).0)
                .collect();
            needed.sort_unstable();
            let (median, p95) = (needed[100], needed[190]);
            assert!(median <= median_at_most, "{endpoints}: median {median}");
            assert!(p95 <= p95_at_most, "{endpoints}: 95 % {p95}");
        }
    }
}

#[test]
fn an_endpoint_that_always_fails_leaves_after_five_or_as_soon_as_another_has_succeeded() {
    for endpoints in [2, 3, 10] {
        let mut needed: Vec<_> = (0..100)
            .map(|seed| {
                let found = Traffic::new(endpoints, 100, seed).found_out(1.0, 0.0);
                assert_eq!(found.1, Cause::Consecutive, "seed {seed}");
                found.0
            })
            .collect();
        needed.sort_unstable();
        assert!(needed[0] == 5 && needed[90] == 5 && needed[99] <= 10, "{needed:?}");
    }
}

#[test]
fn an_outage_of_everything_ejects_nobody_and_neither_does_its_end() {
    for seed in 0..100 {
        let mut traffic = Traffic::new(3, 100, seed);
        for failing in [[0.0; 3], [1.0; 3], [0.0; 3], [1.0; 3], [0.0; 3]] {
            assert_eq!(traffic.run(1_500, &failing), [], "seed {seed}, {failing:?}");
        }
    }
}

#[test]
fn two_dead_of_three_are_found_out_although_most_of_the_pool_fails() {
    for seed in 0..100 {
        let mut traffic = Traffic::new(3, 100, seed);
        traffic.run(2_000, &[0.0; 3]);
        let mut out: Vec<_> =
            traffic.run(300, &[1.0, 1.0, 0.0]).into_iter().map(|(at, _)| at).collect();
        out.sort_unstable();
        out.dedup();
        assert_eq!(out, [0, 1], "seed {seed}");
    }
}

#[test]
fn a_burst_of_failures_within_a_second_is_no_rate() {
    let mut traffic = Traffic::new(3, 300, 1);
    traffic.now = Timestamp::START;
    traffic.plan.consecutive = std::num::NonZeroU32::MAX;
    traffic.run(3_000, &[0.0; 3]);
    assert_eq!(traffic.run(290, &[0.4, 0.0, 0.0]), []);
    assert_eq!(traffic.run(6_000, &[0.0; 3]), []);
}

#[test]
fn what_an_ejected_endpoint_did_excuses_nobody() {
    let mut traffic = Traffic::new(3, 100, 1);
    traffic.run(1_000, &[0.0; 3]);
    traffic.run(100, &[1.0, 0.0, 0.0]);
    let [failed, ..] = &mut traffic.records[..] else { panic!("three endpoints") };
    failed.withdraw(&mut traffic.pool);
    assert_eq!(traffic.pool.totals(traffic.now).failed, 0);
}

#[test]
fn traffic_alone_ejects_half_of_a_pool_at_least_one_and_never_the_last() {
    let plan = EjectionPlan::default();
    for (endpoints, allowed) in
        [(0, 0), (1, 0), (2, 1), (3, 1), (4, 2), (5, 2), (10, 5), (10_000, 5_000)]
    {
        assert_eq!(allowance(&plan, endpoints), allowed, "{endpoints}");
    }
    let share = |per_mille| EjectionPlan {
        max_ejected: crate::plan::Ratio::per_mille(per_mille).unwrap(),
        ..EjectionPlan::default()
    };
    assert_eq!(allowance(&share(0), 10), 1);
    assert_eq!(allowance(&share(1_000), 10), 9);
}

#[test]
fn the_words_are_all_different() {
    let words: std::collections::BTreeSet<_> =
        Cause::ALL.iter().map(|cause| cause.as_str()).collect();
    assert_eq!(words.len(), Cause::ALL.len());
}
