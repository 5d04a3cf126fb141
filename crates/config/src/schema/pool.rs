//! `pools/NAME.yaml`.

use serde::Deserialize;

use super::{Ejection, Field, Hash, Health, List, OrTable, Retry, RetryBudget, SlowStart, Sticky};

/// A pool's file.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Pool {
    pub(crate) endpoints: List<OrTable<Endpoint>>,
    pub(crate) balance: Field<String>,
    pub(crate) hash: Field<OrTable<Hash>>,
    pub(crate) sticky: Field<Sticky>,
    pub(crate) slow_start: Field<OrTable<SlowStart>>,
    pub(crate) max_requests: Field<i64>,
    pub(crate) max_connections: Field<i64>,
    pub(crate) queue: Field<i64>,
    pub(crate) queue_timeout: Field<String>,
    pub(crate) protocol: Field<String>,
    pub(crate) host: Field<String>,
    pub(crate) tls: Field<Tls>,
    pub(crate) health: Field<Health>,
    pub(crate) ejection: Field<Ejection>,
    pub(crate) timeouts: Field<Timeouts>,
    pub(crate) retry: Field<Retry>,
    pub(crate) retry_budget: Field<RetryBudget>,
}

/// An entry of `endpoints`; as a text, its address.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Endpoint {
    pub(crate) address: Field<String>,
    pub(crate) weight: Field<i64>,
    pub(crate) tier: Field<i64>,
    pub(crate) zone: Field<String>,
    pub(crate) max_requests: Field<i64>,
    pub(crate) max_connections: Field<i64>,
    pub(crate) drain: Field<bool>,
    pub(crate) disabled: Field<bool>,
}

/// `tls`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Tls {
    pub(crate) sni: Field<String>,
    pub(crate) verify: Field<bool>,
}

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
