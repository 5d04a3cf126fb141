//! Signals, and the order in which the gateway leaves.
//!
//! On SIGTERM: readiness turns 503 and everything else goes on for `drain.delay`, until whoever sends
//! traffic has noticed; then the listeners close, and what is in flight ends, at most
//! `drain.timeout`; the process exits as soon as nothing is left. A second SIGTERM, or SIGINT, ends it
//! at once. SIGHUP reloads the configuration, SIGUSR1 opens the access log anew, at any time.
//!
//! On SIGQUIT the listeners are handed over to another process. When that one serves, this one stops to
//! accept and leaves; its kept connections have `drain.delay` to hear that they should close. If none
//! comes, or it fails, everything goes on as if nothing had been asked.
//!
//! Pingora asks once how to shut down, and would then close the listeners first and sleep a grace period
//! that was fixed at the start. So it is told only when nothing is left to wait for: this is the one
//! clock, and what it counts is in the configuration in force.

mod watched;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use pingora_core::server::{ShutdownSignal, ShutdownSignalWatch};
use switchback_core::plan::DrainPlan;
use switchback_runtime::Gateway;

use crate::app::App;
use crate::app::doors::Doors;
use crate::app::hand_over::{OfferError, Place, offer};
use crate::reload::HangUps;
use watched::Kind;

pub(crate) use watched::Watched;

/// Watches for the signals that end the gateway, and for SIGHUP.
pub(crate) struct Signals {
    gateway: Arc<Gateway>,
    doors: Arc<Doors>,
    place: Place,
    hang_ups: Option<HangUps>,
    watched: Mutex<Option<Watched>>,
}

/// How the gateway is asked to leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leaving {
    AtOnce,
    Drained,
    HandedOver,
}

/// Between the closing of the listeners and the first look at who is left: Pingora gives each connection
/// that it accepts a task, which counts it when it first runs.
const SETTLE: Duration = Duration::from_millis(100);

impl Signals {
    /// What these signals mean for this gateway, which hands its listeners over at this place.
    pub(crate) fn new(watched: Watched, app: &App, place: Place) -> Self {
        watched.rotates(app.gateway().access_log.clone());
        Self {
            gateway: app.gateway().clone(),
            doors: app.doors().clone(),
            place,
            hang_ups: app.hang_ups(),
            watched: Mutex::new(Some(watched)),
        }
    }

    /// Serves until a signal says otherwise.
    async fn serve(&self, signals: &mut Watched) -> Leaving {
        loop {
            match signals.next().await {
                Kind::Interrupt => return Leaving::AtOnce,
                Kind::Terminate => return Leaving::Drained,
                Kind::HangUp => self.hang_up(),
                Kind::Quit => {
                    if let Some(leaving) = self.hand_over(signals).await {
                        return leaving;
                    }
                }
            }
        }
    }

    /// Offers the listeners, while everything goes on; `None`: nobody has taken them.
    async fn hand_over(&self, signals: &mut Watched) -> Option<Leaving> {
        if !self.doors.are_open() {
            log::error!("SIGQUIT: nothing is handed over before it was taken over");
            return None;
        }
        let offer = async {
            let sockets = self.doors.sockets().map_err(OfferError::Sending)?;
            offer(&self.place, &sockets).await
        };
        let mut offer = pin!(offer);
        loop {
            tokio::select! {
                taken = &mut offer => match taken {
                    Ok(()) => return Some(Leaving::HandedOver),
                    Err(error) => {
                        log::error!("SIGQUIT: nothing was handed over, everything goes on: {error}");
                        return None;
                    }
                },
                kind = signals.next() => match kind {
                    Kind::Interrupt => return Some(Leaving::AtOnce),
                    Kind::Terminate => return Some(Leaving::Drained),
                    Kind::HangUp => self.hang_up(),
                    Kind::Quit => log::info!("SIGQUIT: the listeners are on offer already"),
                },
            }
        }
    }

    fn hang_up(&self) {
        // Where nobody listens there is nothing to read again.
        let _ = self.hang_ups.as_ref().map(|told| told.send(()));
    }

    /// Leaves in order, as the configuration says that is in force at each step.
    async fn leave(&self, leaving: Leaving) {
        let drain = &self.gateway.drain;
        let plan = || -> DrainPlan { self.gateway.current().plan.drain };
        let delay = plan().delay;
        if leaving == Leaving::HandedOver {
            log::info!("another process serves; connections that are kept close within {delay:?}");
            self.doors.close_all();
            drain.hand_over();
        } else {
            log::info!("SIGTERM: not ready any more; listeners close in {delay:?}");
            drain.leave();
        }
        tokio::time::sleep(delay).await;
        self.doors.close();
        drain.close();
        let timeout = plan().timeout;
        let (requests, connections) = (drain.in_flight(), drain.connections());
        log::info!(
            "listeners are closed; waiting for {requests} requests and {connections} connections, at \
             most {timeout:?}"
        );
        tokio::time::sleep(SETTLE).await;
        if drain.idle(timeout).await {
            log::info!("nothing is left: leaving");
        } else {
            let (requests, connections) = (drain.in_flight(), drain.connections());
            log::warn!("leaving; {requests} requests and {connections} connections are cut off");
        }
    }
}

#[async_trait]
impl ShutdownSignalWatch for Signals {
    async fn recv(&self) -> ShutdownSignal {
        let Some(mut signals) = self.watched.lock().take() else {
            // Pingora asks once.
            return std::future::pending().await;
        };
        let leaving = self.serve(&mut signals).await;
        if leaving == Leaving::AtOnce {
            log::info!("SIGINT: leaving at once");
            return ShutdownSignal::FastShutdown;
        }
        let again = async {
            // Who hands over was not told to leave yet; it is leaving all the same.
            if signals.end().await == Kind::Terminate && leaving == Leaving::HandedOver {
                signals.end().await;
            }
        };
        tokio::select! {
            () = self.leave(leaving) => ShutdownSignal::GracefulTerminate,
            () = again => {
                log::info!("second signal: leaving at once");
                ShutdownSignal::FastShutdown
            }
        }
    }
}
