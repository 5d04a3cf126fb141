//! What the admin API asks for.

use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use switchback_admin::{Admission, Change, Operator, Overridden, Refused, Reloaded, Status};
use switchback_core::plan::{Admin, Weight};
use switchback_runtime::{Override, Unknown};

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
