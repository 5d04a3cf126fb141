//! What happened lately, in steps: what a plot needs that is opened only when something has gone wrong.
//!
//! Prometheus keeps this better and for longer. But it is not always there, and whoever looks at the
//! dashboard for the first time should not have to wait for its curves. Ten minutes cost 300 entries.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use switchback_telemetry::access::rfc3339;
use switchback_telemetry::metrics::Totals;

use crate::view::{History, Step};

/// The last steps.
#[derive(Debug, Default)]
pub struct Recorder(Mutex<Recorded>);

#[derive(Debug, Default)]
struct Recorded {
    last: Option<Totals>,
    steps: VecDeque<Step>,
}

impl Recorder {
    /// How long a step is.
    pub const STEP: Duration = Duration::from_secs(2);

    /// How many are kept: ten minutes.
    pub const STEPS: usize = 300;

    /// A step has ended, with these totals. The first call only begins one; a call that comes late, as after
    /// the process was stopped, ends a step with all that has happened since the one before.
    pub fn record(&self, time: SystemTime, totals: Totals) {
        let mut recorded = self.lock();
        let Some(last) = recorded.last.replace(totals) else { return };
        // What was counted for a route is gone with it.
        let since = |now: u64, then: u64| now.saturating_sub(then);
        if recorded.steps.len() >= Self::STEPS {
            recorded.steps.pop_front();
        }
        recorded.steps.push_back(Step {
            time: rfc3339(time),
            requests: since(totals.requests, last.requests),
            failed: since(totals.failed, last.failed),
            rescued: since(totals.rescued, last.rescued),
            retries: since(totals.retries, last.retries),
            in_flight: totals.in_flight,
        });
    }

    /// What was recorded.
    pub fn history(&self) -> History {
        let steps = self.lock().steps.iter().cloned().collect();
        History { step_s: Self::STEP.as_secs(), steps }
    }

    fn lock(&self) -> MutexGuard<'_, Recorded> {
        // A queue of steps is in order after a panic, too.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn a_step_is_what_has_come_since_the_one_before() {
        let recorder = Recorder::default();
        let totals = Totals { requests: 10, failed: 1, rescued: 2, retries: 3, in_flight: 4 };
        recorder.record(at(0), totals);
        assert!(recorder.history().steps.is_empty(), "nobody knows when these were");
        let next = Totals { requests: 15, failed: 2, rescued: 4, retries: 6, in_flight: 1 };
        recorder.record(at(2), next);
        let history = recorder.history();
        let [step] = &history.steps[..] else { panic!("{history:?}") };
        assert_eq!((history.step_s, &*step.time), (2, "1970-01-01T00:00:02.000Z"));
        let counted = (step.requests, step.failed, step.rescued, step.retries, step.in_flight);
        assert_eq!(counted, (5, 1, 2, 3, 1));
    }

    #[test]
    fn a_route_that_is_gone_takes_nothing_from_the_others() {
        let recorder = Recorder::default();
        for (time, requests) in [(0, 10), (2, 4), (4, 5)] {
            recorder.record(at(time), Totals { requests, ..Totals::default() });
        }
        let counted: Vec<_> = recorder.history().steps.iter().map(|step| step.requests).collect();
        assert_eq!(counted, [0, 1]);
    }

    #[test]
    fn the_oldest_steps_go() {
        let recorder = Recorder::default();
        for time in 0..=1000 {
            recorder.record(at(2 * time), Totals { requests: time, ..Totals::default() });
        }
        let steps = recorder.history().steps;
        assert_eq!(steps.len(), Recorder::STEPS);
        assert_eq!(steps.last().map(|step| &*step.time), Some("1970-01-01T00:33:20.000Z"));
    }
}
