//! `switchback.yaml`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    AccessLog, Admin, Field, Inherited, Limits, List, Listener, OneOrMany, OrTable, Pairs, Retry,
    Tracing, kind,
};

/// The main file.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Gateway {
    /// Where clients connect.
    #[schemars(extend("x-required" = true, "minItems" = 1, "examples" = [["0.0.0.0:8080"]]))]
    pub(crate) listeners: List<OrTable<Listener>>,

    /// The operators' listener: readiness, metrics and the API.
    pub(crate) admin: Field<Admin>,

    /// What stands in front: sets the defaults of `client_keepalive`, `drain.delay` and `trusted_proxies`.
    /// See [what stands in front](#what-stands-in-front).
    ///
    /// Why: Nothing is known of what stands in front until it is named.
    #[schemars(
        with = "kind::BehindWord",
        extend("default" = "none", "examples" = ["aws-alb"])
    )]
    pub(crate) behind: Field<String>,

    /// How long an idle client's connection is kept.
    ///
    /// Why: nginx's, and longer than the minute after which most proxies in front close an idle
    /// connection: whoever closes first must not be the one that does not send. `behind` makes it longer
    /// where the balancer's is: 620 s is Google's own advice for its 600 s.
    #[schemars(
        with = "kind::Duration",
        extend("title" = "duration, 1s or more", "default" = "1m15s", "examples" = ["620s"])
    )]
    pub(crate) client_keepalive: Field<String>,

    /// Whose `X-Forwarded-*`, `Forwarded`, `X-Request-Id` and PROXY header are believed: the load
    /// balancers in front. See [who the client is](#who-the-client-is).
    ///
    /// Why: Whoever is believed can claim any client address. Nobody is, until named.
    #[schemars(
        with = "Vec<kind::Network>",
        extend("default" = [], "examples" = [["10.0.0.0/8"]])
    )]
    pub(crate) trusted_proxies: List<String>,

    /// `true`: requests are sent on with `Forwarded` (RFC 7239), beside `X-Forwarded-*`.
    ///
    /// Why: `X-Forwarded-*` is what applications read. Two ways to say one thing are twice to keep
    /// right.
    #[schemars(with = "kind::Truth", extend("default" = false, "examples" = [true]))]
    pub(crate) forwarded: Field<bool>,

    /// What becomes of header fields with an underscore in their name: `keep` sends them on.
    ///
    /// Why: nginx's. Applications that read CGI variables take `X_Forwarded_For` for `X-Forwarded-For`,
    /// so a client could claim what only the gateway may say.
    #[schemars(with = "kind::Underscores", extend("default" = "drop", "examples" = ["keep"]))]
    pub(crate) underscores: Field<String>,

    /// What a client may cost: see [limits](#limits).
    pub(crate) limits: Field<Limits>,

    /// How long the gateway may wait, at its start, for the first round of probes before it is ready
    /// without it.
    ///
    /// Why: Two probes of the default interval, and the time that they may take. A start that waits for
    /// ever on an endpoint that is down would be an outage of its own.
    #[schemars(with = "kind::Duration", extend("default" = "10s", "examples" = ["30s"]))]
    pub(crate) startup_timeout: Field<String>,

    /// Where the access log goes, and what it looks like: see [the access log](#the-access-log).
    ///
    /// Why: Where a container's logs are collected.
    #[schemars(extend("default" = "stdout", "examples" = ["off"]))]
    pub(crate) access_log: Field<OrTable<AccessLog>>,

    /// Where traces go: see [tracing](#tracing). Without the key nowhere, and `traceparent` is passed on as it
    /// came.
    ///
    /// Why: Only the operator has a collector.
    #[schemars(extend("x-default" = "—"))]
    pub(crate) tracing: Field<Tracing>,

    /// What stands in place of the gateway's own error answers, by status: see [error pages](#error-pages).
    /// Those of a route come before these.
    ///
    /// Why: The gateway's own answers say what an operator needs in any client's format. What a site looks
    /// like, it does not know.
    #[schemars(
        with = "kind::ErrorPages",
        extend(
            "x-default" = "—",
            "examples" = [{ "503": "errors/busy.html", "5xx": "errors/sorry.html" }]
        )
    )]
    pub(crate) error_pages: Field<Pairs<String>>,

    /// What happens between SIGTERM and the exit.
    pub(crate) drain: Field<Drain>,

    /// Worker threads of the proxy; without the key one for each CPU that the process may use.
    ///
    /// Why: One for each CPU that the process may use, the limit of a container included: a thread
    /// more than CPUs only takes turns with another.
    #[schemars(with = "kind::Number<1, 1024>", extend("examples" = [4]))]
    pub(crate) threads: Field<i64>,

    /// Where this gateway is: see [zones](#zones). Printable ASCII without white space.
    ///
    /// Why: Nobody can tell it from an address.
    #[schemars(with = "kind::Zone", extend("examples" = ["${ZONE}"]))]
    pub(crate) zone: Field<String>,

    /// The pools' files. `*` and `?` in the last part of a path.
    #[schemars(with = "kind::Files", extend("x-required" = true, "examples" = ["pools/*.yaml"]))]
    pub(crate) pools: Field<OneOrMany>,

    /// Which requests go where.
    #[schemars(extend("x-required" = true, "minItems" = 1, "examples" = [[{ "pool": "web" }]]))]
    pub(crate) routes: List<Route>,
}

/// `drain`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Drain {
    /// Readiness fails, everything else goes on. `0s`: listeners close at once.
    ///
    /// Why: Covers two failed probes of a load balancer in front that asks every other second; it then stops
    /// sending before the listeners close. `behind` sets what its own probes take: their interval times the
    /// failures that count.
    #[schemars(with = "kind::DurationOrZero", extend("default" = "5s", "examples" = ["10s"]))]
    pub(crate) delay: Field<String>,

    /// After that: how long requests in flight may take.
    ///
    /// Why: With the delay 30 s: Kubernetes' grace period, after which it kills.
    #[schemars(with = "kind::Duration", extend("default" = "25s", "examples" = ["1m"]))]
    pub(crate) timeout: Field<String>,
}

/// An entry of `routes`: one of `pool`, `split` and `redirect`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("oneOf" = kind::just_one_of(&["pool", "split", "redirect"])))]
pub(crate) struct Route {
    /// A name, a wildcard for every name below (not the name itself), or `"*"` for every host.
    ///
    /// Why: A route that names no host is for all of them.
    #[schemars(with = "kind::Host", extend("default" = "*", "examples" = ["*.example.com"]))]
    pub(crate) host: Field<String>,

    /// A prefix on whole segments: `/api/` is for `/api`, `/api/` and `/api/x`, not for `/apiary`.
    ///
    /// Why: As `host`: a route with only a `pool` is for everything else.
    #[schemars(extend("default" = "/", "examples" = ["/api/"]))]
    pub(crate) path: Field<OrTable<PathMatch>>,

    /// The most bytes of a request's body; without the key no limit. Above: 413.
    ///
    /// Why: Bodies are streamed and never held, so a large one costs nothing here. Only the application
    /// knows what it takes.
    #[schemars(with = "kind::Size<1, 1099511627776>", extend("examples" = ["10MiB"]))]
    pub(crate) max_body: Field<String>,

    /// All requests go to this pool.
    #[schemars(with = "kind::PoolName", extend("examples" = ["web"]))]
    pub(crate) pool: Field<String>,

    /// Requests are shared among pools, by weight.
    #[schemars(extend("minItems" = 1, "examples" = [[{ "pool": "web", "weight": 95 }]]))]
    pub(crate) split: List<Share>,

    /// The gateway answers with a redirect.
    pub(crate) redirect: Field<Redirect>,

    /// As those of the main file, which stand behind these.
    #[schemars(
        with = "kind::ErrorPages",
        extend("x-default" = "—", "examples" = [{ "5xx": "errors/api.json" }])
    )]
    pub(crate) error_pages: Field<Pairs<String>>,

    /// Overrides the pools'.
    pub(crate) timeouts: Field<RouteTimeouts>,

    /// Overrides the pools', key by key.
    #[schemars(with = "Inherited<Retry>")]
    pub(crate) retry: Field<Retry>,
}

/// `path`, one of its keys; as a text, a prefix.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("oneOf" = kind::just_one_of(&["exact", "regex"])))]
pub(crate) struct PathMatch {
    /// Just this path.
    #[schemars(with = "kind::Path", extend("examples" = ["/ping"]))]
    pub(crate) exact: Field<String>,

    /// Every path in which it is found; `^` and `$` anchor it. Linear time,
    /// [syntax](https://docs.rs/regex).
    #[schemars(with = "kind::RegularExpression", extend("examples" = ["^/v[0-9]+/"]))]
    pub(crate) regex: Field<String>,
}

/// An entry of `split`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Share {
    /// A pool, once in a list.
    #[schemars(with = "kind::PoolName", extend("x-required" = true, "examples" = ["web-canary"]))]
    pub(crate) pool: Field<String>,

    /// Its share, relative to the others.
    #[schemars(with = "kind::Number<1, 1000>", extend("x-required" = true, "examples" = [5]))]
    pub(crate) weight: Field<i64>,
}

/// `redirect`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Redirect {
    /// Where to. What followed a prefix is appended, the query is kept.
    #[schemars(
        with = "kind::RedirectTarget",
        extend("x-required" = true, "examples" = ["https://shop.example.com/"])
    )]
    pub(crate) to: Field<String>,

    /// 308 and 301 are permanent, 307 and 302 temporary; 303 turns every method into GET.
    ///
    /// Why: What moved has moved for good, and a POST stays a POST. 301 would turn it into a GET in
    /// browsers.
    #[schemars(with = "kind::RedirectStatus", extend("default" = 308, "examples" = [307]))]
    pub(crate) status: Field<i64>,
}

/// A route's `timeouts`. The others belong to connections, which routes share: they are the pool's.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RouteTimeouts {
    /// See `timeouts.request` of a pool. The other limits belong to connections, which routes share.
    #[schemars(with = "kind::Duration", extend("x-default" = "the pool's", "examples" = ["10s"]))]
    pub(crate) request: Field<String>,
}
