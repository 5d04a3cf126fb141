//! Every endpoint probed once, without a gateway that runs: what a deployment asks before it reloads.
//!
//! The probes are those of the [schedule](crate::schedule), with the same time limit, and no more of a
//! pool at once than its `concurrency`: an operator who bounded that did so for the endpoints' sake. Over
//! all pools there is a bound for our sake, as each probe holds a socket. Pools are taken in their order,
//! so that the first are done early, and one full of silent endpoints does not hold up the rest.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use pingora_load_balancing::Backend;
use pingora_load_balancing::health_check::HealthCheck;
use switchback_core::plan::{Admin, PoolPlan};
use switchback_core::{EndpointIndex, PoolIndex};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Instant;

use crate::reason::Failure;
use crate::schedule::{check, target};
use crate::{Connectors, probe};

/// What a probe has shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Whose endpoint.
    pub pool: PoolIndex,
    /// Which.
    pub endpoint: EndpointIndex,
    /// Whether it passed, or why not, in an operator's words.
    pub result: Result<(), String>,
    /// From the beginning of the connection.
    pub took: Duration,
}

/// A pool, as far as it has been probed.
struct Work {
    index: PoolIndex,
    probe: Arc<dyn HealthCheck + Send + Sync>,
    timeout: Duration,
    /// How many more may be on the way.
    room: u32,
    endpoints: VecDeque<(EndpointIndex, Backend)>,
}

/// Probes each endpoint that is not disabled, no more than `most` at once, and tells of each as it ends.
///
/// Where a pool has no health checks, a connection is tried, with TLS where the pool has that.
pub async fn once(pools: &[PoolPlan], most: usize, mut tell: impl FnMut(Seen)) {
    let connectors = Connectors::new();
    let work = (0..).zip(pools).map(|(at, pool)| Work::new(PoolIndex(at), pool, &connectors));
    // Those that may begin another; the rest is in `full`, or done.
    let mut ready: VecDeque<Work> = work.filter(|work| !work.endpoints.is_empty()).collect();
    let mut full: HashMap<PoolIndex, Work> = HashMap::new();
    let mut tasks = JoinSet::new();
    let mut running: HashMap<Id, (PoolIndex, EndpointIndex, Instant)> = HashMap::new();
    loop {
        while running.len() < most.max(1) {
            let Some(mut work) = ready.pop_front() else { break };
            if let Some((endpoint, target)) = work.endpoints.pop_front() {
                let task = tasks.spawn(check(work.probe.clone(), target, work.timeout));
                running.insert(task.id(), (work.index, endpoint, Instant::now()));
                work.room -= 1;
            }
            match work.room {
                0 => drop(full.insert(work.index, work)),
                _ if work.endpoints.is_empty() => {}
                _ => ready.push_front(work),
            }
        }
        let Some(ended) = tasks.join_next_with_id().await else { return };
        let id = ended.as_ref().map_or_else(JoinError::id, |(id, _)| *id);
        let Some((pool, endpoint, began)) = running.remove(&id) else { continue };
        let (result, took) = match ended {
            Ok((_, (result, took))) => (result.map_err(Failure::into_why), took),
            Err(error) => {
                (Err(format!("the probe panicked, which is a bug: {error}")), began.elapsed())
            }
        };
        if let Some(work) = full.remove(&pool).filter(|work| !work.endpoints.is_empty()) {
            ready.push_front(Work { room: work.room + 1, ..work });
        } else if let Some(work) = ready.iter_mut().find(|work| work.index == pool) {
            work.room += 1;
        }
        tell(Seen { pool, endpoint, result, took });
    }
}

impl Work {
    fn new(index: PoolIndex, pool: &PoolPlan, connectors: &Connectors) -> Self {
        let plan = pool.health.clone().unwrap_or_default();
        let enabled = (0..).zip(&pool.endpoints).filter(|(_, one)| one.admin != Admin::Disabled);
        let endpoints = enabled.map(|(at, one)| (EndpointIndex(at), target(one.address)));
        Self {
            index,
            probe: probe(pool, &plan, connectors),
            timeout: plan.timeout,
            room: plan.concurrency.get(),
            endpoints: endpoints.collect(),
        }
    }
}

#[cfg(test)]
mod tests;
