//! The fewer requests in flight, of two drawn at random.
//!
//! The two are drawn by weight ([`two_choices()`]) and compared by requests in flight *per weight*:
//! idle endpoints so get exactly their shares, busy ones even out. (Comparing what a next request
//! would make of each favours the heavy twice.)

use rand_core::RngCore;

use super::{Candidates, two_choices};
use crate::id::EndpointIndex;
use crate::plan::Weight;

/// One that fits; `None` if none does. `load` tells the requests in flight and the weight.
pub(crate) fn least_requests(
    candidates: &Candidates,
    load: impl Fn(EndpointIndex) -> (u32, Weight),
    fits: impl Fn(EndpointIndex) -> bool,
    rng: &mut impl RngCore,
) -> Option<EndpointIndex> {
    // Equal fractions are equal here too: a division of floats is rounded correctly.
    let cost = |endpoint| {
        let (in_flight, weight) = load(endpoint);
        f64::from(in_flight) / f64::from(weight.value())
    };
    two_choices(candidates, cost, fits, rng)
}
