//! Consistent hashing on a ring of points: ketama, as Pingora, nginx and libmemcached have it.
//!
//! An endpoint of weight 1 has 160 points, made from its address alone, so an endpoint that leaves
//! or comes moves only the keys that were or will be its own. (But for points that fall together,
//! in 32 bits: about 300 of 1.6 million, on a ring of ten thousand endpoints.) 160 points spread
//! the shares of equal endpoints by 1/√160, about 8 %, around their mean; a weight of *w* spreads
//! its own by 1/√(160 *w*).
//!
//! That gives an endpoint of weight 1000 a ring of 160,000 points, and ten thousand of those one of
//! 13 GB. So where the weights add up to more than [`UNITS`] *and* to more than twice the number of
//! endpoints, all are halved until they do not, and rounded, none to less than 1. Halved rather
//! than divided by what fits best, so that an endpoint more or less seldom changes the divisor; and
//! as a lesser weight has the first of the points of a greater, even then most keys stay.
//!
//! Pingora's ring answers with addresses, and each would have to be looked up. It is walked round
//! once instead, and only its search for a hash is used. That search hashes what it is given, by
//! CRC-32; it is given the hash of the key rather than the key, so the points are where nginx has
//! them, the keys are not.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use pingora_ketama::{Bucket, Continuum};

use crate::id::EndpointIndex;
use crate::plan::Weight;

/// The most that the weights on a ring add up to, unless there are more than half as many
/// endpoints: 655,360 points, in 8 MB.
const UNITS: u64 = 4096;

/// The points of an endpoint of weight 1.
const POINTS: usize = 160;

/// The most endpoints on a ring: Pingora's numbers them with 16 bits.
const ENDPOINTS: usize = 1 << 16;

/// A ring of endpoints.
#[derive(Clone)]
pub(crate) struct HashRing {
    continuum: Arc<Continuum>,
    /// Whose each point is, in the order of the ring.
    points: Arc<[EndpointIndex]>,
}

impl HashRing {
    /// The ring of these endpoints, no address twice. Those past the 65,536th are not on it.
    pub(crate) fn new(endpoints: &[(EndpointIndex, SocketAddr, Weight)]) -> Self {
        let endpoints = &endpoints[..endpoints.len().min(ENDPOINTS)];
        let divisor = divisor(endpoints.iter().map(|(_, _, weight)| *weight));
        let buckets: Vec<Bucket> = endpoints
            .iter()
            .map(|&(_, address, weight)| Bucket::new(address, units(weight, divisor)))
            .collect();
        let continuum = Continuum::new(&buckets);
        let by_address: HashMap<SocketAddr, EndpointIndex> =
            endpoints.iter().map(|&(endpoint, address, _)| (address, endpoint)).collect();
        let units = endpoints.iter().map(|&(_, _, weight)| units(weight, divisor) as usize);
        let mut points = Vec::with_capacity(POINTS * units.sum::<usize>());
        let mut position = 0;
        while let Some(address) = continuum.get_addr(&mut position) {
            points.extend(by_address.get(address));
            if position == 0 {
                break;
            }
        }
        Self { continuum: Arc::new(continuum), points: points.into() }
    }

    /// The endpoints from where `hash` falls, once round the ring. The same may come again, but not
    /// twice in a row.
    pub(crate) fn walk(&self, hash: u64) -> impl Iterator<Item = EndpointIndex> {
        let first = self.continuum.node_idx(&hash.to_le_bytes()).min(self.points.len());
        let (before, after) = self.points.split_at(first);
        let mut last = None;
        after
            .iter()
            .chain(before)
            .copied()
            .filter(move |&endpoint| last.replace(endpoint) != Some(endpoint))
    }
}

impl std::fmt::Debug for HashRing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HashRing").field("points", &self.points.len()).finish_non_exhaustive()
    }
}

/// The power of two by which these weights are divided.
fn divisor(weights: impl ExactSizeIterator<Item = Weight> + Clone) -> u32 {
    let most = UNITS.max(2 * weights.len() as u64);
    let mut divisor = 1;
    while weights.clone().map(|weight| u64::from(units(weight, divisor))).sum::<u64>() > most {
        divisor *= 2;
    }
    divisor
}

/// How many times the points of weight 1 an endpoint of this weight has.
fn units(weight: Weight, divisor: u32) -> u32 {
    ((u32::from(weight.value()) + divisor / 2) / divisor).max(1)
}

#[cfg(test)]
mod tests;
