//! The admin listener as a Pingora service.

use std::io;
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use pingora::server::ShutdownWatch;
use pingora::services::background::BackgroundService;
use switchback_admin::{AdminState, Listener, Operator, Readiness, Recorder};
use switchback_core::plan::AdminAddress;
use switchback_runtime::{Gateway, NotReady};
use tokio::time::{MissedTickBehavior, interval};

use super::StartError;
use super::doors::Doors;
use super::socket::Socket;

pub(crate) struct Admin {
    gateway: Arc<Gateway>,
    doors: Arc<Doors>,
    socket: Mutex<Option<Socket>>,
    operator: Arc<dyn Operator>,
    recorder: Arc<Recorder>,
}

struct Ready(Arc<Gateway>);

impl Readiness for Ready {
    fn reasons_not_ready(&self) -> Vec<String> {
        let missing = self.0.readiness().err().unwrap_or_default();
        missing.iter().map(NotReady::to_string).collect()
    }
}

impl Admin {
    /// The service for operators at this address, which records what happens for them.
    ///
    /// # Errors
    ///
    /// If there are not enough descriptors for a duplicate of the socket.
    pub(crate) fn new(
        gateway: Arc<Gateway>,
        doors: Arc<Doors>,
        at: &AdminAddress,
        operator: Arc<dyn Operator>,
        recorder: Arc<Recorder>,
    ) -> Result<Self, StartError> {
        let socket = doors.admin(at).map_err(|source| match at {
            AdminAddress::Tcp(address) => {
                StartError::Bind { what: "admin listener", address: *address, source }
            }
            AdminAddress::Unix(path) => {
                StartError::Socket { path: path.clone(), source: source.into() }
            }
        })?;
        Ok(Self { gateway, doors, socket: Mutex::new(Some(socket)), operator, recorder })
    }

    /// Does not end.
    async fn record(&self) {
        let mut steps = interval(Recorder::STEP);
        // Those that were missed are one.
        steps.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            steps.tick().await;
            self.recorder.record(self.gateway.clock.wall(), self.gateway.metrics.totals());
        }
    }
}

fn listener(socket: Socket) -> io::Result<Listener> {
    Ok(match socket {
        Socket::Tcp(socket) => tokio::net::TcpListener::from_std(socket)?.into(),
        Socket::Unix(socket) => tokio::net::UnixListener::from_std(socket)?.into(),
    })
}

#[async_trait]
impl BackgroundService for Admin {
    /// Answers as long as the process lives, unless it was handed over: whoever asks during the drain
    /// shall be told "not ready" rather than nothing.
    async fn start(&self, _shutdown: ShutdownWatch) {
        // Pingora starts a service once.
        let Some(socket) = self.socket.lock().take() else { return };
        let state = AdminState {
            metrics: self.gateway.metrics.clone(),
            readiness: Arc::new(Ready(self.gateway.clone())),
            operator: Some(self.operator.clone()),
        };
        self.doors.opened().await;
        let doors = self.doors.clone();
        let closed = async move { doors.all_closed().await };
        let served = async {
            match listener(socket) {
                Ok(listener) => switchback_admin::serve(listener, state, closed).await,
                Err(error) => Err(error),
            }
        };
        tokio::select! {
            () = self.record() => {}
            result = served => if let Err(error) = result {
                log::error!("admin listener: {error}");
            }
        }
    }
}
