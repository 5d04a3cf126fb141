//! A pool's file to a [`PoolPlan`].

use std::sync::Arc;
use std::time::Duration;

use switchback_core::plan::{PoolPlan, Protocol, ProxyProtocol, Timeouts, UpstreamTlsPlan};

use super::pair::pair;
use super::{Outside, Places, Resolved, balance, ejection, endpoint, policy, probe, queue, sticky};
use crate::decode::{Field, Given};
use crate::diagnostic::{Problem, Reporter, quote};
use crate::schema;
use crate::source::Span;
use crate::value::{duration, name, number};

/// What `protocol` can be.
pub(crate) const PROTOCOLS: &[(&str, Protocol)] =
    &[("http1", Protocol::Http1), ("h2", Protocol::H2)];

/// What `proxy_protocol` of a pool can be.
pub(crate) const PROXY_PROTOCOLS: &[(&str, ProxyProtocol)] =
    &[("v1", ProxyProtocol::V1), ("v2", ProxyProtocol::V2)];

/// Resolves a pool, for a gateway in this zone; what is wrong is reported.
pub(crate) fn pool(
    pool_name: Arc<str>,
    file: &Field<schema::Pool>,
    zone: &Field<Arc<str>>,
    outside: &Outside<'_>,
    reporter: &Reporter<'_>,
) -> Resolved {
    let span = file.given().map_or(Span::START, |given| given.span);
    let missing = schema::Pool::default();
    let pool = file.value().unwrap_or(&missing);
    let common = endpoint::Common {
        max_requests: queue::limit("max_requests", &pool.max_requests, reporter),
        max_connections: queue::limit("max_connections", &pool.max_connections, reporter),
        zone,
    };
    let endpoints = match file {
        Field::Given(_) => endpoint::endpoints(&pool.endpoints, span, &common, reporter),
        _ => Vec::new(),
    };
    let (endpoints, endpoint_spans) = endpoints.into_iter().unzip();
    let host = host(&pool.host, "host", reporter);
    let (timeouts, mut limits) = timeouts(&pool.timeouts, reporter);
    let (queue, queue_timeout) = queue::queue(pool, timeouts.request, reporter);
    limits.extend(queue_timeout.map(|limit| ("queue_timeout", limit)));
    let overrides = policy::overrides(&pool.retry, reporter);
    let retry = overrides.over(&Default::default());
    overrides.warn(&retry, timeouts.request, reporter);
    let balance = balance::balance(&pool.balance, reporter);
    Resolved {
        plan: PoolPlan {
            name: pool_name,
            endpoints,
            hash: balance::hash(&pool.hash, &balance, reporter),
            balance: balance.or(Default::default()),
            sticky: sticky::sticky(&pool.sticky, reporter),
            slow_start: balance::slow_start(&pool.slow_start, reporter),
            health: probe::health(&pool.health, reporter),
            ejection: ejection::ejection(&pool.ejection, reporter),
            queue,
            retry_budget: policy::budget(&pool.retry_budget, reporter),
            timeouts,
            protocol: pool
                .protocol
                .parse(reporter, |text| number::choice("protocol", text, PROTOCOLS))
                .or(Protocol::default()),
            tls: tls(&pool.tls, host.as_ref(), outside, reporter),
            host,
            proxy_protocol: pool
                .proxy_protocol
                .parse(reporter, |text| number::choice("proxy_protocol", text, PROXY_PROTOCOLS))
                .given()
                .map(|given| given.value),
            required: pool.required.clone().or(false),
        },
        retry,
        places: Places {
            whole: span,
            endpoints: endpoint_spans,
            probe_path: probe::path_span(&pool.health),
            limits,
        },
    }
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
    outside: &Outside<'_>,
    reporter: &Reporter<'_>,
) -> Option<UpstreamTlsPlan> {
    let tls = field.value()?;
    if let (Some(false), Some(ca)) = (tls.verify.value(), tls.ca.given()) {
        let problem =
            Problem::new("`ca` has no effect here", "`verify: false` accepts whoever answers");
        reporter.warn(
            ca.span,
            problem.help("remove `verify: false`: with the right CA it is not needed"),
        );
    }
    let certificate = tls.certificate.given();
    let pair = certificate.and_then(|entry| pair(entry, "endpoints", outside, reporter));
    Some(UpstreamTlsPlan {
        sni: host(&tls.sni, "sni", reporter).or_else(|| host_of_pool.cloned()).unwrap_or_default(),
        verify: tls.verify.clone().or(true),
        ca: outside.authorities(&tls.ca, reporter),
        certificate: pair.map(|pair| Arc::new(pair.plan)),
    })
}

type Limits = Vec<(&'static str, Given<Duration>)>;

/// The limits, and those of them that the file has and that can fire as far as this pool can tell.
fn timeouts(field: &Field<schema::Timeouts>, reporter: &Reporter<'_>) -> (Timeouts, Limits) {
    let default = Timeouts::default();
    let mut limits = Limits::new();
    let Some(given) = field.value() else {
        return (default, limits);
    };
    let limit = |what: &str, field: &Field<String>| {
        field.parse(reporter, |text| duration::parse(what, text))
    };
    let connect = limit("connect", &given.connect);
    let first_byte = limit("first_byte", &given.first_byte);
    let request = limit("request", &given.request).or(default.request);
    for (what, field) in [("connect", &connect), ("first_byte", &first_byte)] {
        // Only what the file says: a default above a short `request` is no mistake of the operator's.
        let Some(given) = field.given() else { continue };
        if given.value < request {
            limits.push((what, *given));
        } else {
            let message = format!("`{what}` can never fire");
            let label = format!("`request` ends everything after {}", duration::display(request));
            let help = format!("make {} shorter than `request`, or `request` longer", quote(what));
            reporter.warn(given.span, Problem::new(message, label).help(help));
        }
    }
    let timeouts = Timeouts {
        connect: connect.or(default.connect),
        first_byte: first_byte.or(default.first_byte),
        idle: limit("idle", &given.idle).or(default.idle),
        tunnel: limit("tunnel", &given.tunnel).or(default.tunnel),
        write: limit("write", &given.write).or(default.write),
        keepalive: limit("keepalive", &given.keepalive).or(default.keepalive),
        request,
    };
    (timeouts, limits)
}
