//! Indices that stand for things of the configuration.
//!
//! A name is for people and for the wire; inside, a pool and an endpoint are positions in a
//! vector, so that a pick compares and copies four bytes. A pool's index means nothing in another
//! generation; an endpoint's place does, as long as it stays.

/// A pool's position in [`crate::plan::Plan::pools`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PoolIndex(pub u32);

/// An endpoint's place in its [`crate::Pool`]: its own for as long as a configuration names it and
/// beyond, until its last attempt has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EndpointIndex(pub u32);

impl PoolIndex {
    /// The position, as a slice index.
    pub fn at(self) -> usize {
        self.0 as usize
    }
}

impl EndpointIndex {
    /// The position, as a slice index.
    pub fn at(self) -> usize {
        self.0 as usize
    }
}
