//! Leaving without losing a request: who is still on the way, and whether we are leaving.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

/// Counts the requests in flight, and knows whether the gateway is leaving.
#[derive(Clone, Debug, Default)]
pub struct Drain {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    leaving: AtomicBool,
    in_flight: AtomicUsize,
    idle: Notify,
}

/// A request in flight, for as long as it is held.
#[derive(Debug)]
pub struct InFlight {
    shared: Arc<Shared>,
}

impl Drain {
    /// Counts a request until the guard is dropped.
    pub fn admit(&self) -> InFlight {
        self.shared.in_flight.fetch_add(1, Ordering::SeqCst);
        InFlight { shared: self.shared.clone() }
    }

    /// From now on [`Self::leaving`] is true; it is never false again.
    pub fn leave(&self) {
        self.shared.leaving.store(true, Ordering::SeqCst);
    }

    /// Whether the gateway is leaving.
    pub fn leaving(&self) -> bool {
        self.shared.leaving.load(Ordering::Relaxed)
    }

    /// Requests in flight.
    pub fn in_flight(&self) -> usize {
        self.shared.in_flight.load(Ordering::SeqCst)
    }

    /// Waits until nothing is in flight, at most `limit`; tells whether that was reached.
    pub async fn idle(&self, limit: Duration) -> bool {
        let wait = async {
            loop {
                let notified = self.shared.idle.notified();
                if self.in_flight() == 0 {
                    return;
                }
                notified.await;
            }
        };
        tokio::time::timeout(limit, wait).await.is_ok()
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let before = self.shared.in_flight.fetch_sub(1, Ordering::SeqCst);
        if before == 1 && self.shared.leaving.load(Ordering::SeqCst) {
            self.shared.idle.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_waits_for_the_last_request_and_no_longer() {
        let drain = Drain::default();
        let request = drain.admit();
        drain.leave();
        assert!(!drain.idle(Duration::from_millis(10)).await);
        let waiting = tokio::spawn({
            let drain = drain.clone();
            async move { drain.idle(Duration::from_secs(60)).await }
        });
        tokio::task::yield_now().await;
        drop(request);
        assert!(waiting.await.unwrap());
        assert_eq!(drain.in_flight(), 0);
    }
}
