//! The better of two drawn at random.
//!
//! Two draws are enough to bring the longest queue from logarithmic down to doubly logarithmic
//! (Mitzenmacher, 2001), and unlike the true minimum they do not send everybody to the one endpoint
//! that has just come back.
//!
//! Both are drawn *by weight*, and the second from all but the first: chance must not decide that
//! there is no other. Of three endpoints, one pick in nine would otherwise go to an endpoint
//! whatever its load, and soon every client hang on one that hangs.
//!
//! Equal costs leave the first its place, so endpoints that cost alike get exactly their shares.
//! But measured costs are never equal, and a second draw that is different by force prefers the
//! light: of two endpoints with the weights 1 and 9, *both* are compared every time, and if noise
//! decides, each gets half. So a lighter one that is only a little cheaper wins with a probability
//! below 1, that of Metropolis and Hastings, in the form of Liu ("Metropolized Gibbs sampler",
//! 1996): what flows from one to the other then equals what flows back, and the shares stay. One
//! that is cheaper by half or more always wins; where the weights are equal, so does every cheaper
//! one.

use rand_core::RngCore;

use super::Candidates;
use super::random::draw;
use crate::id::EndpointIndex;

/// How many times as much the first must cost for the second to win for sure.
const CLEARLY: f64 = 2.0;

/// The one of two that fit which costs less, the first drawn if they cost the same; `None` if none
/// fits. Asks for at most two costs.
pub(crate) fn two_choices(
    candidates: &Candidates,
    cost: impl Fn(EndpointIndex) -> f64,
    fits: impl Fn(EndpointIndex) -> bool,
    rng: &mut impl RngCore,
) -> Option<EndpointIndex> {
    let (first, heavy) = draw(candidates, &fits, rng)?;
    if candidates.len() < 2 {
        return Some(first);
    }
    let other = draw(candidates, |endpoint| endpoint != first && fits(endpoint), rng);
    let Some((second, light)) = other else { return Some(first) };
    let (first_cost, second_cost) = (cost(first), cost(second));
    let cheaper = second_cost < first_cost;
    if !cheaper || light >= heavy || second_cost * CLEARLY <= first_cost {
        return Some(if cheaper { second } else { first });
    }
    let total = candidates.total() as f64;
    let rest = |weight: u16| (total - f64::from(weight)).max(0.0);
    let probability = rest(heavy.value()) / rest(light.value());
    // The upper 53 bits are what an f64 holds.
    let uniform = (rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
    Some(if uniform < probability { second } else { first })
}

#[cfg(test)]
mod tests;
