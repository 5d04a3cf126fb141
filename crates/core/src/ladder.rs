//! The ladder: on which rung an endpoint stands, and so when it is picked.
//!
//! A pick takes the best rung that has an endpoint with room which the request has not tried; within a
//! rung the lowest tier, and of that the gateway's own zone first. So a failover tier is used before an
//! endpoint whose probes fail; when the few healthy ones are full, the overflow goes down the ladder
//! instead of crushing them; and when everything looks dead, the request is still tried before a 503 is
//! made up: a health endpoint can be wrong about all of a pool at once. There is no panic threshold
//! (Envoy's `healthy_panic_threshold`) to tune, and pools of one, two and three endpoints behave.

use crate::endpoint::Status;

/// A rung; the smaller, the better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rung {
    /// Known to answer.
    Healthy,
    /// Not known yet: gets traffic only if nothing healthier is left.
    Pending,
    /// Asked to get nothing new, and still serving.
    Draining,
    /// Back from an ejection, and not yet trusted: gets a trickle, and what nobody better can take.
    Probation,
    /// Live traffic failed there.
    Ejected,
    /// Its probes fail: the last that is tried.
    Failing,
}

impl Rung {
    /// The rung of a status; a disabled endpoint stands on none.
    pub fn of(status: Status) -> Option<Self> {
        match status {
            Status::Healthy => Some(Self::Healthy),
            Status::Pending => Some(Self::Pending),
            Status::Draining => Some(Self::Draining),
            Status::Probation => Some(Self::Probation),
            Status::Ejected => Some(Self::Ejected),
            Status::Failing => Some(Self::Failing),
            Status::Disabled => None,
        }
    }
}

/// What is used up before the next is touched: a rung, a tier on it, and a distance within the tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Step {
    pub(crate) rung: Rung,
    pub(crate) tier: u8,
    /// Whether it is in another zone than the gateway.
    pub(crate) far: bool,
}
