//! What the admin API asks for.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use switchback_admin::{Admission, Change, Operator, Overridden, Refused, Reloaded, Status, view};
use switchback_core::Outcome;
use switchback_core::outcome::Fault;
use switchback_core::plan::{Admin, Protocol, Weight};
use switchback_runtime::{EndpointReport, Override, PoolHandle, Unknown};
use switchback_telemetry::access::rfc3339;
use switchback_telemetry::{Filter, PoolState};

use super::{AskedBy, Reloader};

/// The reloader as the admin API asks it.
pub(crate) struct ByApi(pub(crate) Arc<Reloader>);

#[async_trait]
impl Operator for ByApi {
    async fn configuration(&self) -> String {
        self.0.running.lock().to_string()
    }

    async fn status(&self) -> Status {
        let generation = self.0.gateway.current();
        let overrides = generation.pools.iter().flat_map(|pool| {
            let name = pool.plan.name.clone();
            pool.overrides().into_iter().map(move |(endpoint, it)| Overridden {
                pool: name.clone(),
                endpoint,
                change: shown(it),
            })
        });
        Status {
            generation: generation.number,
            last_reload: self.0.last.lock().clone(),
            overrides: overrides.collect(),
        }
    }

    async fn pools(&self, endpoints: bool) -> Vec<view::Pool> {
        let generation = self.0.gateway.current();
        let show = move || generation.pools.iter().map(|it| pool(it, endpoints)).collect();
        tokio::task::spawn_blocking(show).await.unwrap_or_default()
    }

    async fn pool(&self, name: &str) -> Option<view::Pool> {
        let generation = self.0.gateway.current();
        generation.pools.iter().find(|pool| &*pool.plan.name == name).map(|it| pool(it, true))
    }

    async fn failures(&self, filter: &Filter) -> Vec<u8> {
        self.0.gateway.failures.json(filter)
    }

    async fn request(&self, id: &str) -> Option<Vec<u8>> {
        self.0.gateway.failures.find(id)
    }

    async fn history(&self) -> view::History {
        view::History { step_s: 2, steps: Vec::new() }
    }

    async fn reload(&self, force: bool) -> Result<Reloaded, Refused> {
        self.0.reload(AskedBy::Api, force).await
    }

    async fn override_endpoint(
        &self,
        pool: &str,
        endpoint: SocketAddr,
        change: Change,
    ) -> Result<(), String> {
        let overridden = Override {
            admin: change.state.map(|state| match state {
                Admission::Enabled => Admin::Enabled,
                Admission::Drain => Admin::Drain,
                Admission::Disabled => Admin::Disabled,
            }),
            weight: change.weight.and_then(Weight::new),
        };
        let (gateway, name) = (self.0.gateway.clone(), pool.to_owned());
        // It waits for a reload that is under way.
        let change_it = move || gateway.override_endpoint(&name, endpoint, overridden);
        match tokio::task::spawn_blocking(change_it).await {
            Ok(Ok(())) => {}
            Ok(Err(Unknown::Pool)) => return Err(format!("there is no pool {pool}")),
            Ok(Err(Unknown::Endpoint)) => {
                return Err(format!("pool {pool} has no endpoint {endpoint}"));
            }
            Err(error) => return Err(format!("a bug: {error}")),
        }
        log::info!("pool {pool}: endpoint {endpoint}: {}", words(change));
        Ok(())
    }
}

/// A pool, with its endpoints if these are wanted.
fn pool(pool: &PoolHandle, endpoints: bool) -> view::Pool {
    let endpoints_of_it: Vec<_> = pool.report().into_iter().map(endpoint).collect();
    let standing = |status: &switchback_core::Status| {
        let name = status.as_str();
        let count = endpoints_of_it.iter().filter(|it| it.status == name).count();
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        (count > 0).then_some(view::StatusCount { status: name, count })
    };
    let PoolState { healthy, total } = pool.standing();
    view::Pool {
        name: pool.plan.name.clone(),
        protocol: match pool.plan.protocol {
            Protocol::Http1 => "http/1.1",
            Protocol::H2 => "h2",
        },
        probed: pool.plan.health.is_some(),
        healthy,
        total,
        statuses: switchback_core::Status::ALL.iter().filter_map(standing).collect(),
        waiting: pool.waiting(),
        attempts: endpoints_of_it.iter().map(|it| it.attempts).sum(),
        failed: endpoints_of_it.iter().map(|it| it.failed).sum(),
        endpoints: endpoints.then_some(endpoints_of_it),
    }
}

fn endpoint(it: EndpointReport) -> view::Endpoint {
    let failed = |(name, _): &&(&str, u64)| {
        let mut outcomes = Outcome::ALL.iter();
        outcomes.any(|it| it.as_str() == *name && it.meaning().fault == Fault::Endpoint)
    };
    view::Endpoint {
        address: it.address,
        status: it.status.as_str(),
        since: rfc3339(it.since),
        why: it.why,
        ejected_until: it.ejected_until.map(rfc3339),
        reachable: it.reachable,
        weight: it.weight.value(),
        tier: it.tier,
        zone: it.zone,
        overridden: (!it.overridden.is_empty()).then(|| shown(it.overridden)),
        in_flight: it.in_flight,
        latency_ms: it.latency.map(millis),
        last_probe: it.last_probe.map(|probe| view::Probe {
            time: rfc3339(probe.time),
            passed: probe.error.is_none(),
            took_ms: millis(probe.took),
            error: probe.error,
        }),
        attempts: it.outcomes.iter().map(|(_, count)| count).sum(),
        failed: it.outcomes.iter().filter(failed).map(|(_, count)| count).sum(),
        outcomes: it
            .outcomes
            .iter()
            .map(|&(outcome, count)| view::OutcomeCount { outcome, count })
            .collect(),
    }
}

/// To the microsecond.
fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

fn shown(overridden: Override) -> Change {
    Change {
        state: overridden.admin.map(|admin| match admin {
            Admin::Enabled => Admission::Enabled,
            Admin::Drain => Admission::Drain,
            Admin::Disabled => Admission::Disabled,
        }),
        weight: overridden.weight.map(Weight::value),
    }
}

fn words(change: Change) -> String {
    let state = change.state.map(|state| match state {
        Admission::Enabled => "enabled",
        Admission::Drain => "drained",
        Admission::Disabled => "disabled",
    });
    let weight = change.weight.map(|weight| format!("weight {weight}"));
    let parts: Vec<_> = state.map(str::to_owned).into_iter().chain(weight).collect();
    if parts.is_empty() {
        return "its override was cleared by the admin API".to_owned();
    }
    format!("{} by the admin API, until that is cleared", parts.join(", "))
}
