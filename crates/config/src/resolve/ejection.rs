//! A pool's `ejection` to an [`EjectionPlan`].

use switchback_core::plan::EjectionPlan;

use super::policy;
use crate::decode::Field;
use crate::diagnostic::{Problem, Reporter};
use crate::schema;
use crate::value::{duration, number, percent};

/// What live traffic does to an endpoint's status; what is wrong is reported.
pub(super) fn ejection(field: &Field<schema::Ejection>, reporter: &Reporter<'_>) -> EjectionPlan {
    let default = EjectionPlan::default();
    let Some(given) = field.value() else {
        return default;
    };
    let off = "leave the key away for the default; to eject nothing, write `enabled: false`";
    let limit = |what: &str, field: &Field<String>| {
        field.parse(reporter, |text| duration::parse_or(what, text, off))
    };
    let count = |what: &str, field: &Field<i64>, high| {
        field.parse(reporter, |value| {
            number::count(what, *value, high).map_err(|problem| match value {
                0 => problem.help(off),
                _ => problem,
            })
        })
    };
    let part = |what: &str, field: &Field<String>, low| {
        field.parse(reporter, |text| percent::parse(what, text, low..=1000))
    };
    let time = limit("time", &given.time);
    let max_time = limit("max_time", &given.max_time);
    let is_bad = matches!(max_time, Field::Bad);
    let longest = max_time.or(default.max_time);
    let enabled = given.enabled.clone().or(default.enabled);
    // Only what the file says: a `max_time` below the default `time` shortens it, as it should.
    let too_long = time.given().filter(|time| enabled && !is_bad && time.value > longest);
    if let Some(time) = too_long {
        let label = format!("`max_time` ends every ejection after {}", duration::display(longest));
        let problem = Problem::new("`time` is longer than `max_time`", label);
        reporter.warn(time.span, problem.help("make `max_time` longer, or `time` shorter"));
    }
    EjectionPlan {
        enabled,
        consecutive: count("consecutive", &given.consecutive, 1000).or(default.consecutive),
        statuses: policy::statuses("statuses", &given.statuses, reporter, off).or(default.statuses),
        window: limit("window", &given.window).or(default.window),
        min_requests: count("min_requests", &given.min_requests, 1_000_000)
            .or(default.min_requests),
        tolerance: part("tolerance", &given.tolerance, 10).or(default.tolerance),
        time: time.or(default.time),
        max_time: longest,
        max_ejected: part("max_ejected", &given.max_ejected, 0).or(default.max_ejected),
        probation: count("probation", &given.probation, 1000).or(default.probation),
    }
}
