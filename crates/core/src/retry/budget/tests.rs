//! The budget against a model that forgets nothing, and against what it promises.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::plan::Ratio;

fn at(millis: u64) -> Timestamp {
    Timestamp::from_start(Duration::from_millis(millis))
}

fn plan(per_mille: u16, floor: u32) -> RetryBudget {
    RetryBudget { ratio: Ratio::per_mille(per_mille).unwrap(), floor }
}

fn grants(budget: &mut Budget, plan: &RetryBudget, now: Timestamp, asked: usize) -> usize {
    (0..asked).filter(|_| budget.grant(plan, now)).count()
}

#[test]
fn a_fifth_of_the_requests_and_no_less_than_ten_a_second() {
    for (requests, granted) in [(0, 100), (504, 100), (1004, 200)] {
        let mut budget = Budget::default();
        (0..requests).for_each(|_| budget.request(at(500)));
        assert_eq!(grants(&mut budget, &RetryBudget::default(), at(900), 1000), granted);
    }
}

#[test]
fn without_a_floor_the_first_retry_waits_for_enough_requests() {
    let mut budget = Budget::default();
    let granted: Vec<_> = (0..10)
        .map(|_| {
            budget.request(at(0));
            budget.grant(&plan(200, 0), at(0))
        })
        .collect();
    assert_eq!(granted.iter().position(|&granted| granted), Some(4));
    assert_eq!(granted.iter().filter(|&&granted| granted).count(), 2);
}

#[test]
fn nothing_at_all_means_no_retry() {
    let mut budget = Budget::default();
    (0..1000).for_each(|_| budget.request(at(0)));
    assert!(!budget.grant(&plan(0, 0), at(0)));
}

#[test]
fn what_was_granted_comes_back_after_ten_seconds() {
    let mut budget = Budget::default();
    assert_eq!(grants(&mut budget, &plan(0, 1), at(1000), 20), 10);
    assert_eq!(grants(&mut budget, &plan(0, 1), at(10_999), 20), 0);
    assert_eq!(grants(&mut budget, &plan(0, 1), at(11_000), 20), 10);
}

#[test]
fn an_idle_hour_leaves_nothing() {
    let mut budget = Budget::default();
    (0..1000).for_each(|_| budget.request(at(0)));
    grants(&mut budget, &plan(200, 1), at(0), 50);
    assert!(!budget.grant(&plan(1000, 0), at(3_600_000)));
    assert_eq!(grants(&mut budget, &plan(200, 1), at(3_600_000), 50), 10);
    assert_eq!(budget.window(), (0, 10));
}

#[test]
fn a_clock_that_goes_back_counts_in_the_newest_second() {
    let mut budget = Budget::default();
    budget.request(at(60_000));
    (0..4).for_each(|_| budget.request(at(1000)));
    assert!(budget.grant(&plan(200, 0), at(0)));
    assert!(!budget.grant(&plan(200, 0), at(60_000)));
}

#[test]
fn huge_counts_do_not_overflow() {
    let full = Bucket { requests: u64::MAX, grants: u64::MAX };
    let mut budget = Budget { second: 9, buckets: [full; SECONDS] };
    budget.request(at(9000));
    assert!(!budget.grant(&plan(Ratio::MAX_PER_MILLE, u32::MAX), at(9000)));
    let many = Bucket { requests: u64::MAX, grants: 0 };
    let mut budget = Budget { second: 9, buckets: [many; SECONDS] };
    budget.request(at(9000));
    assert!(budget.grant(&plan(Ratio::MAX_PER_MILLE, u32::MAX), at(9000)));
    // The end of time is a second like any other.
    assert!(budget.grant(&plan(1000, u32::MAX), Timestamp::from_start(Duration::MAX)));
    assert_eq!(budget.window(), (0, 1));
}

/// Keeps every event of every second.
#[derive(Default)]
struct Model {
    requests: Vec<u64>,
    grants: Vec<u64>,
}

impl Model {
    fn of_window(events: &[u64], second: u64) -> u64 {
        events.iter().filter(|&&event| event + 10 > second).count() as u64
    }

    fn grant(&mut self, plan: &RetryBudget, second: u64) -> bool {
        let requests = Self::of_window(&self.requests, second);
        let share = requests * u64::from(plan.ratio.value()) / 1000;
        let allowed = share.max(u64::from(plan.floor) * 10);
        let granted = Self::of_window(&self.grants, second) < allowed;
        if granted {
            self.grants.push(second);
        }
        granted
    }
}

/// Milliseconds that pass, then requests and retries that come.
fn steps() -> impl Strategy<Value = Vec<(u64, u8, u8)>> {
    let pause = prop_oneof![4 => 0..50_u64, 3 => 0..3000_u64, 1 => 0..30_000_u64];
    proptest::collection::vec((pause, 0..8_u8, 0..8_u8), 1..200)
}

proptest! {
    #[test]
    fn it_decides_like_the_model_and_keeps_its_promises(
        steps in steps(),
        per_mille in prop_oneof![Just(0), Just(200), 0..=Ratio::MAX_PER_MILLE],
        floor in prop_oneof![Just(0), Just(1), 0..4_u32],
    ) {
        let plan = plan(per_mille, floor);
        let (mut budget, mut model, mut millis) = (Budget::default(), Model::default(), 0);
        for (pause, requests, retries) in steps {
            millis += pause;
            let second = millis / 1000;
            for _ in 0..requests {
                budget.request(at(millis));
                model.requests.push(second);
            }
            for _ in 0..retries {
                let granted = budget.grant(&plan, at(millis));
                prop_assert_eq!(granted, model.grant(&plan, second));
                let (requests, grants) = budget.window();
                if granted {
                    let share = requests * u64::from(per_mille);
                    prop_assert!(grants * 1000 <= share.max(u64::from(floor) * 10 * 1000));
                    // Over the whole run, in thousandths: elapsed is in milliseconds.
                    let requests = model.requests.len() as u64;
                    let bound =
                        requests * u64::from(per_mille) + u64::from(floor) * (millis + 10_000);
                    prop_assert!(model.grants.len() as u64 * 1000 <= bound);
                }
            }
        }
    }

    #[test]
    fn whatever_the_clock_does_nothing_breaks(
        times in proptest::collection::vec(any::<u64>(), 1..100),
    ) {
        let mut budget = Budget::default();
        for nanos in times {
            let now = Timestamp::from_start(Duration::from_nanos(nanos));
            budget.request(now);
            budget.grant(&plan(200, 1), now);
            let (requests, grants) = budget.window();
            prop_assert!(grants <= requests / 5 + 10);
        }
    }
}
