//! What is counted for each route.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::counters::{OTHER, Row};
use super::histogram::Histogram;

/// Classes of a response status, by index. `none` is a client that was sent no status.
const CLASSES: &[&str] = &["none", "1xx", "2xx", "3xx", "4xx", "5xx"];

/// The handle of one route.
#[derive(Debug)]
pub struct RouteMetrics {
    requests: Row,
    rescued: AtomicU64,
    /// By class, and one for what is none. Made when there is the first one: of thousands of routes most have
    /// answers of one or two classes.
    durations: [OnceLock<Box<Histogram>>; CLASSES.len() + 1],
}

impl RouteMetrics {
    pub(super) fn new() -> Self {
        Self {
            requests: Row::new(CLASSES),
            rescued: AtomicU64::new(0),
            durations: [const { OnceLock::new() }; CLASSES.len() + 1],
        }
    }

    /// Counts a request that has ended: `status` as the client was sent it, none if it was sent none.
    pub fn request_finished(&self, status: Option<u16>, duration: Duration) {
        let class = usize::from(status.unwrap_or(0) / 100).min(CLASSES.len());
        self.requests.add(class);
        self.durations[class].get_or_init(Box::default).observe(duration);
    }

    /// Counts a request that failed at first and was answered without a failure all the same: what its
    /// client would have seen if the first attempt had been the only one.
    pub fn request_rescued(&self) {
        self.rescued.fetch_add(1, Ordering::Relaxed);
    }

    /// How many were [rescued](Self::request_rescued).
    pub fn rescued(&self) -> u64 {
        self.rescued.load(Ordering::Relaxed)
    }

    /// Requests by class. `1xx` ends a request only by an upgrade, so it is shown only if it happened.
    pub(super) fn requests(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        self.requests.iter().filter(|(class, count)| *class != "1xx" || *count > 0)
    }

    /// How long requests took, of each class that there was.
    pub(super) fn durations(&self) -> impl Iterator<Item = (&'static str, &Histogram)> + '_ {
        let classes = CLASSES.iter().copied().chain([OTHER]);
        classes.zip(&self.durations).filter_map(|(class, it)| Some((class, &**it.get()?)))
    }
}
