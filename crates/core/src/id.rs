//! Indices that stand for things of one generation of the configuration.
//!
//! A name is for people and for the wire; inside, a pool and an endpoint are positions in a
//! vector, so that a pick compares and copies four bytes. An index means nothing in another
//! generation.

/// A pool's position in [`crate::plan::Plan::pools`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PoolIndex(pub u32);

/// An endpoint's position in [`crate::plan::PoolPlan::endpoints`].
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
