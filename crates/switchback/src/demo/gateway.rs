//! The gateway of the demo: the product itself, on a plan made in code, in this process.
//!
//! It runs as `switchback run` runs it, on a thread of its own. Only what would make a short demo
//! wait is set: the time between probes, scaled with the script, and the patience with a silent backend.
//! Everything else is the default.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pingora_core::server::{ShutdownSignal, ShutdownSignalWatch};
use switchback_core::plan::{
    Action, AdminAddress, AdminPlan, EjectionPlan, EndpointPlan, ErrorPages, HealthPlan,
    ListenerPlan, Plan, PoolPlan, ProbePlan, RetryPolicy, RoutePlan, StatusSet, Target, Timeouts,
    Weight,
};
use switchback_core::route::{HostPattern, PathPattern};
use switchback_core::{PoolIndex, Status};
use tokio::net::TcpStream;
use tokio::sync::{oneshot, watch};

use super::{DemoError, Options, backend};
use crate::app::hand_over::Inherited;
use crate::app::{App, StartError};

/// The pool of the demo, as the gateway's log names it.
pub(super) const POOL: &str = "demo";

/// A port that was free may be taken by another process before the gateway binds it.
const TRIES: usize = 5;

/// How long the gateway may take to be ready; after 10 s it says so whatever its probes do.
const READY: Duration = Duration::from_secs(12);

/// How long it may take to leave. It drops what it does, so this is generous.
const LEAVE: Duration = Duration::from_secs(2);

/// The running gateway.
pub(super) struct Gateway {
    /// Where clients connect.
    pub(super) address: SocketAddr,
    /// Where operators do.
    pub(super) dashboard: AdminAddress,
    shared: Arc<switchback_runtime::Gateway>,
    stop: watch::Sender<bool>,
    left: oneshot::Receiver<()>,
}

/// Resolves when the demo is over.
struct Stop(watch::Receiver<bool>);

#[async_trait]
impl ShutdownSignalWatch for Stop {
    async fn recv(&self) -> ShutdownSignal {
        // A sender that is gone is over too.
        let _ = self.0.clone().wait_for(|stop| *stop).await;
        ShutdownSignal::FastShutdown
    }
}

impl Gateway {
    /// Starts it before these endpoints.
    pub(super) async fn start(
        options: &Options,
        endpoints: Vec<SocketAddr>,
    ) -> Result<Self, DemoError> {
        let options = *options;
        let stop = watch::Sender::new(false);
        let watch = Stop(stop.subscribe());
        let (started, starting) = oneshot::channel();
        let (leaving, left) = oneshot::channel();
        // Built there too: it brings runtimes of its own, which cannot begin inside of ours.
        let life = move || match build(&options, &endpoints) {
            Ok((app, address)) => {
                let _ = started.send(Ok((app.gateway().clone(), address)));
                app.run(Box::new(watch));
                drop(leaving);
            }
            Err(error) => drop(started.send(Err(error))),
        };
        std::thread::Builder::new()
            .name("gateway".to_owned())
            .spawn(life)
            .map_err(DemoError::Thread)?;
        let (shared, address) = starting.await.map_err(|_| DemoError::NotReady)??;
        let dashboard = shared.current().plan.admin.at.clone();
        Ok(Self { address, dashboard, shared, stop, left })
    }

    /// Waits until it takes requests and knows its backends.
    pub(super) async fn ready(&self) -> Result<(), DemoError> {
        let ready = async {
            while self.shared.readiness().is_err()
                || TcpStream::connect(self.address).await.is_err()
            {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(READY, ready).await.map_err(|_| DemoError::NotReady)
    }

    /// How it sees the backend at this address. Discovery orders them as it likes.
    pub(super) fn status(&self, address: SocketAddr) -> Option<Status> {
        let generation = self.shared.current();
        let pool = generation.pools.first()?;
        let mut endpoints = pool.endpoints().into_iter();
        endpoints.find(|endpoint| endpoint.address == address).map(|endpoint| endpoint.status)
    }

    /// How many requests were answered after a failed attempt.
    pub(super) fn rescued(&self) -> u64 {
        self.shared.current().route_metrics(Some(0)).rescued()
    }

    /// Ends it.
    pub(super) async fn stop(self) {
        self.stop.send_replace(true);
        let _ = tokio::time::timeout(LEAVE, self.left).await;
    }
}

/// The gateway on free ports, and where clients connect.
fn build(options: &Options, endpoints: &[SocketAddr]) -> Result<(App, SocketAddr), DemoError> {
    let mut tries = 0;
    loop {
        tries += 1;
        let [listener, admin] = free_ports().map_err(DemoError::Ports)?;
        match App::new(plan(options, endpoints, listener, admin), None, Inherited::default()) {
            Ok(app) => return Ok((app, listener)),
            Err(StartError::Bind { .. }) if tries < TRIES => {}
            Err(error) => return Err(DemoError::Gateway(error)),
        }
    }
}

/// How long a backend may be silent: a rescue from a hanging one is over before a person asks again.
/// Not shorter in a short demo: on a busy machine the backends, too, wait for their turn.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);

fn health(options: &Options) -> Option<HealthPlan> {
    let interval =
        (options.length() / 60).clamp(Duration::from_millis(100), Duration::from_millis(500));
    Some(HealthPlan {
        probe: ProbePlan::Http {
            path: backend::HEALTH.into(),
            expect: StatusSet::from_ranges(&[(200, 299)])?,
            port: None,
        },
        interval,
        timeout: interval.max(Duration::from_millis(250)),
        ..HealthPlan::default()
    })
    .filter(|_| options.health)
}

fn plan(
    options: &Options,
    endpoints: &[SocketAddr],
    listener: SocketAddr,
    admin: SocketAddr,
) -> Plan {
    let timeouts = Timeouts { first_byte: PATIENCE, ..Timeouts::default() };
    // `/` without its slash: what follows the prefix begins with one.
    let everything = PathPattern::Prefix("".into());
    let target = Target {
        pool: PoolIndex(0),
        weight: Weight::ONE,
        request_timeout: timeouts.request,
        retry: RetryPolicy { enabled: options.retry, ..RetryPolicy::default() },
    };
    let pool = PoolPlan {
        health: health(options),
        ejection: EjectionPlan { enabled: options.health, ..EjectionPlan::default() },
        timeouts,
        ..PoolPlan::of(POOL, endpoints.iter().copied().map(EndpointPlan::at).collect())
    };
    Plan {
        listeners: vec![ListenerPlan::plain(listener)],
        admin: AdminPlan { at: AdminAddress::Tcp(admin), ..AdminPlan::default() },
        routes: vec![RoutePlan {
            name: "*/".into(),
            host: HostPattern::Any,
            path: everything,
            max_body: None,
            error_pages: ErrorPages::default(),
            action: Action::Forward(vec![target]),
        }],
        ..Plan::of(vec![pool])
    }
}

/// Two ports of loopback that nobody listens on.
fn free_ports() -> io::Result<[SocketAddr; 2]> {
    let any = (Ipv4Addr::LOCALHOST, 0);
    let (first, second) = (TcpListener::bind(any)?, TcpListener::bind(any)?);
    Ok([first.local_addr()?, second.local_addr()?])
}
