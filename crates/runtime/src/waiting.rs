//! A request in a pool's queue.

use std::sync::Arc;

use switchback_core::pool::WaiterId;
use tokio::sync::oneshot;

use crate::attempt::Attempt;
use crate::pool::PoolHandle;

/// A request's place in its pool's queue, which it leaves when this is dropped.
#[derive(Debug)]
pub struct Waiting {
    pool: Arc<PoolHandle>,
    waiter: WaiterId,
    granted: oneshot::Receiver<Attempt>,
}

impl Waiting {
    pub(crate) fn new(
        pool: Arc<PoolHandle>,
        waiter: WaiterId,
        granted: oneshot::Receiver<Attempt>,
    ) -> Self {
        Self { pool, waiter, granted }
    }

    /// Waits for an attempt. May be cancelled and called again.
    pub async fn attempt(&mut self) -> Attempt {
        match (&mut self.granted).await {
            Ok(attempt) => attempt,
            // Its sender is in the pool's hands until it is used, and it is used once.
            Err(_) => std::future::pending().await,
        }
    }

    /// Waits no longer; gives the attempt that was granted in this moment, if one was.
    pub async fn give_up(mut self) -> Option<Attempt> {
        if self.pool.leave(self.waiter) {
            return None;
        }
        (&mut self.granted).await.ok()
    }
}

impl Drop for Waiting {
    /// An attempt that was granted and not taken is dropped, too, and so ends.
    fn drop(&mut self) {
        self.pool.leave(self.waiter);
    }
}
