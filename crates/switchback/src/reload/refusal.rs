//! Why a configuration is not put in force.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use switchback_admin::Refused;
use switchback_config::Diagnostics;
use switchback_config::diff::{Changes, NotEffective};
use switchback_core::plan::{Action, Admin, Plan, PoolPlan};
use switchback_runtime::{Generation, Override};
use thiserror::Error;

use super::json;
use crate::app::StartError;

/// Why a configuration is not put in force.
#[derive(Debug, Error)]
pub(crate) enum Refusal {
    /// The files have errors.
    #[error("the configuration has errors\n{0}")]
    Errors(Diagnostics),
    /// Something differs that is made once, at the start.
    #[error("part of it needs a restart\n{0}")]
    NeedsRestart(Changes),
    /// A pool that routes go to would have nobody left.
    #[error(
        "routes go to {}, where every endpoint would be disabled, by the files or by an override; \
         enable one, or force it: `POST /api/v1/reload?force=true` of the admin API", names(.pools)
    )]
    Empty { pools: Vec<Arc<str>>, changes: Changes },
    /// A pool's source of endpoints fails.
    #[error(transparent)]
    Discovery(#[from] StartError),
    /// The running configuration cannot be compared.
    #[error("a bug: the running configuration cannot be read again: {0}")]
    Unreadable(#[from] NotEffective),
    /// The reading has panicked.
    #[error("a bug: the reload has not come to its end")]
    Bug,
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        let why = match &refusal {
            Refusal::Errors(_) => "the configuration has errors".to_owned(),
            Refusal::NeedsRestart(changes) => changes.summary(),
            other => other.to_string(),
        };
        let (mut diagnostics, mut changes, mut may_be_forced) = (None, None, false);
        match &refusal {
            Refusal::Errors(found) => diagnostics = Some(json(found)),
            Refusal::NeedsRestart(found) => changes = Some(json(found)),
            Refusal::Empty { changes: found, .. } => {
                (changes, may_be_forced) = (Some(json(found)), true);
            }
            Refusal::Discovery(_) | Refusal::Unreadable(_) | Refusal::Bug => {}
        }
        Self { why, may_be_forced, diagnostics, changes }
    }
}

/// The pools that a route goes to and in which nobody would be enabled, unless it is so already.
pub(super) fn would_be_empty(plan: &Plan, running: &Generation) -> Vec<Arc<str>> {
    let used_before: HashSet<_> = used(&running.plan).map(|pool| pool.name.clone()).collect();
    let empty = used(plan).filter(|pool| {
        let before = running.pools.iter().find(|it| it.plan.name == pool.name);
        let overrides = before.map(|it| it.overrides()).unwrap_or_default();
        let serves = |pool: &PoolPlan| {
            pool.endpoints.iter().any(|endpoint| {
                let mut overridden = overrides.iter();
                let found = overridden.find(|(address, _)| *address == endpoint.address);
                let change = found.map_or(Override::default(), |(_, change)| *change);
                change.admin.unwrap_or(endpoint.admin) != Admin::Disabled
            })
        };
        let was_so = before.is_some_and(|it| !serves(&it.plan)) && used_before.contains(&pool.name);
        !serves(pool) && !was_so
    });
    empty.map(|pool| pool.name.clone()).collect()
}

/// The pools that routes go to, each once.
fn used(plan: &Plan) -> impl Iterator<Item = &PoolPlan> {
    let targets = plan.routes.iter().flat_map(|route| match &route.action {
        Action::Forward(targets) => targets.as_slice(),
        Action::Redirect(_) => &[],
    });
    let used: BTreeSet<_> = targets.map(|target| target.pool).collect();
    used.into_iter().filter_map(|index| plan.pools.get(index.at()))
}

fn names(pools: &[Arc<str>]) -> String {
    let names: Vec<_> = pools.iter().map(|name| format!("pool {name}")).collect();
    names.join(", ")
}
