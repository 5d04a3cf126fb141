//! A pool's file.

use serde::Serialize;
use switchback_core::plan::{
    Balance, EndpointPlan, HealthPlan, PoolPlan, ProbePlan, RetryPolicy, UpstreamTlsPlan,
};

use super::{Retry, statuses, value};
use crate::value::duration;

/// `pools/NAME.yaml`, under the keys of [`crate::schema::Pool`].
#[derive(Debug, Serialize)]
pub(super) struct Pool {
    endpoints: Vec<Endpoint>,
    balance: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls: Option<Tls>,
    health: Health,
    timeouts: Timeouts,
    retry: Retry,
}

#[derive(Debug, Serialize)]
struct Endpoint {
    address: String,
    weight: u16,
    tier: u8,
}

#[derive(Debug, Serialize)]
struct Tls {
    #[serde(skip_serializing_if = "Option::is_none")]
    sni: Option<String>,
    verify: bool,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Health {
    Off { enabled: bool },
    On(Checks),
}

#[derive(Debug, Serialize)]
struct Checks {
    enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    http: Option<HttpProbe>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tcp: Option<TcpProbe>,
    interval: String,
    timeout: String,
    rise: u32,
    fall: u32,
    concurrency: u32,
}

#[derive(Debug, Serialize)]
struct HttpProbe {
    path: String,
    expect: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
}

#[derive(Debug, Serialize)]
struct TcpProbe {}

#[derive(Debug, Serialize)]
struct Timeouts {
    connect: String,
    first_byte: String,
    idle: String,
    tunnel: String,
    write: String,
    keepalive: String,
    request: String,
}

/// The file of a pool; `retry` is what routes to it inherit.
pub(super) fn pool(pool: &PoolPlan, retry: &RetryPolicy) -> Pool {
    let timeouts = &pool.timeouts;
    Pool {
        endpoints: pool.endpoints.iter().map(endpoint).collect(),
        balance: match pool.balance {
            Balance::RoundRobin => "round_robin",
            Balance::LeastRequests => "least_requests",
        },
        host: pool.host.as_deref().map(value),
        tls: pool.tls.as_ref().map(tls),
        health: pool.health.as_ref().map_or(Health::Off { enabled: false }, health),
        timeouts: Timeouts {
            connect: duration::display(timeouts.connect),
            first_byte: duration::display(timeouts.first_byte),
            idle: duration::display(timeouts.idle),
            tunnel: duration::display(timeouts.tunnel),
            write: duration::display(timeouts.write),
            keepalive: duration::display(timeouts.keepalive),
            request: duration::display(timeouts.request),
        },
        retry: Retry::common(&[retry]),
    }
}

fn endpoint(endpoint: &EndpointPlan) -> Endpoint {
    Endpoint {
        address: endpoint.address.to_string(),
        weight: endpoint.weight.value(),
        tier: endpoint.tier,
    }
}

fn tls(tls: &UpstreamTlsPlan) -> Tls {
    Tls { sni: (!tls.sni.is_empty()).then(|| value(&tls.sni)), verify: tls.verify }
}

fn health(plan: &HealthPlan) -> Health {
    let (http, tcp) = match &plan.probe {
        ProbePlan::Tcp => (None, Some(TcpProbe {})),
        ProbePlan::Http { path, expect, port } => {
            let http = HttpProbe { path: value(path), expect: statuses(expect), port: *port };
            (Some(http), None)
        }
    };
    Health::On(Checks {
        enabled: true,
        http,
        tcp,
        interval: duration::display(plan.interval),
        timeout: duration::display(plan.timeout),
        rise: plan.rise.get(),
        fall: plan.fall.get(),
        concurrency: plan.concurrency.get(),
    })
}
