//! `health` of a pool.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Field, OneOrMany, kind};

/// `health`: one of `http`, `tcp` and `grpc`, or none.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("allOf" = kind::at_most_one_of(&["http", "tcp", "grpc"])))]
pub(crate) struct Health {
    /// `false`: no probes, and every endpoint counts as healthy until traffic ejects it.
    ///
    /// Why: Without probes only requests find a dead endpoint, and only requests find that it is
    /// back.
    #[schemars(with = "kind::Truth", extend("default" = true, "examples" = [false]))]
    pub(crate) enabled: Field<bool>,

    /// A probe sends `GET path` and looks at the status. Not beside `tcp` or `grpc`.
    #[schemars(extend("x-default" = "—", "examples" = [{ "path": "/healthz" }]))]
    pub(crate) http: Field<HttpProbe>,

    /// A probe connects (with TLS, where the pool has it) and closes. Not beside `http` or `grpc`.
    ///
    /// Why: Only the operator knows a path to ask for. With one, a hanging application is found, too.
    #[schemars(extend("default" = {}, "examples" = [{}]))]
    pub(crate) tcp: Field<TcpProbe>,

    /// A probe asks `grpc.health.v1.Health/Check`, over HTTP/2 whatever the pool speaks; `SERVING`
    /// passes. Not beside `http` or `tcp`.
    #[schemars(extend("x-default" = "—", "examples" = [{}]))]
    pub(crate) grpc: Field<GrpcProbe>,

    /// Between the starts of two probes of an endpoint.
    ///
    /// Why: An endpoint that is well is asked every two seconds, not more.
    #[schemars(with = "kind::Duration", extend("default" = "2s", "examples" = ["5s"]))]
    pub(crate) interval: Field<String>,

    /// The same while its status is about to turn, where that is shorter.
    ///
    /// Why: Where the status is about to turn, the next answer is worth more: with `fall`, an
    /// endpoint that refuses connections is out after 1 to 3 s, one that hangs after 3 to 5 s.
    #[schemars(with = "kind::Duration", extend("default" = "500ms", "examples" = ["200ms"]))]
    pub(crate) fast_interval: Field<String>,

    /// For a whole probe, connecting included.
    ///
    /// Why: Far above what a health endpoint needs, and below the interval, so that probes never
    /// overlap.
    #[schemars(with = "kind::Duration", extend("default" = "1s", "examples" = ["500ms"]))]
    pub(crate) timeout: Field<String>,

    /// Passes in a row that make a failing endpoint healthy.
    ///
    /// Why: Two passes to return keep a flapping endpoint out.
    #[schemars(with = "kind::Number<1, 1000>", extend("default" = 2, "examples" = [1]))]
    pub(crate) rise: Field<i64>,

    /// Failures in a row that make a healthy endpoint failing.
    ///
    /// Why: One lost packet is no death. Until then requests are rescued by retries.
    #[schemars(with = "kind::Number<1, 1000>", extend("default" = 3, "examples" = [2]))]
    pub(crate) fall: Field<i64>,

    /// Probes on the way at once, over the whole pool. If more are due, healthy endpoints and those
    /// whose status may turn go first; three quarters are theirs while others wait, a quarter the
    /// others'.
    ///
    /// Why: Bounds the burst on a large pool. Each silent endpoint takes a `timeout` out of every
    /// `interval`: with the other defaults some 100 of them fit in; with more, the failing ones are
    /// asked less often, and the log says so.
    #[schemars(with = "kind::Number<1, 10000>", extend("default" = 64, "examples" = [16]))]
    pub(crate) concurrency: Field<i64>,
}

/// `health.http`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct HttpProbe {
    /// What it asks for.
    ///
    /// Why: The one path that most applications have. Better name one that tells of health.
    #[schemars(
        with = "kind::RequestPath",
        extend("default" = "/", "examples" = ["/healthz?full=1"])
    )]
    pub(crate) path: Field<String>,

    /// What passes.
    ///
    /// Why: What says "well" in HTTP. A redirect to a login page does not.
    #[schemars(with = "kind::Statuses", extend("default" = ["200-299"], "examples" = [[200, 204]]))]
    pub(crate) expect: Field<OneOrMany>,

    /// The port to probe; without the key the endpoint's own.
    #[schemars(with = "kind::Number<1, 65535>", extend("examples" = [9000]))]
    pub(crate) port: Field<i64>,
}

/// `health.tcp`, which has nothing to choose.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct TcpProbe {}

/// `health.grpc`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct GrpcProbe {
    /// The service asked about; empty: the server as a whole.
    ///
    /// Why: The server as a whole: the one service that every server with gRPC health has.
    #[schemars(with = "kind::Service", extend("default" = "", "examples" = ["shop.v1.Cart"]))]
    pub(crate) service: Field<String>,

    /// The port to probe; without the key the endpoint's own.
    #[schemars(with = "kind::Number<1, 65535>", extend("examples" = [9000]))]
    pub(crate) port: Field<i64>,
}
