//! A pool's `health` to a [`HealthPlan`].

use std::time::Duration;

use switchback_core::plan::{HealthPlan, ProbePlan, StatusSet};

use super::policy;
use crate::decode::Field;
use crate::diagnostic::{Problem, Reporter};
use crate::schema;
use crate::value::{duration, name, number};

/// Longer than this, and users notice a dead endpoint before the probes do.
const BLIND: Duration = Duration::from_secs(30);

/// The health checks; `None` where they are switched off.
pub(super) fn health(field: &Field<schema::Health>, reporter: &Reporter<'_>) -> Option<HealthPlan> {
    let default = HealthPlan::default();
    let Some(given) = field.value() else {
        return Some(default);
    };
    let time = |what: &str, field: &Field<String>| {
        field.parse(reporter, |text| duration::parse(what, text))
    };
    let count = |what: &str, field: &Field<i64>, high| {
        field.parse(reporter, |value| number::count(what, *value, high))
    };
    let timeout = time("timeout", &given.timeout);
    let timeout_span = timeout.given().map(|given| given.span);
    let interval = time("interval", &given.interval);
    let interval_span = interval.given().map(|given| given.span);
    let fall = count("fall", &given.fall, 1000);
    let fall_span = fall.given().map(|given| given.span);
    let plan = HealthPlan {
        probe: probe(given, reporter),
        interval: interval.or(default.interval),
        timeout: timeout.or(default.timeout),
        rise: count("rise", &given.rise, 1000).or(default.rise),
        fall: fall.or(default.fall),
        concurrency: count("concurrency", &given.concurrency, 10_000).or(default.concurrency),
    };
    if !given.enabled.clone().or(true) {
        return None;
    }
    if let Some(span) = timeout_span.or(interval_span).filter(|_| plan.timeout > plan.interval) {
        let (timeout, interval) =
            (duration::display(plan.timeout), duration::display(plan.interval));
        let message = "a probe may take longer than the time to the next one";
        let label = format!("`timeout` is {timeout}, `interval` is {interval}");
        reporter.warn(
            span,
            Problem::new(message, label).help("make `timeout` at most as long as `interval`"),
        );
    }
    let blind = plan.interval.saturating_mul(plan.fall.get());
    if let Some(span) = interval_span.or(fall_span).filter(|_| blind >= BLIND) {
        let message = format!("the probes are blind for {}", duration::display(blind));
        let label = format!(
            "{} failures, {} apart, before an endpoint is taken out",
            plan.fall,
            duration::display(plan.interval)
        );
        reporter.warn(span, Problem::new(message, label).help("make `interval` or `fall` smaller"));
    }
    Some(plan)
}

fn probe(given: &schema::Health, reporter: &Reporter<'_>) -> ProbePlan {
    if let (Some(http), Some(tcp)) = (given.http.given(), given.tcp.given()) {
        let (later, first) =
            if http.span > tcp.span { (http.span, tcp.span) } else { (tcp.span, http.span) };
        let problem = Problem::new("`http` and `tcp` exclude each other", "the second probe")
            .related(first, "the first probe")
            .help("keep one; an HTTP probe connects, too");
        reporter.error(later, problem);
    }
    let Some(http) = given.http.value() else {
        return ProbePlan::Tcp;
    };
    let default_statuses = StatusSet::from_ranges(&[(200, 299)]);
    let expect =
        policy::statuses("expect", &http.expect, reporter, "leave the key away for 200-299");
    let Some(expect) = expect.given().map(|given| given.value.clone()).or(default_statuses) else {
        return ProbePlan::Tcp;
    };
    ProbePlan::Http {
        path: http.path.parse(reporter, |text| name::request_path(text)).or("/".into()),
        expect,
        port: http
            .port
            .parse(reporter, |value| number::within("port", *value, 1..=65535))
            .given()
            .map(|given| given.value),
    }
}
