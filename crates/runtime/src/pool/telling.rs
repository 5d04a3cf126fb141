//! Which changes of an endpoint's status are told in the log.
//!
//! Each of them is, with why, as long as they are few. An endpoint that fails and recovers many times a
//! second (a probe that passes ends an ejection at once, and the next connection fails) would write without
//! end; so twenty are told at once and one more every ten seconds, as a bucket that leaks (GCRA; ITU-T
//! I.371, annex A.1). Of those that are not told, one line tells ten seconds after the first: how many there were,
//! and how the endpoint stands now. So the last line of an endpoint always says how it stands.

use std::time::Duration;

use switchback_core::Timestamp;

/// Told at once, by an endpoint that has been quiet.
const BURST: u32 = 20;
/// Told in the long run: one in this time.
pub(super) const INTERVAL: Duration = Duration::from_secs(10);

/// What has been told of an endpoint.
#[derive(Debug, Default)]
pub(super) struct Telling {
    /// When all of the burst is there again.
    full: Timestamp,
    withheld: u64,
}

/// What is done about a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tell {
    /// It is told.
    Now,
    /// It is not; [`Telling::sum_up`] is due an [`INTERVAL`] from now.
    Later,
    /// It is not; somebody has been asked to sum up.
    Counted,
}

impl Telling {
    pub(super) fn change(&mut self, now: Timestamp) -> Tell {
        let full = self.full.max(now);
        if self.withheld == 0 && full - now <= INTERVAL * (BURST - 1) {
            self.full = full + INTERVAL;
            return Tell::Now;
        }
        self.withheld += 1;
        if self.withheld == 1 { Tell::Later } else { Tell::Counted }
    }

    /// How many changes were not told. They are by this, with one line.
    pub(super) fn sum_up(&mut self, now: Timestamp) -> u64 {
        self.full = self.full.max(now) + INTERVAL;
        std::mem::take(&mut self.withheld)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: f64) -> Timestamp {
        Timestamp::from_start(Duration::from_secs_f64(seconds))
    }

    #[test]
    fn changes_now_and_then_are_all_told() {
        let mut telling = Telling::default();
        for n in 0..100 {
            assert_eq!(telling.change(at(f64::from(n) * 10.0)), Tell::Now);
        }
        let burst = (0..BURST).all(|_| telling.change(at(5_000.0)) == Tell::Now);
        assert!(burst, "and many at once, after a while");
    }

    #[test]
    fn an_endpoint_that_never_rests_is_summed_up() {
        let (mut telling, mut lines, mut told) = (Telling::default(), 0, 0);
        let mut due = None;
        for n in 0..60_000 {
            let now = at(f64::from(n) / 100.0);
            if due.is_some_and(|due| due <= now) {
                due = None;
                lines += 1;
                told += telling.sum_up(now);
            }
            match telling.change(now) {
                Tell::Now => (lines, told) = (lines + 1, told + 1),
                Tell::Later => assert_eq!(due.replace(now + INTERVAL), None),
                Tell::Counted => assert!(due.is_some()),
            }
        }
        assert!((70..=80).contains(&lines), "{lines} lines of ten minutes, twenty of them at once");
        assert_eq!(told + telling.sum_up(at(601.0)), 60_000, "none is forgotten");
    }
}
