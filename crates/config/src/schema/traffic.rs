//! What a pool does with its requests: where each goes, and what follows when one fails.

use serde::Deserialize;

use super::{Field, OneOrMany};

/// `hash`; as a text, its key.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Hash {
    pub(crate) key: Field<String>,
    pub(crate) bounded_load: Field<String>,
}

/// `sticky`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Sticky {
    pub(crate) cookie: Field<String>,
    pub(crate) secret: Field<String>,
    pub(crate) max_age: Field<String>,
    pub(crate) secure: Field<String>,
    pub(crate) same_site: Field<String>,
}

/// `slow_start`; as a text, its duration.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct SlowStart {
    pub(crate) enabled: Field<bool>,
    pub(crate) duration: Field<String>,
    pub(crate) from: Field<String>,
}

/// `ejection`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Ejection {
    pub(crate) enabled: Field<bool>,
    pub(crate) consecutive: Field<i64>,
    pub(crate) statuses: Field<OneOrMany>,
    pub(crate) window: Field<String>,
    pub(crate) min_requests: Field<i64>,
    pub(crate) tolerance: Field<String>,
    pub(crate) time: Field<String>,
    pub(crate) max_time: Field<String>,
    pub(crate) max_ejected: Field<String>,
    pub(crate) probation: Field<i64>,
}

/// `retry`, of a pool or a route.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Retry {
    pub(crate) enabled: Field<bool>,
    pub(crate) attempts: Field<i64>,
    pub(crate) statuses: Field<OneOrMany>,
    pub(crate) backoff: Field<String>,
    pub(crate) max_backoff: Field<String>,
    pub(crate) trust_idempotency_key: Field<bool>,
    pub(crate) non_idempotent: Field<bool>,
}

/// `retry_budget`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RetryBudget {
    pub(crate) ratio: Field<String>,
    pub(crate) floor: Field<i64>,
}
