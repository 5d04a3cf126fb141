//! The signals that concern us.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// The signals that concern us; from its start on none of them ends the process by itself.
pub(crate) struct Watched(UnboundedReceiver<Kind>);

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// SIGINT: end.
    Interrupt,
    /// SIGTERM: drain and end.
    Terminate,
    /// SIGQUIT: hand the listeners over, drain and end.
    Quit,
    /// SIGHUP: read the configuration again.
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
                    _ = terminate.recv() => Kind::Terminate,
                    _ = quit.recv() => Kind::Quit,
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

    pub(super) async fn next(&mut self) -> Kind {
        match self.0.recv().await {
            Some(kind) => kind,
            None => std::future::pending().await,
        }
    }

    /// Waits for a signal that ends the process, and tells which.
    pub(super) async fn end(&mut self) -> Kind {
        loop {
            let kind = self.next().await;
            if matches!(kind, Kind::Interrupt | Kind::Terminate) {
                return kind;
            }
        }
    }

    /// Waits for a signal that ends the process.
    pub(crate) async fn ending(&mut self) {
        self.end().await;
    }
}
