//! Choosing one endpoint among equals: those of one rung and tier.
//!
//! Equals are kept by weight ([`Candidates`]), so that a choice costs by the number of *different
//! weights*, not of endpoints: the same with three endpoints as with ten thousand. The textbook
//! forms of both algorithms here walk all endpoints at every choice (nginx's smooth weighted round
//! robin), or keep a heap (Envoy's EDF scheduler).

mod candidates;
mod least_requests;
mod round_robin;
mod tried;

pub(crate) use candidates::Candidates;
pub(crate) use least_requests::least_requests;
pub(crate) use round_robin::round_robin;
pub use tried::Tried;
