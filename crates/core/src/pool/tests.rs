//! Picks and events on small pools.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use rand::SeedableRng;
use rand::rngs::SmallRng;

use super::*;
use crate::plan::{EndpointPlan, Timeouts, Weight};

fn pool(endpoints: &[(u16, u8)], balance: Balance, probed: bool) -> Pool {
    let endpoints = endpoints
        .iter()
        .enumerate()
        .map(|(n, &(weight, tier))| EndpointPlan {
            address: SocketAddr::from(([127, 0, 0, 1], u16::try_from(n).unwrap() + 1)),
            weight: Weight::new(weight).unwrap(),
            tier,
        })
        .collect();
    let plan = PoolPlan {
        name: "web".into(),
        endpoints,
        balance,
        health: probed.then(HealthPlan::default),
        timeouts: Timeouts::default(),
        tls: None,
        host: None,
    };
    Pool::new(&plan, Timestamp::START)
}

fn probe(pool: &mut Pool, endpoint: u32, results: &str) {
    for result in results.chars() {
        let event = Event::Probed { endpoint: EndpointIndex(endpoint), pass: result == '+' };
        let _ = pool.apply(event, Timestamp::START);
        pool.check_invariants().unwrap();
    }
}

/// Picks until none is left, and tells in which order.
fn order(pool: &mut Pool) -> Vec<u32> {
    let mut rng = SmallRng::seed_from_u64(1);
    let mut tried = Tried::default();
    let mut order = Vec::new();
    while let Some(endpoint) = pool.pick(&tried, &mut rng) {
        order.push(endpoint.0);
        tried.insert(endpoint);
    }
    order
}

#[test]
fn the_healthy_come_first_then_the_pending_and_the_failing_last() {
    for balance in [Balance::RoundRobin, Balance::LeastRequests] {
        let mut pool = pool(&[(1, 0), (1, 0), (1, 0)], balance, true);
        probe(&mut pool, 0, "-");
        probe(&mut pool, 2, "+");
        assert_eq!(order(&mut pool), [2, 1, 0]);
    }
}

#[test]
fn a_higher_tier_comes_before_a_lower_one_that_fails() {
    let mut pool = pool(&[(1, 0), (1, 1), (1, 2)], Balance::RoundRobin, true);
    for endpoint in 0..3 {
        probe(&mut pool, endpoint, "+");
    }
    assert_eq!(order(&mut pool), [0, 1, 2]);
    probe(&mut pool, 0, "---");
    assert_eq!(order(&mut pool), [1, 2, 0]);
    probe(&mut pool, 0, "++");
    assert_eq!(order(&mut pool), [0, 1, 2]);
}

#[test]
fn without_probes_everyone_is_healthy() {
    let pool = pool(&[(1, 0), (1, 0)], Balance::RoundRobin, false);
    assert_eq!(pool.count(Status::Healthy), 2);
}

#[test]
fn a_change_tells_from_where_to_where_and_since_when() {
    let mut pool = pool(&[(1, 0)], Balance::RoundRobin, true);
    let at = |seconds| Timestamp::from_start(std::time::Duration::from_secs(seconds));
    let endpoint = EndpointIndex(0);
    let pass = Event::Probed { endpoint, pass: true };
    let fail = Event::Probed { endpoint, pass: false };
    let change = |from, to, since| Some(StatusChange { endpoint, from, to, since });
    assert_eq!(
        pool.apply(pass, at(1)).change,
        change(Status::Pending, Status::Healthy, Timestamp::START)
    );
    let once = pool.apply(fail, at(2));
    assert_eq!(once, Effects { change: None, probe_soon: true });
    let _ = pool.apply(fail, at(3));
    assert_eq!(pool.apply(fail, at(4)).change, change(Status::Healthy, Status::Failing, at(1)));
}

#[test]
fn idle_endpoints_get_their_shares_from_least_requests() {
    let mut pool = pool(&[(1, 0), (2, 0), (5, 0)], Balance::LeastRequests, false);
    let mut rng = SmallRng::seed_from_u64(3);
    let mut got = BTreeMap::new();
    for _ in 0..80_000 {
        let endpoint = pool.pick(&Tried::default(), &mut rng).unwrap();
        *got.entry(endpoint.0).or_insert(0) += 1;
        let ended = Event::Ended { endpoint, outcome: Outcome::Completed };
        let _ = pool.apply(ended, Timestamp::START);
    }
    // Chi-square with two degrees of freedom: 13.8 is passed by chance once in a thousand times.
    let expected = [10_000.0, 20_000.0, 50_000.0];
    let chi_square: f64 = (0..3_u32)
        .map(|n| {
            let difference = f64::from(got[&n]) - expected[n as usize];
            difference * difference / expected[n as usize]
        })
        .sum();
    assert!(chi_square < 13.8, "{got:?}: chi-square {chi_square}");
}

#[test]
fn least_requests_leaves_the_busy_alone() {
    let mut pool = pool(&[(1, 0), (1, 0)], Balance::LeastRequests, false);
    let mut rng = SmallRng::seed_from_u64(3);
    let mut tried_one = Tried::default();
    tried_one.insert(EndpointIndex(1));
    for _ in 0..10 {
        pool.pick(&tried_one, &mut rng);
    }
    for _ in 0..10 {
        pool.pick(&Tried::default(), &mut rng);
    }
    let in_flight: Vec<_> = pool.endpoints().iter().map(|endpoint| endpoint.in_flight).collect();
    assert!(in_flight[0] <= 11 && in_flight[1] >= 9, "{in_flight:?}");
}

#[test]
fn least_requests_never_takes_the_busier_of_three_by_chance() {
    let mut pool = pool(&[(1, 0), (1, 0), (1, 0)], Balance::LeastRequests, false);
    let mut rng = SmallRng::seed_from_u64(5);
    let mut others = Tried::default();
    others.insert(EndpointIndex(1));
    others.insert(EndpointIndex(2));
    for _ in 0..100 {
        pool.pick(&others, &mut rng);
    }
    for _ in 0..50_000 {
        let endpoint = pool.pick(&Tried::default(), &mut rng).unwrap();
        assert_ne!(endpoint, EndpointIndex(0), "it has a hundred in flight, the others none");
        let ended = Event::Ended { endpoint, outcome: Outcome::Completed };
        let _ = pool.apply(ended, Timestamp::START);
    }
}
