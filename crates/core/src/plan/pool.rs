//! A pool: its endpoints, and how to talk to them.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use super::{
    Balance, CaPlan, CertificatePlan, EjectionPlan, HashPlan, HealthPlan, QueuePlan, RetryBudget,
    SlowStart, StickyPlan, Weight,
};

/// A pool: endpoints that answer alike, and how to treat them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolPlan {
    /// The name, from the file's name.
    pub name: Arc<str>,
    /// The endpoints, in the order of the file. Not empty; no address twice.
    pub endpoints: Vec<EndpointPlan>,
    /// The balancing algorithm.
    pub balance: Balance,
    /// What a request is hashed by, for the algorithms that hash.
    pub hash: HashPlan,
    /// Sessions that stay with their endpoint; `None`: none do.
    pub sticky: Option<StickyPlan>,
    /// How an endpoint that returns, or is new, comes to its full share.
    pub slow_start: SlowStart,
    /// Active health checks; `None`: every endpoint counts as healthy.
    pub health: Option<HealthPlan>,
    /// What live traffic does to an endpoint's status.
    pub ejection: EjectionPlan,
    /// Requests that wait for an endpoint.
    pub queue: QueuePlan,
    /// How many retries the pool's requests may cause together.
    pub retry_budget: RetryBudget,
    /// Time limits towards endpoints.
    pub timeouts: Timeouts,
    /// The HTTP version spoken to the endpoints.
    pub protocol: Protocol,
    /// TLS towards endpoints; `None`: plain TCP.
    pub tls: Option<UpstreamTlsPlan>,
    /// The Host of probes, and the SNI where TLS names none; `None`: the endpoint's address.
    pub host: Option<Arc<str>>,
    /// The PROXY header that each connection to an endpoint begins with; `None`: none.
    pub proxy_protocol: Option<ProxyProtocol>,
    /// Whether the gateway is ready only while the pool can serve.
    pub required: bool,
}

impl PoolPlan {
    /// A pool of these endpoints, with every default; without health checks.
    pub fn of(name: &str, endpoints: Vec<EndpointPlan>) -> Self {
        Self {
            name: name.into(),
            endpoints,
            balance: Balance::default(),
            hash: HashPlan::default(),
            sticky: None,
            slow_start: SlowStart::default(),
            health: None,
            ejection: EjectionPlan::default(),
            queue: QueuePlan::default(),
            retry_budget: RetryBudget::default(),
            timeouts: Timeouts::default(),
            protocol: Protocol::default(),
            tls: None,
            host: None,
            proxy_protocol: None,
            required: false,
        }
    }

    /// How many requests an endpoint may have at once: the smaller of its two limits. A connection
    /// carries one request of HTTP/1.1, and [`Protocol::STREAMS`] of HTTP/2.
    pub fn room(&self, endpoint: &EndpointPlan) -> u32 {
        let streams = match self.protocol {
            Protocol::Http1 => 1,
            Protocol::H2 => Protocol::STREAMS,
        };
        let requests = endpoint.max_requests.map_or(u32::MAX, NonZeroU32::get);
        let connections = endpoint.max_connections.map_or(u32::MAX, NonZeroU32::get);
        requests.min(connections.saturating_mul(streams))
    }
}

/// One endpoint of a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointPlan {
    /// The address to connect to.
    pub address: SocketAddr,
    /// Its share, relative to its neighbours.
    pub weight: Weight,
    /// 0 serves first; a higher tier serves only while no lower one can.
    pub tier: u8,
    /// Where it is; `None`: nobody said.
    pub zone: Option<Arc<str>>,
    /// Whether it is elsewhere than the gateway: both have a zone, and not the same.
    pub far: bool,
    /// The most requests that it has at once; `None`: no limit.
    pub max_requests: Option<NonZeroU32>,
    /// The most connections in use at once; `None`: no limit.
    pub max_connections: Option<NonZeroU32>,
    /// What the operator has decided about it.
    pub admin: Admin,
}

impl EndpointPlan {
    /// An endpoint with every default.
    pub fn at(address: SocketAddr) -> Self {
        Self {
            address,
            weight: Weight::ONE,
            tier: 0,
            zone: None,
            far: false,
            max_requests: None,
            max_connections: None,
            admin: Admin::Enabled,
        }
    }
}

/// What the operator has decided about an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Admin {
    /// It serves.
    #[default]
    Enabled,
    /// It keeps its sessions, and gets nothing new while a better one is there.
    Drain,
    /// It gets nothing.
    Disabled,
}

/// The HTTP version spoken to the endpoints of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Protocol {
    /// HTTP/1.1.
    #[default]
    Http1,
    /// HTTP/2: agreed on by ALPN where the pool has TLS, else with prior knowledge (RFC 9113,
    /// section 3.3).
    H2,
}

impl Protocol {
    /// The most requests on one connection of HTTP/2: the least that RFC 9113, section 6.5.2,
    /// recommends servers to allow.
    pub const STREAMS: u32 = 100;
}

/// A version of the PROXY protocol (HAProxy's `proxy-protocol.txt`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyProtocol {
    /// A line of text.
    V1,
    /// Binary.
    V2,
}

/// TLS towards the endpoints of a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamTlsPlan {
    /// The server name that is asked for and that the certificate must carry; empty: the
    /// endpoint's IP address.
    pub sni: Arc<str>,
    /// Whether chain and name of the certificate are verified.
    pub verify: bool,
    /// The CAs that an endpoint's certificate must lead to; `None`: the system's.
    pub ca: Option<Arc<CaPlan>>,
    /// The certificate by which the gateway proves who it is; `None`: it has none.
    pub certificate: Option<Arc<CertificatePlan>>,
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
