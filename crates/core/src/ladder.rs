//! The ladder: on which rung an endpoint stands, and so when it is picked.
//!
//! A pick takes the best rung that still has an endpoint which the request has not tried; within a
//! rung the lowest tier. So a failover tier is used before an endpoint whose probes fail, and when
//! everything looks dead, the request is still tried before a 503 is made up: a health endpoint can
//! be wrong about all of a pool at once. There is no panic threshold (Envoy's
//! `healthy_panic_threshold`) to tune, and pools of one, two and three endpoints behave.

use crate::endpoint::Status;

/// A rung; the smaller, the better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rung {
    /// Known to answer.
    Healthy,
    /// Not known yet: gets traffic only if nothing healthier is left.
    Pending,
    /// Known to fail its probes: the last that is tried.
    Failing,
}

impl From<Status> for Rung {
    fn from(status: Status) -> Self {
        match status {
            Status::Healthy => Self::Healthy,
            Status::Pending => Self::Pending,
            Status::Failing => Self::Failing,
        }
    }
}
