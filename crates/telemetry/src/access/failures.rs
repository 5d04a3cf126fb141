//! The requests that failed, or were rescued by a retry, lately: what an operator asks about first.
//!
//! Two rings, because a client can fail as often as it likes: what clients did wrong must not push out what
//! the gateway or an endpoint did. Each ring holds records as the access log has them, and shows them in the
//! same words.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::line::Formatter;
use super::record::AccessRecord;
use crate::origin::Origin;

/// The last requests that failed or were rescued.
#[derive(Debug)]
pub struct Failures {
    /// Those that the gateway or an endpoint failed, and those that were rescued.
    ours: Mutex<VecDeque<Arc<AccessRecord>>>,
    /// Those that their clients broke.
    clients: Mutex<VecDeque<Arc<AccessRecord>>>,
    capacity: usize,
}

/// Which of them are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of this pool alone.
    pub pool: Option<String>,
    /// Those alone that their clients broke; otherwise they are left out.
    pub by_clients: bool,
    /// At most so many, the newest.
    pub limit: Option<usize>,
}

impl Default for Failures {
    fn default() -> Self {
        Self::new(Self::CAPACITY)
    }
}

impl Failures {
    /// How many of each kind are kept.
    pub const CAPACITY: usize = 1000;

    fn new(capacity: usize) -> Self {
        Self { ours: Mutex::default(), clients: Mutex::default(), capacity }
    }

    /// Keeps a request, if it failed or was rescued.
    pub fn keep(&self, record: &AccessRecord) {
        let ring = match &record.failure {
            Some(failure) if failure.origin == Origin::Client => &self.clients,
            Some(_) => &self.ours,
            None if record.attempts.len() > 1 => &self.ours,
            None => return,
        };
        let kept = Arc::new(record.clone());
        let mut ring = lock(ring);
        let oldest = if ring.len() >= self.capacity { ring.pop_front() } else { None };
        ring.push_back(kept);
        drop(ring);
        // Freed without the lock.
        drop(oldest);
    }

    /// The newest first, as an array of JSON objects: the lines of the access log.
    #[must_use]
    pub fn json(&self, filter: &Filter) -> Vec<u8> {
        let ring = if filter.by_clients { &self.clients } else { &self.ours };
        let of_pool = |record: &&Arc<AccessRecord>| match &filter.pool {
            Some(pool) => record.pool.as_deref() == Some(pool),
            None => true,
        };
        let limit = filter.limit.unwrap_or(usize::MAX);
        let wanted: Vec<_> = lock(ring).iter().rev().filter(of_pool).take(limit).cloned().collect();
        let mut out = b"[".to_vec();
        for (position, record) in wanted.iter().enumerate() {
            if position > 0 {
                out.push(b',');
            }
            out.extend_from_slice(&json(record));
        }
        out.push(b']');
        out
    }

    /// The request with this id, as JSON; of several, the newest.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<Vec<u8>> {
        let found = [&self.ours, &self.clients].into_iter().filter_map(|ring| {
            lock(ring).iter().rev().find(|it| it.id.as_bytes() == id.as_bytes()).cloned()
        });
        found.max_by_key(|record| record.time).map(|record| json(&record))
    }
}

/// The line of the access log, without its end.
fn json(record: &AccessRecord) -> Vec<u8> {
    let mut line = Vec::with_capacity(512);
    Formatter::new().push(&mut line, record);
    line.pop();
    line
}

fn lock<T>(ring: &Mutex<T>) -> MutexGuard<'_, T> {
    // A queue of shared records is in order after a panic, too.
    ring.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::access::{Attempts, Failure, Text};

    fn failed(id: &str, reason: &'static str, origin: Origin) -> AccessRecord {
        AccessRecord {
            time: UNIX_EPOCH,
            id: Text::from(id),
            client: IpAddr::V4(Ipv4Addr::LOCALHOST),
            method: Text::from_static("GET"),
            host: None,
            path: Text::from_static("/"),
            referer: None,
            user_agent: None,
            trace_id: None,
            status: Some(404),
            bytes_in: 0,
            bytes_out: 0,
            duration: Duration::ZERO,
            queued: Duration::ZERO,
            route: None,
            pool: None,
            protocol: "HTTP/1.1",
            attempts: Attempts::new(),
            attempts_omitted: 0,
            failure: Some(Failure { reason, detail: None, origin, decision: None, pool: None }),
        }
    }

    #[test]
    fn what_clients_can_do_at_will_pushes_out_nothing_of_ours() {
        let failures = Failures::new(2);
        failures.keep(&failed("ours", "connection_refused", Origin::Gateway));
        for _ in 0..3 {
            failures.keep(&failed("broken", "http_request_error", Origin::Client));
            failures.keep(&failed("lost", "destination_not_found", Origin::Client));
        }
        let shown = |by_clients| {
            let filter = Filter { by_clients, ..Filter::default() };
            let json = String::from_utf8(failures.json(&filter)).unwrap();
            ["ours", "broken", "lost"].map(|id| json.matches(&format!("\"{id}\"")).count())
        };
        assert_eq!((shown(false), shown(true)), ([1, 0, 0], [0, 1, 1]));
        assert!(failures.find("lost").is_some());
    }
}
