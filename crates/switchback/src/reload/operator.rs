//! What the admin API asks for.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use parking_lot::Mutex;
use switchback_admin::{
    Admission, Change, NotOverridden, Operator, Overridden, Recorder, Refused, Reloaded, Status,
    view,
};
use switchback_core::Outcome;
use switchback_core::outcome::Fault;
use switchback_core::plan::{Admin, Protocol, Secret, Weight};
use switchback_runtime::{EndpointReport, Gateway, NotReady, Override, PoolHandle, Unknown};
use switchback_telemetry::access::rfc3339;
use switchback_telemetry::{Filter, PoolState};
use tokio::task::spawn_blocking;

use super::{AskedBy, Reloader};

/// The gateway as the admin API asks it.
pub(crate) struct ByApi {
    gateway: Arc<Gateway>,
    /// `None`: there are no files that it could read.
    reloader: Option<Arc<Reloader>>,
    recorder: Arc<Recorder>,
    started: SystemTime,
    /// Held by who overrides, so that of two who each take out one of the last two endpoints, one is
    /// refused.
    overriding: Arc<Mutex<()>>,
}

impl ByApi {
    /// A gateway that has just been started; what happens is recorded there.
    pub(crate) fn new(
        gateway: Arc<Gateway>,
        reloader: Option<Arc<Reloader>>,
        recorder: Arc<Recorder>,
    ) -> Self {
        let started = gateway.clock.wall();
        Self { gateway, reloader, recorder, started, overriding: Arc::default() }
    }
}

#[async_trait]
impl Operator for ByApi {
    fn token(&self) -> Option<Arc<str>> {
        let generation = self.gateway.current();
        generation.plan.admin.token.as_ref().map(Secret::reveal).map(Arc::from)
    }

    async fn configuration(&self) -> Option<String> {
        Some(self.reloader.as_ref()?.running.lock().to_string())
    }

    async fn status(&self) -> Status {
        let gateway = &self.gateway;
        let generation = gateway.current();
        let overrides = generation.pools.iter().flat_map(|pool| {
            let name = pool.plan.name.clone();
            pool.overrides().into_iter().map(move |(endpoint, it)| Overridden {
                pool: name.clone(),
                endpoint,
                change: shown(it),
            })
        });
        let missing = gateway.readiness().err().unwrap_or_default();
        Status {
            version: env!("CARGO_PKG_VERSION"),
            started: rfc3339(self.started),
            ready: missing.is_empty(),
            reasons: missing.iter().map(NotReady::to_string).collect(),
            listeners: generation.plan.listeners.iter().map(|it| it.address).collect(),
            connections: gateway.drain.connections(),
            requests_in_flight: gateway.drain.in_flight(),
            generation: generation.number,
            last_reload: self.reloader.as_ref().and_then(|it| it.last.lock().clone()),
            overrides: overrides.collect(),
        }
    }

    fn pools(&self, endpoints: bool, each: &mut dyn FnMut(view::Pool) -> bool) {
        let generation = self.gateway.current();
        // The result is whether all were told, which the one who was told knows.
        let _ = generation.pools.iter().all(|it| each(pool(it, endpoints)));
    }

    fn pool(&self, name: &str) -> Option<view::Pool> {
        let generation = self.gateway.current();
        generation.pools.iter().find(|pool| &*pool.plan.name == name).map(|it| pool(it, true))
    }

    async fn failures(&self, filter: &Filter) -> Vec<u8> {
        let (gateway, filter) = (self.gateway.clone(), filter.clone());
        let written = spawn_blocking(move || gateway.failures.json(&filter)).await;
        written.unwrap_or_else(|_| b"[]".to_vec())
    }

    async fn request(&self, id: &str) -> Option<Vec<u8>> {
        self.gateway.failures.find(id)
    }

    async fn history(&self) -> view::History {
        self.recorder.history()
    }

    async fn reload(&self, force: bool) -> Result<Reloaded, Refused> {
        let Some(reloader) = &self.reloader else {
            let why = "this gateway was not configured by files, so there is nothing to read anew";
            return Err(Refused {
                why: why.to_owned(),
                may_be_forced: false,
                diagnostics: None,
                changes: None,
            });
        };
        reloader.reload(AskedBy::Api, force).await
    }

    async fn override_endpoint(
        &self,
        pool: &str,
        endpoint: SocketAddr,
        change: Change,
        force: bool,
    ) -> Result<(), NotOverridden> {
        let overridden = Override {
            admin: change.state.map(|state| match state {
                Admission::Enabled => Admin::Enabled,
                Admission::Drain => Admin::Drain,
                Admission::Disabled => Admin::Disabled,
            }),
            weight: change.weight.and_then(Weight::new),
        };
        let (gateway, overriding) = (self.gateway.clone(), self.overriding.clone());
        let name = pool.to_owned();
        // It waits for a reload that is under way.
        let change_it = move || {
            let _one = overriding.lock();
            if !force && would_be_empty(&gateway, &name, endpoint, overridden) {
                return Err(NotOverridden::Empty(format!(
                    "pool {name} would have no endpoint left that is enabled; `force=true` does it all \
                     the same"
                )));
            }
            gateway.override_endpoint(&name, endpoint, overridden).map_err(|unknown| {
                NotOverridden::Unknown(match unknown {
                    Unknown::Pool => format!("there is no pool {name}"),
                    Unknown::Endpoint => format!("pool {name} has no endpoint {endpoint}"),
                })
            })
        };
        let changed = spawn_blocking(change_it).await;
        changed.unwrap_or_else(|error| Err(NotOverridden::Failed(format!("a bug: {error}"))))?;
        log::info!("pool {pool}: endpoint {endpoint}: {}", words(change));
        Ok(())
    }
}

/// Whether an override takes the last endpoint that is enabled out of a pool.
fn would_be_empty(gateway: &Gateway, pool: &str, endpoint: SocketAddr, change: Override) -> bool {
    let generation = gateway.current();
    let Some(pool) = generation.pools.iter().find(|it| &*it.plan.name == pool) else {
        return false;
    };
    let mut overrides = pool.overrides();
    let is_served = |overrides: &[(SocketAddr, Override)]| {
        pool.plan.endpoints.iter().any(|it| {
            // What was added last counts.
            let found = overrides.iter().rev().find(|(address, _)| *address == it.address);
            found.and_then(|(_, change)| change.admin).unwrap_or(it.admin) != Admin::Disabled
        })
    };
    let was_served = is_served(&overrides);
    overrides.push((endpoint, change));
    was_served && !is_served(&overrides)
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
