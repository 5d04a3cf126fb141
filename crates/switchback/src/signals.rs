//! Signals, and the order in which the gateway leaves.
//!
//! On SIGTERM: readiness turns 503 and everything else goes on for `drain.delay`, until whoever sends
//! traffic has noticed; then the listeners close, and what is in flight ends, at most
//! `drain.timeout`; the process exits as soon as nothing is left. A second signal, or SIGINT, ends it
//! at once. Pingora alone would close the listeners first and then sleep its whole grace period. SIGHUP
//! reloads the configuration.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use pingora_core::server::{ShutdownSignal, ShutdownSignalWatch};
use switchback_core::plan::DrainPlan;
use switchback_runtime::Gateway;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::reload::HangUps;

/// Watches for the signals that end the gateway, and for SIGHUP.
pub(crate) struct Signals {
    gateway: Arc<Gateway>,
    hang_ups: Option<HangUps>,
    watched: Mutex<Option<Watched>>,
}

/// Between the closing of the listeners and the first look at what is in flight: a connection that
/// was just accepted has its request counted by then.
const SETTLE: Duration = Duration::from_millis(100);

impl Signals {
    /// What these signals mean for this gateway.
    pub(crate) fn new(watched: Watched, gateway: Arc<Gateway>, hang_ups: Option<HangUps>) -> Self {
        Self { gateway, hang_ups, watched: Mutex::new(Some(watched)) }
    }
}

#[async_trait]
impl ShutdownSignalWatch for Signals {
    async fn recv(&self) -> ShutdownSignal {
        let Some(mut signals) = self.watched.lock().take() else {
            // Pingora asks once.
            return std::future::pending().await;
        };
        let name = loop {
            match signals.next().await {
                Kind::Interrupt => {
                    log::info!("SIGINT: leaving at once");
                    return ShutdownSignal::FastShutdown;
                }
                Kind::Terminate(name) => break name,
                // Where nobody listens there is nothing to read again.
                Kind::HangUp => drop(self.hang_ups.as_ref().map(|told| told.send(()))),
            }
        };
        let DrainPlan { delay, timeout } = self.gateway.current().plan.drain;
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

/// The signals that concern us; from its start on none of them ends the process by itself.
pub(crate) struct Watched(UnboundedReceiver<Kind>);

enum Kind {
    Interrupt,
    /// SIGTERM, or SIGQUIT, which will hand the listeners over in a later release.
    Terminate(&'static str),
    HangUp,
}

impl Watched {
    /// Watches from now on, for whoever asks later: Pingora asks only when its services are up, and until
    /// then a SIGTERM would end the process without a drain, and a SIGHUP end it at all. Registers on a
    /// thread of its own, because no runtime is there yet, and returns when that is done.
    ///
    /// # Errors
    ///
    /// If the system lets no signal be watched.
    pub(crate) fn start() -> io::Result<Self> {
        let (kinds, watched) = unbounded_channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let guard = runtime.enter();
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut quit = signal(SignalKind::quit())?;
        let mut hang_up = signal(SignalKind::hangup())?;
        drop(guard);
        let forward = async move {
            loop {
                let kind = tokio::select! {
                    _ = terminate.recv() => Kind::Terminate("SIGTERM"),
                    _ = quit.recv() => Kind::Terminate("SIGQUIT"),
                    _ = interrupt.recv() => Kind::Interrupt,
                    _ = hang_up.recv() => Kind::HangUp,
                };
                if kinds.send(kind).is_err() {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("signals".to_owned());
        thread.spawn(move || runtime.block_on(forward))?;
        Ok(Self(watched))
    }

    async fn next(&mut self) -> Kind {
        match self.0.recv().await {
            Some(kind) => kind,
            None => std::future::pending().await,
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
