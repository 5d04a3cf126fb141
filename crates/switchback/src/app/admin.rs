//! The admin listener as a Pingora service.

use std::net::TcpListener;
use std::sync::Arc;

use async_trait::async_trait;
use pingora::server::ShutdownWatch;
use pingora::services::background::BackgroundService;
use switchback_admin::{AdminState, Operator, Readiness};
use switchback_runtime::Gateway;

pub(crate) struct Admin {
    gateway: Arc<Gateway>,
    listener: TcpListener,
    operator: Option<Arc<dyn Operator>>,
}

struct Ready(Arc<Gateway>);

impl Readiness for Ready {
    fn reasons_not_ready(&self) -> Vec<String> {
        self.0.reasons_not_ready()
    }
}

impl Admin {
    pub(crate) fn new(
        gateway: Arc<Gateway>,
        listener: TcpListener,
        operator: Option<Arc<dyn Operator>>,
    ) -> Self {
        Self { gateway, listener, operator }
    }

    fn listener(&self) -> std::io::Result<tokio::net::TcpListener> {
        let listener = self.listener.try_clone()?;
        listener.set_nonblocking(true)?;
        tokio::net::TcpListener::from_std(listener)
    }
}

#[async_trait]
impl BackgroundService for Admin {
    /// Answers as long as the process lives: whoever asks during the drain shall be told "not ready"
    /// rather than nothing.
    async fn start(&self, _shutdown: ShutdownWatch) {
        let state = AdminState {
            metrics: self.gateway.metrics.clone(),
            readiness: Arc::new(Ready(self.gateway.clone())),
            operator: self.operator.clone(),
        };
        let result = match self.listener() {
            Ok(listener) => switchback_admin::serve(listener, state, std::future::pending()).await,
            Err(error) => Err(error),
        };
        if let Err(error) = result {
            log::error!("admin listener: {error}");
        }
    }
}
