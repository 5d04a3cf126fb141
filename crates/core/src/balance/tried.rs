//! The endpoints that a request has tried, and so does not go to again in this round.

use smallvec::SmallVec;

use crate::id::EndpointIndex;

/// A set of endpoints; cheap while it is small, and still linear when a request goes round a pool
/// of thousands.
#[derive(Clone, Debug, Default)]
pub struct Tried {
    list: SmallVec<[EndpointIndex; 6]>,
    /// A bit an endpoint, once the list is longer than it holds in place.
    bits: Vec<u64>,
}

impl Tried {
    /// Adds an endpoint.
    pub fn insert(&mut self, endpoint: EndpointIndex) {
        if self.contains(endpoint) {
            return;
        }
        self.list.push(endpoint);
        if self.list.spilled() {
            if self.bits.is_empty() {
                for index in 0..self.list.len() {
                    self.set_bit(self.list[index]);
                }
            } else {
                self.set_bit(endpoint);
            }
        }
    }

    /// Whether it was tried.
    pub fn contains(&self, endpoint: EndpointIndex) -> bool {
        if self.bits.is_empty() {
            return self.list.contains(&endpoint);
        }
        let (word, bit) = (endpoint.at() / 64, endpoint.at() % 64);
        self.bits.get(word).is_some_and(|bits| bits >> bit & 1 == 1)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = EndpointIndex> {
        self.list.iter().copied()
    }

    fn set_bit(&mut self, endpoint: EndpointIndex) {
        let (word, bit) = (endpoint.at() / 64, endpoint.at() % 64);
        if self.bits.len() <= word {
            self.bits.resize(word + 1, 0);
        }
        self.bits[word] |= 1 << bit;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_holds_what_was_put_in_small_or_large() {
        for count in [0_u32, 1, 6, 7, 8, 200] {
            let mut tried = Tried::default();
            for endpoint in (0..count).map(|n| EndpointIndex(n * 3)) {
                tried.insert(endpoint);
                tried.insert(endpoint);
            }
            assert_eq!(tried.iter().count(), count as usize);
            for n in 0..count * 3 {
                assert_eq!(tried.contains(EndpointIndex(n)), n % 3 == 0, "{n} of {count}");
            }
        }
    }
}
