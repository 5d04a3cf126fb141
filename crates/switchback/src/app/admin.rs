//! The admin listener as a Pingora service.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use pingora::server::ShutdownWatch;
use pingora::services::background::BackgroundService;
use switchback_admin::{AdminState, Operator, Readiness};
use switchback_core::plan::AdminAddress;
use switchback_runtime::{Gateway, NotReady};

use super::StartError;
use super::doors::Doors;

pub(crate) struct Admin {
    gateway: Arc<Gateway>,
    doors: Arc<Doors>,
    listener: Mutex<Option<TcpListener>>,
    operator: Option<Arc<dyn Operator>>,
}

struct Ready(Arc<Gateway>);

impl Readiness for Ready {
    fn reasons_not_ready(&self) -> Vec<String> {
        let missing = self.0.readiness().err().unwrap_or_default();
        missing.iter().map(NotReady::to_string).collect()
    }
}

impl Admin {
    pub(crate) fn new(
        gateway: Arc<Gateway>,
        doors: Arc<Doors>,
        at: &AdminAddress,
        operator: Option<Arc<dyn Operator>>,
    ) -> Result<Self, StartError> {
        let what = "admin listener";
        let AdminAddress::Tcp(address) = *at else {
            let source = std::io::ErrorKind::Unsupported.into();
            let address = SocketAddr::from(([0, 0, 0, 0], 0));
            return Err(StartError::Bind { what, address, source });
        };
        let listener = doors.socket(address);
        let listener = listener.map_err(|source| StartError::Bind { what, address, source })?;
        Ok(Self { gateway, doors, listener: Mutex::new(Some(listener)), operator })
    }
}

#[async_trait]
impl BackgroundService for Admin {
    /// Answers as long as the process lives, unless it was handed over: whoever asks during the drain
    /// shall be told "not ready" rather than nothing.
    async fn start(&self, _shutdown: ShutdownWatch) {
        // Pingora starts a service once.
        let Some(listener) = self.listener.lock().take() else { return };
        let state = AdminState {
            metrics: self.gateway.metrics.clone(),
            readiness: Arc::new(Ready(self.gateway.clone())),
            operator: self.operator.clone(),
        };
        self.doors.opened().await;
        let doors = self.doors.clone();
        let closed = async move { doors.all_closed().await };
        let result = match tokio::net::TcpListener::from_std(listener) {
            Ok(listener) => switchback_admin::serve(listener, state, closed).await,
            Err(error) => Err(error),
        };
        if let Err(error) = result {
            log::error!("admin listener: {error}");
        }
    }
}
