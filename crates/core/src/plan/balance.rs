//! Which endpoint of a pool a request goes to.

use std::sync::Arc;
use std::time::Duration;

use super::Ratio;

/// How a pool chooses among the endpoints of one rung, tier and distance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Balance {
    /// Of two drawn at random by weight, the one with the smaller product of latency and requests
    /// in flight (Finagle's and linkerd's "peak EWMA"). The default: it sees a slow endpoint before
    /// its queue is long, and two gateways never march in step.
    #[default]
    PeakEwma,
    /// Of two drawn at random by weight, the one with fewer requests in flight (Mitzenmacher,
    /// "The Power of Two Choices in Randomized Load Balancing", 2001).
    LeastRequests,
    /// Turns in proportion to the weights, spread evenly (nginx's smooth weighted round robin).
    RoundRobin,
    /// At random by weight.
    Random,
    /// By hash, on the ring of nginx and libmemcached (ketama).
    RingHash,
    /// By hash, with Maglev's table (Eisenbud et al., "Maglev: A Fast and Reliable Software Network
    /// Load Balancer", 2016): more even than a ring, and moves a little more when endpoints change.
    Maglev,
}

impl Balance {
    /// Whether the algorithm goes by [`HashPlan`].
    pub fn hashes(self) -> bool {
        matches!(self, Self::RingHash | Self::Maglev)
    }
}

/// What a request is hashed by, and how far an endpoint may be overloaded by its keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HashPlan {
    /// What of the request. One that has no such thing goes anywhere.
    pub key: HashKey,
    /// How many times the average an endpoint may have in flight, by weight, before its keys go to
    /// the next (Mirrokni, Thorup and Zadimoghaddam, "Consistent Hashing with Bounded Loads", 2018);
    /// above 1; `None`: as many as come.
    pub bounded_load: Option<Ratio>,
}

impl Default for HashPlan {
    /// The client's address, because every request has one. 125 % is HAProxy's advice, and keeps most
    /// keys at home.
    fn default() -> Self {
        Self { key: HashKey::Client, bounded_load: Ratio::per_mille(1250) }
    }
}

/// What of a request is hashed.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum HashKey {
    /// The client's address, as far as it is known.
    #[default]
    Client,
    /// The path.
    Path,
    /// The query, whole.
    Query,
    /// A field of the header; its name is lower case.
    Header(http::HeaderName),
    /// A cookie.
    Cookie(Arc<str>),
}

/// Sessions that stay with their endpoint, by a signed cookie.
#[derive(Clone, PartialEq, Eq)]
pub struct StickyPlan {
    /// The cookie's name.
    pub cookie: Arc<str>,
    /// What the cookie is signed with; gateways that share it know each other's cookies.
    pub secret: Arc<str>,
    /// How long a client keeps the cookie; `None`: until it closes.
    pub max_age: Option<Duration>,
    /// When it is sent over TLS alone.
    pub secure: Secure,
    /// Its `SameSite`.
    pub same_site: SameSite,
}

impl std::fmt::Debug for StickyPlan {
    /// Without the secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StickyPlan").field("cookie", &self.cookie).finish_non_exhaustive()
    }
}

/// When a cookie has the attribute `Secure`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Secure {
    /// Where the client came over TLS, as far as it is known.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The `SameSite` of a cookie (RFC 6265bis, section 5.6.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum SameSite {
    /// Sent with requests from other sites that navigate.
    #[default]
    Lax,
    /// Not sent with requests from other sites.
    Strict,
    /// Sent with all; browsers ask for `Secure` beside it.
    None,
}

/// How an endpoint that returns, or is new, comes to its full share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlowStart {
    /// How long it takes; zero: it has its full share at once.
    pub duration: Duration,
    /// The part of its share that it begins with.
    pub from: Ratio,
}

impl Default for SlowStart {
    /// 10 s fill most caches and compile most hot paths; a tenth is enough to begin with.
    fn default() -> Self {
        Self { duration: Duration::from_secs(10), from: Ratio(100) }
    }
}
