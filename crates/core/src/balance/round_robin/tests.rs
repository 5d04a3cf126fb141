//! Whose turn it is.

use super::*;
use crate::balance::Tried;
use crate::balance::testing::{candidates, tally};

fn turns(candidates: &mut Candidates, count: usize) -> Vec<u32> {
    (0..count).map(|_| round_robin(candidates, |_| true).unwrap().0).collect()
}

#[test]
fn equals_take_turns() {
    let mut candidates = candidates(&[3, 3, 3]);
    assert_eq!(turns(&mut candidates, 6), [0, 1, 2, 0, 1, 2]);
}

#[test]
fn a_heavy_one_does_not_take_its_turns_in_a_row() {
    let mut candidates = candidates(&[5, 1, 1]);
    assert_eq!(turns(&mut candidates, 7), [0, 1, 0, 0, 0, 2, 0]);
}

#[test]
fn over_a_cycle_everyone_gets_exactly_its_share() {
    for weights in [&[7, 1, 3, 3, 10, 1][..], &[1000, 1], &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]] {
        let mut candidates = candidates(weights);
        let cycle = weights.iter().copied().map(usize::from).sum();
        for _ in 0..3 {
            let picks = turns(&mut candidates, cycle).into_iter().map(EndpointIndex);
            let expected: Vec<u32> = weights.iter().copied().map(u32::from).collect();
            assert_eq!(tally(weights.len(), picks), expected);
        }
    }
}

#[test]
fn the_tried_are_passed_over_until_none_is_left() {
    let mut candidates = candidates(&[5, 1, 1]);
    let mut tried = Tried::default();
    let mut seen = Vec::new();
    while let Some(endpoint) = round_robin(&mut candidates, |endpoint| !tried.contains(endpoint)) {
        seen.push(endpoint.0);
        tried.insert(endpoint);
    }
    seen.sort_unstable();
    assert_eq!(seen, [0, 1, 2]);
}
