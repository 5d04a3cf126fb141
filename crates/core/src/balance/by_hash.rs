//! By hash: the endpoint where a key is at home, or one near by.
//!
//! The ring or the table is made once, of all endpoints of a pool, and walked from where the key
//! falls; whoever is not among the candidates now, does not fit or is overloaded is passed over. So
//! when an endpoint fails, its keys alone go elsewhere, and come back with it.
//!
//! A walk is bounded: where a handful of ten thousand fits, a ring would be walked for long. What
//! follows is a pass over the candidates, from a place that the key decides, so one key still goes
//! to one endpoint as long as nothing changes. Nearly always it ends early too: those that fit
//! nobody are not among the candidates, and by weight fewer than 1 of *factor* can be overloaded.

use std::net::SocketAddr;

use super::random::scaled;
use super::{Candidates, HashRing, Maglev};
use crate::id::EndpointIndex;
use crate::plan::{Balance, Ratio, Weight};

/// How many steps a walk takes. Where a third of the weight serves, it ends without a find once in
/// 10¹¹ times; where a tenth does, once in a thousand.
const STEPS: usize = 64;

/// Where keys are at home.
#[derive(Clone, Debug)]
pub(crate) enum HashTable {
    /// On a ring.
    Ring(HashRing),
    /// In Maglev's table.
    Maglev(Maglev),
}

impl HashTable {
    /// The one that this algorithm asks for; `None` if it hashes nothing.
    pub(crate) fn new(
        balance: Balance,
        endpoints: &[(EndpointIndex, SocketAddr, Weight)],
    ) -> Option<Self> {
        match balance {
            Balance::RingHash => Some(Self::Ring(HashRing::new(endpoints))),
            Balance::Maglev => Some(Self::Maglev(Maglev::new(endpoints))),
            Balance::PeakEwma | Balance::LeastRequests | Balance::RoundRobin | Balance::Random => {
                None
            }
        }
    }

    /// The endpoints from the hash's home on.
    fn walk(&self, hash: u64) -> impl Iterator<Item = EndpointIndex> {
        let (ring, table) = match self {
            Self::Ring(ring) => (Some(ring.walk(hash)), None),
            Self::Maglev(table) => (None, Some(table.walk(hash))),
        };
        ring.into_iter().flatten().chain(table.into_iter().flatten())
    }
}

/// How much an endpoint may have in flight (Mirrokni, Thorup and Zadimoghaddam, "Consistent Hashing
/// with Bounded Loads", SODA 2018): *factor* times its part, by weight, of what all have, the next
/// request included, rounded up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bound {
    /// How many times the average.
    pub(crate) factor: Ratio,
    /// What the candidates have in flight together.
    pub(crate) in_flight: u64,
    /// What the candidates weigh together.
    pub(crate) weight: i64,
}

impl Bound {
    /// Whether an endpoint with so much in flight may have no more. With a factor of 1 or more,
    /// that is never so for all candidates.
    pub(crate) fn overloads(self, in_flight: u32, weight: Weight) -> bool {
        // in_flight + 1 > ⌈x⌉ means in_flight ≥ x.
        let all = u128::try_from(self.weight).unwrap_or(0) * 1000;
        let part = u128::from(self.factor.value())
            * (u128::from(self.in_flight) + 1)
            * u128::from(weight.value());
        u128::from(in_flight) * all >= part
    }
}

/// The endpoint for this hash: from its home on the first that fits and is not overloaded; if all
/// are, the first that fits. `None` if none does.
pub(crate) fn by_hash(
    table: &HashTable,
    hash: u64,
    candidates: &Candidates,
    fits: impl Fn(EndpointIndex) -> bool,
    overloaded: impl Fn(EndpointIndex) -> bool,
) -> Option<EndpointIndex> {
    let mut home = None;
    let mut serves = |endpoint: EndpointIndex| {
        if !fits(endpoint) {
            return false;
        }
        home.get_or_insert(endpoint);
        !overloaded(endpoint)
    };
    let here = |endpoint: &EndpointIndex| candidates.contains(*endpoint);
    let near = table.walk(hash).take(STEPS).filter(here).find(|&endpoint| serves(endpoint));
    near.or_else(|| {
        let from = scaled(hash, candidates.total())?;
        candidates.starting_at(from).find(|&endpoint| serves(endpoint))
    })
    .or(home)
}

#[cfg(test)]
mod tests;
