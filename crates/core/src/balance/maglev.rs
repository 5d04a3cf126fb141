//! Consistent hashing with a table: Maglev (Eisenbud et al., "Maglev: A Fast and Reliable Software
//! Network Load Balancer", NSDI 2016, section 3.4).
//!
//! Each endpoint has its own order of the table's slots, made from its address, and in turns each
//! takes the first of its order that is still free. So all shares are even to one slot, and one
//! lookup finds the endpoint of a key; a ring is ten times less even and searched. The price:
//! when an endpoint leaves, some keys of the *others* move too (a few per cent, the fewer the more
//! slots each has).
//!
//! By weight, as in Envoy, an endpoint of half the weight takes every other turn. Turns are kept in
//! a heap rather than by going round, which with one endpoint of weight 1000 among ten thousand of
//! weight 1 would go round ninety thousand times. Endpoints of one weight always come together, so the
//! heap is one of weights, and where all are equal it has one entry: a table is made whenever
//! somebody comes or goes, in a thousand pools at once when the gateway starts.
//!
//! A table has at least 100 slots an endpoint, as the paper advises, from few sizes: another size
//! moves every key, and so only a pool that outgrows its table pays that.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::hash;
use crate::id::EndpointIndex;
use crate::plan::Weight;

/// Slots of a table, four bytes each: primes, up to ten endpoints, 81, 655, 10,485 and more.
const SIZES: [u32; 5] = [1021, 8191, 65_537, 1_048_573, 8_388_593];

/// Slots for each endpoint, at least.
const SLOTS: usize = 100;

/// What an endpoint of weight 1 waits between two turns, and one of weight *w* a *w*-th of: rounded
/// by less than 2⁻³⁰, and all turns of the largest table fit in 64 bits.
const TURN: u64 = 1 << 40;

/// A table of endpoints.
#[derive(Clone)]
pub(crate) struct Maglev {
    slots: Arc<[EndpointIndex]>,
}

/// An endpoint that fills the table.
struct Filler {
    endpoint: EndpointIndex,
    /// The slot that it looks at next, and how far it goes from there.
    slot: usize,
    skip: usize,
    size: usize,
}

impl Maglev {
    /// The table of these endpoints, whatever their order.
    pub(crate) fn new(endpoints: &[(EndpointIndex, SocketAddr, Weight)]) -> Self {
        let size = size_for(endpoints.len());
        let mut endpoints = endpoints.to_vec();
        endpoints.sort_by_key(|&(_, address, _)| address);
        // Endpoints by weight; the weights in the order of their first endpoints.
        let mut classes: Vec<(Weight, Vec<Filler>)> = Vec::new();
        let mut class_of = HashMap::new();
        for (endpoint, address, weight) in endpoints {
            let class = *class_of.entry(weight).or_insert(classes.len());
            if class == classes.len() {
                classes.push((weight, Vec::new()));
            }
            classes[class].1.push(Filler::new(endpoint, address, size));
        }
        let mut turns: BinaryHeap<Reverse<(u64, usize)>> =
            (0..classes.len()).map(|class| Reverse((0, class))).collect();
        let mut slots: Arc<[EndpointIndex]> =
            (0..if classes.is_empty() { 0 } else { size }).map(|_| EndpointIndex(0)).collect();
        // Nobody else has it yet.
        let table = Arc::get_mut(&mut slots).unwrap_or_default();
        let mut free = table.len();
        let mut taken = vec![0; free.div_ceil(64)];
        while free > 0
            && let Some(mut next) = turns.peek_mut()
        {
            let Reverse((turn, class)) = &mut *next;
            let (weight, fillers) = &mut classes[*class];
            *turn += TURN / u64::from(weight.value());
            let turns = fillers.len().min(free);
            for filler in &mut fillers[..turns] {
                table[filler.next(&mut taken)] = filler.endpoint;
            }
            free -= turns;
        }
        Self { slots }
    }

    /// The endpoints of the slots from where `hash` falls, in an order of the hash's own, once
    /// through the table. The same may come again, but not twice in a row.
    pub(crate) fn walk(&self, hash: u64) -> impl Iterator<Item = EndpointIndex> {
        let size = self.slots.len() as u64;
        let (first, skip) = match size {
            0 => (0, 0),
            // The size is prime, so every skip comes to every slot.
            _ => (hash % size, 1 + hash / size % (size - 1).max(1)),
        };
        let mut slot = first;
        let mut last = None;
        (0..size)
            .map(move |_| {
                let at = slot;
                slot = (slot + skip) % size;
                self.slots[usize::try_from(at).unwrap_or(0)]
            })
            .filter(move |&endpoint| last.replace(endpoint) != Some(endpoint))
    }
}

impl Filler {
    fn new(endpoint: EndpointIndex, address: SocketAddr, size: usize) -> Self {
        let hash = hash(&name(address));
        let (offset, skip) = (hash >> 32, hash & u64::from(u32::MAX));
        let within =
            |number: u64, bound: usize| usize::try_from(number % bound.max(1) as u64).unwrap_or(0);
        Self { endpoint, slot: within(offset, size), skip: 1 + within(skip, size - 1), size }
    }

    /// The first slot of its order that is not taken, and takes it. As many slots as turns, and each
    /// order has them all: there is one. Bits, because nearly all of the work is to find the taken ones.
    fn next(&mut self, taken: &mut [u64]) -> usize {
        loop {
            let at = self.slot;
            self.slot += self.skip;
            if self.slot >= self.size {
                self.slot -= self.size;
            }
            let bit = 1 << (at % 64);
            if taken[at / 64] & bit == 0 {
                taken[at / 64] |= bit;
                return at;
            }
        }
    }
}

/// What an endpoint's order is made from.
fn name(address: SocketAddr) -> Vec<u8> {
    let mut name = match address.ip() {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    name.extend(address.port().to_be_bytes());
    name
}

/// The size of the table for so many endpoints.
fn size_for(endpoints: usize) -> usize {
    let enough = |&&size: &&u32| size as usize >= SLOTS * endpoints;
    let size = SIZES.iter().find(enough).unwrap_or(&SIZES[SIZES.len() - 1]);
    *size as usize
}

impl std::fmt::Debug for Maglev {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Maglev").field("slots", &self.slots.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
