//! The signals that concern us.

use std::io;
use std::sync::{Arc, OnceLock};

use switchback_telemetry::AccessLog;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// The signals that concern us; from its start on none of them ends the process by itself.
///
/// SIGUSR1 is nobody's to wait for: whatever the gateway is about, also while it leaves, the access log is
/// opened anew by the thread that watches.
pub(crate) struct Watched {
    kinds: UnboundedReceiver<Kind>,
    access_log: Arc<OnceLock<AccessLog>>,
}

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
        let (told, kinds) = unbounded_channel();
        let access_log = Arc::new(OnceLock::<AccessLog>::new());
        let rotated = access_log.clone();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let guard = runtime.enter();
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut quit = signal(SignalKind::quit())?;
        let mut hang_up = signal(SignalKind::hangup())?;
        let mut user_1 = signal(SignalKind::user_defined1())?;
        drop(guard);
        let forward = async move {
            loop {
                let kind = tokio::select! {
                    _ = terminate.recv() => Kind::Terminate,
                    _ = quit.recv() => Kind::Quit,
                    _ = interrupt.recv() => Kind::Interrupt,
                    _ = hang_up.recv() => Kind::HangUp,
                    _ = user_1.recv() => {
                        rotated.get().inspect(|log| log.reopen());
                        continue;
                    }
                };
                if told.send(kind).is_err() {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("signals".to_owned());
        thread.spawn(move || runtime.block_on(forward))?;
        Ok(Self { kinds, access_log })
    }

    /// Has this log opened anew at each SIGUSR1; before, the signal does nothing.
    pub(super) fn rotates(&self, access_log: AccessLog) {
        // There is one, and it is told once.
        let _ = self.access_log.set(access_log);
    }

    pub(super) async fn next(&mut self) -> Kind {
        match self.kinds.recv().await {
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
