//! A pool's `health` to a [`HealthPlan`].

use std::sync::Arc;
use std::time::Duration;

use switchback_core::plan::{HealthPlan, ProbePlan, StatusSet};

use super::policy;
use crate::decode::Field;
use crate::diagnostic::{Problem, Reporter};
use crate::schema;
use crate::source::Span;
use crate::suggest;
use crate::value::{duration, name, number, token};

/// Longer than this, and users notice a dead endpoint before the probes do.
const BLIND: Duration = Duration::from_secs(30);

/// The health checks; `None` where they are switched off.
pub(super) fn health(field: &Field<schema::Health>, reporter: &Reporter<'_>) -> Option<HealthPlan> {
    let default = HealthPlan::default();
    let Some(given) = field.value() else {
        return Some(default);
    };
    let off = "leave the key away for the default; for no probes at all, write `enabled: false`";
    let time = |what: &str, field: &Field<String>| {
        field.parse(reporter, |text| duration::parse_or(what, text, off))
    };
    let count = |what: &str, field: &Field<i64>, high| {
        field.parse(reporter, |value| {
            number::count(what, *value, high).map_err(|problem| match value {
                ..=0 => problem.help(off),
                _ => problem,
            })
        })
    };
    let timeout = time("timeout", &given.timeout);
    let timeout_span = timeout.given().map(|given| given.span);
    let interval = time("interval", &given.interval);
    let interval_span = interval.given().map(|given| given.span);
    let fast = time("fast_interval", &given.fast_interval);
    let fast_span = fast.given().map(|given| given.span);
    let fall = count("fall", &given.fall, 1000);
    let fall_span = fall.given().map(|given| given.span);
    let plan = HealthPlan {
        probe: probe(given, reporter),
        interval: interval.or(default.interval),
        fast_interval: fast.or(default.fast_interval),
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
    if let Some(span) = fast_span.filter(|_| plan.fast_interval > plan.interval) {
        let interval = duration::display(plan.interval);
        let label = format!("`interval` is {interval}, and never made longer");
        let problem = Problem::new("`fast_interval` has no effect", label);
        reporter.warn(span, problem.help("make it shorter than `interval`, or remove it"));
    }
    warn_if_blind(&plan, interval_span.or(fall_span), reporter);
    Some(plan)
}

/// Warns where even an endpoint that refuses connections, and so fails at once, stays for long.
fn warn_if_blind(plan: &HealthPlan, span: Option<Span>, reporter: &Reporter<'_>) {
    let step = plan.fast_interval.min(plan.interval);
    let blind = plan.interval.saturating_add(step.saturating_mul(plan.fall.get() - 1));
    let Some(span) = span.filter(|_| blind >= BLIND) else {
        return;
    };
    let message = format!("probes notice a dead endpoint only after {}", duration::display(blind));
    let mut label = format!("up to {} to the first failure", duration::display(plan.interval));
    if plan.fall.get() > 1 {
        let (rest, step) = (plan.fall.get() - 1, duration::display(step));
        label.push_str(&format!(", then {rest} more, {step} apart"));
    }
    reporter.warn(span, Problem::new(message, label).help("make `interval` or `fall` smaller"));
}

fn probe(given: &schema::Health, reporter: &Reporter<'_>) -> ProbePlan {
    only_one(given, reporter);
    if let Some(http) = given.http.value() {
        return http_probe(http, reporter).unwrap_or(ProbePlan::Tcp);
    }
    let Some(grpc) = given.grpc.value() else {
        return ProbePlan::Tcp;
    };
    ProbePlan::Grpc {
        service: grpc.service.parse(reporter, |text| token::service(text)).or(Arc::default()),
        port: port(&grpc.port, reporter),
    }
}

/// Reports a second probe, and a third.
fn only_one(given: &schema::Health, reporter: &Reporter<'_>) {
    let place = |name, at: Option<Span>| at.map(|at| (at, name));
    let probes = [
        place("http", given.http.given().map(|given| given.span)),
        place("tcp", given.tcp.given().map(|given| given.span)),
        place("grpc", given.grpc.given().map(|given| given.span)),
    ];
    let probes: Vec<_> = probes.into_iter().flatten().collect();
    let (Some(first), Some(last)) = (probes.iter().min(), probes.iter().max()) else {
        return;
    };
    if probes.len() > 1 {
        let names: Vec<_> = probes.iter().map(|(_, name)| *name).collect();
        let message = format!("{} exclude each other", suggest::listed(&names, "and"));
        let label = if names.len() == 2 { "the second probe" } else { "the last of three probes" };
        let problem = Problem::new(message, label)
            .related(first.0, "the first probe")
            .help("keep one; a probe by HTTP or gRPC connects, too");
        reporter.error(last.0, problem);
    }
}

fn http_probe(http: &schema::HttpProbe, reporter: &Reporter<'_>) -> Option<ProbePlan> {
    let default_statuses = StatusSet::from_ranges(&[(200, 299)]);
    let expect =
        policy::statuses("expect", &http.expect, reporter, "leave the key away for 200-299");
    Some(ProbePlan::Http {
        path: http.path.parse(reporter, |text| name::request_path(text)).or("/".into()),
        expect: expect.given().map(|given| given.value.clone()).or(default_statuses)?,
        port: port(&http.port, reporter),
    })
}

/// Where the path stands that probes ask for.
pub(super) fn path_span(field: &Field<schema::Health>) -> Option<Span> {
    let http = field.value()?.http.value()?;
    http.path.given().map(|path| path.span)
}

fn port(field: &Field<i64>, reporter: &Reporter<'_>) -> Option<u16> {
    let port = field.parse(reporter, |value| number::within("port", *value, 1..=65535));
    port.value().copied()
}
