//! The configuration as the gateway runs it: validated, free of serde, unable to be wrong.
//!
//! `switchback-config` is the only maker of a [`Plan`]; whoever holds one need not check it again.
//! What a type can rule out is a type ([`Weight`], [`StatusSet`], [`crate::route::HostPattern`]);
//! the rest — names that resolve, no duplicate, no pool without endpoints — is promised by the
//! maker and stated at each field.
//!
//! The defaults stand in the `Default`s of this file, with their reasons. Four that belong to the way
//! a file is written stand where it is read, in `switchback-config`: a redirect's status, a probe's path
//! and expected statuses, and that certificates are verified.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::id::PoolIndex;
use crate::route::{HostPattern, PathPattern};

/// The whole configuration.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where clients connect. Not empty; no address twice.
    pub listeners: Vec<ListenerPlan>,
    /// The operators' own listener.
    pub admin: AdminPlan,
    /// Whose `X-Forwarded-*` and `X-Request-Id` are believed.
    pub trusted_proxies: Vec<ipnet::IpNet>,
    /// Where the access log goes.
    pub access_log: AccessLogPlan,
    /// How the gateway leaves.
    pub drain: DrainPlan,
    /// Worker threads of the proxy; `None`: one for each CPU that the process may use.
    pub threads: Option<NonZeroU32>,
    /// Every pool, in a fixed order. Names are unique.
    pub pools: Vec<PoolPlan>,
    /// Every route, in the order of the file. No two with the same host and path.
    pub routes: Vec<RoutePlan>,
}

/// A listener for clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerPlan {
    /// The address to bind.
    pub address: SocketAddr,
}

/// The admin listener: readiness and metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminPlan {
    /// The address to bind.
    pub address: SocketAddr,
}

impl Default for AdminPlan {
    /// Loopback: what the admin listener tells is for operators alone.
    fn default() -> Self {
        Self { address: SocketAddr::from(([127, 0, 0, 1], 9900)) }
    }
}

/// Where the access log goes.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum AccessLogPlan {
    /// Standard output, where a container's logs are collected.
    #[default]
    Stdout,
    /// Appended to this file.
    File(PathBuf),
    /// Nowhere.
    Off,
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

/// A pool: endpoints that answer alike, and how to treat them.
#[derive(Clone, Debug)]
pub struct PoolPlan {
    /// The name, from the file's name.
    pub name: Arc<str>,
    /// The endpoints, in the order of the file. Not empty; no address twice.
    pub endpoints: Vec<EndpointPlan>,
    /// The balancing algorithm.
    pub balance: Balance,
    /// Active health checks; `None`: every endpoint counts as healthy.
    pub health: Option<HealthPlan>,
    /// Time limits towards endpoints.
    pub timeouts: Timeouts,
    /// TLS towards endpoints; `None`: plain TCP.
    pub tls: Option<UpstreamTlsPlan>,
    /// The Host of probes, and the SNI where TLS names none; `None`: the endpoint's address.
    pub host: Option<Arc<str>>,
}

/// One endpoint of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndpointPlan {
    /// The address to connect to.
    pub address: SocketAddr,
    /// Its share, relative to its neighbours.
    pub weight: Weight,
    /// 0 serves first; a higher tier serves only while no lower one can.
    pub tier: u8,
}

/// An endpoint's share of its pool's requests, relative to the others': 1 to 1000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Weight(u16);

impl Weight {
    /// The share of an endpoint that names none.
    pub const ONE: Self = Self(1);
    /// The largest share.
    pub const MAX: u16 = 1000;

    /// `None` unless `weight` is between 1 and [`Self::MAX`].
    pub fn new(weight: u16) -> Option<Self> {
        (1..=Self::MAX).contains(&weight).then_some(Self(weight))
    }

    /// The number.
    pub fn value(self) -> u16 {
        self.0
    }
}

impl Default for Weight {
    fn default() -> Self {
        Self::ONE
    }
}

/// How a pool chooses among the endpoints of one rung and tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Balance {
    /// Turns in proportion to the weights, spread evenly (nginx's smooth weighted round robin).
    RoundRobin,
    /// Of two drawn at random by weight, the one with fewer requests in flight (Mitzenmacher,
    /// "The Power of Two Choices in Randomized Load Balancing", 2001). The default: it moves away
    /// from a slow endpoint by itself, and two gateways never march in step.
    #[default]
    LeastRequests,
}

/// TLS towards the endpoints of a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamTlsPlan {
    /// The server name that is asked for and that the certificate must carry; empty: the
    /// endpoint's IP address.
    pub sni: Arc<str>,
    /// Whether chain and name of the certificate are verified.
    pub verify: bool,
}

/// Active health checks of a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthPlan {
    /// What a probe does.
    pub probe: ProbePlan,
    /// Between the starts of two probes of one endpoint.
    pub interval: Duration,
    /// For a whole probe, connecting included.
    pub timeout: Duration,
    /// Passing probes in a row that make a failing endpoint healthy.
    pub rise: NonZeroU32,
    /// Failing probes in a row that make a healthy endpoint failing.
    pub fall: NonZeroU32,
    /// Probes on the way at once, over the whole pool.
    pub concurrency: NonZeroU32,
}

impl Default for HealthPlan {
    /// TCP, because only the operator knows a path to ask for. 2 s × 3 finds a dead endpoint in
    /// 4 to 6 s; two passes to return keep a flapping one out. 64 at once bound the burst on a
    /// large pool.
    fn default() -> Self {
        let count = |n: u32| NonZeroU32::MIN.saturating_add(n - 1);
        Self {
            probe: ProbePlan::Tcp,
            interval: Duration::from_secs(2),
            timeout: Duration::from_secs(1),
            rise: count(2),
            fall: count(3),
            concurrency: count(64),
        }
    }
}

/// What a probe does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbePlan {
    /// Connects (with TLS, where the pool has it), and closes.
    Tcp,
    /// Sends `GET path` and looks at the status.
    Http {
        /// The path, with its query; begins with `/`.
        path: Arc<str>,
        /// The statuses that pass.
        expect: StatusSet,
        /// The port to probe, where it is not the endpoint's own.
        port: Option<u16>,
    },
}

/// A set of HTTP status codes between 100 and 599.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusSet {
    ranges: Vec<(u16, u16)>,
}

impl StatusSet {
    /// The set of these inclusive ranges; `None` if one is reversed or leaves 100–599, or if there
    /// is none.
    pub fn from_ranges(ranges: &[(u16, u16)]) -> Option<Self> {
        let valid = |&(low, high): &(u16, u16)| low <= high && low >= 100 && high <= 599;
        (!ranges.is_empty() && ranges.iter().all(valid)).then(|| Self { ranges: ranges.to_vec() })
    }

    /// The inclusive ranges, as they were given.
    pub fn ranges(&self) -> &[(u16, u16)] {
        &self.ranges
    }

    /// Whether `status` is in the set.
    pub fn contains(&self, status: u16) -> bool {
        self.ranges.iter().any(|&(low, high)| (low..=high).contains(&status))
    }
}

impl std::fmt::Display for StatusSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (position, (low, high)) in self.ranges.iter().enumerate() {
            let comma = if position == 0 { "" } else { ", " };
            if low == high {
                write!(f, "{comma}{low}")?;
            } else {
                write!(f, "{comma}{low}-{high}")?;
            }
        }
        Ok(())
    }
}

/// Time limits towards the endpoints of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For establishing a connection, TLS included.
    pub connect: Duration,
    /// From the end of the request to the header of the answer, for each attempt.
    pub first_byte: Duration,
    /// The longest silence within the body of an answer.
    pub idle: Duration,
    /// The longest silence of both sides on a connection that was upgraded (WebSocket).
    pub tunnel: Duration,
    /// The longest time for which an endpoint may take nothing of the request.
    pub write: Duration,
    /// How long an unused connection to an endpoint is kept.
    pub keepalive: Duration,
    /// From the end of the request, its body included, to the header of the answer, over all
    /// attempts. What streams after that may stream on.
    pub request: Duration,
}

impl Default for Timeouts {
    /// `connect` 2 s lets one lost SYN be sent again (RFC 6298: after 1 s). `first_byte` 30 s and
    /// `request` 55 s end before the 60 s after which cloud load balancers answer 504 themselves,
    /// with room for a second attempt. `idle` 60 s is nginx's, and theirs. `tunnel` 1 h is HAProxy's
    /// usual `timeout tunnel`. `keepalive` 4 s is below the 5 s after which Node.js, Apache httpd
    /// and uvicorn close an idle connection, so that the race is not run at all.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(2),
            first_byte: Duration::from_secs(30),
            idle: Duration::from_secs(60),
            tunnel: Duration::from_secs(3600),
            write: Duration::from_secs(30),
            keepalive: Duration::from_secs(4),
            request: Duration::from_secs(55),
        }
    }
}

/// When a failed attempt is followed by another (`docs/DEFAULTS.md` argues each default).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Whether any attempt is ever followed by another.
    pub enabled: bool,
    /// Attempts after something may have been sent, the first included. 1: none is repeated.
    /// Connection failures do not count; they may go round the whole pool.
    pub attempts: NonZeroU32,
    /// Answers that count as failures of the endpoint.
    pub statuses: StatusSet,
    /// Whether a request with an `Idempotency-Key` may be repeated whatever its method: only where
    /// the application honours that header.
    pub trust_idempotency_key: bool,
    /// Whether *any* request may be repeated: only where executing one twice does no harm.
    pub non_idempotent: bool,
}

impl Default for RetryPolicy {
    /// On: three attempts, on the three answers with which an application or another proxy says
    /// that it could not serve. 500 is left out, because it may be the honest answer.
    fn default() -> Self {
        Self {
            enabled: true,
            attempts: NonZeroU32::MIN.saturating_add(2),
            statuses: StatusSet { ranges: vec![(502, 504)] },
            trust_idempotency_key: false,
            non_idempotent: false,
        }
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
