//! What the probes of all pools share.
//!
//! **Slots**, because each probe is an open connection. **A beat**: probes begin on the next multiple of 5 ms.
//! Each time that a thread is woken costs as much as a probe, and a thousand pools would wake it a
//! thousand times a second. **One voice** for what the gateway itself lacks, descriptors above all: that is
//! one trouble and not one of each endpoint.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;

/// How far apart the moments are at which probes begin: a hundredth of the shortest default interval.
pub(crate) const BEAT: Duration = Duration::from_millis(5);

/// Between two lines about the same trouble.
const SILENCE: Duration = Duration::from_secs(60);

/// What the probes of all pools share.
#[derive(Debug)]
pub(crate) struct Shared {
    /// How many may be on the way.
    pub(crate) slots: Semaphore,
    start: Instant,
    told: Mutex<Option<Instant>>,
}

impl Shared {
    /// Of probes, so many at once.
    pub(crate) fn new(at_once: usize) -> Self {
        Self { slots: Semaphore::new(at_once), start: Instant::now(), told: Mutex::default() }
    }

    /// The first beat that is not before `due`.
    pub(crate) fn beat(&self, due: Instant) -> Instant {
        let passed = due.saturating_duration_since(self.start).as_nanos();
        let rest = BEAT.as_nanos() - 1 - (passed + BEAT.as_nanos() - 1) % BEAT.as_nanos();
        due + Duration::from_nanos(u64::try_from(rest).unwrap_or(0))
    }

    /// Whether it is to be told that the gateway lacks something.
    pub(crate) fn is_news(&self, now: Instant) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let silent = told.is_some_and(|told| now.saturating_duration_since(told) < SILENCE);
        if !silent {
            *told = Some(now);
        }
        !silent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_beat_is_never_before_what_is_due_and_less_than_5_ms_after() {
        let shared = Shared::new(1);
        for micros in [0, 1, 4_999, 5_000, 5_001, 123_456_789] {
            let due = shared.start + Duration::from_micros(micros);
            let beat = shared.beat(due);
            assert!(beat >= due && beat - due < BEAT, "{micros}: {:?}", beat - due);
            let passed = (beat - shared.start).as_nanos();
            assert_eq!(passed % BEAT.as_nanos(), 0, "{micros}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_trouble_is_told_once_a_minute() {
        let (shared, start) = (Shared::new(1), Instant::now());
        let told = (0..600).filter(|second| shared.is_news(start + Duration::from_secs(*second)));
        assert_eq!(told.collect::<Vec<_>>(), (0..600).step_by(60).collect::<Vec<_>>());
    }
}
