//! How a backend's process lives and dies: killed, stopped, restarted with care, flapping.
//!
//! What happens to connections and listener as a whole, while [`Behavior`](crate::Behavior) is about
//! one request. All of it is done to a backend that keeps its port and what it has recorded.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::task::JoinHandle;

use super::behavior::{Ending, Health};
use super::{Backend, Shared};

/// How far a graceful exit has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leave {
    /// There is none.
    No,
    /// Answers say `Connection: close`.
    Announced,
    /// Idle connections close, too.
    Now,
}

/// For how long a graceful exit waits for requests under way.
const PATIENCE: Duration = Duration::from_secs(5);

/// A backend that goes down and comes back in turn; dropping this leaves it up.
#[derive(Debug)]
pub struct Flapping {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl Backend {
    /// Like a process that dies at once: the listener closes, every connection is reset. Returns when
    /// it is so. The behaviour is kept for [`Backend::restart`].
    pub async fn kill(&self) {
        self.shared.kill().await;
    }

    /// Listens again on the same port. Does nothing on a backend that is up.
    pub fn restart(&self) {
        self.shared.restart();
    }

    /// Ends every open connection, idle or busy, and returns when it is so; goes on listening.
    pub async fn disconnect(&self, ending: Ending) {
        self.shared.disconnect(ending).await;
    }

    /// Stops like a process on SIGSTOP: the kernel still accepts and buffers, nobody reads, writes or
    /// closes. A write that is just being made may still go out.
    pub fn pause(&self) {
        self.shared.paused.send_replace(true);
    }

    /// Ends a pause: what has waited in the kernel is accepted, read and executed now.
    pub fn resume(&self) {
        self.shared.paused.send_replace(false);
        self.shared.relisten.notify_one();
    }

    /// Killed at once, restarted after `down`, killed again after `up`, and so on.
    #[must_use]
    pub fn flap(&self, down: Duration, up: Duration) -> Flapping {
        let shared = Arc::clone(&self.shared);
        let task = tokio::spawn(async move {
            loop {
                shared.kill().await;
                tokio::time::sleep(down).await;
                shared.restart();
                tokio::time::sleep(up).await;
            }
        });
        Flapping { shared: Arc::clone(&self.shared), task }
    }

    /// Leaves as a server does that is told to, and comes back after `down`. For `announce` its health
    /// path says 503 and its answers `Connection: close`; then the listener and idle connections
    /// close and requests under way end. Returns when it is back.
    ///
    /// # Panics
    /// If a request under way does not end within five seconds.
    pub async fn restart_gracefully(&self, announce: Duration, down: Duration) {
        let healthy = std::mem::replace(&mut self.shared.health().1, Health::Status(503));
        self.shared.leave.send_replace(Leave::Announced);
        tokio::time::sleep(announce).await;
        self.shared.down.store(true, Ordering::SeqCst);
        self.shared.update_listener();
        self.shared.leave.send_replace(Leave::Now);
        let mut open = self.shared.open.subscribe();
        let ended = tokio::time::timeout(PATIENCE, open.wait_for(|open| open.is_empty()));
        assert!(ended.await.is_ok(), "a request is still under way");
        tokio::time::sleep(down).await;
        self.shared.leave.send_replace(Leave::No);
        self.shared.health().1 = healthy;
        self.shared.restart();
    }
}

impl Shared {
    async fn kill(&self) {
        self.down.store(true, Ordering::SeqCst);
        self.update_listener();
        self.disconnect(Ending::Rst).await;
    }

    fn restart(&self) {
        self.down.store(false, Ordering::SeqCst);
        self.update_listener();
    }

    async fn disconnect(&self, ending: Ending) {
        let next = {
            let _no_accept_meanwhile = self.door();
            self.ended.send_replace(ending);
            self.connections.load(Ordering::SeqCst)
        };
        let mut open = self.open.subscribe();
        let gone = open.wait_for(|open| open.first().is_none_or(|first| *first >= next)).await;
        gone.expect("the sender is ours");
    }
}

impl Drop for Flapping {
    fn drop(&mut self) {
        self.task.abort();
        self.shared.restart();
    }
}
