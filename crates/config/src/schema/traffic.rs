//! What a pool does with its requests: where each goes, and what follows when one fails.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Field, OneOrMany, kind};

/// `hash`; as a text, its key.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Hash {
    /// The client's address, the path, the whole query, a header or a cookie. A request without it
    /// goes anywhere.
    ///
    /// Why: Every request has one.
    #[schemars(with = "kind::HashKey", extend("default" = "client", "examples" = ["cookie:cart"]))]
    pub(crate) key: Field<String>,

    /// How much of the average load an endpoint may have before its keys go to the next. `off`: as
    /// much as comes.
    ///
    /// Why: HAProxy's advice: most keys stay at home, and one that everybody wants overloads nobody
    /// (Mirrokni, Thorup and Zadimoghaddam, "Consistent Hashing with Bounded Loads", 2018).
    #[schemars(with = "kind::BoundedLoad", extend("default" = "125%", "examples" = ["off"]))]
    pub(crate) bounded_load: Field<String>,
}

/// `sticky`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Sticky {
    /// What it is called: a token of RFC 6265.
    ///
    /// Why: No application sets a cookie of this name.
    #[schemars(
        with = "kind::Cookie",
        extend("default" = "switchback", "examples" = ["shop_session"])
    )]
    pub(crate) cookie: Field<String>,

    /// What it is signed with: 16 characters or more, the same on every gateway.
    #[schemars(
        with = "kind::Secret",
        extend("x-required" = true, "examples" = ["${STICKY_SECRET}"])
    )]
    pub(crate) secret: Field<String>,

    /// How long a client keeps it; without the key until the browser's session ends.
    ///
    /// Why: A cookie that nobody asked to keep is kept by nobody.
    #[schemars(
        with = "kind::Duration",
        extend("title" = "duration, 1s or more", "examples" = ["1h"])
    )]
    pub(crate) max_age: Field<String>,

    /// When it is for TLS alone. `auto`: where the client came over TLS, as far as it is known.
    ///
    /// Why: `always` would lose every session of a client without TLS, `never` would show the cookie
    /// to whoever listens.
    #[schemars(with = "kind::Secure", extend("default" = "auto", "examples" = ["always"]))]
    pub(crate) secure: Field<String>,

    /// Its `SameSite`. Browsers take `none` only with `Secure`.
    ///
    /// Why: Whoever follows a link from elsewhere keeps the session; what another site sends in a
    /// client's name does not have it.
    #[schemars(with = "kind::SameSite", extend("default" = "lax", "examples" = ["strict"]))]
    pub(crate) same_site: Field<String>,
}

/// `slow_start`; as a text, its duration.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct SlowStart {
    /// `false`: it has its full share at once.
    ///
    /// Why: A process that has just begun is slow, and a full share makes it slower.
    #[schemars(with = "kind::Truth", extend("default" = true, "examples" = [false]))]
    pub(crate) enabled: Field<bool>,

    /// How long it takes.
    ///
    /// Why: Fills most caches and compiles most hot paths.
    #[schemars(with = "kind::Duration", extend("default" = "10s", "examples" = ["1m"]))]
    pub(crate) duration: Field<String>,

    /// The part of its share that it begins with.
    ///
    /// Why: Enough to begin with, and too little to do harm.
    #[schemars(with = "kind::Percentage<1, 100>", extend("default" = "10%", "examples" = ["25%"]))]
    pub(crate) from: Field<String>,
}

/// `ejection`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Ejection {
    /// `false`: nothing.
    ///
    /// Why: A health endpoint can lie; what requests meet does not.
    #[schemars(with = "kind::Truth", extend("default" = true, "examples" = [false]))]
    pub(crate) enabled: Field<bool>,

    /// Failed attempts in a row that eject, and more where the others fail, too.
    ///
    /// Why: Envoy's: so many in a row are no accident.
    #[schemars(with = "kind::Number<1, 1000>", extend("default" = 5, "examples" = [3]))]
    pub(crate) consecutive: Field<i64>,

    /// Answers that count as failures when the success rate is taken; `retry.statuses` always do.
    ///
    /// Why: Also a 500, which is not repeated: where one endpoint has many and the others have none,
    /// it is the endpoint's. Where all have them, none is ejected.
    #[schemars(
        with = "kind::Statuses",
        extend("default" = ["500-599"], "examples" = [["502-504"]])
    )]
    pub(crate) statuses: Field<OneOrMany>,

    /// Over which time the success rate is taken.
    ///
    /// Why: Long enough for a rate, short enough to matter.
    #[schemars(with = "kind::Duration", extend("default" = "10s", "examples" = ["30s"]))]
    pub(crate) window: Field<String>,

    /// The fewest attempts in that time that a rate is taken of.
    ///
    /// Why: Of fewer, a rate says little.
    #[schemars(with = "kind::Number<1, 1000000>", extend("default" = 20, "examples" = [100]))]
    pub(crate) min_requests: Field<i64>,

    /// How many percentage points an endpoint's rate may be below that of the rest of its pool.
    ///
    /// Why: More than chance makes of 20 requests.
    #[schemars(with = "kind::Percentage<1, 100>", extend("default" = "20%", "examples" = ["10%"]))]
    pub(crate) tolerance: Field<String>,

    /// How long the first ejection lasts; each that follows, twice as long as the one before.
    ///
    /// Why: A short fault is over by then, and a long one comes back to twice as much.
    #[schemars(with = "kind::Duration", extend("default" = "10s", "examples" = ["30s"]))]
    pub(crate) time: Field<String>,

    /// How long one lasts at most.
    ///
    /// Why: One that has recovered is found out within minutes.
    #[schemars(with = "kind::Duration", extend("default" = "5m", "examples" = ["1m"]))]
    pub(crate) max_time: Field<String>,

    /// How much of the pool traffic alone may eject: always one (also with `0%`; for none, `enabled:
    /// false`), and never the last. What cannot be connected to is beside it, where there are probes.
    ///
    /// Why: What has gone wrong on more than half of a pool is seldom the endpoints', and the others
    /// must bear the load.
    #[schemars(with = "kind::Percentage<0, 100>", extend("default" = "50%", "examples" = ["25%"]))]
    pub(crate) max_ejected: Field<String>,

    /// Requests that must succeed, one at a time, before an endpoint is trusted again.
    ///
    /// Why: As many as `consecutive`: what five failures took away, five successes give back.
    #[schemars(with = "kind::Number<1, 1000>", extend("default" = 5, "examples" = [10]))]
    pub(crate) probation: Field<i64>,
}

/// `retry`, of a pool or a route.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Retry {
    /// `false`: never, not even when nothing was sent.
    ///
    /// Why: It is what the gateway is for.
    #[schemars(with = "kind::Truth", extend("default" = true, "examples" = [false]))]
    pub(crate) enabled: Field<bool>,

    /// Attempts of which something may have been sent, the first included. Connection failures do not
    /// count: they may go round the whole pool.
    ///
    /// Why: Two rescues of a request that reached an endpoint. More multiply the load of a failing
    /// application.
    #[schemars(with = "kind::Number<1, 100>", extend("default" = 3, "examples" = [2]))]
    pub(crate) attempts: Field<i64>,

    /// Answers that count as failures of the endpoint.
    ///
    /// Why: The three answers with which an application or another proxy says that it could not
    /// serve. 500 is left out: it may be the honest answer, and the same everywhere.
    #[schemars(with = "kind::Statuses", extend("default" = ["502-504"], "examples" = [503]))]
    pub(crate) statuses: Field<OneOrMany>,

    /// The wait before the second retry; none before the first, twice as long before each that
    /// follows, and none ever where no connection was made. Each is drawn between half of that and
    /// all of it.
    ///
    /// Why: The first retry goes to another endpoint at once. A second failure of what was sent says
    /// that more than one is in trouble: a moment helps, and no client notices it. What was sent
    /// nowhere burdens nobody, and goes on at once.
    #[schemars(with = "kind::Duration", extend("default" = "25ms", "examples" = ["100ms"]))]
    pub(crate) backoff: Field<String>,

    /// The longest such wait.
    ///
    /// Why: Longer than that a client should not wait for an attempt to begin.
    #[schemars(with = "kind::Duration", extend("default" = "250ms", "examples" = ["1s"]))]
    pub(crate) max_backoff: Field<String>,

    /// Repeat a request with an `Idempotency-Key`, whatever its method: only where the application
    /// honours it.
    ///
    /// Why: The header is a promise of the application, not of the client that sends it.
    #[schemars(with = "kind::Truth", extend("default" = false, "examples" = [true]))]
    pub(crate) trust_idempotency_key: Field<bool>,

    /// Repeat *any* request: only where executing one twice does no harm.
    ///
    /// Why: A POST that may have been executed is never repeated unless somebody says that it may be.
    #[schemars(with = "kind::Truth", extend("default" = false, "examples" = [true]))]
    pub(crate) non_idempotent: Field<bool>,
}

/// `retry_budget`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RetryBudget {
    /// Of the requests.
    ///
    /// Why: Finagle's and linkerd's: a fifth on top is what a pool that fails can bear.
    #[schemars(with = "kind::Percentage<0, 1000>", extend("default" = "20%", "examples" = ["10%"]))]
    pub(crate) ratio: Field<String>,

    /// No less than so many for each second.
    ///
    /// Why: A pool with little traffic is not refused its only retry.
    #[schemars(with = "kind::Number<0, 1000000>", extend("default" = 10, "examples" = [1]))]
    pub(crate) floor: Field<i64>,
}
