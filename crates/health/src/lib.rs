//! Active health checks: probes, and when they run.
//!
//! A probe is Pingora's [`HealthCheck`] trait, so any implementation of it can be used. What
//! Pingora's own scheduler lacks is ours: jitter, a spread start, a bound on probes at once under
//! which the living go before the dead, a limit for a whole probe, a panic that costs no more than
//! its probe, and thresholds that live in the core, where a simulation can reach them. Its own
//! `HttpHealthCheck` is not used for two reasons: each makes a connector with its own TLS roots,
//! which a thousand pools pay a thousand times, and it reads an endless body to its end.
//!
//! [`once()`] is the same probes without a gateway, for whoever wants to know beforehand.
//!
//! [`HealthCheck`]: pingora_load_balancing::health_check::HealthCheck

mod grpc;
#[cfg(test)]
mod h2_endpoint;
mod http;
mod once;
mod pace;
mod plain;
mod proxy_header;
mod queue;
mod reason;
mod schedule;
mod shared;
mod supervise;
mod tcp;

use std::collections::HashMap;
use std::sync::Arc;

use pingora_core::connectors::TransportConnector;
use pingora_core::connectors::http::Connector;
use pingora_load_balancing::health_check::HealthCheck;
use switchback_core::plan::{HealthPlan, PoolPlan, ProbePlan};
use switchback_runtime::{Gateway, PoolHandle};

pub use once::{Seen, once};

use crate::schedule::Schedule;
use crate::shared::Shared;
use crate::supervise::Supervisor;

/// Probes on the way at once, over all pools. Each is an open connection, and a thousand pools with the
/// default `health.concurrency` would want 64,000 of them: more than most processes may have, and then
/// clients find no door and healthy endpoints seem dead.
const AT_ONCE: usize = 4096;

/// Connects for all probes.
#[derive(Clone)]
struct Connectors {
    http: Arc<Connector<()>>,
    tcp: Arc<TransportConnector>,
}

impl Connectors {
    fn new() -> Self {
        Self { http: Arc::new(Connector::new(None)), tcp: Arc::new(TransportConnector::new(None)) }
    }
}

/// Probes every pool that has health checks, under whatever configuration is in force, until it is
/// dropped.
pub async fn run(gateway: &Gateway) {
    let connectors = Connectors::new();
    let shared = Arc::new(Shared::new(AT_ONCE));
    let mut generations = gateway.generations();
    let mut supervisor = Supervisor::new(schedule::run);
    loop {
        generations.mark_unchanged();
        supervisor.supervise(schedules(gateway, &connectors, &shared));
        tokio::select! {
            () = supervisor.ended() => {}
            Ok(()) = generations.changed() => {}
        }
    }
}

/// The schedule of each pool that has health checks, by the pool's name.
fn schedules(
    gateway: &Gateway,
    connectors: &Connectors,
    shared: &Arc<Shared>,
) -> HashMap<Arc<str>, Schedule> {
    let generation = gateway.current();
    let schedule = |pool: &Arc<PoolHandle>| {
        let plan = pool.plan.health.clone()?;
        let probe = probe(&pool.plan, &plan, connectors);
        let shared = shared.clone();
        Some((pool.plan.name.clone(), Schedule { pool: pool.clone(), plan, probe, shared }))
    };
    generation.pools.iter().filter_map(schedule).collect()
}

fn probe(
    pool: &PoolPlan,
    plan: &HealthPlan,
    connectors: &Connectors,
) -> Arc<dyn HealthCheck + Send + Sync> {
    match &plan.probe {
        ProbePlan::Tcp => Arc::new(tcp::Tcp::new(pool, plan, connectors.tcp.clone())),
        ProbePlan::Http { path, expect, port } => {
            let request = http::Request { path: path.clone(), expect: expect.clone(), port: *port };
            Arc::new(http::Http::new(pool, plan, request, connectors.http.clone()))
        }
        ProbePlan::Grpc { service, port } => {
            Arc::new(grpc::Grpc::new(pool, plan, service, *port, connectors.http.clone()))
        }
    }
}
