//! The configuration as the gateway runs it: validated, free of serde, unable to be wrong.
//!
//! `switchback-config` is the only maker of a [`Plan`]; whoever holds one need not check it again.
//! What a type can rule out is a type ([`Weight`], [`StatusSet`], [`crate::route::HostPattern`]);
//! the rest — names that resolve, no duplicate, no pool without endpoints — is promised by the
//! maker and stated at each field.
//!
//! The defaults stand in the `Default`s here, with their reasons. Seven that belong to the way
//! a file is written stand where it is read, in `switchback-config`: a redirect's status, a probe's path,
//! expected statuses and gRPC service, the name of a sticky cookie, that certificates are verified, and that
//! clients who are asked for one must show it.

mod balance;
mod behind;
mod error_pages;
mod health;
mod limits;
mod listener;
mod log;
mod pool;
mod tracing;
mod traffic;
mod value;

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::id::PoolIndex;
use crate::route::{HostPattern, PathPattern};

pub use balance::{Balance, HashKey, HashPlan, SameSite, Secure, SlowStart, StickyPlan};
pub use behind::{Behind, Idle};
pub use error_pages::{ErrorPage, ErrorPages};
pub use health::{HealthPlan, ProbePlan};
pub use limits::LimitsPlan;
pub use listener::{CaPlan, CertificatePlan, ClientAuthPlan, ListenerPlan, TlsPlan};
pub use log::{AccessLogPlan, BadTemplate, LogField, LogFormat, LogPart, LogSink, LogTemplate};
pub use pool::{Admin, EndpointPlan, PoolPlan, Protocol, ProxyProtocol, Timeouts, UpstreamTlsPlan};
pub use tracing::TracingPlan;
pub use traffic::{EjectionPlan, QueuePlan, RetryBudget, RetryPolicy};
pub use value::{Ratio, Secret, StatusSet, Weight};

/// The whole configuration.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where clients connect. Not empty; no address twice.
    pub listeners: Vec<ListenerPlan>,
    /// The operators' own listener.
    pub admin: AdminPlan,
    /// What stands in front. What follows from it has taken effect in the rest of the plan.
    pub behind: Behind,
    /// How long the connection of an idle client is kept. A second at least.
    pub client_keepalive: Duration,
    /// Whose PROXY header, `X-Forwarded-*`, `Forwarded` and `X-Request-Id` are believed.
    pub trusted_proxies: Vec<ipnet::IpNet>,
    /// Whether requests are sent on with `Forwarded` (RFC 7239), too.
    pub forwarded: bool,
    /// Whether header fields with an underscore in their name are sent on. Applications that read
    /// CGI variables take them for those with a hyphen.
    pub underscores: bool,
    /// What a client may cost.
    pub limits: LimitsPlan,
    /// How long the gateway may wait to be ready for the first round of probes.
    pub startup_timeout: Duration,
    /// Where the access log goes, and what it looks like.
    pub access_log: AccessLogPlan,
    /// Where traces go; `None`: nowhere, and `traceparent` is passed on as it came.
    pub tracing: Option<TracingPlan>,
    /// What stands in place of the gateway's own error answers where no route matches.
    pub error_pages: ErrorPages,
    /// How the gateway leaves.
    pub drain: DrainPlan,
    /// Worker threads of the proxy; `None`: one for each CPU that the process may use.
    pub threads: Option<NonZeroU32>,
    /// Where the gateway is; `None`: nobody said. [`EndpointPlan::far`] has been told by it.
    pub zone: Option<Arc<str>>,
    /// Every pool, in a fixed order. Names are unique.
    pub pools: Vec<PoolPlan>,
    /// Every route, in the order of the file. No two with the same host and path.
    pub routes: Vec<RoutePlan>,
}

impl Plan {
    /// Two probes of the default interval, and the time that they may take.
    pub const STARTUP_TIMEOUT: Duration = Duration::from_secs(10);

    /// These pools, with every default and nobody who comes to them: no listener, no route, no log.
    pub fn of(pools: Vec<PoolPlan>) -> Self {
        let behind = Behind::default();
        Self {
            listeners: Vec::new(),
            admin: AdminPlan::default(),
            behind,
            client_keepalive: behind.client_keepalive(),
            trusted_proxies: Vec::new(),
            forwarded: false,
            underscores: false,
            limits: LimitsPlan::default(),
            startup_timeout: Self::STARTUP_TIMEOUT,
            access_log: AccessLogPlan { to: LogSink::Off, ..AccessLogPlan::default() },
            tracing: None,
            error_pages: ErrorPages::default(),
            drain: DrainPlan::default(),
            threads: None,
            zone: None,
            pools,
            routes: Vec::new(),
        }
    }
}

/// The operators' listener: readiness, metrics, the API and the dashboard.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct AdminPlan {
    /// Where it listens.
    pub at: AdminAddress,
    /// What who comes over TCP must show to use the API; `None`: the API is for this machine alone.
    /// Whoever may open a Unix socket needs none.
    pub token: Option<Secret>,
}

/// Where operators connect.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum AdminAddress {
    /// A TCP address.
    Tcp(SocketAddr),
    /// A Unix socket at this path, for the gateway's own user.
    Unix(PathBuf),
}

impl Default for AdminAddress {
    /// Loopback: what the admin listener tells is for operators alone.
    fn default() -> Self {
        Self::Tcp(SocketAddr::from(([127, 0, 0, 1], 9900)))
    }
}

impl std::fmt::Display for AdminAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => path.display().fmt(f),
        }
    }
}

/// What happens between SIGTERM and the exit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DrainPlan {
    /// How long readiness answers 503 while everything else goes on, so that the load balancer in
    /// front stops sending first. Zero: listeners close at once.
    pub delay: Duration,
    /// How long requests in flight may take after the listeners have closed.
    pub timeout: Duration,
}

impl Default for DrainPlan {
    /// 5 s covers two failed probes of a cloud load balancer; 25 s more end within Kubernetes'
    /// grace period of 30 s.
    fn default() -> Self {
        Self { delay: Duration::from_secs(5), timeout: Duration::from_secs(25) }
    }
}

/// One route: which requests, and what becomes of them.
#[derive(Clone, Debug)]
pub struct RoutePlan {
    /// The name in logs and metrics: `host` + `path` as the file has them, e.g.
    /// `shop.example.com/api/`, `*/` for everything else.
    pub name: Arc<str>,
    /// Which hosts.
    pub host: HostPattern,
    /// Which paths.
    pub path: PathPattern,
    /// The most bytes of a request's body; `None`: no limit.
    pub max_body: Option<u64>,
    /// What stands in place of the gateway's own error answers: the route's, and behind them the gateway's.
    pub error_pages: ErrorPages,
    /// What becomes of them.
    pub action: Action,
}

/// What becomes of a request.
#[derive(Clone, Debug)]
pub enum Action {
    /// It goes to one of these, in proportion to the weights. Not empty; a plain `pool:` is one
    /// target of weight 1.
    Forward(Vec<Target>),
    /// The gateway answers with a redirect.
    Redirect(Redirect),
}

/// A pool as the goal of a route, with what holds for requests that go there.
#[derive(Clone, Debug)]
pub struct Target {
    /// The pool.
    pub pool: PoolIndex,
    /// Its share among the targets of the route.
    pub weight: Weight,
    /// [`Timeouts::request`], as the route or else the pool sets it.
    pub request_timeout: Duration,
    /// The retry policy, as the route or else the pool sets it.
    pub retry: RetryPolicy,
}

/// An answer that sends the client elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    /// Where to: a path, or an absolute URL. On a prefix route what followed the prefix is
    /// appended; the query is always kept.
    pub to: Arc<str>,
    /// 301, 302, 303, 307 or 308.
    pub status: u16,
}
