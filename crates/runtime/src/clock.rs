//! The one place where time is read.

use std::time::{Duration, Instant, SystemTime};

use switchback_core::Timestamp;

/// The process's monotonic clock, as time since its start.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    /// A clock that starts now.
    pub fn start() -> Self {
        Self { start: Instant::now() }
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_start(self.start.elapsed())
    }

    /// The time of day, for logs alone: it may jump.
    pub fn wall(&self) -> SystemTime {
        SystemTime::now()
    }

    /// How long until `then`; zero if it has passed.
    pub fn until(&self, then: Timestamp) -> Duration {
        then.saturating_since(self.now())
    }

    /// The same moment as Tokio's timers understand it.
    pub fn instant(&self, then: Timestamp) -> Instant {
        self.start + Duration::from_nanos(then.as_nanos())
    }
}
