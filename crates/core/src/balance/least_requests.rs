//! The fewer requests in flight, of two drawn at random.
//!
//! Two draws are enough to bring the longest queue from logarithmic down to doubly logarithmic
//! (Mitzenmacher, 2001), and unlike the true minimum they do not send everybody to the one endpoint
//! that has just come back. Both are drawn *by weight*, and compared by requests in flight *per
//! weight*: idle endpoints so get exactly their shares, busy ones even out. (Comparing what a next
//! request would make of each favours the heavy twice.)

use rand_core::RngCore;

use super::{Candidates, Tried};
use crate::endpoint::Endpoint;
use crate::id::EndpointIndex;

/// How often a draw may meet a tried endpoint before the rest is searched.
const DRAWS: usize = 4;

/// One that was not tried; `None` if all were.
pub(crate) fn least_requests(
    candidates: &Candidates,
    endpoints: &[Endpoint],
    tried: &Tried,
    rng: &mut impl RngCore,
) -> Option<EndpointIndex> {
    let mut draw = |not: Option<EndpointIndex>| {
        let fits = |endpoint| Some(endpoint) != not && !tried.contains(endpoint);
        (0..DRAWS)
            .filter_map(|_| candidates.draw(rng))
            .find(|&endpoint| fits(endpoint))
            // Chance must not decide that there is no other: one pick in a hundred would go to an
            // endpoint of a small pool whatever its load, and soon every client hang on one that hangs.
            .or_else(|| candidates.any(fits, rng))
    };
    let first = draw(None)?;
    let Some(second) = draw(Some(first)) else { return Some(first) };
    let load = |endpoint: EndpointIndex, other: EndpointIndex| {
        u64::from(endpoints[endpoint.at()].in_flight)
            * u64::from(endpoints[other.at()].plan.weight.value())
    };
    Some(if load(second, first) < load(first, second) { second } else { first })
}
