//! A pool's file to a [`PoolPlan`].

use std::collections::HashMap;
use std::sync::Arc;

use switchback_core::plan::{Balance, EndpointPlan, PoolPlan, Timeouts, UpstreamTlsPlan, Weight};

use super::{Resolved, policy, probe};
use crate::decode::{Field, OrTable};
use crate::diagnostic::{Problem, Reporter, quote};
use crate::schema;
use crate::source::Span;
use crate::value::{address, duration, name, number};

/// Resolves a pool; what is wrong is reported.
pub(crate) fn pool(
    pool_name: Arc<str>,
    file: &Field<schema::Pool>,
    reporter: &Reporter<'_>,
) -> Resolved {
    let span = file.given().map_or(Span::START, |given| given.span);
    let missing = schema::Pool::default();
    let pool = file.value().unwrap_or(&missing);
    let endpoints = match file {
        Field::Given(_) => endpoints(pool, span, reporter),
        _ => Vec::new(),
    };
    let host = host(&pool.host, "host", reporter);
    let timeouts = timeouts(&pool.timeouts, reporter);
    let overrides = policy::overrides(&pool.retry, reporter);
    let retry = overrides.over(&Default::default());
    overrides.warn_if_idle(&retry, reporter);
    let choices =
        [("round_robin", Balance::RoundRobin), ("least_requests", Balance::LeastRequests)];
    Resolved {
        plan: PoolPlan {
            name: pool_name,
            endpoints,
            balance: pool
                .balance
                .parse(reporter, |text| number::choice("balance", text, &choices))
                .or(Balance::default()),
            health: probe::health(&pool.health, reporter),
            timeouts,
            tls: tls(&pool.tls, host.as_ref(), reporter),
            host,
        },
        retry,
        span,
    }
}

fn endpoints(pool: &schema::Pool, file: Span, reporter: &Reporter<'_>) -> Vec<EndpointPlan> {
    let help = "a pool needs at least one: `endpoints: [10.0.1.11:8080]`";
    let list = match &pool.endpoints {
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
        reporter.error(
            list.span,
            Problem::new("the pool has no endpoints", "the list is empty").help(help),
        );
    }
    let mut first = HashMap::new();
    let mut endpoints = Vec::new();
    for entry in list.value.iter().filter_map(Field::given) {
        let (address, weight, tier) = match &entry.value {
            OrTable::Text(text) => {
                let given =
                    Field::Given(crate::decode::Given { value: text.clone(), span: entry.span });
                (endpoint_address(&given, reporter), Weight::ONE, 0)
            }
            OrTable::Table(table) => {
                if table.address.is_missing() {
                    let problem = Problem::new(
                        "an endpoint has no `address`",
                        "the key is missing in this entry",
                    );
                    reporter.error(
                        entry.span,
                        problem.help("write `{ address: 10.0.1.11:8080, weight: 2 }`"),
                    );
                }
                (
                    endpoint_address(&table.address, reporter),
                    table.weight.parse(reporter, |value| weight("weight", *value)).or(Weight::ONE),
                    table
                        .tier
                        .parse(reporter, |value| number::within("tier", *value, 0..=255))
                        .or(0),
                )
            }
        };
        let Field::Given(address) = address else {
            continue;
        };
        if let Some(first) = first.get(&address.value) {
            let message = format!("endpoint {} is listed twice", address.value);
            let problem = Problem::new(message, "again here").related(*first, "first here");
            reporter.error(
                address.span,
                problem.help("keep one; for a larger share, give it a `weight`"),
            );
            continue;
        }
        first.insert(address.value, address.span);
        endpoints.push(EndpointPlan { address: address.value, weight, tier });
    }
    endpoints
}

fn endpoint_address(field: &Field<String>, reporter: &Reporter<'_>) -> Field<std::net::SocketAddr> {
    field.parse(reporter, |text| address::parse(address::Owner::Endpoint, text))
}

/// A weight, of an endpoint or of a share of a route.
pub(super) fn weight(what: &str, value: i64) -> Result<Weight, Problem> {
    let weight: u16 =
        number::within(what, value, 1..=Weight::MAX.into()).map_err(|problem| match value {
            0 => problem.help("what should receive nothing is left out of the list"),
            _ => problem.help("weights are relative: 2 and 1 do what 2000 and 1000 would"),
        })?;
    Ok(Weight::new(weight).unwrap_or_default())
}

fn host(field: &Field<String>, what: &str, reporter: &Reporter<'_>) -> Option<Arc<str>> {
    match field.parse(reporter, |text| name::host_name(what, text)) {
        Field::Given(given) => Some(given.value),
        _ => None,
    }
}

fn tls(
    field: &Field<schema::Tls>,
    host_of_pool: Option<&Arc<str>>,
    reporter: &Reporter<'_>,
) -> Option<UpstreamTlsPlan> {
    let tls = field.value()?;
    Some(UpstreamTlsPlan {
        sni: host(&tls.sni, "sni", reporter).or_else(|| host_of_pool.cloned()).unwrap_or_default(),
        verify: tls.verify.clone().or(true),
    })
}

fn timeouts(field: &Field<schema::Timeouts>, reporter: &Reporter<'_>) -> Timeouts {
    let default = Timeouts::default();
    let Some(given) = field.value() else {
        return default;
    };
    let limit = |what: &str, field: &Field<String>| {
        field.parse(reporter, |text| duration::parse(what, text))
    };
    let connect = limit("connect", &given.connect);
    let first_byte = limit("first_byte", &given.first_byte);
    let request = limit("request", &given.request).or(default.request);
    for (what, field) in [("connect", &connect), ("first_byte", &first_byte)] {
        // Only what the file says: a default above a short `request` is no mistake of the operator's.
        if let Some(given) = field.given().filter(|given| given.value >= request) {
            let message = format!("`{what}` can never fire");
            let label = format!("`request` ends everything after {}", duration::display(request));
            let help = format!("make {} shorter than `request`, or `request` longer", quote(what));
            reporter.warn(given.span, Problem::new(message, label).help(help));
        }
    }
    Timeouts {
        connect: connect.or(default.connect),
        first_byte: first_byte.or(default.first_byte),
        idle: limit("idle", &given.idle).or(default.idle),
        tunnel: limit("tunnel", &given.tunnel).or(default.tunnel),
        write: limit("write", &given.write).or(default.write),
        keepalive: limit("keepalive", &given.keepalive).or(default.keepalive),
        request,
    }
}
