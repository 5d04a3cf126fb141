//! At random, by weight.

use rand_core::RngCore;

use super::Candidates;
use crate::id::EndpointIndex;
use crate::plan::Weight;

/// How often a draw may meet one that does not fit before all are looked at.
const DRAWS: usize = 16;

/// One that fits, each with a probability in exact proportion to its weight among those that fit;
/// `None` if none does.
///
/// Draws that meet one that does not fit are repeated; after sixteen, one pass over all chooses.
/// Both ways are exact, so their mixture is. Where the share *q* of the weight does not fit, the
/// pass comes with probability *q*¹⁶: never, but for a request that has tried nearly everyone.
pub(crate) fn random(
    candidates: &Candidates,
    fits: impl Fn(EndpointIndex) -> bool,
    rng: &mut impl RngCore,
) -> Option<EndpointIndex> {
    draw(candidates, fits, rng).map(|(endpoint, _)| endpoint)
}

/// As [`random`], with the weight.
pub(super) fn draw(
    candidates: &Candidates,
    fits: impl Fn(EndpointIndex) -> bool,
    rng: &mut impl RngCore,
) -> Option<(EndpointIndex, Weight)> {
    let total = candidates.total();
    for _ in 0..DRAWS {
        let drawn = candidates.at(below(total, rng)?)?;
        if fits(drawn.0) {
            return Some(drawn);
        }
    }
    among_all(candidates, fits, rng)
}

/// Chooses in one pass: the next that fits replaces the chosen one with the probability that it has
/// among those so far (Chao, "A General Purpose Unequal Probability Sampling Plan", 1982).
fn among_all(
    candidates: &Candidates,
    fits: impl Fn(EndpointIndex) -> bool,
    rng: &mut impl RngCore,
) -> Option<(EndpointIndex, Weight)> {
    let mut so_far = 0;
    let mut chosen = None;
    for class in &candidates.classes {
        let weight = i64::from(class.weight.value());
        for &member in class.members.iter().filter(|&&member| fits(member)) {
            so_far += weight;
            if below(so_far, rng)? < weight {
                chosen = Some((member, class.weight));
            }
        }
    }
    chosen
}

/// A number from 0 up to `bound`, uniform but for a bias below 2⁻³² (Lemire, "Fast Random Integer
/// Generation in an Interval", 2019, without its rejection step); `None` if there is no such
/// number.
fn below(bound: i64, rng: &mut impl RngCore) -> Option<i64> {
    scaled(rng.next_u64(), bound)
}

/// Where `random`, of 2⁶⁴, falls among `bound`.
pub(super) fn scaled(random: u64, bound: i64) -> Option<i64> {
    let bound = u64::try_from(bound).ok().filter(|&bound| bound > 0)?;
    let product = u128::from(random) * u128::from(bound);
    i64::try_from(product >> 64).ok()
}

#[cfg(test)]
mod tests;
