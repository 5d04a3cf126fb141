//! A pool's file.

use std::path::Path;

use serde::Serialize;
use switchback_core::plan::{Admin, EndpointPlan, PoolPlan, RetryPolicy, UpstreamTlsPlan};

use super::certificate::{Ca, Certificate, ca, certificate};
use super::health::{self, Health};
use super::traffic::{self, Ejection, Hash, RetryBudget, SlowStart, Sticky};
use super::{Retry, Secrets, value, word};
use crate::resolve::{PROTOCOLS, PROXY_PROTOCOLS};
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
    #[serde(skip_serializing_if = "Option::is_none")]
    proxy_protocol: Option<&'static str>,
    required: bool,
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
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    ca: Option<Ca>,
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate: Option<Certificate>,
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
pub(super) fn pool(pool: &PoolPlan, retry: &RetryPolicy, base: &Path, secrets: Secrets) -> Pool {
    let timeouts = &pool.timeouts;
    Pool {
        endpoints: pool.endpoints.iter().map(endpoint).collect(),
        balance: traffic::balance(pool.balance),
        hash: pool.balance.hashes().then(|| traffic::hash(&pool.hash)),
        sticky: pool.sticky.as_ref().map(traffic::sticky),
        slow_start: traffic::slow_start(pool.slow_start),
        queue: pool.queue.size,
        queue_timeout: duration::display(pool.queue.timeout),
        protocol: word(PROTOCOLS, pool.protocol),
        host: pool.host.as_deref().map(value),
        tls: pool.tls.as_ref().map(|plan| tls(plan, base, secrets)),
        proxy_protocol: pool.proxy_protocol.map(|version| word(PROXY_PROTOCOLS, version)),
        required: pool.required,
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

fn tls(plan: &UpstreamTlsPlan, base: &Path, secrets: Secrets) -> Tls {
    let own = plan.certificate.as_deref();
    Tls {
        sni: (!plan.sni.is_empty()).then(|| value(&plan.sni)),
        verify: plan.verify,
        ca: plan.ca.as_deref().map(|plan| ca(plan, base, secrets)),
        certificate: own.map(|plan| certificate(plan, base, secrets)),
    }
}
