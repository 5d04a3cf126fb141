//! When the endpoints of a pool are probed.
//!
//! One task a pool holds a heap of due times; each probe is a task of its own, of which so many run
//! at once as the plan allows. An endpoint is never probed twice at once, and its next probe is due
//! one interval after the *start* of the last, so a slow probe does not stretch the interval.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::Duration;

use pingora_core::protocols::l4::socket::SocketAddr;
use pingora_load_balancing::Backend;
use pingora_load_balancing::health_check::HealthCheck;
use switchback_core::EndpointIndex;
use switchback_core::health::{first_probe_after, next_probe_after};
use switchback_core::plan::HealthPlan;
use switchback_runtime::{PoolHandle, random};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use crate::reason::reason;

/// A probe that has ended: whose, when it had begun, and whether the next should come soon.
struct Ended {
    endpoint: EndpointIndex,
    began: Instant,
    soon: bool,
}

/// Probes the endpoints of a pool for ever.
pub(crate) async fn run(
    pool: Arc<PoolHandle>,
    plan: HealthPlan,
    probe: Arc<dyn HealthCheck + Send + Sync>,
) {
    let count = pool.plan.endpoints.len();
    let start = Instant::now();
    let mut due: BinaryHeap<Reverse<(Instant, EndpointIndex)>> = (0..count)
        .map(|position| {
            let first = start + first_probe_after(position, count, plan.interval);
            Reverse((
                first,
                EndpointIndex(u32::try_from(position).unwrap_or(u32::MAX)),
            ))
        })
        .collect();
    let mut running: JoinSet<Ended> = JoinSet::new();
    loop {
        let next = due.peek().map(|Reverse((when, _))| *when);
        let room = running.len() < plan.concurrency.get() as usize;
        tokio::select! {
            Some(ended) = running.join_next() => {
                // A probe that panicked is a bug in the probe; it must not end the others.
                let Ok(Ended { endpoint, began, soon }) = ended else { continue };
                let wait = random::with(|rng| next_probe_after(plan.interval, soon, rng));
                due.push(Reverse((began + wait, endpoint)));
            }
            () = sleep_until(next.unwrap_or(start)), if next.is_some() && room => {
                let Some(Reverse((_, endpoint))) = due.pop() else { continue };
                running.spawn(check(pool.clone(), probe.clone(), endpoint, plan.timeout));
            }
        }
    }
}

async fn check(
    pool: Arc<PoolHandle>,
    probe: Arc<dyn HealthCheck + Send + Sync>,
    endpoint: EndpointIndex,
    limit: Duration,
) -> Ended {
    let began = Instant::now();
    let target = &pool.plan.endpoints[endpoint.at()];
    let backend = Backend {
        addr: SocketAddr::Inet(target.address),
        weight: usize::from(target.weight.value()),
        ext: ::http::Extensions::new(),
    };
    let result = match timeout(limit, probe.check(&backend)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(reason(&error)),
        Err(_) => Err(format!("no answer within {limit:?}")),
    };
    let soon = pool.probed(endpoint, result, began.elapsed());
    Ended {
        endpoint,
        began,
        soon,
    }
}
