//! The probes as a Pingora service.

use std::sync::Arc;

use async_trait::async_trait;
use pingora::server::ShutdownWatch;
use pingora::services::background::BackgroundService;
use switchback_runtime::Gateway;

pub(crate) struct Probes {
    gateway: Arc<Gateway>,
}

impl Probes {
    pub(crate) fn new(gateway: Arc<Gateway>) -> Self {
        Self { gateway }
    }
}

#[async_trait]
impl BackgroundService for Probes {
    async fn start(&self, mut shutdown: ShutdownWatch) {
        tokio::select! {
            () = switchback_health::run(&self.gateway) => {}
            _ = shutdown.changed() => {}
        }
    }
}
