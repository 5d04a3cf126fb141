//! Shares where costs say nothing, and none where they do.

use std::cell::RefCell;

use proptest::prelude::*;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::*;
use crate::balance::least_requests;
use crate::balance::testing::{assert_shares, candidates, tally, weight};

const WEIGHTS: [u16; 5] = [1, 2, 5, 9, 40];

#[test]
fn equal_costs_leave_the_shares_by_weight() {
    let candidates = candidates(&WEIGHTS);
    let mut rng = SmallRng::seed_from_u64(1);
    let picks = (0..100_000).filter_map(|_| two_choices(&candidates, |_| 1.0, |_| true, &mut rng));
    assert_shares(&tally(5, picks), &WEIGHTS);
}

#[test]
fn costs_that_differ_by_noise_alone_leave_the_shares_by_weight() {
    for weights in [&WEIGHTS[..], &[1, 9], &[1, 1, 1]] {
        let candidates = candidates(weights);
        let mut rng = SmallRng::seed_from_u64(2);
        let noise = RefCell::new(SmallRng::seed_from_u64(3));
        let cost = |_| noise.borrow_mut().random_range(1.0..1.9);
        let picks = (0..100_000).filter_map(|_| two_choices(&candidates, cost, |_| true, &mut rng));
        assert_shares(&tally(weights.len(), picks), weights);
    }
}

#[test]
fn one_that_costs_clearly_more_than_all_others_is_never_taken() {
    for weights in [&[1, 1, 1][..], &[1000, 1, 1]] {
        let candidates = candidates(weights);
        let mut rng = SmallRng::seed_from_u64(4);
        let cost = |endpoint: EndpointIndex| if endpoint.0 == 0 { 2.0 } else { 1.0 };
        for _ in 0..10_000 {
            let picked = two_choices(&candidates, cost, |_| true, &mut rng);
            assert_ne!(picked, Some(EndpointIndex(0)));
        }
    }
}

#[test]
fn least_requests_evens_out_what_is_in_flight_by_weight() {
    let candidates = candidates(&WEIGHTS);
    let mut rng = SmallRng::seed_from_u64(5);
    let mut in_flight = [0_u32; 5];
    for _ in 0..57_000 {
        let load =
            |endpoint: EndpointIndex| (in_flight[endpoint.at()], weight(WEIGHTS[endpoint.at()]));
        let picked = least_requests(&candidates, load, |_| true, &mut rng).unwrap();
        in_flight[picked.at()] += 1;
    }
    for (&in_flight, &weight) in in_flight.iter().zip(&WEIGHTS) {
        let of_share = f64::from(in_flight) / f64::from(weight) / 1000.0;
        assert!((0.99..1.01).contains(&of_share), "weight {weight}: {in_flight}");
    }
}

proptest! {
    #[test]
    fn one_that_fits_is_found_if_there_is_one(
        pool in prop::collection::vec((1_u16..=1000, any::<bool>(), 0.0..10.0), 0..20), seed: u64,
    ) {
        let weights: Vec<u16> = pool.iter().map(|&(weight, ..)| weight).collect();
        let candidates = candidates(&weights);
        let mut rng = SmallRng::seed_from_u64(seed);
        let fits = |endpoint: EndpointIndex| pool[endpoint.at()].1;
        let found = two_choices(&candidates, |endpoint| pool[endpoint.at()].2, fits, &mut rng);
        prop_assert_eq!(found.is_some(), pool.iter().any(|&(_, fits, _)| fits));
        prop_assert!(found.is_none_or(fits));
    }
}
