//! Whether an endpoint can be reached at all: a connection that failed holds it back for a moment.
//!
//! An ejection says where traffic should rather not go; this says that going there now is in vain. The
//! two differ when nothing better is left: a request may well be tried at an ejected endpoint, but a
//! thousand requests a second need not knock at a closed door. So after a failed connection nobody goes
//! there for a moment (100 ms, then twice as long up to 250 ms, so that a restart is noticed well within
//! a client's patience), then one request *knocks*, and only when it has got through do the others
//! follow. Those that have nowhere else to go wait for that in the pool's queue. It is the half-open
//! state of a circuit breaker (Nygard, "Release It!", 2007), with nothing to tune.

use std::time::Duration;

use crate::time::Timestamp;

/// The first hold.
const FIRST: Duration = Duration::from_millis(100);
/// The longest.
const LONGEST: Duration = Duration::from_millis(250);

/// Whether connections to an endpoint can be made, as far as is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Yes, or nobody knows better.
    #[default]
    Open,
    /// Not before then.
    Held { until: Timestamp, hold: Duration },
    /// One request may knock.
    Ajar { hold: Duration },
    /// It is knocking.
    Knocking { hold: Duration },
}

impl Reach {
    /// Whether a request may go there.
    pub(crate) fn may_go(self) -> bool {
        matches!(self, Self::Open | Self::Ajar { .. })
    }

    /// Whether it is known of no trouble.
    pub(crate) fn is_open(self) -> bool {
        self == Self::Open
    }

    /// When time changes it.
    pub(crate) fn next_change(self) -> Option<Timestamp> {
        match self {
            Self::Held { until, .. } => Some(until),
            _ => None,
        }
    }

    /// A connection could not be made; `knocked`: by the one request that was let go there.
    #[must_use]
    pub(crate) fn failed(self, knocked: bool, now: Timestamp) -> Self {
        let hold = match self {
            Self::Open => FIRST,
            Self::Knocking { hold } if knocked => (hold * 2).min(LONGEST),
            // Of an attempt that began before the hold: known already.
            Self::Held { .. } | Self::Ajar { .. } | Self::Knocking { .. } => return self,
        };
        Self::Held { until: now + hold, hold }
    }

    /// Time has passed.
    #[must_use]
    pub(crate) fn advance(self, now: Timestamp) -> Self {
        match self {
            Self::Held { until, hold } if until <= now => Self::Ajar { hold },
            other => other,
        }
    }

    /// A request goes there.
    #[must_use]
    pub(crate) fn picked(self) -> Self {
        match self {
            Self::Ajar { hold } => Self::Knocking { hold },
            other => other,
        }
    }

    /// The request that knocked has ended without an answer to the question.
    #[must_use]
    pub(crate) fn unknown(self) -> Self {
        match self {
            Self::Knocking { hold } => Self::Ajar { hold },
            other => other,
        }
    }

    /// Something else than a request got through: a probe, whose port may be another one.
    #[must_use]
    pub(crate) fn promising(self) -> Self {
        match self {
            Self::Held { .. } | Self::Knocking { .. } => Self::Ajar { hold: FIRST },
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_start(Duration::from_millis(millis))
    }

    #[test]
    fn one_knocks_at_a_time_and_less_and_less_often() {
        let mut reach = Reach::Open.failed(false, at(0));
        let mut knocks = Vec::new();
        for millis in 0..1000 {
            reach = reach.advance(at(millis));
            if reach.may_go() {
                knocks.push(millis);
                reach = reach.picked();
                assert!(!reach.may_go());
                reach = reach.failed(true, at(millis));
            }
        }
        assert_eq!(knocks, [100, 300, 550, 800]);
    }

    #[test]
    fn a_failure_from_before_does_not_prolong_the_hold() {
        let held = Reach::Open.failed(false, at(0));
        assert_eq!(held.failed(false, at(90)), held);
        let knocking = held.advance(at(100)).picked();
        assert_eq!(knocking.failed(false, at(101)), knocking);
    }

    #[test]
    fn a_knock_without_a_result_may_be_repeated() {
        let knocking = Reach::Open.failed(false, at(0)).advance(at(100)).picked();
        assert!(knocking.unknown().may_go());
        assert!(Reach::Open.failed(false, at(0)).promising().may_go());
    }
}
