//! Smooth weighted round robin.
//!
//! nginx's algorithm (`ngx_http_upstream_round_robin.c`): everyone gains its weight in credit, the
//! richest is chosen and pays the total. Over one cycle each gets exactly its share, spread as
//! evenly as can be. Here it runs over the *classes* of equal weight, each of which weighs as much
//! as its members together, and within a class its members simply take turns: the shares are the
//! same, and the cost is that of the number of different weights.

use smallvec::SmallVec;

use super::{Candidates, Tried};
use crate::id::EndpointIndex;

/// The next in turn that was not tried; `None` if all were.
pub(crate) fn round_robin(candidates: &mut Candidates, tried: &Tried) -> Option<EndpointIndex> {
    let total = candidates.total;
    let classes = &mut candidates.classes;
    if let [only] = classes.as_mut_slice() {
        return only.next_untried(tried);
    }
    for class in classes.iter_mut() {
        class.credit += class.share();
    }
    let mut exhausted: SmallVec<[usize; 8]> = SmallVec::new();
    while exhausted.len() < classes.len() {
        let richest = (0..classes.len())
            .filter(|position| !exhausted.contains(position))
            .max_by_key(|&position| (classes[position].credit, std::cmp::Reverse(position)))?;
        if let Some(member) = classes[richest].next_untried(tried) {
            classes[richest].credit -= total;
            return Some(member);
        }
        exhausted.push(richest);
    }
    // Nobody was chosen, so nobody has gained.
    for class in classes.iter_mut() {
        class.credit -= class.share();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Weight;

    fn candidates(weights: &[u16]) -> Candidates {
        let mut candidates = Candidates::default();
        for (n, &weight) in weights.iter().enumerate() {
            candidates
                .insert(EndpointIndex(u32::try_from(n).unwrap()), Weight::new(weight).unwrap());
        }
        candidates
    }

    fn turns(candidates: &mut Candidates, tried: &Tried, count: usize) -> Vec<u32> {
        (0..count).map(|_| round_robin(candidates, tried).unwrap().0).collect()
    }

    #[test]
    fn equals_take_turns() {
        let mut candidates = candidates(&[3, 3, 3]);
        assert_eq!(turns(&mut candidates, &Tried::default(), 6), [0, 1, 2, 0, 1, 2]);
    }

    #[test]
    fn a_heavy_one_does_not_take_its_turns_in_a_row() {
        let mut candidates = candidates(&[5, 1, 1]);
        let cycle = turns(&mut candidates, &Tried::default(), 7);
        assert_eq!(cycle, [0, 1, 0, 0, 0, 2, 0]);
    }

    #[test]
    fn over_a_cycle_everyone_gets_exactly_its_share() {
        let weights = [7, 1, 3, 3, 10, 1];
        let mut candidates = candidates(&weights);
        for _ in 0..3 {
            let cycle = turns(&mut candidates, &Tried::default(), 25);
            for (n, &weight) in weights.iter().enumerate() {
                let got = cycle.iter().filter(|&&turn| turn as usize == n).count();
                assert_eq!(got, usize::from(weight), "endpoint {n}");
            }
        }
    }

    #[test]
    fn the_tried_are_passed_over_until_none_is_left() {
        let mut candidates = candidates(&[5, 1, 1]);
        let mut tried = Tried::default();
        let mut seen = Vec::new();
        while let Some(endpoint) = round_robin(&mut candidates, &tried) {
            seen.push(endpoint.0);
            tried.insert(endpoint);
        }
        seen.sort_unstable();
        assert_eq!(seen, [0, 1, 2]);
    }
}
