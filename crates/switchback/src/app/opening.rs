//! When a process that takes over begins to serve, as a Pingora service.
//!
//! Its endpoints are probed first. Until it knows them the process before serves on, which knows
//! them well; and whoever asks for readiness meanwhile asks that one.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use pingora::server::ShutdownWatch;
use pingora::services::background::BackgroundService;
use switchback_runtime::{Gateway, NotReady};
use tokio::time::{Instant, sleep};

use super::doors::Doors;
use super::hand_over::Predecessor;

pub(super) struct Opening {
    gateway: Arc<Gateway>,
    doors: Arc<Doors>,
    predecessor: Mutex<Option<Predecessor>>,
}

/// Between two looks at the readiness.
const LOOK: Duration = Duration::from_millis(20);

impl Opening {
    pub(super) fn new(gateway: Arc<Gateway>, doors: Arc<Doors>, predecessor: Predecessor) -> Self {
        Self { gateway, doors, predecessor: Mutex::new(Some(predecessor)) }
    }
}

#[async_trait]
impl BackgroundService for Opening {
    /// Waits until the gateway is ready, for as long as a start may take. One that is not ready by then
    /// takes over nonetheless: it may be the one whose configuration mends what is broken.
    async fn start(&self, _shutdown: ShutdownWatch) {
        let end = Instant::now() + self.gateway.current().plan.startup_timeout;
        while let Err(missing) = self.gateway.readiness() {
            if Instant::now() >= end {
                let missing: Vec<_> = missing.iter().map(NotReady::to_string).collect();
                log::warn!("taking over without being ready: {}", missing.join("; "));
                break;
            }
            sleep(LOOK).await;
        }
        if let Some(predecessor) = self.predecessor.lock().take() {
            self.doors.open();
            predecessor.release();
        }
    }
}
