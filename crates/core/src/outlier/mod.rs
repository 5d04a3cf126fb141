//! Passive health: what live traffic says of an endpoint, and what is done about it.
//!
//! Three parts, each usable without the others:
//!
//! - a [`Record`] of an endpoint's attempts, beside a [`Window`] of its whole pool's;
//! - the [`verdict()`]: whether the record is bad *compared to the rest of the pool's*. What every
//!   endpoint does alike is no reason to eject one, for then nobody would be left to do better;
//! - the [`Ejection`]: how long an endpoint stays away, and the probation by which it comes back.
//!
//! A pool calls them in this order, for an attempt whose outcome is the endpoint's doing:
//!
//! 1. [`Record::observe`], while the endpoint is [in](State::In); [`Ejection::attempt_ended`]
//!    always, unless [`Ejection::defer`] takes its place;
//! 2. after a failure, [`Record::verdict`]; a success ejects nobody and costs nothing more;
//! 3. if there is a cause and the [`allowance`] is not used up, [`Ejection::eject`] and
//!    [`Record::withdraw`].
//!
//! The rejected alternatives are a threshold on failures alone (nginx's `max_fails`, where errors
//! common to all endpoints switch all of them off) and Envoy's standard deviation over the endpoints'
//! rates, which needs at least five of them and much traffic on each to mean anything.

mod ejection;
mod record;
mod verdict;
mod window;

use crate::plan::EjectionPlan;

pub use ejection::{Ejection, State, TrialEnd};
pub use record::Record;
pub use verdict::{Run, verdict};
pub use window::{Counts, Window};

/// Why an endpoint is left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// A connection to it could not be made.
    Connection,
    /// Attempts failed in a row.
    Consecutive,
    /// Its success rate fell clearly below the rest of its pool's.
    SuccessRate,
    /// It asked for it (RFC 9110, section 10.2.3).
    RetryAfter,
}

impl Cause {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::Connection, Self::Consecutive, Self::SuccessRate, Self::RetryAfter];

    /// The word in logs, metrics and the admin API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::Consecutive => "consecutive_failures",
            Self::SuccessRate => "success_rate",
            Self::RetryAfter => "retry_after",
        }
    }
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How many of a pool's endpoints traffic alone may have ejected at once: the plan's share, at least
/// one, and never the last.
pub fn allowance(plan: &EjectionPlan, endpoints: usize) -> usize {
    let share = plan.max_ejected.of(u64::try_from(endpoints).unwrap_or(u64::MAX));
    usize::try_from(share).unwrap_or(usize::MAX).max(1).min(endpoints.saturating_sub(1))
}

#[cfg(test)]
mod tests;
