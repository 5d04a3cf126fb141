//! The entries of a pool's `endpoints`.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;

use switchback_core::plan::{Admin, EndpointPlan, Weight};

use super::queue;
use crate::decode::{Field, Given, OrTable};
use crate::diagnostic::{Problem, Reporter};
use crate::schema;
use crate::source::Span;
use crate::value::{address, number, token};

/// What holds for each endpoint of a pool that says nothing else.
#[derive(Debug)]
pub(super) struct Common<'a> {
    pub(super) max_requests: Option<NonZeroU32>,
    pub(super) max_connections: Option<NonZeroU32>,
    /// Where the gateway is.
    pub(super) zone: &'a Field<Arc<str>>,
}

/// The endpoints, no two alike; what is wrong is reported. `file`: where to speak of the whole.
pub(super) fn endpoints(
    field: &Field<Vec<Field<OrTable<schema::Endpoint>>>>,
    file: Span,
    common: &Common<'_>,
    reporter: &Reporter<'_>,
) -> Vec<(EndpointPlan, Span)> {
    let help = "a pool needs at least one: `endpoints: [10.0.1.11:8080]`";
    let list = match field {
        Field::Bad => return Vec::new(),
        Field::Missing => {
            let problem =
                Problem::new("the pool has no `endpoints`", "the key is missing in this file");
            reporter.error(file, problem.help(help));
            return Vec::new();
        }
        Field::Given(list) => list,
    };
    if list.value.is_empty() {
        let problem = Problem::new("the pool has no endpoints", "the list is empty");
        reporter.error(list.span, problem.help(help));
    }
    let mut first = HashMap::new();
    let mut endpoints = Vec::new();
    for entry in list.value.iter().filter_map(Field::given) {
        let Some((plan, span)) = endpoint(entry, common, reporter) else {
            continue;
        };
        if let Some(first) = first.get(&plan.address) {
            let message = format!("endpoint {} is listed twice", plan.address);
            let problem = Problem::new(message, "again here").related(*first, "first here");
            reporter.error(span, problem.help("keep one; for a larger share, give it a `weight`"));
            continue;
        }
        first.insert(plan.address, span);
        endpoints.push((plan, span));
    }
    if endpoints.len() == list.value.len() && !endpoints.is_empty() {
        warn(list, &endpoints, common, reporter);
    }
    endpoints
}

/// One of them, and where its address stands.
fn endpoint(
    entry: &Given<OrTable<schema::Endpoint>>,
    common: &Common<'_>,
    reporter: &Reporter<'_>,
) -> Option<(EndpointPlan, Span)> {
    let plain = schema::Endpoint::default();
    let (address, table) = match &entry.value {
        OrTable::Text(text) => {
            (Field::Given(Given { value: text.clone(), span: entry.span }), &plain)
        }
        OrTable::Table(table) => (table.address.clone(), table),
    };
    if address.is_missing() {
        let problem =
            Problem::new("an endpoint has no `address`", "the key is missing in this entry");
        let help = "write `{ address: 10.0.1.11:8080, weight: 2 }`";
        reporter.error(entry.span, problem.help(help));
    }
    let address = address.parse(reporter, |text| address::parse(address::Owner::Endpoint, text));
    let zone = table.zone.parse(reporter, |text| token::zone(text)).value().cloned();
    let nothing = "what should receive nothing is left out of the list or has `disabled: true`; with `drain: true` it keeps its sessions";
    let plan = |address| EndpointPlan {
        address,
        weight: table
            .weight
            .parse(reporter, |value| weight("weight", *value, nothing))
            .or(Weight::ONE),
        tier: table.tier.parse(reporter, |value| number::within("tier", *value, 0..=255)).or(0),
        far: matches!((&zone, common.zone.value()), (Some(one), Some(other)) if one != other),
        zone,
        max_requests: queue::limit("max_requests", &table.max_requests, reporter)
            .or(common.max_requests),
        max_connections: queue::limit("max_connections", &table.max_connections, reporter)
            .or(common.max_connections),
        admin: admin(table, reporter),
    };
    // Read to its end whatever the address, for all that is wrong with it.
    let anywhere = std::net::SocketAddr::from(([0, 0, 0, 0], 0));
    let plan = plan(address.value().copied().unwrap_or(anywhere));
    address.given().map(|given| (plan, given.span))
}

fn admin(table: &schema::Endpoint, reporter: &Reporter<'_>) -> Admin {
    let is_disabled = table.disabled.value().is_some_and(|is| *is);
    match (is_disabled, table.drain.given()) {
        (true, Some(Given { value: true, span })) => {
            let problem = Problem::new("`drain` has no effect", "`disabled` sends nothing here");
            reporter.warn(*span, problem.help("remove one of the two"));
            Admin::Disabled
        }
        (true, _) => Admin::Disabled,
        (false, Some(Given { value: true, .. })) => Admin::Drain,
        (false, _) => Admin::Enabled,
    }
}

/// Warns of what is wrong with them together.
fn warn(
    list: &Given<Vec<Field<OrTable<schema::Endpoint>>>>,
    endpoints: &[(EndpointPlan, Span)],
    common: &Common<'_>,
    reporter: &Reporter<'_>,
) {
    let tables = || {
        list.value.iter().filter_map(|entry| match entry.value() {
            Some(OrTable::Table(table)) => Some(table),
            _ => None,
        })
    };
    let all = |admin: &[Admin]| endpoints.iter().all(|(one, _)| admin.contains(&one.admin));
    let disabled = tables().find_map(|table| table.disabled.given());
    let drained = tables().find_map(|table| table.drain.given().filter(|drain| drain.value));
    if let Some(first) = disabled.filter(|_| all(&[Admin::Disabled])) {
        let label = "this one and the rest; each request to the pool is answered with a 503";
        let problem = Problem::new("every endpoint of the pool is disabled", label)
            .help("remove `disabled: true` from one, or no longer route to this pool");
        reporter.warn(first.span, problem);
    } else if let Some(first) = drained.filter(|_| all(&[Admin::Drain, Admin::Disabled])) {
        let label = "what is drained gets requests as long as nobody better is there";
        let problem = Problem::new("every endpoint of the pool is drained or disabled", label)
            .help("add an endpoint that takes over; `disabled: true` sends nothing at all");
        reporter.warn(first.span, problem);
    }
    let zone = tables().find_map(|table| table.zone.given());
    if let Some(zone) = zone.filter(|_| common.zone.is_missing()) {
        let label = "the main file does not say where the gateway is";
        let problem = Problem::new("`zone` has no effect", label)
            .help("add `zone: ${ZONE}` to the main file, or remove the zones of this pool");
        reporter.warn(zone.span, problem);
    }
}

/// A weight, of an endpoint or of a share of a route; `nothing` is the help for a zero.
pub(super) fn weight(what: &str, value: i64, nothing: &str) -> Result<Weight, Problem> {
    let weight: u16 =
        number::within(what, value, 1..=Weight::MAX.into()).map_err(|problem| match value {
            ..=0 => problem.help(nothing),
            _ => problem.help("weights are relative: 2 and 1 do what 2000 and 1000 would"),
        })?;
    Ok(Weight::new(weight).unwrap_or_default())
}
