//! A pool's file.

use serde::Serialize;
use switchback_core::plan::{
    Admin, EndpointPlan, PoolPlan, Protocol, RetryPolicy, UpstreamTlsPlan,
};

use super::health::{self, Health};
use super::traffic::{self, Ejection, Hash, RetryBudget, SlowStart, Sticky};
use super::{Retry, value};
use crate::value::duration;

/// `pools/NAME.yaml`, under the keys of [`crate::schema::Pool`].
#[derive(Debug, Serialize)]
pub(super) struct Pool {
    endpoints: Vec<Endpoint>,
    balance: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    hash: Option<Hash>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sticky: Option<Sticky>,
    slow_start: SlowStart,
    queue: u32,
    queue_timeout: String,
    protocol: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls: Option<Tls>,
    health: Health,
    ejection: Ejection,
    timeouts: Timeouts,
    retry: Retry,
    retry_budget: RetryBudget,
}

#[derive(Debug, Serialize)]
struct Endpoint {
    address: String,
    weight: u16,
    tier: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    zone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_requests: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_connections: Option<u32>,
    drain: bool,
    disabled: bool,
}

#[derive(Debug, Serialize)]
struct Tls {
    #[serde(skip_serializing_if = "Option::is_none")]
    sni: Option<String>,
    verify: bool,
}

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
        balance: traffic::balance(pool.balance),
        hash: pool.balance.hashes().then(|| traffic::hash(&pool.hash)),
        sticky: pool.sticky.as_ref().map(traffic::sticky),
        slow_start: traffic::slow_start(pool.slow_start),
        queue: pool.queue.size,
        queue_timeout: duration::display(pool.queue.timeout),
        protocol: match pool.protocol {
            Protocol::Http1 => "http1",
            Protocol::H2 => "h2",
        },
        host: pool.host.as_deref().map(value),
        tls: pool.tls.as_ref().map(tls),
        health: health::health(pool.health.as_ref()),
        ejection: traffic::ejection(&pool.ejection),
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
        retry_budget: traffic::budget(pool.retry_budget),
    }
}

fn endpoint(endpoint: &EndpointPlan) -> Endpoint {
    Endpoint {
        address: endpoint.address.to_string(),
        weight: endpoint.weight.value(),
        tier: endpoint.tier,
        zone: endpoint.zone.as_deref().map(value),
        max_requests: endpoint.max_requests.map(Into::into),
        max_connections: endpoint.max_connections.map(Into::into),
        drain: endpoint.admin == Admin::Drain,
        disabled: endpoint.admin == Admin::Disabled,
    }
}

fn tls(tls: &UpstreamTlsPlan) -> Tls {
    Tls { sni: (!tls.sni.is_empty()).then(|| value(&tls.sni)), verify: tls.verify }
}
