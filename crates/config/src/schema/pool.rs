//! `pools/NAME.yaml`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    Certificate, Ejection, Field, Hash, Health, List, OrTable, Retry, RetryBudget, SlowStart,
    Sticky, kind,
};

/// A pool's file.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Pool {
    /// Who answers; all of them alike.
    #[schemars(extend("x-required" = true, "minItems" = 1, "examples" = [["10.0.1.11:8080"]]))]
    pub(crate) endpoints: List<OrTable<Endpoint>>,

    /// How to choose among equals: see [balancing](#balancing).
    ///
    /// Why: Of two drawn at random the one with the smaller product of latency and requests in flight
    /// (Finagle's and linkerd's): it sees a slow endpoint before its queue is long, and two gateways
    /// never march in step.
    #[schemars(
        with = "kind::Balance",
        extend("default" = "peak_ewma", "examples" = ["least_requests"])
    )]
    pub(crate) balance: Field<String>,

    /// What a request is hashed by, for `ring_hash` and `maglev`. As a text, the key.
    #[schemars(extend("title" = "text, or mapping", "examples" = ["header:X-User"]))]
    pub(crate) hash: Field<OrTable<Hash>>,

    /// Sessions stay with their endpoint, by a signed cookie: see [sticky
    /// sessions](#sticky-sessions).
    ///
    /// Why: A session that stays is a session that can be lost: only for applications that ask for
    /// it.
    #[schemars(extend("x-default" = "—"))]
    pub(crate) sticky: Field<Sticky>,

    /// How an endpoint that was out comes to its full share.
    #[schemars(extend("examples" = ["30s"]))]
    pub(crate) slow_start: Field<OrTable<SlowStart>>,

    /// The most requests that an endpoint has at once, for each that names no limit of its own;
    /// without the key no limit.
    ///
    /// Why: Only the application knows how much it bears. `peak_ewma` steers away from what is slow,
    /// with or without a limit.
    #[schemars(with = "kind::Number<1, 1000000>", extend("examples" = [100]))]
    pub(crate) max_requests: Field<i64>,

    /// Likewise the most connections in use at once: one request each over HTTP/1.1, up to 100 over
    /// HTTP/2.
    ///
    /// Why: As for `max_requests`: only the application knows.
    #[schemars(with = "kind::Number<1, 1000000>", extend("examples" = [100]))]
    pub(crate) max_connections: Field<i64>,

    /// How many requests may wait for an endpoint at once: see [limits and the
    /// queue](#limits-and-the-queue). 0: none.
    ///
    /// Why: A thousand requests a second, for the second that each may wait. More would only find the
    /// next ones waiting, too.
    #[schemars(with = "kind::Number<0, 1000000>", extend("default" = 1024, "examples" = [0]))]
    pub(crate) queue: Field<i64>,

    /// For how long each may wait, in all.
    ///
    /// Why: What a restart takes and a client hardly notices.
    #[schemars(with = "kind::Duration", extend("default" = "1s", "examples" = ["5s"]))]
    pub(crate) queue_timeout: Field<String>,

    /// The HTTP version spoken to the endpoints. `h2`: by ALPN where the pool has `tls`, else with
    /// prior knowledge.
    ///
    /// Why: Every server speaks it.
    #[schemars(with = "kind::Protocol", extend("default" = "http1", "examples" = ["h2"]))]
    pub(crate) protocol: Field<String>,

    /// The Host of probes, and the SNI where `tls.sni` names none; without the key the endpoint's
    /// address. Requests keep the client's Host.
    #[schemars(with = "kind::HostName", extend("examples" = ["api.internal"]))]
    pub(crate) host: Field<String>,

    /// TLS towards the endpoints: `{}` for all defaults; without the key plain TCP.
    ///
    /// Why: Whether an endpoint speaks TLS cannot be guessed from its address.
    #[schemars(extend("x-default" = "—", "examples" = [{}]))]
    pub(crate) tls: Field<Tls>,

    /// The PROXY header that each connection to an endpoint begins with, to say who the client is; without
    /// the key none. `v1` is a line of text, `v2` binary.
    ///
    /// Why: Who does not expect it takes it for a broken request. For HTTP, `X-Forwarded-For` says the
    /// same to more applications.
    #[schemars(with = "kind::ProxyProtocol", extend("examples" = ["v2"]))]
    pub(crate) proxy_protocol: Field<String>,

    /// `true`: the gateway is ready only while this pool can serve.
    ///
    /// Why: Where one pool of several is down, the others' requests are still served. Better name the
    /// one without which the gateway is of no use, and only where another gateway may still reach it.
    #[schemars(with = "kind::Truth", extend("default" = false, "examples" = [true]))]
    pub(crate) required: Field<bool>,

    /// Active probes.
    pub(crate) health: Field<Health>,

    /// What live traffic does to an endpoint's status: see [ejection](#ejection).
    pub(crate) ejection: Field<Ejection>,

    /// Limits towards the endpoints.
    pub(crate) timeouts: Field<Timeouts>,

    /// When a failed attempt is followed by another.
    pub(crate) retry: Field<Retry>,

    /// How many retries the pool's requests may cause together, over ten seconds.
    pub(crate) retry_budget: Field<RetryBudget>,
}

/// An entry of `endpoints`; as a text, its address.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Endpoint {
    /// Where to connect. No address twice.
    #[schemars(
        with = "kind::EndpointAddress",
        extend("x-required" = true, "examples" = ["10.0.1.11:8080"])
    )]
    pub(crate) address: Field<String>,

    /// Its share, relative to the others.
    ///
    /// Why: Equals, unless told otherwise.
    #[schemars(with = "kind::Number<1, 1000>", extend("default" = 1, "examples" = [2]))]
    pub(crate) weight: Field<i64>,

    /// 0 serves first; a higher one only while no lower one can.
    ///
    /// Why: All serve.
    #[schemars(with = "kind::Number<0, 255>", extend("default" = 0, "examples" = [1]))]
    pub(crate) tier: Field<i64>,

    /// Where it is: see [zones](#zones).
    #[schemars(with = "kind::Zone", extend("examples" = ["eu-west-1a"]))]
    pub(crate) zone: Field<String>,

    /// The most requests that it has at once.
    #[schemars(
        with = "kind::Number<1, 1000000>",
        extend("x-default" = "the pool's", "examples" = [50])
    )]
    pub(crate) max_requests: Field<i64>,

    /// The most connections to it in use at once.
    #[schemars(
        with = "kind::Number<1, 1000000>",
        extend("x-default" = "the pool's", "examples" = [50])
    )]
    pub(crate) max_connections: Field<i64>,

    /// `true`: it keeps its sessions, and gets nothing new while a better one is there.
    ///
    /// Why: It serves, unless told otherwise.
    #[schemars(with = "kind::Truth", extend("default" = false, "examples" = [true]))]
    pub(crate) drain: Field<bool>,

    /// `true`: it gets nothing, not even as the last one.
    ///
    /// Why: As `drain`: it serves, unless told otherwise.
    #[schemars(with = "kind::Truth", extend("default" = false, "examples" = [true]))]
    pub(crate) disabled: Field<bool>,
}

/// `tls`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Tls {
    /// The name that is asked for and that the certificate must carry; without the key `host`, else
    /// the IP address.
    #[schemars(with = "kind::HostName", extend("examples" = ["api.internal"]))]
    pub(crate) sni: Field<String>,

    /// Whether chain and name of the certificate are verified.
    ///
    /// Why: Without it, TLS protects against nobody who can answer.
    #[schemars(with = "kind::Truth", extend("default" = true, "examples" = [false]))]
    pub(crate) verify: Field<bool>,

    /// A PEM file with the CAs, one of which an endpoint's certificate must lead to; without the key the
    /// system's. The path is relative to the folder of the main file.
    ///
    /// Why: What the machine trusts, everything on it trusts.
    #[schemars(with = "kind::File", extend("examples" = ["certs/internal-ca.pem"]))]
    pub(crate) ca: Field<String>,

    /// The certificate by which the gateway proves to endpoints who it is; without the key it has none.
    /// Paths as for `ca`.
    ///
    /// Why: Only who runs the endpoints can say by what they know the gateway.
    #[schemars(extend(
        "x-default" = "—",
        "examples" = [{ "cert": "certs/gateway.pem", "key": "certs/gateway.key" }]
    ))]
    pub(crate) certificate: Field<Certificate>,
}

/// `timeouts`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Timeouts {
    /// For a connection to stand, TLS included.
    ///
    /// Why: One lost SYN is sent again, after 1 s (RFC 6298), and still counts.
    #[schemars(with = "kind::Duration", extend("default" = "2s", "examples" = ["500ms"]))]
    pub(crate) connect: Field<String>,

    /// From the end of the request, its body included, to the header of the answer, for each attempt.
    ///
    /// Why: Leaves room for a second attempt within `request`.
    #[schemars(with = "kind::Duration", extend("default" = "30s", "examples" = ["10s"]))]
    pub(crate) first_byte: Field<String>,

    /// The longest silence within the body of an answer.
    ///
    /// Why: As nginx and most cloud load balancers; a server-sent-events stream says something
    /// sooner.
    #[schemars(with = "kind::Duration", extend("default" = "1m", "examples" = ["5m"]))]
    pub(crate) idle: Field<String>,

    /// The longest silence of both sides on an upgraded connection (WebSocket).
    ///
    /// Why: WebSockets are silent for long; as HAProxy's usual `timeout tunnel`.
    #[schemars(with = "kind::Duration", extend("default" = "1h", "examples" = ["10m"]))]
    pub(crate) tunnel: Field<String>,

    /// The longest time for which an endpoint takes nothing of the request.
    ///
    /// Why: As `first_byte`: an endpoint that takes nothing for so long is stuck.
    #[schemars(with = "kind::Duration", extend("default" = "30s", "examples" = ["10s"]))]
    pub(crate) write: Field<String>,

    /// How long an unused connection to an endpoint is kept.
    ///
    /// Why: Below the 5 s after which Node.js, Apache httpd and uvicorn close an idle connection, so
    /// that the race between their close and our next request is not run at all. Raise it for servers
    /// that keep connections longer.
    #[schemars(with = "kind::Duration", extend("default" = "4s", "examples" = ["50s"]))]
    pub(crate) keepalive: Field<String>,

    /// From the end of the request, its body included, to the header of the answer, over all
    /// attempts. A body may stream on.
    ///
    /// Why: Ends before the 60 s after which cloud load balancers answer 504 themselves: the client
    /// gets an answer with a reason and a request id.
    #[schemars(with = "kind::Duration", extend("default" = "55s", "examples" = ["10s"]))]
    pub(crate) request: Field<String>,
}
