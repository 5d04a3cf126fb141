//! What is counted for each route.

use std::time::Duration;

use super::counters::Row;
use super::histogram::Histogram;

/// Classes of a response status, by index. `none` is a client that was sent no status.
const CLASSES: &[&str] = &["none", "1xx", "2xx", "3xx", "4xx", "5xx"];

/// The handle of one route.
#[derive(Debug)]
pub struct RouteMetrics {
    requests: Row,
    pub(super) duration: Histogram,
}

impl RouteMetrics {
    pub(super) fn new() -> Self {
        Self {
            requests: Row::new(CLASSES),
            duration: Histogram::default(),
        }
    }

    /// Counts a request that has ended: `status` as the client was sent it, none if it was sent none.
    pub fn request_finished(&self, status: Option<u16>, duration: Duration) {
        self.requests.add(usize::from(status.unwrap_or(0) / 100));
        self.duration.observe(duration);
    }

    /// Requests by class. `1xx` ends a request only by an upgrade, so it is shown only if it happened.
    pub(super) fn requests(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        self.requests
            .iter()
            .filter(|(class, count)| *class != "1xx" || *count > 0)
    }
}
