//! Taking on a changed configuration while the gateway runs.
//!
//! Whoever asks — SIGHUP, the files themselves, the admin API — gets the same: everything is read, checked
//! and compared beside what runs, then put in force as a whole or refused as a whole. What was refused is
//! told with all its diagnostics, counted, and shown until a reload succeeds; the gateway goes on as it
//! was. One reload after the other, and none on a thread that serves requests.

mod operator;
mod refusal;
mod service;
mod watch;

use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;
use switchback_admin::{LastReload, Refused, Reloaded};
use switchback_config::diff::{self, Changes};
use switchback_config::{Diagnostics, Loaded, ProcessEnvironment, Sources};
use switchback_core::plan::Plan;
use switchback_runtime::Gateway;
use switchback_telemetry::access::rfc3339;

use crate::app::Origin;
pub(crate) use operator::ByApi;
use refusal::Refusal;
pub(crate) use service::{HangUps, Reloads};

/// How much less important a reload is than requests: a tenth, where both want the same processor.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

/// Who asks for a reload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AskedBy {
    Signal,
    Files,
    Api,
}

impl AskedBy {
    fn name(self) -> &'static str {
        match self {
            Self::Signal => "SIGHUP",
            Self::Files => "a change of the files",
            Self::Api => "the admin API",
        }
    }
}

/// Puts other configurations in force.
pub(crate) struct Reloader {
    gateway: Arc<Gateway>,
    /// The main file.
    path: PathBuf,
    /// The effective configuration in force, with its secrets blanked.
    running: Mutex<Arc<str>>,
    last: Mutex<Option<LastReload>>,
    /// The warnings that were told last.
    warned: Mutex<String>,
    /// What the last attempt has read: what is to be watched.
    sources: tokio::sync::watch::Sender<Sources>,
    one_at_a_time: tokio::sync::Mutex<()>,
}

/// What can come in force.
struct Read {
    plan: Plan,
    text: String,
    changes: Changes,
    warnings: Diagnostics,
}

/// What has come in force.
struct Applied {
    generation: u64,
    changes: Changes,
    warnings: Diagnostics,
}

impl Reloader {
    /// A gateway that runs what was loaded from this file.
    pub(crate) fn new(gateway: Arc<Gateway>, origin: Origin) -> Self {
        let Origin { path, text, sources, warned } = origin;
        Self {
            gateway,
            path,
            running: Mutex::new(text.into()),
            last: Mutex::new(None),
            warned: Mutex::new(warned),
            sources: tokio::sync::watch::Sender::new(sources),
            one_at_a_time: tokio::sync::Mutex::new(()),
        }
    }

    /// Reads the configuration and puts it in force; `force`: though a pool would have nobody left. Comes to
    /// its end though whoever asked has gone.
    pub(crate) async fn reload(
        self: &Arc<Self>,
        asked_by: AskedBy,
        force: bool,
    ) -> Result<Reloaded, Refused> {
        let this = self.clone();
        let task = tokio::spawn(async move { this.reload_now(asked_by, force).await });
        match task.await {
            Ok(outcome) => outcome,
            Err(_) => Err(Refusal::Bug.into()),
        }
    }

    async fn reload_now(
        self: &Arc<Self>,
        asked_by: AskedBy,
        force: bool,
    ) -> Result<Reloaded, Refused> {
        let _one = self.one_at_a_time.lock().await;
        let result = match self.take_on(force).await {
            Ok(applied) => Ok(self.tell(applied, asked_by)),
            Err(refusal) => {
                log::error!("reload refused, asked by {}: {refusal}", asked_by.name());
                Err(refusal.into())
            }
        };
        self.gateway.metrics.reloaded(result.is_ok());
        *self.last.lock() = Some(LastReload {
            time: rfc3339(self.gateway.clock.wall()),
            asked_by: asked_by.name(),
            applied: result.is_ok(),
            refused: result.as_ref().err().cloned(),
        });
        result
    }

    async fn take_on(self: &Arc<Self>, force: bool) -> Result<Applied, Refusal> {
        let this = self.clone();
        let read = in_the_background(move || this.read(force)).await;
        let Read { plan, text, changes, warnings } = read.unwrap_or(Err(Refusal::Bug))?;
        // As important as requests are: it takes locks that they wait for.
        let gateway = self.gateway.clone();
        let taken = tokio::task::spawn_blocking(move || gateway.reload(plan)).await;
        let generation = taken.map_err(|_| Refusal::Bug)?;
        *self.running.lock() = text.into();
        Ok(Applied { generation, changes, warnings })
    }

    /// Reads the configuration and finds out whether it can come in force.
    fn read(&self, force: bool) -> Result<Read, Refusal> {
        let loaded = switchback_config::load(&self.path, &ProcessEnvironment);
        let loaded = match loaded {
            Ok(loaded) => loaded,
            Err(refused) => {
                self.sources.send_replace(refused.sources);
                return Err(Refusal::Errors(refused.diagnostics));
            }
        };
        self.sources.send_replace(loaded.sources.clone());
        let text = loaded.effective_redacted();
        let Loaded { mut plan, warnings, .. } = loaded;
        let running = self.running.lock().clone();
        let changes = diff::diff(&running, &text)?;
        if changes.needs_restart() {
            return Err(Refusal::NeedsRestart(changes));
        }
        crate::app::discover(&mut plan)?;
        let empty = refusal::would_be_empty(&plan, &self.gateway.current());
        if !empty.is_empty() && !force {
            return Err(Refusal::Empty { pools: empty, changes });
        }
        Ok(Read { plan, text, changes, warnings })
    }

    fn tell(&self, applied: Applied, asked_by: AskedBy) -> Reloaded {
        let Applied { generation, changes, warnings } = applied;
        let refused = self.last.lock().as_ref().is_some_and(|last| !last.applied);
        let mended = if refused { ", and mends what was refused" } else { "" };
        let asked_by = asked_by.name();
        let news = match changes.is_empty() {
            true => ": nothing differs".to_owned(),
            false => format!("\n{changes}"),
        };
        log::info!("configuration {generation} is in force, asked by {asked_by}{mended}{news}");
        // What has been said already need not be said at each reload.
        let warned = warnings.to_string();
        if *self.warned.lock() != warned && !warnings.is_empty() {
            log::warn!("the configuration has warnings\n{warned}");
        }
        *self.warned.lock() = warned;
        Reloaded { generation, changes: json(&changes) }
    }
}

/// Reads and compares on a thread of its own, which has what requests leave of the processors;
/// `None`: it panicked, or there is no thread.
async fn in_the_background<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let (done, result) = tokio::sync::oneshot::channel();
    let thread = std::thread::Builder::new().name("reload".to_owned()).spawn(move || {
        // On Linux of this thread alone. Where that is refused, it is as important as the others.
        #[cfg(target_os = "linux")]
        let _ = rustix::process::setpriority_process(None, NICE);
        // Whoever asked waits for it.
        let _ = done.send(work());
    });
    thread.ok()?;
    result.await.ok()
}

/// As the admin API shows it. None of our types fails to become JSON.
fn json(value: &impl serde::Serialize) -> serde_json::Value {
    serde_json::to_value(value).unwrap_or_default()
}
