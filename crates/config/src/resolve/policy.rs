//! Retry policies, laid over one another: the route's over the pool's over the default.

use std::num::NonZeroU32;

use switchback_core::plan::{RetryPolicy, StatusSet};

use crate::decode::{Field, OneOrMany};
use crate::diagnostic::{Problem, Reporter};
use crate::schema;
use crate::value::{number, status};

/// The keys of one `retry`, each only where the file has it.
#[derive(Debug)]
pub(super) struct Overrides {
    enabled: Field<bool>,
    attempts: Field<NonZeroU32>,
    statuses: Field<StatusSet>,
    trust_idempotency_key: Field<bool>,
    non_idempotent: Field<bool>,
}

/// Parses the keys; what is wrong is reported.
pub(super) fn overrides(field: &Field<schema::Retry>, reporter: &Reporter<'_>) -> Overrides {
    let missing = schema::Retry::default();
    let retry = field.value().unwrap_or(&missing);
    let none = "to retry nothing, write `enabled: false`; leave the key away for 502-504";
    Overrides {
        enabled: retry.enabled.clone(),
        attempts: retry.attempts.parse(reporter, |value| number::count("attempts", *value, 100)),
        statuses: statuses("statuses", &retry.statuses, reporter, none),
        trust_idempotency_key: retry.trust_idempotency_key.clone(),
        non_idempotent: retry.non_idempotent.clone(),
    }
}

impl Overrides {
    /// These keys, and the others from `base`.
    pub(super) fn over(&self, base: &RetryPolicy) -> RetryPolicy {
        RetryPolicy {
            enabled: self.enabled.clone().or(base.enabled),
            attempts: self.attempts.clone().or(base.attempts),
            statuses: self.statuses.clone().or(base.statuses.clone()),
            trust_idempotency_key: self
                .trust_idempotency_key
                .clone()
                .or(base.trust_idempotency_key),
            non_idempotent: self.non_idempotent.clone().or(base.non_idempotent),
        }
    }

    /// Warns of statuses that are never looked at.
    pub(super) fn warn_if_idle(&self, effective: &RetryPolicy, reporter: &Reporter<'_>) {
        if let Some(statuses) = self.statuses.given().filter(|_| !effective.enabled) {
            let problem = Problem::new("`statuses` has no effect", "retries are switched off here")
                .help("remove it, or write `enabled: true`");
            reporter.warn(statuses.span, problem);
        }
    }
}

/// A set of statuses; `none` is the help for an empty list.
pub(super) fn statuses(
    what: &str,
    field: &Field<OneOrMany>,
    reporter: &Reporter<'_>,
    none: &str,
) -> Field<StatusSet> {
    let items = match field {
        Field::Missing => return Field::Missing,
        Field::Bad => return Field::Bad,
        Field::Given(given) => &given.value.0,
    };
    let ranges: Vec<_> = items
        .iter()
        .filter_map(|item| item.parse(reporter, |text| status::range(what, text)).value().copied())
        .collect();
    if ranges.len() < items.len() {
        return Field::Bad;
    }
    field.parse(reporter, |_| {
        StatusSet::from_ranges(&ranges).ok_or_else(|| {
            Problem::new(format!("`{what}` is empty"), "no status is listed").help(none)
        })
    })
}
