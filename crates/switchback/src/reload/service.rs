//! What asks for reloads by itself, as a Pingora service: signals and the files.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use pingora::server::ShutdownWatch;
use pingora::services::background::BackgroundService;
use switchback_runtime::Gateway;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::watch::Watch;
use super::{AskedBy, Reloader};

/// Between two looks whether what was in force before is still in use.
const REST: Duration = Duration::from_secs(1);

/// Where each SIGHUP is told.
pub(crate) type HangUps = UnboundedSender<()>;

/// Reloads on SIGHUP, and when the files have changed.
pub(crate) struct Reloads {
    reloader: Arc<Reloader>,
    hang_ups: Mutex<Option<UnboundedReceiver<()>>>,
}

impl Reloads {
    /// With the other end of its signals.
    pub(crate) fn new(reloader: Arc<Reloader>) -> (Self, HangUps) {
        let (told, hang_ups) = unbounded_channel();
        (Self { reloader, hang_ups: Mutex::new(Some(hang_ups)) }, told)
    }
}

#[async_trait]
impl BackgroundService for Reloads {
    async fn start(&self, mut shutdown: ShutdownWatch) {
        // Pingora starts a service once.
        let Some(mut hang_ups) = self.hang_ups.lock().take() else { return };
        let mut sources = self.reloader.sources.subscribe();
        tokio::spawn(free_retired(self.reloader.gateway.clone()));
        let mut watch = Watch::new(sources.borrow_and_update().clone());
        loop {
            let asked_by = tokio::select! {
                Some(()) = hang_ups.recv() => {
                    // As many as have come meanwhile are answered by one reload.
                    while hang_ups.try_recv().is_ok() {}
                    AskedBy::Signal
                }
                () = watch.changed() => AskedBy::Files,
                // Somebody else has read them.
                Ok(()) = sources.changed() => {
                    watch.follow(sources.borrow_and_update().clone());
                    continue;
                }
                _ = shutdown.changed() => return,
            };
            // What comes of it is logged.
            let _ = self.reloader.reload(asked_by, false).await;
            watch.follow(sources.borrow_and_update().clone());
        }
    }
}

/// Frees what was in force before, soon after no request uses it any more. Does not end.
async fn free_retired(gateway: Arc<Gateway>) {
    let mut generations = gateway.generations();
    while generations.changed().await.is_ok() {
        loop {
            tokio::time::sleep(REST).await;
            let gateway = gateway.clone();
            let freed = tokio::task::spawn_blocking(move || gateway.free_retired());
            if !freed.await.unwrap_or(false) {
                break;
            }
        }
    }
}
