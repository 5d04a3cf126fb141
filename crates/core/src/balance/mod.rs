//! Choosing one endpoint among equals: those of one rung, tier and distance.
//!
//! Equals are kept by weight (`Candidates`), so that a choice costs by the number of *different
//! weights*, not of endpoints: the same with three endpoints as with ten thousand, except that a
//! ring is searched. The textbook forms walk all endpoints at every choice (nginx's smooth weighted
//! round robin), or keep a heap (Envoy's EDF scheduler).
//!
//! Each choice is told who *fits*: has not been tried by this request, and whatever else the pool
//! asks. That is asked at every draw, so it must be cheap. All of them promise the same: an
//! endpoint that fits is found if there is one, and none that does not fit is ever taken. Endpoints
//! that fit nobody — the full ones — leave the candidates and come back, rather than be asked for
//! again.

mod by_hash;
mod candidates;
mod hash;
mod least_requests;
mod maglev;
mod peak_ewma;
mod random;
mod ring_hash;
mod round_robin;
mod tried;
mod two_choices;

pub(crate) use by_hash::{Bound, HashTable, by_hash};
pub(crate) use candidates::Candidates;
pub use hash::hash;
pub(crate) use least_requests::least_requests;
use maglev::Maglev;
pub use peak_ewma::{Latency, Typical};
pub(crate) use random::random;
use ring_hash::HashRing;
pub(crate) use round_robin::round_robin;
pub use tried::Tried;
pub(crate) use two_choices::two_choices;

#[cfg(test)]
mod testing;
