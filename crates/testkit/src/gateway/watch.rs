//! When an endpoint was tried, as the gateway itself counts: a refused connection or a dropped SYN
//! leaves no trace at a backend.
//!
//! The counter of attempts is read every few milliseconds. An attempt is counted when it ends, so one
//! that waits for a time limit is seen that much later.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use super::metrics::Metrics;
use crate::{Client, Gateway};

const SECOND: Duration = Duration::from_secs(1);

/// How often the counter is read.
const INTERVAL: Duration = Duration::from_millis(40);

/// No more attempts than this in a second at an endpoint are a trickle, no traffic.
const TRICKLE: f64 = 2.0;

/// A watch over the attempts at some endpoints together.
#[derive(Debug)]
pub struct Watch {
    endpoints: usize,
    seen: Arc<Mutex<Vec<(Instant, f64)>>>,
    task: JoinHandle<()>,
}

impl Gateway {
    /// Watches from now on until it is dropped.
    #[must_use]
    pub fn watch(&self, endpoints: &[SocketAddr]) -> Watch {
        let seen = Arc::new(Mutex::default());
        let task = tokio::spawn(look(self.admin_addr(), endpoints.to_vec(), Arc::clone(&seen)));
        Watch { endpoints: endpoints.len(), seen, task }
    }
}

impl Watch {
    /// The time from `begin` until no more than two attempts a second were made at each; `None` if it was
    /// not so yet half a second before `end`.
    #[must_use]
    pub fn quiet_after(&self, begin: Instant, end: Instant) -> Option<Duration> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let within: Vec<_> = seen.iter().filter(|(at, _)| (begin..end).contains(at)).collect();
        let trickle = TRICKLE * self.endpoints as f64;
        let busy = |from: &Instant| {
            let next = within.iter().filter(|(at, _)| at >= from && *at - *from <= SECOND);
            next.map(|(_, n)| n).sum::<f64>() > trickle
        };
        let last =
            within.iter().filter(|(at, n)| *n > 0.0 && busy(at)).map(|(at, _)| *at).next_back();
        let after = last.map_or(Duration::ZERO, |last| last - begin);
        (begin + after + SECOND / 2 < end).then_some(after)
    }

    /// How many attempts ended between the two.
    #[must_use]
    pub fn attempts(&self, begin: Instant, end: Instant) -> f64 {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.iter().filter(|(at, _)| (begin..end).contains(at)).map(|(_, n)| n).sum()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn look(
    admin: SocketAddr,
    endpoints: Vec<SocketAddr>,
    seen: Arc<Mutex<Vec<(Instant, f64)>>>,
) {
    let names: Vec<_> = endpoints.iter().map(SocketAddr::to_string).collect();
    let mut last = None;
    let mut ticks = tokio::time::interval(INTERVAL);
    loop {
        ticks.tick().await;
        // None while the gateway is not there (any more).
        let Some(metrics) = read(admin).await else { continue };
        let of = |name: &String| metrics.sum("switchback_attempts_total", &[("endpoint", name)]);
        let now: f64 = names.iter().map(of).sum();
        let new = now - last.unwrap_or(now);
        last = Some(now);
        seen.lock().unwrap_or_else(PoisonError::into_inner).push((Instant::now(), new));
    }
}

async fn read(admin: SocketAddr) -> Option<Metrics> {
    let mut client = Client::connect(admin).await.ok()?;
    let answer = client.request("GET", "/metrics", &[("connection", "close")], b"").await.ok()?;
    (answer.status == 200).then(|| Metrics::parse(&answer.text()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A watch that saw one attempt at each of these milliseconds.
    fn watch(begin: Instant, attempts: &[u64]) -> Watch {
        let seen = attempts.iter().map(|at| (begin + Duration::from_millis(*at), 1.0)).collect();
        Watch { endpoints: 1, seen: Arc::new(Mutex::new(seen)), task: tokio::spawn(async {}) }
    }

    #[tokio::test]
    async fn a_trickle_is_quiet_and_a_burst_is_not() {
        let begin = Instant::now();
        let end = begin + Duration::from_secs(4);
        let burst: Vec<_> = (0..300).step_by(20).collect();
        let trickle = [1_000, 1_700, 2_400, 3_100];
        for (attempts, after) in [
            (vec![], Some(0)),
            (trickle.to_vec(), Some(0)),
            ([&burst[..], &trickle].concat(), Some(260)),
            ([&burst[..], &trickle, &[3_200, 3_300, 3_400]].concat(), Some(3_200)),
            ((0..4_000).step_by(20).collect(), None),
        ] {
            let quiet = watch(begin, &attempts).quiet_after(begin, end);
            assert_eq!(quiet, after.map(Duration::from_millis), "{attempts:?}");
        }
    }
}
