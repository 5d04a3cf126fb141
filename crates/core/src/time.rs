//! A point in time that a simulation can make up.
//!
//! `std::time::Instant` cannot be constructed, so virtual time is impossible with it. A
//! [`Timestamp`] is the time since the gateway's start, from a monotonic clock that
//! `switchback-runtime` reads.

use std::ops::{Add, Sub};
use std::time::Duration;

/// Nanoseconds since the gateway's start; monotonic. 2⁶⁴ ns are 584 years.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The gateway's start.
    pub const START: Self = Self(0);

    /// The moment `since_start` after the start; saturates.
    pub fn from_start(since_start: Duration) -> Self {
        Self(u64::try_from(since_start.as_nanos()).unwrap_or(u64::MAX))
    }

    /// Nanoseconds since the start.
    pub fn as_nanos(self) -> u64 {
        self.0
    }

    /// How long after `earlier` this is; zero when it is before.
    pub fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, rhs: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(rhs.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl Sub for Timestamp {
    type Output = Duration;

    fn sub(self, rhs: Self) -> Duration {
        self.saturating_since(rhs)
    }
}
