//! The endpoints of one rung and tier, kept by weight.

use rand_core::RngCore;

use super::Tried;
use crate::id::EndpointIndex;
use crate::plan::Weight;

/// Endpoints that are equals but for their weight.
#[derive(Clone, Debug, Default)]
pub(crate) struct Candidates {
    /// One for each weight; none is empty.
    pub(super) classes: Vec<Class>,
    /// What all weigh together.
    pub(super) total: i64,
}

/// The endpoints of one weight.
#[derive(Clone, Debug)]
pub(super) struct Class {
    weight: Weight,
    /// In the order of the file.
    members: Vec<EndpointIndex>,
    /// Whose turn it is, for round robin.
    cursor: usize,
    /// The smooth round robin's credit of the class.
    pub(super) credit: i64,
}

impl Class {
    /// The class's share: what its members weigh together.
    pub(super) fn share(&self) -> i64 {
        i64::from(self.weight.value()) * i64::try_from(self.members.len()).unwrap_or(i64::MAX)
    }

    /// The next member in turn that was not tried; looks at most at one more than were tried.
    pub(super) fn next_untried(&mut self, tried: &Tried) -> Option<EndpointIndex> {
        for _ in 0..self.members.len() {
            let member = self.members[self.cursor];
            self.cursor = (self.cursor + 1) % self.members.len();
            if !tried.contains(member) {
                return Some(member);
            }
        }
        None
    }
}

impl Candidates {
    pub(crate) fn insert(&mut self, endpoint: EndpointIndex, weight: Weight) {
        let class = match self.classes.iter_mut().position(|class| class.weight == weight) {
            Some(at) => &mut self.classes[at],
            None => {
                let members = Vec::with_capacity(1);
                self.classes.push(Class { weight, members, cursor: 0, credit: 0 });
                let last = self.classes.len() - 1;
                &mut self.classes[last]
            }
        };
        if let Err(at) = class.members.binary_search(&endpoint) {
            class.members.insert(at, endpoint);
            self.total += i64::from(weight.value());
            if at < class.cursor {
                class.cursor += 1;
            }
        }
    }

    pub(crate) fn remove(&mut self, endpoint: EndpointIndex, weight: Weight) {
        let Some(position) = self.classes.iter().position(|class| class.weight == weight) else {
            return;
        };
        let class = &mut self.classes[position];
        if let Ok(at) = class.members.binary_search(&endpoint) {
            class.members.remove(at);
            self.total -= i64::from(weight.value());
            if at < class.cursor || class.cursor == class.members.len() {
                class.cursor = class.cursor.saturating_sub(1);
            }
        }
        if class.members.is_empty() {
            self.classes.remove(position);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.classes.is_empty()
    }

    #[cfg(any(test, debug_assertions))]
    pub(crate) fn members(&self) -> impl Iterator<Item = EndpointIndex> {
        self.classes.iter().flat_map(|class| class.members.iter().copied())
    }

    /// One at random, by weight.
    pub(super) fn draw(&self, rng: &mut impl RngCore) -> Option<EndpointIndex> {
        let mut at = below(self.total, rng)?;
        for class in &self.classes {
            let share = class.share();
            if at < share {
                let position = at / i64::from(class.weight.value());
                return usize::try_from(position).ok().map(|member| class.members[member]);
            }
            at -= share;
        }
        None
    }

    /// Any that fits, beginning at a random place; for when drawing meets only those that do not.
    /// Looks at most at one more than those.
    pub(super) fn any(
        &self,
        fits: impl Fn(EndpointIndex) -> bool,
        rng: &mut impl RngCore,
    ) -> Option<EndpointIndex> {
        let classes = self.classes.len();
        let first = usize::try_from(below(i64::try_from(classes).ok()?, rng)?).ok()?;
        (0..classes).map(|offset| &self.classes[(first + offset) % classes]).find_map(|class| {
            let members = class.members.len();
            let first = usize::try_from(below(i64::try_from(members).ok()?, rng)?).ok()?;
            (0..members)
                .map(|offset| class.members[(first + offset) % members])
                .find(|&member| fits(member))
        })
    }
}

/// A number from 0 up to `bound`, uniform but for a bias below 2⁻³² (Lemire, "Fast Random Integer
/// Generation in an Interval", 2019, without its rejection step); `None` if there is no such number.
pub(super) fn below(bound: i64, rng: &mut impl RngCore) -> Option<i64> {
    let bound = u64::try_from(bound).ok().filter(|&bound| bound > 0)?;
    let product = u128::from(rng.next_u64()) * u128::from(bound);
    i64::try_from(product >> 64).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_go_on_in_order_when_members_come_and_go() {
        let mut candidates = Candidates::default();
        let none = Tried::default();
        for n in [0, 2, 4] {
            candidates.insert(EndpointIndex(n), Weight::ONE);
        }
        let next = |candidates: &mut Candidates| {
            candidates.classes[0].next_untried(&none).map(|endpoint| endpoint.0)
        };
        assert_eq!(next(&mut candidates), Some(0));
        candidates.insert(EndpointIndex(1), Weight::ONE);
        assert_eq!(next(&mut candidates), Some(1));
        candidates.remove(EndpointIndex(0), Weight::ONE);
        assert_eq!(next(&mut candidates), Some(2));
        candidates.remove(EndpointIndex(4), Weight::ONE);
        assert!(next(&mut candidates).is_some());
        candidates.remove(EndpointIndex(1), Weight::ONE);
        candidates.remove(EndpointIndex(2), Weight::ONE);
        assert!(candidates.is_empty());
    }
}
