//! Retry policies, laid over one another: the route's over the pool's over the default. And the budget
//! that bounds what they cost together, which is the pool's alone.

use std::num::NonZeroU32;
use std::time::Duration;

use switchback_core::plan::{Ratio, RetryBudget, RetryPolicy, StatusSet};

use crate::decode::{Field, OneOrMany};
use crate::diagnostic::{Problem, Reporter};
use crate::schema;
use crate::value::{duration, number, percent, status};

/// The keys of one `retry`, each only where the file has it.
#[derive(Debug)]
pub(super) struct Overrides {
    enabled: Field<bool>,
    attempts: Field<NonZeroU32>,
    statuses: Field<StatusSet>,
    backoff: Field<Duration>,
    max_backoff: Field<Duration>,
    trust_idempotency_key: Field<bool>,
    non_idempotent: Field<bool>,
}

/// Parses the keys; what is wrong is reported.
pub(super) fn overrides(field: &Field<schema::Retry>, reporter: &Reporter<'_>) -> Overrides {
    let missing = schema::Retry::default();
    let retry = field.value().unwrap_or(&missing);
    let none = "to retry nothing, write `enabled: false`; leave the key away for 502-504";
    let wait = |what: &str, field: &Field<String>| {
        let least = "for hardly any wait, write `1ms`; leave the key away for the default";
        field.parse(reporter, |text| duration::parse_or(what, text, least))
    };
    Overrides {
        enabled: retry.enabled.clone(),
        attempts: retry.attempts.parse(reporter, |value| {
            number::count("attempts", *value, 100).map_err(|problem| match value {
                ..=0 => problem
                    .help("the first attempt counts; to retry nothing, write `enabled: false`"),
                _ => problem,
            })
        }),
        statuses: statuses("statuses", &retry.statuses, reporter, none),
        backoff: wait("backoff", &retry.backoff),
        max_backoff: wait("max_backoff", &retry.max_backoff),
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
            backoff: self.backoff.clone().or(base.backoff),
            max_backoff: self.max_backoff.clone().or(base.max_backoff),
            trust_idempotency_key: self
                .trust_idempotency_key
                .clone()
                .or(base.trust_idempotency_key),
            non_idempotent: self.non_idempotent.clone().or(base.non_idempotent),
        }
    }

    /// Warns of keys that do not what they say in the policy that comes of them; `request`: how long
    /// a request may take as a whole. Nothing is said of keys beside `enabled: false`: it is switched
    /// back some day, and `statuses` count as failures of the endpoint even so.
    pub(super) fn warn(&self, effective: &RetryPolicy, request: Duration, reporter: &Reporter<'_>) {
        if !effective.enabled || matches!(self.max_backoff, Field::Bad) {
            return;
        }
        let Some(backoff) = self.backoff.given() else { return };
        let longest = effective.max_backoff;
        if backoff.value > longest {
            let label =
                format!("`max_backoff` ends every wait after {}", duration::display(longest));
            let problem = Problem::new("`backoff` is longer than `max_backoff`", label)
                .help("make `max_backoff` longer, or `backoff` shorter");
            reporter.warn(backoff.span, problem);
        } else if backoff.value / 2 >= request {
            // A wait is drawn between half of it and all of it.
            let label = format!(
                "`timeouts.request` ends everything after {}, so no second retry is made",
                duration::display(request)
            );
            let problem = Problem::new("no request can wait for `backoff`", label)
                .help("make `backoff` shorter, or `request` longer");
            reporter.warn(backoff.span, problem);
        }
    }
}

/// How many retries a pool's requests may cause together.
pub(super) fn budget(field: &Field<schema::RetryBudget>, reporter: &Reporter<'_>) -> RetryBudget {
    let default = RetryBudget::default();
    let Some(given) = field.value() else {
        return default;
    };
    let ratio =
        given.ratio.parse(reporter, |text| percent::parse("ratio", text, 0..=Ratio::MAX_PER_MILLE));
    let floor = given.floor.parse(reporter, |value| number::within("floor", *value, 0..=1_000_000));
    RetryBudget { ratio: ratio.or(default.ratio), floor: floor.or(default.floor) }
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
