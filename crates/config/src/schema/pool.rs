//! `pools/NAME.yaml`.

use serde::Deserialize;

use super::{Field, List, OneOrMany, OrTable};

/// A pool's file.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Pool {
    pub(crate) endpoints: List<OrTable<Endpoint>>,
    pub(crate) balance: Field<String>,
    pub(crate) host: Field<String>,
    pub(crate) tls: Field<Tls>,
    pub(crate) health: Field<Health>,
    pub(crate) timeouts: Field<Timeouts>,
    pub(crate) retry: Field<Retry>,
}

/// An entry of `endpoints`; as a text, its address.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Endpoint {
    pub(crate) address: Field<String>,
    pub(crate) weight: Field<i64>,
    pub(crate) tier: Field<i64>,
}

/// `tls`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Tls {
    pub(crate) sni: Field<String>,
    pub(crate) verify: Field<bool>,
}

/// `health`: `http` or `tcp`, or neither.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Health {
    pub(crate) enabled: Field<bool>,
    pub(crate) http: Field<HttpProbe>,
    pub(crate) tcp: Field<TcpProbe>,
    pub(crate) interval: Field<String>,
    pub(crate) timeout: Field<String>,
    pub(crate) rise: Field<i64>,
    pub(crate) fall: Field<i64>,
    pub(crate) concurrency: Field<i64>,
}

/// `health.http`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct HttpProbe {
    pub(crate) path: Field<String>,
    pub(crate) expect: Field<OneOrMany>,
    pub(crate) port: Field<i64>,
}

/// `health.tcp`, which has nothing to choose.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct TcpProbe {}

/// `timeouts`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Timeouts {
    pub(crate) connect: Field<String>,
    pub(crate) first_byte: Field<String>,
    pub(crate) idle: Field<String>,
    pub(crate) tunnel: Field<String>,
    pub(crate) write: Field<String>,
    pub(crate) keepalive: Field<String>,
    pub(crate) request: Field<String>,
}

/// `retry`, of a pool or a route.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Retry {
    pub(crate) enabled: Field<bool>,
    pub(crate) attempts: Field<i64>,
    pub(crate) statuses: Field<OneOrMany>,
    pub(crate) trust_idempotency_key: Field<bool>,
    pub(crate) non_idempotent: Field<bool>,
}
