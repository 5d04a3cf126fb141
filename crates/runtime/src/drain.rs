//! Leaving without losing a request: how far we are, and who is still on the way.
//!
//! Two counts, because neither says all: a request is in flight from its header on, also on an HTTP/2
//! connection with others; a connection is there before its first request has come, and between two of
//! them. Whoever leaves waits for both. That ends because idle connections are closed by those who serve
//! them, as soon as the phase is [`Phase::Closing`].

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, watch};

/// How far the gateway is with leaving. It never goes back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Nobody has asked it to.
    #[default]
    Serving,
    /// Everything is served, but clients are told to come no more on their connections: answers say
    /// `Connection: close`, HTTP/2 gets GOAWAY.
    Leaving,
    /// The listeners are closed; connections end as soon as they are idle.
    Closing,
}

/// Counts who is on the way, and knows whether the gateway is leaving.
#[derive(Clone, Debug, Default)]
pub struct Drain {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    phase: watch::Sender<Phase>,
    /// That the phase is not [`Phase::Serving`]: asked for each answer.
    leaving: AtomicBool,
    handed_over: AtomicBool,
    in_flight: AtomicUsize,
    connections: AtomicUsize,
    idle: Notify,
}

/// A request in flight, for as long as it is held.
#[derive(Debug)]
pub struct InFlight {
    shared: Arc<Shared>,
}

/// A client's connection, for as long as it is held.
#[derive(Debug)]
pub struct ConnectionGuard {
    shared: Arc<Shared>,
}

impl Drain {
    /// Counts a request until the guard is dropped.
    pub fn admit(&self) -> InFlight {
        self.shared.in_flight.fetch_add(1, Ordering::SeqCst);
        InFlight { shared: self.shared.clone() }
    }

    /// Counts a connection until the guard is dropped.
    pub fn connection(&self) -> ConnectionGuard {
        self.shared.connections.fetch_add(1, Ordering::SeqCst);
        ConnectionGuard { shared: self.shared.clone() }
    }

    /// The phase is [`Phase::Leaving`] from now on, and readiness says no.
    pub fn leave(&self) {
        self.reach(Phase::Leaving);
    }

    /// The phase is [`Phase::Leaving`] from now on, because another process has taken the listeners over.
    /// Readiness stays as it was: who asks over a connection of ours asks about an address, and that
    /// one is served.
    pub fn hand_over(&self) {
        self.shared.handed_over.store(true, Ordering::SeqCst);
        self.reach(Phase::Leaving);
    }

    /// The phase is [`Phase::Closing`] from now on.
    pub fn close(&self) {
        self.reach(Phase::Closing);
    }

    fn reach(&self, phase: Phase) {
        self.shared.leaving.store(true, Ordering::SeqCst);
        self.shared.phase.send_if_modified(|now| {
            let further = phase > *now;
            *now = phase.max(*now);
            further
        });
    }

    /// Whether the gateway is leaving, or has been handed over.
    pub fn leaving(&self) -> bool {
        self.shared.leaving.load(Ordering::Relaxed)
    }

    /// Whether another process has taken the listeners over.
    pub fn handed_over(&self) -> bool {
        self.shared.handed_over.load(Ordering::SeqCst)
    }

    /// Hears of each phase that is reached.
    pub fn watch(&self) -> watch::Receiver<Phase> {
        self.shared.phase.subscribe()
    }

    /// Waits until this phase is reached.
    pub async fn reached(&self, phase: Phase) {
        // The sender lives as long as we do.
        let _ = self.watch().wait_for(|now| *now >= phase).await;
    }

    /// Requests in flight.
    pub fn in_flight(&self) -> usize {
        self.shared.in_flight.load(Ordering::SeqCst)
    }

    /// Connections of clients.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Waits until nothing is in flight and no connection is left, at most `limit`; tells whether that was
    /// reached.
    pub async fn idle(&self, limit: Duration) -> bool {
        let wait = async {
            loop {
                let notified = self.shared.idle.notified();
                if self.in_flight() == 0 && self.connections() == 0 {
                    return;
                }
                notified.await;
            }
        };
        tokio::time::timeout(limit, wait).await.is_ok()
    }
}

impl Shared {
    fn ended(&self, count: &AtomicUsize) {
        let before = count.fetch_sub(1, Ordering::SeqCst);
        if before == 1 && self.leaving.load(Ordering::SeqCst) {
            self.idle.notify_waiters();
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.shared.ended(&self.shared.in_flight);
    }
}

impl Drop for ConnectionGuard {
    fn drop(&mut self) {
        self.shared.ended(&self.shared.connections);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_waits_for_the_last_request_and_the_last_connection_and_no_longer() {
        let drain = Drain::default();
        let connection = drain.connection();
        let request = drain.admit();
        drain.leave();
        assert!(!drain.idle(Duration::from_millis(10)).await);
        let waiting = tokio::spawn({
            let drain = drain.clone();
            async move { drain.idle(Duration::from_secs(60)).await }
        });
        tokio::task::yield_now().await;
        drop(request);
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished(), "its connection may bring another one");
        drop(connection);
        assert!(waiting.await.unwrap());
        assert_eq!((drain.in_flight(), drain.connections()), (0, 0));
    }

    #[tokio::test]
    async fn phases_are_told_and_never_go_back() {
        let drain = Drain::default();
        let mut phases = drain.watch();
        assert_eq!((*phases.borrow_and_update(), drain.leaving()), (Phase::Serving, false));
        drain.leave();
        phases.changed().await.unwrap();
        assert_eq!((*phases.borrow_and_update(), drain.leaving()), (Phase::Leaving, true));
        drain.close();
        drain.leave();
        drain.reached(Phase::Leaving).await;
        phases.changed().await.unwrap();
        assert_eq!(*phases.borrow_and_update(), Phase::Closing);
        assert!(!phases.has_changed().unwrap() && !drain.handed_over());
    }
}
