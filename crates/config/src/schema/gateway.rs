//! `switchback.yaml`.

use serde::Deserialize;

use super::{Field, List, OneOrMany, OrTable, Retry};

/// The main file.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Gateway {
    pub(crate) listeners: List<OrTable<Listener>>,
    pub(crate) admin: Field<Admin>,
    pub(crate) trusted_proxies: List<String>,
    pub(crate) access_log: Field<OrTable<AccessLog>>,
    pub(crate) drain: Field<Drain>,
    pub(crate) threads: Field<i64>,
    pub(crate) zone: Field<String>,
    pub(crate) pools: Field<OneOrMany>,
    pub(crate) routes: List<Route>,
}

/// An entry of `listeners`; as a text, its address.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Listener {
    pub(crate) address: Field<String>,
}

/// `admin`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Admin {
    pub(crate) address: Field<String>,
}

/// `access_log`; as a text, `stdout` or `off`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct AccessLog {
    pub(crate) file: Field<String>,
}

/// `drain`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Drain {
    pub(crate) delay: Field<String>,
    pub(crate) timeout: Field<String>,
}

/// An entry of `routes`: one of `pool`, `split` and `redirect`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Route {
    pub(crate) host: Field<String>,
    pub(crate) path: Field<OrTable<PathMatch>>,
    pub(crate) pool: Field<String>,
    pub(crate) split: List<Share>,
    pub(crate) redirect: Field<Redirect>,
    pub(crate) timeouts: Field<RouteTimeouts>,
    pub(crate) retry: Field<Retry>,
}

/// `path`, one of its keys; as a text, a prefix.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct PathMatch {
    pub(crate) exact: Field<String>,
    pub(crate) regex: Field<String>,
}

/// An entry of `split`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Share {
    pub(crate) pool: Field<String>,
    pub(crate) weight: Field<i64>,
}

/// `redirect`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Redirect {
    pub(crate) to: Field<String>,
    pub(crate) status: Field<i64>,
}

/// A route's `timeouts`. The others belong to connections, which routes share: they are the pool's.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RouteTimeouts {
    pub(crate) request: Field<String>,
}
