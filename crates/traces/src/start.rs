//! The exporter's thread, from its start to its end.
//!
//! Not a service of Pingora's: its runtimes are gone as soon as they are told to leave, and the last spans are
//! those of requests that end just then. A thread of its own is there until it has been waited for.

use std::io;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use switchback_core::plan::TracingPlan;
use switchback_telemetry::Traces;
use thiserror::Error;
use tokio::runtime;
use tokio::sync::oneshot;

use crate::batch::resource;
use crate::collector::{Collector, system_roots};
use crate::export::{Exporter, Pace};

/// Why nothing can be exported.
#[derive(Debug, Error)]
pub enum StartError {
    /// The collector's URL is none.
    #[error("{0} is no URL of a collector")]
    Url(Arc<str>),
    /// A header field cannot be one.
    #[error("the header field {0} has a name or a value that none can have")]
    Header(Arc<str>),
    /// The certificates that the system trusts cannot be read.
    #[error("the certificates that this system trusts cannot be read")]
    Roots(#[source] io::Error),
    /// There are none.
    #[error("this system trusts no certificate (Debian: apt-get install ca-certificates)")]
    NoRoots,
    /// The TLS library will not.
    #[error("no TLS")]
    Tls(#[source] rustls::Error),
    /// The thread cannot be started.
    #[error("no thread")]
    Thread(#[source] io::Error),
}

/// Ends the export: sends what is queued and stops the thread. Held by whoever ends the process. Merely
/// dropped, it sends nothing more.
#[derive(Debug)]
pub struct Guard {
    stop: oneshot::Sender<Duration>,
    /// Whether everything was exported.
    ended: mpsc::Receiver<bool>,
}

impl Guard {
    /// Sends what is queued, for no longer than `deadline`; says whether everything was taken. Blocks the thread.
    #[must_use]
    pub fn close(self, deadline: Duration) -> bool {
        // Who gives up at the deadline needs a moment to say so.
        const MOMENT: Duration = Duration::from_millis(200);
        let told = self.stop.send(deadline).is_ok();
        told && self.ended.recv_timeout(deadline + MOMENT).unwrap_or(false)
    }
}

/// Starts to export what is queued. `instance` is a random number that stands for this process. Not before the
/// process has forked, if it does.
///
/// # Errors
///
/// If the plan's URL or header fields are none, the system has no certificates to trust where they are needed, or no
/// thread is to be had.
pub fn start(plan: &TracingPlan, traces: Traces, instance: u128) -> Result<Guard, StartError> {
    let collector = Collector::new(plan, system_roots)?;
    let resource = resource(&plan.service, instance);
    run(Exporter::new(traces, collector, resource, Pace::default(), instance))
}

/// Runs an exporter on a thread of its own.
pub(crate) fn run(exporter: Exporter) -> Result<Guard, StartError> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(StartError::Thread)?;
    let (stop, stopped) = oneshot::channel();
    let (end, ended) = mpsc::channel();
    let work = move || {
        let all = runtime.block_on(exporter.run(stopped));
        // Nobody waits where the guard was dropped.
        let _ = end.send(all);
        // A name that is being looked up would hold it.
        runtime.shutdown_background();
    };
    thread::Builder::new().name("traces".to_owned()).spawn(work).map_err(StartError::Thread)?;
    Ok(Guard { stop, ended })
}
