//! Signals, and the order in which the gateway leaves.
//!
//! On SIGTERM: readiness turns 503 and everything else goes on for `drain.delay`, until whoever sends
//! traffic has noticed; then the listeners close, and what is in flight ends, at most
//! `drain.timeout`; the process exits as soon as nothing is left. A second signal, or SIGINT, ends it
//! at once. Pingora alone would close the listeners first and then sleep its whole grace period.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pingora_core::server::{ShutdownSignal, ShutdownSignalWatch};
use switchback_core::plan::DrainPlan;
use switchback_runtime::Gateway;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Watches for the signals that end the gateway.
pub(crate) struct Signals {
    gateway: Arc<Gateway>,
    drain: DrainPlan,
}

/// Between the closing of the listeners and the first look at what is in flight: a connection that
/// was just accepted has its request counted by then.
const SETTLE: Duration = Duration::from_millis(100);

impl Signals {
    pub(crate) fn new(gateway: Arc<Gateway>, drain: DrainPlan) -> Self {
        Self { gateway, drain }
    }

    /// Waits for the delay; false if a second signal came first.
    async fn delay(&self, terminate: &mut Signal, interrupt: &mut Signal) -> bool {
        tokio::select! {
            () = tokio::time::sleep(self.drain.delay) => true,
            _ = terminate.recv() => false,
            _ = interrupt.recv() => false,
        }
    }
}

#[async_trait]
impl ShutdownSignalWatch for Signals {
    async fn recv(&self) -> ShutdownSignal {
        let (Ok(mut terminate), Ok(mut interrupt)) = (
            signal(SignalKind::terminate()),
            signal(SignalKind::interrupt()),
        ) else {
            log::error!("signals cannot be watched; only SIGKILL will end this process");
            return std::future::pending().await;
        };
        tokio::select! {
            _ = interrupt.recv() => {
                log::info!("SIGINT: leaving at once");
                return ShutdownSignal::FastShutdown;
            }
            _ = terminate.recv() => {}
        }
        let DrainPlan { delay, timeout } = self.drain;
        log::info!("SIGTERM: not ready any more; listeners close in {delay:?}");
        self.gateway.drain.leave();
        if !self.delay(&mut terminate, &mut interrupt).await {
            log::info!("second signal: leaving at once");
            return ShutdownSignal::FastShutdown;
        }
        let in_flight = self.gateway.drain.in_flight();
        log::info!("listeners close; waiting for {in_flight} requests, at most {timeout:?}");
        leave_when_idle(self.gateway.clone(), timeout);
        ShutdownSignal::GracefulTerminate
    }
}

/// Ends the process as soon as nothing is in flight, or another signal comes. On a thread of its own,
/// because Pingora now sleeps its grace period, whole, on the one that runs [`Signals`].
fn leave_when_idle(gateway: Arc<Gateway>, limit: Duration) {
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let Ok(runtime) = runtime else { return };
        runtime.block_on(async {
            let second = async {
                match (
                    signal(SignalKind::terminate()),
                    signal(SignalKind::interrupt()),
                ) {
                    (Ok(mut terminate), Ok(mut interrupt)) => tokio::select! {
                        _ = terminate.recv() => {}
                        _ = interrupt.recv() => {}
                    },
                    _ => std::future::pending().await,
                }
            };
            let idle = async {
                tokio::time::sleep(SETTLE).await;
                gateway.drain.idle(limit).await
            };
            tokio::select! {
                idle = idle => {
                    let left = gateway.drain.in_flight();
                    match idle {
                        true => log::info!("nothing in flight: leaving"),
                        false => log::warn!("leaving; {left} requests were cut off"),
                    }
                }
                () = second => log::info!("second signal: leaving at once"),
            }
        });
        crate::app::exit(&gateway);
    });
}
