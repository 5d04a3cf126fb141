//! What operators see, and what clients see when something is wrong: `admin`, `access_log`, `tracing`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Field, OrTable, Pairs, kind};

/// `admin`: one of `address` and `socket`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend(
    "oneOf" = kind::just_one_of(&["address", "socket"]),
    "dependentRequired" = { "token": ["address"] }
))]
pub(crate) struct Admin {
    /// The address to bind.
    ///
    /// Why: What the admin listener tells is for operators alone. A probe from outside of the machine
    /// or container needs an address that it can reach, and somebody who decides so.
    #[schemars(
        with = "kind::Address",
        extend("default" = "127.0.0.1:9900", "examples" = ["0.0.0.0:9900"])
    )]
    pub(crate) address: Field<String>,

    /// Instead of an address, a Unix socket at this path, for the gateway's own user: who may open it
    /// may do everything.
    #[schemars(with = "kind::File", extend("examples" = ["run/admin.sock"]))]
    pub(crate) socket: Field<String>,

    /// What a client of the API must show, as `Authorization: Bearer …`: see [the admin
    /// listener](#the-admin-listener). Without the key only clients on the gateway's own machine may use the API.
    ///
    /// Why: A token that everybody knows protects nobody, and without one nobody comes from elsewhere.
    #[schemars(with = "kind::BearerToken", extend("examples" = ["${SWITCHBACK_ADMIN_TOKEN}"]))]
    pub(crate) token: Field<String>,
}

/// `access_log`; as a text, `stdout` or `off`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct AccessLog {
    /// Appended to this file; without the key, to standard output.
    #[schemars(
        with = "kind::File",
        extend("x-default" = "—", "examples" = ["logs/access.log"])
    )]
    pub(crate) file: Field<String>,

    /// What a line looks like: see [the access log](#the-access-log).
    ///
    /// Why: One line tells the whole story, attempt by attempt, and any tool can take it apart.
    #[schemars(extend("default" = "json", "examples" = ["combined"]))]
    pub(crate) format: Field<OrTable<LogFormat>>,
}

/// `format`; as a text, `json` or `combined`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct LogFormat {
    /// A line with fields in braces; `{{` and `}}` are the braces themselves. Which there are:
    /// [the access log](#the-access-log).
    #[schemars(
        with = "kind::LogTemplate",
        extend("x-required" = true, "examples" = ["{time} {client} {status} {path}"])
    )]
    pub(crate) template: Field<String>,
}

/// `tracing`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Tracing {
    /// Where spans go, by OTLP over HTTP: the collector's base URL, to which `/v1/traces` is appended.
    #[schemars(
        with = "kind::BaseUrl",
        extend("x-required" = true, "examples" = ["http://collector:4318"])
    )]
    pub(crate) otlp: Field<String>,

    /// How many of the traces that begin here are exported. Who sends `traceparent` has decided already. `0%`:
    /// those alone.
    ///
    /// Why: Enough to see what is slow, at a cost that nobody notices. Failures are in the log, sampled or not.
    #[schemars(with = "kind::Percentage<0, 100>", extend("default" = "10%", "examples" = ["100%"]))]
    pub(crate) sample: Field<String>,

    /// The resource's `service.name`. Printable ASCII without white space.
    ///
    /// Why: What this is. Whoever runs several gateways tells them apart.
    #[schemars(
        with = "kind::ServiceName",
        extend("default" = "switchback", "examples" = ["edge-eu"])
    )]
    pub(crate) service: Field<String>,

    /// Header fields of each export, by name. Their values are secrets, whatever the names.
    #[schemars(
        with = "kind::HeaderFields",
        extend("x-default" = "—", "examples" = [{ "authorization": "Bearer ${OTLP_TOKEN}" }])
    )]
    pub(crate) headers: Field<Pairs<String>>,
}
