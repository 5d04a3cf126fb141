//! What failures of live traffic lead to: ejection, waiting, retries.

use std::num::NonZeroU32;
use std::time::Duration;

use super::{Ratio, StatusSet};

/// What live traffic does to an endpoint's status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EjectionPlan {
    /// Whether it does anything.
    pub enabled: bool,
    /// Failed attempts in a row that eject.
    pub consecutive: NonZeroU32,
    /// Answers that count as failures when the success rate is taken.
    pub statuses: StatusSet,
    /// Over which time the success rate is taken.
    pub window: Duration,
    /// The fewest attempts in that time that a rate is taken of.
    pub min_requests: NonZeroU32,
    /// How far below the rate of the rest of its pool an endpoint's may fall.
    pub tolerance: Ratio,
    /// How long the first ejection lasts; each that follows, twice as long as the one before.
    pub time: Duration,
    /// How long one lasts at most.
    pub max_time: Duration,
    /// How much of the pool traffic alone may eject; always one, except the last.
    pub max_ejected: Ratio,
    /// Requests that must succeed, one at a time, before an endpoint is trusted again.
    pub probation: NonZeroU32,
}

impl Default for EjectionPlan {
    /// Five failures in a row are Envoy's and no accident. The rate over 10 s takes at least 20
    /// requests, and 20 percentage points are more than chance makes of them. 10 s double up to
    /// 5 min. Half of a pool is left, because what has gone wrong on more of it is seldom the endpoints'.
    fn default() -> Self {
        let count = |n: u32| NonZeroU32::MIN.saturating_add(n - 1);
        Self {
            enabled: true,
            consecutive: count(5),
            statuses: StatusSet { ranges: vec![(500, 599)] },
            window: Duration::from_secs(10),
            min_requests: count(20),
            tolerance: Ratio(200),
            time: Duration::from_secs(10),
            max_time: Duration::from_secs(300),
            max_ejected: Ratio(500),
            probation: count(5),
        }
    }
}

/// Requests that wait until an endpoint has room for them, or is back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueuePlan {
    /// How many may wait; 0: none.
    pub size: u32,
    /// For how long each.
    pub timeout: Duration,
}

impl Default for QueuePlan {
    /// A second is what a restart takes and a client hardly notices.
    fn default() -> Self {
        Self { size: 1024, timeout: Duration::from_secs(1) }
    }
}

/// How many retries the requests of a pool may cause together, over ten seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryBudget {
    /// Of the requests.
    pub ratio: Ratio,
    /// No less than so many for each second.
    pub floor: u32,
}

impl Default for RetryBudget {
    /// Finagle's and linkerd's: a fifth on top is what a pool that fails can bear, and ten a second
    /// keep one with little traffic from being refused its only retry.
    fn default() -> Self {
        Self { ratio: Ratio(200), floor: 10 }
    }
}

/// When a failed attempt is followed by another (`docs/DEFAULTS.md` argues each default).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Whether any attempt is ever followed by another.
    pub enabled: bool,
    /// Attempts after something may have been sent, the first included. 1: none is repeated.
    /// Connection failures do not count; they may go round the whole pool.
    pub attempts: NonZeroU32,
    /// Answers that count as failures of the endpoint.
    pub statuses: StatusSet,
    /// The wait before the second retry after an attempt that burdened its endpoint (one with a
    /// connection); none before the first, twice as long before each that follows. Each is drawn between half of that and all of it.
    pub backoff: Duration,
    /// The longest such wait.
    pub max_backoff: Duration,
    /// Whether a request with an `Idempotency-Key` may be repeated whatever its method: only where
    /// the application honours that header.
    pub trust_idempotency_key: bool,
    /// Whether *any* request may be repeated: only where executing one twice does no harm.
    pub non_idempotent: bool,
}

impl Default for RetryPolicy {
    /// On: three attempts, on the three answers with which an application or another proxy says
    /// that it could not serve. 500 is left out, because it may be the honest answer.
    fn default() -> Self {
        Self {
            enabled: true,
            attempts: NonZeroU32::MIN.saturating_add(2),
            statuses: StatusSet { ranges: vec![(502, 504)] },
            backoff: Duration::from_millis(25),
            max_backoff: Duration::from_millis(250),
            trust_idempotency_key: false,
            non_idempotent: false,
        }
    }
}
