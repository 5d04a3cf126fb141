//! Smooth weighted round robin.
//!
//! nginx's algorithm (`ngx_http_upstream_round_robin.c`): everyone gains its weight in credit, the
//! richest is chosen and pays the total. Over one cycle each gets exactly its share, spread as
//! evenly as can be. Here it runs over the *classes* of equal weight, each of which weighs as much
//! as its members together, and within a class its members simply take turns: the shares are the
//! same, and the cost is that of the number of different weights.

use smallvec::SmallVec;

use super::Candidates;
use crate::id::EndpointIndex;

/// How many totals a class may have in credit or debt. Without changes nobody comes near it; when
/// most of a pool has left at once, what is left of the old, larger credit must not shut anyone
/// out.
const CYCLES: i64 = 8;

/// The next in turn that fits; `None` if none does.
pub(crate) fn round_robin(
    candidates: &mut Candidates,
    fits: impl Fn(EndpointIndex) -> bool,
) -> Option<EndpointIndex> {
    let total = candidates.total();
    let classes = &mut candidates.classes;
    if let [only] = classes.as_mut_slice() {
        return only.next(fits);
    }
    for class in classes.iter_mut() {
        let most = total * CYCLES;
        class.credit = (class.credit + class.share()).clamp(-most, most);
    }
    let mut exhausted: SmallVec<[usize; 8]> = SmallVec::new();
    while exhausted.len() < classes.len() {
        let richest = (0..classes.len())
            .filter(|position| !exhausted.contains(position))
            .max_by_key(|&position| (classes[position].credit, std::cmp::Reverse(position)))?;
        if let Some(member) = classes[richest].next(&fits) {
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
mod tests;
