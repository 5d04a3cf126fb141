//! Distributions, against what they must be.

use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::SmallRng;

use super::*;
use crate::balance::testing::{assert_shares, candidates, tally};

const WEIGHTS: [u16; 6] = [1, 2, 5, 5, 10, 100];

#[test]
fn shares_are_by_weight() {
    let candidates = candidates(&WEIGHTS);
    let mut rng = SmallRng::seed_from_u64(1);
    let picks = (0..100_000).filter_map(|_| random(&candidates, |_| true, &mut rng));
    assert_shares(&tally(6, picks), &WEIGHTS);
}

#[test]
fn shares_among_those_that_fit_are_by_weight_however_few_they_are() {
    let candidates = candidates(&WEIGHTS);
    let mut rng = SmallRng::seed_from_u64(2);
    // The heaviest does not fit: a draw meets another in a fifth of all cases, and three in a
    // hundred picks end in the pass over all.
    for unfit in [&[5][..], &[2, 5], &[4, 5], &[1, 2, 3, 5]] {
        let fits = |endpoint: EndpointIndex| !unfit.contains(&endpoint.at());
        let picks = (0..100_000).filter_map(|_| random(&candidates, fits, &mut rng));
        let mut shares = WEIGHTS;
        unfit.iter().for_each(|&at| shares[at] = 0);
        assert_shares(&tally(6, picks), &shares);
    }
}

#[test]
fn the_pass_over_all_is_exact_by_itself() {
    let candidates = candidates(&WEIGHTS);
    let mut rng = SmallRng::seed_from_u64(3);
    let picks = (0..100_000)
        .filter_map(|_| among_all(&candidates, |_| true, &mut rng).map(|(endpoint, _)| endpoint));
    assert_shares(&tally(6, picks), &WEIGHTS);
}

proptest! {
    #[test]
    fn one_that_fits_is_found_if_there_is_one(
        pool in prop::collection::vec((1_u16..=1000, any::<bool>()), 0..50), seed: u64,
    ) {
        let (weights, fits): (Vec<u16>, Vec<bool>) = pool.into_iter().unzip();
        let candidates = candidates(&weights);
        let mut rng = SmallRng::seed_from_u64(seed);
        let found = random(&candidates, |endpoint| fits[endpoint.at()], &mut rng);
        prop_assert_eq!(found.is_some(), fits.contains(&true));
        prop_assert!(found.is_none_or(|endpoint| fits[endpoint.at()]));
    }
}
