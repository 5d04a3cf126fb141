//! From a plan to running services.

mod admin;
mod cgroup;
pub(crate) mod doors;
mod error;
pub(crate) mod hand_over;
mod health;
mod memory;
mod opening;
mod room;
mod socket;
mod unix;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pingora::server::configuration::ServerConf;
use pingora::server::{RunArgs, Server, ShutdownSignalWatch};
use pingora::services::background::background_service;
use switchback_admin::Recorder;
use switchback_config::Sources;
use switchback_core::plan::{LogSink, Plan, TracingPlan};
use switchback_discovery::Fixed;
use switchback_runtime::{Gateway, cryptography, random};
use switchback_telemetry::{AccessLog, Guard, Sink};

pub(crate) use error::StartError;

use crate::reload::{ByApi, HangUps, Reloader, Reloads};
use doors::{Behind, Doors};
use hand_over::Inherited;
use opening::Opening;
use room::Room;

/// The gateway, ready to run.
pub(crate) struct App {
    server: Server,
    gateway: Arc<Gateway>,
    doors: Arc<Doors>,
    access_log: Guard,
    traces: Option<switchback_traces::Guard>,
    hang_ups: Option<HangUps>,
}

/// Where a configuration comes from, and can be read again.
pub(crate) struct Origin {
    /// The main file.
    pub(crate) path: PathBuf,
    /// The effective configuration, with its secrets blanked.
    pub(crate) text: String,
    /// What was read.
    pub(crate) sources: Sources,
    /// The warnings that were told.
    pub(crate) warned: String,
}

/// How long the access log may take to be written out at the end.
const LOG_FLUSH: Duration = Duration::from_secs(2);

/// How long the export of the last spans may take.
const TRACES_FLUSH: Duration = Duration::from_secs(2);

/// How long requests that were cut off may take to write their lines.
const CUT_OFF: Duration = Duration::from_millis(500);

/// Idle connections to endpoints that are kept, in all. Pingora keeps them in one list for all
/// endpoints and closes the longest unused beyond it; its default of 128 is less than one busy pool.
const UPSTREAM_CONNECTIONS: usize = 16_384;

impl App {
    /// Opens what the plan names, but for what is inherited, and builds the services. A configuration that
    /// has an origin is read again when it changes.
    ///
    /// # Errors
    ///
    /// If an address cannot be bound or the access log not be opened.
    pub(crate) fn new(
        mut plan: Plan,
        origin: Option<Origin>,
        inherited: Inherited,
    ) -> Result<Self, StartError> {
        cryptography::install();
        let room = Room::make();
        let Inherited { sockets, predecessor } = inherited;
        let sockets = doors::bind(&plan, sockets)?;
        let doors = Arc::new(Doors::new(sockets, &plan.admin.at));
        discover(&mut plan)?;
        let threads = room::threads(plan.threads);
        let listeners = plan.listeners.clone();
        let admin = plan.admin.at.clone();
        let sink = sink(&plan.access_log.to);
        let (access_log, guard) = AccessLog::start(&sink, &plan.access_log.format)
            .map_err(|source| StartError::AccessLog { to: plan.access_log.to.clone(), source })?;
        let tracing = plan.tracing.clone();
        let gateway = Gateway::new(plan, access_log, env!("CARGO_PKG_VERSION"));
        gateway.set_room(room.connections());
        let traces = traces(tracing.as_ref(), &gateway)?;

        let mut server = Server::new_with_opt_and_conf(None, conf(threads));
        server.bootstrap();
        let conf = server.configuration.clone();
        let addresses = listeners.iter().map(|listener| listener.address);
        let proxy = switchback_proxy::service(&gateway, &listeners, &conf);
        server.add_service(Behind::new(proxy, doors.clone(), addresses.clone())?);
        server.add_service(background_service("health", health::Probes::new(gateway.clone())));
        server.add_service(background_service("memory", memory::GiveBack));
        let (mut reloader, mut hang_ups) = (None, None);
        if let Some(origin) = origin {
            let reads = Arc::new(Reloader::new(gateway.clone(), origin));
            let (reloads, told) = Reloads::new(reads.clone());
            server.add_service(background_service("reload", reloads));
            (reloader, hang_ups) = (Some(reads), Some(told));
        }
        let recorder = Arc::new(Recorder::default());
        let operator = Arc::new(ByApi::new(gateway.clone(), reloader, recorder.clone()));
        let admin = admin::Admin::new(gateway.clone(), doors.clone(), &admin, operator, recorder)?;
        server.add_service(background_service("admin", admin));
        match predecessor {
            None => doors.open(),
            Some(predecessor) => {
                let opening = Opening::new(gateway.clone(), doors.clone(), predecessor);
                server.add_service(background_service("opening", opening));
            }
        }
        let addresses: Vec<_> = addresses.map(|at| at.to_string()).collect();
        log::info!(
            "listening on {}, {threads} threads, up to {} connections ({room})",
            addresses.join(", "),
            gateway.room(),
        );
        Ok(Self { server, gateway, doors, access_log: guard, traces, hang_ups })
    }

    /// What the services share.
    pub(crate) fn gateway(&self) -> &Arc<Gateway> {
        &self.gateway
    }

    /// The listening sockets.
    pub(crate) fn doors(&self) -> &Arc<Doors> {
        &self.doors
    }

    /// Where SIGHUP is to be told; `None`: there is nothing to read again.
    pub(crate) fn hang_ups(&self) -> Option<HangUps> {
        self.hang_ups.clone()
    }

    /// Runs until the watch says so. The access log is written out when this returns, and the last spans are
    /// exported.
    pub(crate) fn run(self, shutdown_signal: Box<dyn ShutdownSignalWatch>) {
        self.server.run(RunArgs { shutdown_signal });
        self.doors.leave();
        let end = Instant::now() + CUT_OFF;
        while self.gateway.drain.in_flight() > 0 && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(5));
        }
        close(self.access_log);
        if self.traces.is_some_and(|traces| !traces.close(TRACES_FLUSH)) {
            log::warn!("the last spans could not be exported");
        }
    }
}

/// Starts the export of traces, if the plan has one.
fn traces(
    plan: Option<&TracingPlan>,
    gateway: &Gateway,
) -> Result<Option<switchback_traces::Guard>, StartError> {
    let Some(plan) = plan else { return Ok(None) };
    let instance = u128::from(random::bits()) << 64 | u128::from(random::bits());
    let started = switchback_traces::start(plan, gateway.traces.clone(), instance);
    started.map(Some).map_err(|source| StartError::Traces { source })
}

fn close(access_log: Guard) {
    if !access_log.close(LOG_FLUSH) {
        log::warn!("the end of the access log could not be written");
    }
}

/// Asks each pool's source for its endpoints.
pub(crate) fn discover(plan: &mut Plan) -> Result<(), StartError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .map_err(|source| StartError::Runtime { source })?;
    for pool in &mut plan.pools {
        let source = Fixed::new(&pool.endpoints);
        pool.endpoints = runtime
            .block_on(switchback_discovery::endpoints(&source))
            .map_err(|source| StartError::Discovery { pool: pool.name.clone(), source })?;
    }
    Ok(())
}

fn sink(plan: &LogSink) -> Sink {
    match plan {
        LogSink::Stdout => Sink::Stdout,
        LogSink::File(path) => Sink::File(path.clone()),
        LogSink::Off => Sink::Off,
    }
}

fn conf(threads: usize) -> ServerConf {
    ServerConf {
        threads,
        // A count of tries in all; ours decides, and a request may go round any pool.
        max_retries: usize::MAX,
        // Pingora multiplies it by the threads.
        upstream_keepalive_pool_size: UPSTREAM_CONNECTIONS.div_ceil(threads),
        // Our own watch has waited for whatever there was to wait for.
        grace_period_seconds: Some(0),
        graceful_shutdown_timeout_seconds: Some(0),
        // Pingora's own timers fire from a thread that wakes a hundred times a second, for ever after the
        // first; Tokio's let an idle gateway sleep. Those of less than a second are Pingora's still.
        fast_timeout_to_tokio_threshold_seconds: Some(0),
        ..ServerConf::default()
    }
}

#[cfg(test)]
mod tests;
