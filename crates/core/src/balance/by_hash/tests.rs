//! Who serves a key when its home does not.

use proptest::prelude::*;

use super::*;
use crate::balance::hash;
use crate::balance::testing::{candidates, endpoints, tally, weight};

fn tables(weights: &[u16]) -> [HashTable; 2] {
    let endpoints = endpoints(weights);
    [Balance::RingHash, Balance::Maglev].map(|balance| HashTable::new(balance, &endpoints).unwrap())
}

fn key(n: u32) -> u64 {
    hash(&n.to_le_bytes())
}

#[test]
fn a_key_stays_at_home_while_its_home_fits() {
    let candidates = candidates(&[1, 2, 3]);
    for table in tables(&[1, 2, 3]) {
        for n in 0..1000 {
            let found = by_hash(&table, key(n), &candidates, |_| true, |_| false);
            assert_eq!(found, table.walk(key(n)).next());
        }
    }
}

#[test]
fn keys_of_one_that_does_not_fit_spread_over_the_others() {
    let candidates = candidates(&[1; 5]);
    for table in tables(&[1; 5]) {
        let gone = EndpointIndex(2);
        let homeless = (0..20_000).map(key).filter(|&key| table.walk(key).next() == Some(gone));
        let picks = homeless.filter_map(|key| {
            by_hash(&table, key, &candidates, |endpoint| endpoint != gone, |_| false)
        });
        let got = tally(5, picks);
        let all: u32 = got.iter().sum();
        assert_eq!(got[2], 0);
        let least = got.iter().filter(|&&got| got > 0).min().unwrap();
        assert!(f64::from(*least) > 0.15 * f64::from(all), "{got:?}");
    }
}

#[test]
fn the_only_one_of_many_that_fits_is_found() {
    let weights = [1; 5000];
    for table in tables(&weights) {
        for only in [0, 1234, 4999].map(EndpointIndex) {
            let mut candidates = Candidates::default();
            candidates.insert(only, Weight::ONE);
            let found = by_hash(&table, key(1), &candidates, |_| true, |_| true);
            assert_eq!(found, Some(only), "the only candidate");
            let all = self::candidates(&weights);
            let found = by_hash(&table, key(1), &all, |endpoint| endpoint == only, |_| false);
            assert_eq!(found, Some(only), "a candidate among others");
        }
    }
}

#[test]
fn where_a_handful_is_left_few_are_asked() {
    let weights = [1; 5000];
    let mut few = Candidates::default();
    [17, 1700, 4000].map(EndpointIndex).into_iter().for_each(|n| few.insert(n, Weight::ONE));
    for table in tables(&weights) {
        for n in 0..100 {
            let asked = std::cell::Cell::new(0);
            let fits = |_| {
                asked.set(asked.get() + 1);
                true
            };
            assert!(by_hash(&table, key(n), &few, fits, |_| false).is_some());
            assert_eq!(asked.get(), 1);
        }
    }
}

#[test]
fn the_bound_is_never_exceeded_while_someone_is_below_it() {
    let weights = [1, 1, 2, 4];
    let candidates = candidates(&weights);
    for table in tables(&weights) {
        for factor in [1000, 1250, 2000] {
            let mut in_flight = [0_u32; 4];
            for n in 0..4000 {
                let bound = Bound {
                    factor: Ratio::per_mille(factor).unwrap(),
                    in_flight: n,
                    weight: candidates.total(),
                };
                let overloaded = |endpoint: EndpointIndex| {
                    bound.overloads(in_flight[endpoint.at()], weight(weights[endpoint.at()]))
                };
                // One key for everybody.
                let hash = if n % 4 == 0 { n } else { 7 };
                let found = by_hash(&table, hash, &candidates, |_| true, overloaded).unwrap();
                in_flight[found.at()] += 1;
                let part = f64::from(weights[found.at()]) / 8.0 * (n + 1) as f64;
                let most = (f64::from(factor) / 1000.0 * part).ceil();
                assert!(f64::from(in_flight[found.at()]) <= most, "{in_flight:?} of {n}");
            }
        }
    }
}

#[test]
fn if_all_are_overloaded_the_home_that_fits_serves() {
    let candidates = candidates(&[1; 4]);
    for table in tables(&[1; 4]) {
        for n in 0..200 {
            let home = table.walk(key(n)).next().unwrap();
            let fits = |endpoint| endpoint != home;
            let second = by_hash(&table, key(n), &candidates, fits, |_| false);
            assert_eq!(by_hash(&table, key(n), &candidates, fits, |_| true), second);
            assert_eq!(by_hash(&table, key(n), &candidates, |_| true, |_| true), Some(home));
        }
    }
}

proptest! {
    #[test]
    fn one_that_fits_is_found_if_there_is_one_and_below_the_bound_if_there_is_one(
        pool in prop::collection::vec((1_u16..20, any::<bool>(), any::<bool>(), any::<bool>()), 1..30),
        hash: u64,
    ) {
        let weights: Vec<u16> = pool.iter().map(|&(weight, ..)| weight).collect();
        let mut candidates = candidates(&weights);
        for (n, &(value, stays, ..)) in (0..).zip(&pool) {
            if !stays {
                candidates.remove(EndpointIndex(n), weight(value));
            }
        }
        let fits = |endpoint: EndpointIndex| pool[endpoint.at()].2;
        let overloaded = |endpoint: EndpointIndex| pool[endpoint.at()].3;
        for table in tables(&weights) {
            let found = by_hash(&table, hash, &candidates, fits, overloaded);
            let fitting: Vec<_> = candidates.members().filter(|&member| fits(member)).collect();
            prop_assert_eq!(found.is_some(), !fitting.is_empty());
            if let Some(found) = found {
                prop_assert!(fitting.contains(&found));
                let free = fitting.iter().any(|&member| !overloaded(member));
                prop_assert_eq!(overloaded(found), !free);
            }
            prop_assert_eq!(found, by_hash(&table, hash, &candidates, fits, overloaded));
        }
    }
}
