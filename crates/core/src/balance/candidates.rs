//! The endpoints of one rung, tier and distance, kept by weight.
//!
//! Endpoints leave when they are full and come back with the next answer, so both cost the same
//! whatever the pool's size: a member's place is looked up, and the last member takes the place of
//! one that leaves. The order within a class is therefore nobody's; what round robin needs of it is
//! kept: who is before the cursor has had its turn, who is behind it has not.

use crate::id::EndpointIndex;
use crate::plan::Weight;

/// How many classes are kept before those without members are swept out.
const CLASSES: usize = 16;

/// A place that nobody has.
const NOWHERE: u32 = u32::MAX;

/// Endpoints that are equals but for their weight.
#[derive(Clone, Debug, Default)]
pub(crate) struct Candidates {
    /// One for each weight. One whose members have all left stays for their return, with its
    /// credit: an endpoint that is full after every request must not have its debts forgiven each
    /// time.
    pub(super) classes: Vec<Class>,
    /// Each endpoint's place within its class. Grows to the highest index that ever came in, so an
    /// emptied one should be kept rather than made anew.
    places: Vec<u32>,
    /// How many there are.
    len: usize,
    /// What all weigh together.
    total: i64,
}

/// The endpoints of one weight.
#[derive(Clone, Debug)]
pub(super) struct Class {
    pub(super) weight: Weight,
    /// Those before the cursor have had their turn in this round.
    pub(super) members: Vec<EndpointIndex>,
    /// Whose turn it is; past the last: a new round begins.
    cursor: usize,
    /// The smooth round robin's credit of the class.
    pub(super) credit: i64,
}

impl Class {
    /// The class's share: what its members weigh together.
    pub(super) fn share(&self) -> i64 {
        i64::from(self.weight.value()) * i64::try_from(self.members.len()).unwrap_or(i64::MAX)
    }

    /// The next member in turn that fits; looks at most at one more than do not. Those that it
    /// passes over have had their turn.
    pub(super) fn next(&mut self, fits: impl Fn(EndpointIndex) -> bool) -> Option<EndpointIndex> {
        for _ in 0..self.members.len() {
            if self.cursor == self.members.len() {
                self.cursor = 0;
            }
            let member = self.members[self.cursor];
            self.cursor += 1;
            if fits(member) {
                return Some(member);
            }
        }
        None
    }

    /// Takes a member in, as one that has had its turn. To put it behind those that wait would let
    /// two that come back after every request be each other's next for ever.
    fn insert(&mut self, endpoint: EndpointIndex, places: &mut [u32]) {
        self.members.push(endpoint);
        self.exchange(self.cursor, self.members.len() - 1, places);
        self.cursor += 1;
    }

    /// Lets the member at this place go, and everybody else keep the turn that is left to them.
    fn remove(&mut self, place: usize, places: &mut [u32]) {
        let mut place = place;
        if place < self.cursor {
            self.cursor -= 1;
            self.exchange(place, self.cursor, places);
            place = self.cursor;
        }
        let last = self.members.len() - 1;
        self.exchange(place, last, places);
        if let Some(gone) = self.members.pop() {
            places[gone.at()] = NOWHERE;
        }
    }

    fn exchange(&mut self, one: usize, other: usize, places: &mut [u32]) {
        self.members.swap(one, other);
        for place in [one, other] {
            places[self.members[place].at()] = u32::try_from(place).unwrap_or(NOWHERE);
        }
    }
}

impl Candidates {
    /// Takes an endpoint in; nothing happens if it is there already.
    pub(crate) fn insert(&mut self, endpoint: EndpointIndex, weight: Weight) {
        if self.contains(endpoint) {
            return;
        }
        if self.places.len() <= endpoint.at() {
            self.places.resize(endpoint.at() + 1, NOWHERE);
        }
        let class = self.class_of(weight);
        self.classes[class].insert(endpoint, &mut self.places);
        self.len += 1;
        self.total += i64::from(weight.value());
    }

    /// Lets an endpoint go, which came in with this weight; nothing happens if it is not there.
    pub(crate) fn remove(&mut self, endpoint: EndpointIndex, weight: Weight) {
        let Some(class) = self.classes.iter_mut().find(|class| class.weight == weight) else {
            return;
        };
        let Some(&place) = self.places.get(endpoint.at()) else { return };
        let place = place as usize;
        if class.members.get(place) != Some(&endpoint) {
            debug_assert!(!self.contains(endpoint), "{endpoint:?} came in with another weight");
            return;
        }
        class.remove(place, &mut self.places);
        self.len -= 1;
        self.total -= i64::from(weight.value());
    }

    /// Whether an endpoint is among them.
    pub(crate) fn contains(&self, endpoint: EndpointIndex) -> bool {
        self.places.get(endpoint.at()).is_some_and(|&place| place != NOWHERE)
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// What all weigh together.
    pub(crate) fn total(&self) -> i64 {
        self.total
    }

    /// A weight in relation to the average of those here: 1 for all where all are equal.
    pub(crate) fn relative(&self, weight: Weight) -> f64 {
        f64::from(weight.value()) * self.len().max(1) as f64 / self.total.max(1) as f64
    }

    /// All of them, in no order.
    #[cfg(any(test, debug_assertions))]
    pub(crate) fn members(&self) -> impl Iterator<Item = EndpointIndex> {
        self.classes.iter().flat_map(|class| class.members.iter().copied())
    }

    /// All of them, beginning with who lies at `at` when they lie side by side, each as wide as it
    /// is heavy; with the first when `at` is beyond the last.
    pub(super) fn starting_at(&self, at: i64) -> impl Iterator<Item = EndpointIndex> {
        let (class, member) = self.place_at(at).unwrap_or_default();
        let (before, after) = self.classes.split_at(class);
        let (done, rest) = match after.first() {
            Some(class) => class.members.split_at(member),
            None => (&[][..], &[][..]),
        };
        let others = after.iter().skip(1).chain(before).flat_map(|class| class.members.as_slice());
        rest.iter().chain(others).chain(done).copied()
    }

    /// Who lies at `at`, as in [`Self::starting_at`], and its weight.
    pub(super) fn at(&self, at: i64) -> Option<(EndpointIndex, Weight)> {
        let (class, member) = self.place_at(at)?;
        Some((self.classes[class].members[member], self.classes[class].weight))
    }

    fn place_at(&self, mut at: i64) -> Option<(usize, usize)> {
        for (position, class) in self.classes.iter().enumerate() {
            let share = class.share();
            if at < share {
                let member = usize::try_from(at / i64::from(class.weight.value())).ok()?;
                return Some((position, member));
            }
            at -= share;
        }
        None
    }

    /// The position of the class of this weight, made if there is none.
    fn class_of(&mut self, weight: Weight) -> usize {
        if let Some(position) = self.classes.iter().position(|class| class.weight == weight) {
            return position;
        }
        if self.classes.len() >= CLASSES {
            self.classes.retain(|class| !class.members.is_empty());
        }
        self.classes.push(Class { weight, members: Vec::new(), cursor: 0, credit: 0 });
        self.classes.len() - 1
    }
}

#[cfg(test)]
mod tests;
