//! Who is there, and whose turn it is, while members come and go.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::balance::round_robin;
use crate::balance::testing::{self, tally, weight};

fn next(candidates: &mut Candidates) -> EndpointIndex {
    round_robin(candidates, |_| true).unwrap()
}

#[test]
fn one_that_leaves_costs_nobody_a_turn() {
    for leaves in 0..6 {
        let mut candidates = testing::candidates(&[1; 6]);
        for _ in 0..3 {
            next(&mut candidates);
        }
        candidates.remove(EndpointIndex(leaves), Weight::ONE);
        let left = if leaves < 3 { 3 } else { 2 };
        let mut rest: Vec<u32> = (0..left).map(|_| next(&mut candidates).0).collect();
        rest.sort_unstable();
        let expected: Vec<u32> = (3..6).filter(|&n| n != leaves).collect();
        assert_eq!(rest, expected, "{leaves} left");
    }
}

#[test]
fn those_that_are_full_after_every_turn_take_nobody_elses() {
    let mut candidates = testing::candidates(&[1; 5]);
    // 0 and 1 have room for one request, which is over before the next pick.
    let picks = (0..500).map(|_| {
        let endpoint = next(&mut candidates);
        if endpoint.0 < 2 {
            candidates.remove(endpoint, Weight::ONE);
            candidates.insert(endpoint, Weight::ONE);
        }
        endpoint
    });
    assert_eq!(tally(5, picks), [100; 5]);
}

#[test]
fn a_class_that_empties_keeps_its_debts() {
    // All alone in their classes, all full after every request.
    let weights = [5, 3, 2];
    let mut candidates = testing::candidates(&weights);
    let picks = (0..1000).map(|_| {
        let endpoint = next(&mut candidates);
        let weight = weight(weights[endpoint.at()]);
        candidates.remove(endpoint, weight);
        candidates.insert(endpoint, weight);
        endpoint
    });
    assert_eq!(tally(3, picks), [500, 300, 200]);
}

#[test]
fn a_pool_that_shrinks_shuts_nobody_out() {
    let weights: Vec<u16> = (0..1500).map(|n| if n < 1000 { 1 } else { 2 }).collect();
    for warm_up in 0..4 {
        let mut candidates = testing::candidates(&weights);
        for _ in 0..warm_up {
            next(&mut candidates);
        }
        for n in (1..1000).chain(1001..1500) {
            candidates.remove(EndpointIndex(n), weight(weights[n as usize]));
        }
        let picks = (0..300).map(|_| next(&mut candidates));
        let got = tally(1500, picks);
        assert!((90..=110).contains(&got[0]), "{} of 300", got[0]);
    }
}

#[test]
fn emptied_classes_do_not_pile_up() {
    let mut candidates = testing::candidates(&[1]);
    for value in 2..=1000 {
        candidates.insert(EndpointIndex(7), weight(value));
        candidates.remove(EndpointIndex(7), weight(value));
    }
    assert!(candidates.classes.len() <= CLASSES);
    assert_eq!(next(&mut candidates), EndpointIndex(0));
}

proptest! {
    #[test]
    fn it_holds_who_came_in_and_has_not_left(
        steps in prop::collection::vec((0_u32..12, 0_usize..3, 0_u8..3), 0..200),
    ) {
        let mut candidates = Candidates::default();
        let mut model: BTreeMap<u32, u16> = BTreeMap::new();
        for (n, class, action) in steps {
            let endpoint = EndpointIndex(n);
            match action {
                0 => {
                    let value = *model.entry(n).or_insert([1, 3, 10][class]);
                    candidates.insert(endpoint, weight(value));
                }
                1 => {
                    let value = model.remove(&n).unwrap_or(3);
                    candidates.remove(endpoint, weight(value));
                }
                _ => {
                    let picked = round_robin(&mut candidates, |endpoint| endpoint.0 % 2 == 0);
                    prop_assert_eq!(picked.is_some(), model.keys().any(|n| n % 2 == 0));
                    prop_assert!(picked.is_none_or(|picked| model.contains_key(&picked.0)));
                }
            }
            let mut members: Vec<u32> = candidates.members().map(|member| member.0).collect();
            members.sort_unstable();
            prop_assert!(members.iter().eq(model.keys()));
            prop_assert_eq!(candidates.len(), model.len());
            prop_assert_eq!(candidates.is_empty(), model.is_empty());
            prop_assert_eq!(candidates.total(), model.values().copied().map(i64::from).sum::<i64>());
            prop_assert_eq!(candidates.contains(endpoint), model.contains_key(&n));
        }
    }

    #[test]
    fn a_member_that_stays_has_one_turn_a_round(
        churn in prop::collection::vec((0_u32..8, any::<bool>()), 200),
    ) {
        // 8, 9 and 10 stay; the others come and go between the turns.
        let mut candidates = testing::candidates(&[1; 11]);
        let mut got = [0_i32; 11];
        for (n, comes) in churn {
            if comes {
                candidates.insert(EndpointIndex(n), Weight::ONE);
            } else {
                candidates.remove(EndpointIndex(n), Weight::ONE);
            }
            got[next(&mut candidates).at()] += 1;
            let stay = &got[8..];
            let (least, most) = (stay.iter().min(), stay.iter().max());
            prop_assert!(most.zip(least).is_some_and(|(most, least)| most - least <= 1));
            prop_assert!(got[..8].iter().all(|&other| other <= stay[0] + 1));
        }
    }

    #[test]
    fn wherever_it_starts_everybody_comes_once(
        weights in prop::collection::vec(1_u16..5, 0..20), from in -1_i64..100,
    ) {
        let candidates = testing::candidates(&weights);
        let all: Vec<_> = candidates.starting_at(from.max(0)).collect();
        prop_assert_eq!(all.first().copied(), candidates.at(from.max(0)).map(|(endpoint, _)| endpoint)
            .or_else(|| candidates.members().next()));
        prop_assert!(tally(weights.len(), all.into_iter()).iter().all(|&times| times == 1));
    }
}
