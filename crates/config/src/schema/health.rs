//! `health` of a pool.

use serde::Deserialize;

use super::{Field, OneOrMany};

/// `health`: one of `http`, `tcp` and `grpc`, or none.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Health {
    pub(crate) enabled: Field<bool>,
    pub(crate) http: Field<HttpProbe>,
    pub(crate) tcp: Field<TcpProbe>,
    pub(crate) grpc: Field<GrpcProbe>,
    pub(crate) interval: Field<String>,
    pub(crate) fast_interval: Field<String>,
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

/// `health.grpc`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct GrpcProbe {
    pub(crate) service: Field<String>,
    pub(crate) port: Field<i64>,
}
