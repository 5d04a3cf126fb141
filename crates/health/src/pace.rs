//! Whether a pool's probes keep their interval, told when it changes and not for each probe.
//!
//! Being late by less than one interval is no news: the next round makes up for it. Back at the pace
//! is only who has not been late for a minute or an interval, whichever is longer, so that a pool at
//! its limit says so once and not at each turn of the tide.

use std::time::Duration;

use tokio::time::Instant;

const QUIET: Duration = Duration::from_secs(60);

/// How a pool's probes keep up.
#[derive(Debug)]
pub(crate) struct Pace {
    interval: Duration,
    /// When a probe was last too late; `None` while the interval is kept.
    late: Option<Instant>,
}

/// What has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// A probe has been due for longer than an interval.
    FellBehind,
    /// None has been for a while.
    CaughtUp,
}

impl Pace {
    /// The interval is kept until shown otherwise.
    pub(crate) fn new(interval: Duration) -> Self {
        Self { interval, late: None }
    }

    /// Takes in how late the latest probe is that still waits for a slot.
    pub(crate) fn observe(&mut self, lag: Duration, now: Instant) -> Option<Change> {
        if lag > self.interval {
            return self.late.replace(now).is_none().then_some(Change::FellBehind);
        }
        let quiet = now.saturating_duration_since(self.late?);
        if quiet < QUIET.max(self.interval) {
            return None;
        }
        self.late = None;
        Some(Change::CaughtUp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn falling_behind_is_told_once_and_catching_up_after_a_minute() {
        let start = Instant::now();
        let mut pace = Pace::new(2 * SECOND);
        let mut at = |second: u32, lag: u32| pace.observe(SECOND * lag, start + SECOND * second);
        assert_eq!(at(0, 2), None, "an interval late is not yet too late");
        assert_eq!(at(1, 3), Some(Change::FellBehind));
        assert_eq!(at(2, 9), None);
        assert_eq!(at(40, 0), None);
        assert_eq!(at(50, 3), None, "late again within the minute");
        assert_eq!(at(109, 0), None);
        assert_eq!(at(110, 1), Some(Change::CaughtUp));
        assert_eq!(at(500, 0), None);
        assert_eq!(at(501, 3), Some(Change::FellBehind));
    }
}
