//! When the endpoints of a pool are probed.
//!
//! One task a pool holds a [`Queue`] of due times; each probe is a task of its own, of which so many
//! run at once as the plan allows. An endpoint is never probed twice at once, and its next probe is
//! due one interval after the *start* of the last, so a slow probe does not stretch the interval.
//! Who goes first when more are due than may run, and why a pool full of silent endpoints still sees
//! a good one die in its usual time, stands at the [queue](crate::queue).
//!
//! **Traffic that was refused asks for a probe**, which begins within 100 ms: up to 20 until the ask is
//! heard, and up to 50 of jitter. Asks are heard in batches, so that a storm of them wakes this task
//! fifty times a second and not for each request. Later is only who was probed on such an ask less than
//! 100 ms before, whose last probe is still on the way, or who must wait for a slot.
//!
//! **A reload goes on where the last configuration was.** Who stays keeps his place in the queue: reloads
//! that follow each other faster than an interval put nobody's probe off. New endpoints are probed first
//! thing.
//!
//! **A lag is told.** `switchback_probe_lag_seconds` is how late the probe is that has been due for
//! longest, taken whenever a probe begins or ends; not the lag of the last probe that began, which in a
//! saturated pool is now that of a good endpoint, zero, and now that of a silent one. A lag of more
//! than an interval is logged when it comes and when it has gone.
//!
//! **A probe that panics has failed.** Its endpoint is probed again like any other. **One for which the
//! gateway had no descriptor or no memory has not been made**, and says nothing of its endpoint (HAProxy's
//! `SOCKERR` does not count either): it is told, and made again an interval later.
//!
//! **Probes begin on a beat** of 5 ms that all pools share, and those that end together are taken in
//! together: at five thousand probes a second it is the turns of this loop that cost.
//!
//! **Time.** Tokio's `Instant` is read here, and not the runtime's `Clock`: due times are only compared
//! with each other and handed to Tokio's timers, never to the core, and tests pause them. What the
//! core hears of is stamped by the pool with the `Clock`.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::convert::Infallible;
use std::net::SocketAddr as Address;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use pingora_core::protocols::l4::socket::SocketAddr;
use pingora_load_balancing::Backend;
use pingora_load_balancing::health_check::HealthCheck;
use switchback_core::health::{asked_probe_after, first_probe_after, next_probe_after};
use switchback_core::plan::HealthPlan;
use switchback_core::{EndpointIndex, Status};
use switchback_runtime::{PoolHandle, random};
use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until, timeout};

use crate::pace::{Change, Pace};
use crate::queue::{Lane, Probing, Queue, enough};
use crate::reason::{Failure, failure};
use crate::shared::Shared;

/// Between two batches of what traffic asks for.
const REST: Duration = Duration::from_millis(20);

/// What the probes of a pool are made of, under one configuration.
#[derive(Clone)]
pub(crate) struct Schedule {
    pub(crate) pool: Arc<PoolHandle>,
    pub(crate) plan: HealthPlan,
    pub(crate) probe: Arc<dyn HealthCheck + Send + Sync>,
    /// What the probes of all pools have in common.
    pub(crate) shared: Arc<Shared>,
}

impl PartialEq for Schedule {
    /// A pool whose configuration is the same keeps its handle over a reload.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.pool, &other.pool)
    }
}

/// What came of a probe, and how long it took.
pub(crate) type Checked = (Result<(), Failure>, Duration);

/// Probes the endpoints of a pool for ever, under whatever configuration it is given.
pub(crate) async fn run(mut schedules: watch::Receiver<Schedule>) -> Infallible {
    let mut schedule = schedules.borrow_and_update().clone();
    let mut changes = schedule.pool.changes();
    let mut queue = Queue::new(schedule.plan.concurrency);
    let mut targets = Targets::default();
    let mut pace = Pace::new(schedule.plan.interval);
    let mut tasks = JoinSet::new();
    let mut running: HashMap<Id, (Probing, Target)> = HashMap::new();
    let mut rested = Instant::now();
    let mut beat = pin!(sleep_until(rested));
    attend(&schedule, &mut queue, &mut targets, Instant::now());
    loop {
        let Schedule { pool, plan, probe, shared } = &schedule;
        let now = Instant::now();
        pool.metrics.probe_lag(queue.lag(now));
        while let Some(probing) = queue.start(now) {
            let Some(&goal) = targets.of.get(&probing.endpoint) else {
                queue.release(&probing);
                continue;
            };
            let check = check(probe.clone(), target(goal.address), plan.timeout);
            let shared = shared.clone();
            let task = tasks.spawn(async move {
                // Nobody closes it. What is waited here is no silence of the endpoint's.
                let _slot = shared.slots.acquire().await;
                check.await
            });
            running.insert(task.id(), (probing, goal));
        }
        // After the start of all that may: what is late now waits for a slot, and not for a CPU.
        if let Some(change) = pace.observe(queue.lag(now), now) {
            tell(change, pool, plan, &queue, now);
        }
        let wake = queue.wake().map(|due| shared.beat(due));
        // Setting a timer takes a lock, and most turns of this loop are not about another time.
        if let Some(at) = wake.filter(|at| *at != beat.deadline()) {
            beat.as_mut().reset(at);
        }
        tokio::select! {
            Some(mut ended) = tasks.join_next_with_id() => loop {
                let id = ended.as_ref().map_or_else(JoinError::id, |(id, _)| *id);
                if let Some((probing, goal)) = running.remove(&id) {
                    let checked = ended.map(|(_, checked)| checked);
                    // Who has gone meanwhile has no next probe; who has come back has another already.
                    match targets.of.get(&probing.endpoint) == Some(&goal) {
                        true => finish(&schedule, &mut queue, probing, goal.address, checked),
                        false => queue.release(&probing),
                    }
                }
                // Those that began on one beat end together.
                match tasks.try_join_next_with_id() {
                    Some(next) => ended = next,
                    None => break,
                }
            },
            () = &mut beat, if wake.is_some() => {}
            asked = asked(pool, rested) => {
                let now = Instant::now();
                for endpoint in asked {
                    queue.ask(endpoint, now + random::with(asked_probe_after));
                }
                rested = now + REST;
            }
            Ok(()) = schedules.changed() => {
                let next = schedules.borrow_and_update().clone();
                if next.plan.interval != plan.interval {
                    pace = Pace::new(next.plan.interval);
                }
                queue.resize(next.plan.concurrency);
                // It may be another pool that has come under the same name.
                changes = next.pool.changes();
                schedule = next;
                attend(&schedule, &mut queue, &mut targets, Instant::now());
            }
            Ok(()) = changes.changed() => {
                attend(&schedule, &mut queue, &mut targets, Instant::now());
            }
        }
    }
}

/// Whom to probe: an address, and which of its stays in the pool this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Target {
    address: Address,
    stay: u64,
}

#[derive(Debug, Default)]
struct Targets {
    of: BTreeMap<EndpointIndex, Target>,
    stays: u64,
}

/// Takes in whom the pool has now. Who was there before stays where it is in the queue; who is new is due
/// within the first interval; who has gone or is switched off is not probed.
fn attend(schedule: &Schedule, queue: &mut Queue, targets: &mut Targets, now: Instant) {
    let Schedule { pool, plan, .. } = schedule;
    let mut endpoints = pool.endpoints();
    endpoints.retain(|it| it.status != Status::Disabled);
    let wanted: BTreeMap<_, _> = endpoints.iter().map(|it| (it.place, it.address)).collect();
    targets.of.retain(|place, target| {
        let stays = wanted.get(place) == Some(&target.address);
        if !stays {
            queue.forget(*place);
        }
        stays
    });
    endpoints.retain(|it| !targets.of.contains_key(&it.place));
    let count = endpoints.len();
    for (position, it) in endpoints.into_iter().enumerate() {
        // Nothing is known when the gateway starts, but a scheduler that is started again finds its
        // pool as the one before has left it.
        let lane = if it.status == Status::Healthy { Lane::Fit } else { Lane::Doubtful };
        queue.push(it.place, lane, now + first_probe_after(position, count, plan.interval));
        targets.stays += 1;
        targets.of.insert(it.place, Target { address: it.address, stay: targets.stays });
    }
    let gap = first_probe_after(1, wanted.len(), plan.interval);
    // The longest wait that an interval allows, its jitter included.
    queue.hasten(now + plan.interval.mul_f64(1.2), gap, now);
}

/// Whom traffic wants probed, once this task has `rested`.
async fn asked(pool: &Arc<PoolHandle>, rested: Instant) -> BTreeSet<EndpointIndex> {
    if rested > Instant::now() {
        sleep_until(rested).await;
    }
    pool.probe_requests().wanted().await
}

/// An endpoint as probes have it.
pub(crate) fn target(address: Address) -> Backend {
    Backend { addr: SocketAddr::Inet(address), weight: 1, ext: ::http::Extensions::new() }
}

/// One probe, within its limit.
pub(crate) async fn check(
    probe: Arc<dyn HealthCheck + Send + Sync>,
    target: Backend,
    limit: Duration,
) -> Checked {
    let began = Instant::now();
    let result = match timeout(limit, probe.check(&target)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(failure(&error)),
        Err(_) => Err(Failure::Endpoint(format!("no answer within {limit:?}"))),
    };
    (result, began.elapsed())
}

/// Tells the pool what came of a probe, and lets its endpoint wait for the next one.
fn finish(
    schedule: &Schedule,
    queue: &mut Queue,
    mut probing: Probing,
    address: Address,
    ended: Result<Checked, JoinError>,
) {
    let Schedule { pool, plan, shared, .. } = schedule;
    let name = &pool.plan.name;
    let (result, took) = ended.unwrap_or_else(|error| {
        log::error!("pool {name}: endpoint {address}: the probe panicked, which is a bug: {error}");
        (Err(Failure::Endpoint("the probe panicked".to_owned())), probing.began.elapsed())
    });
    let wait =
        |soon| random::with(|rng| next_probe_after(plan.interval, plan.fast_interval, soon, rng));
    let result = match result {
        Ok(()) => Ok(()),
        Err(Failure::Endpoint(why)) => Err(why),
        Err(Failure::Own(why)) => {
            if shared.is_news(Instant::now()) {
                log::error!(
                    "pool {name}: endpoint {address} cannot be probed, nor others maybe, which is not \
                     their fault: {why}"
                );
            }
            let (lane, due) = (probing.lane(), probing.began + wait(false));
            return queue.end(probing, lane, due);
        }
    };
    let pass = result.is_ok();
    // Whatever it died of: it is the slot that it held that counts.
    probing.silent = !pass && 2 * took > plan.timeout;
    let soon = pool.probed(probing.endpoint, address, result, took);
    // A failure that does not speak against the status is one more of an endpoint that is failing.
    let lane = if pass || soon { Lane::Fit } else { Lane::Doubtful };
    let due = probing.began + wait(soon);
    queue.end(probing, lane, due);
}

fn tell(change: Change, pool: &Arc<PoolHandle>, plan: &HealthPlan, queue: &Queue, now: Instant) {
    let name = &pool.plan.name;
    let HealthPlan { interval, timeout, concurrency, .. } = plan;
    match change {
        Change::FellBehind => {
            let (waiting, total) = (queue.overdue(now), pool.plan.endpoints.len());
            let lag = queue.lag(now).as_secs_f64();
            let enough = enough(total, *interval, *timeout);
            log::warn!(
                "pool {name}: probes cannot keep their interval of {interval:?}: {waiting} of {total} \
                 endpoints wait for theirs, one for {lag:.1} s; healthy ones go first. Raise \
                 health.concurrency ({concurrency}; {enough} would do with all but one silent) or \
                 health.interval, or lower health.timeout ({timeout:?})"
            );
        }
        Change::CaughtUp => {
            log::info!("pool {name}: probes keep their interval of {interval:?} again");
        }
    }
}

#[cfg(test)]
mod reload_tests;
#[cfg(test)]
mod tests;
