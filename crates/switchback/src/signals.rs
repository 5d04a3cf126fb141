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
}

#[async_trait]
impl ShutdownSignalWatch for Signals {
    async fn recv(&self) -> ShutdownSignal {
        let mut signals = match Watched::new() {
            Ok(signals) => signals,
            Err(error) => {
                log::error!("signals cannot be watched, only SIGKILL ends this process: {error}");
                return std::future::pending().await;
            }
        };
        let name = loop {
            match signals.next().await {
                Kind::Interrupt => {
                    log::info!("SIGINT: leaving at once");
                    return ShutdownSignal::FastShutdown;
                }
                Kind::Terminate(name) => break name,
                Kind::HangUp => {
                    log::warn!("SIGHUP: a changed configuration needs a restart in this release");
                }
            }
        };
        let DrainPlan { delay, timeout } = self.drain;
        log::info!("{name}: not ready any more; listeners close in {delay:?}");
        self.gateway.drain.leave();
        tokio::select! {
            () = tokio::time::sleep(delay) => {}
            () = signals.ending() => {
                log::info!("second signal: leaving at once");
                return ShutdownSignal::FastShutdown;
            }
        }
        let in_flight = self.gateway.drain.in_flight();
        log::info!("listeners close; waiting for {in_flight} requests, at most {timeout:?}");
        leave_when_idle(self.gateway.clone(), timeout, signals);
        ShutdownSignal::GracefulTerminate
    }
}

/// The signals that concern us; from here on none of them ends the process by itself.
struct Watched {
    terminate: Signal,
    interrupt: Signal,
    quit: Signal,
    hang_up: Signal,
}

enum Kind {
    Interrupt,
    /// SIGTERM, or SIGQUIT, which will hand the listeners over in a later release.
    Terminate(&'static str),
    HangUp,
}

impl Watched {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Kind {
        tokio::select! {
            _ = self.terminate.recv() => Kind::Terminate("SIGTERM"),
            _ = self.quit.recv() => Kind::Terminate("SIGQUIT"),
            _ = self.interrupt.recv() => Kind::Interrupt,
            _ = self.hang_up.recv() => Kind::HangUp,
        }
    }

    /// Waits for a signal that ends the process.
    async fn ending(&mut self) {
        while let Kind::HangUp = self.next().await {}
    }
}

/// Ends the process as soon as nothing is in flight, or another signal comes. On a thread of its own,
/// because Pingora now sleeps its grace period, whole, on the one that runs [`Signals`]; when that
/// is over, Pingora drops the requests that are left, which writes their lines, and the process ends.
fn leave_when_idle(gateway: Arc<Gateway>, limit: Duration, mut signals: Watched) {
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let Ok(runtime) = runtime else { return };
        let leave = runtime.block_on(async {
            let idle = async {
                tokio::time::sleep(SETTLE).await;
                gateway.drain.idle(limit).await
            };
            tokio::select! {
                idle = idle => {
                    match idle {
                        true => log::info!("nothing in flight: leaving"),
                        false => {
                            let left = gateway.drain.in_flight();
                            log::warn!("leaving; {left} requests are cut off");
                        }
                    }
                    idle
                }
                () = signals.ending() => {
                    log::info!("second signal: leaving at once");
                    true
                }
            }
        });
        if leave {
            crate::app::exit(&gateway);
        }
    });
}
