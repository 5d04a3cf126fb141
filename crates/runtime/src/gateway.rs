//! What every service of the process has in common.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Weak};

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use switchback_core::outcome::refusal;
use switchback_core::outlier::Cause;
use switchback_core::plan::Plan;
use switchback_core::retry::Decision;
use switchback_core::{Outcome, Status};
use switchback_telemetry::metrics::Refresh;
use switchback_telemetry::{AccessLog, Failures, Metrics, Traces, Vocabulary};
use tokio::sync::watch;

use crate::clock::Clock;
use crate::drain::Drain;
use crate::generation::Generation;
use crate::idle::Idle;
use crate::pool::Override;

/// What was named does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// There is no such pool.
    Pool,
    /// The pool has no such endpoint.
    Endpoint,
}

/// The state of the process.
#[derive(Debug)]
pub struct Gateway {
    /// Time.
    pub clock: Clock,
    /// What is measured.
    pub metrics: Arc<Metrics>,
    /// Where requests are logged.
    pub access_log: AccessLog,
    /// Where requests go whose traces are exported; as it was at the start.
    pub traces: Traces,
    /// The requests that failed or were rescued lately.
    pub failures: Failures,
    /// Who is on the way, and whether we are leaving.
    pub drain: Drain,
    current: ArcSwap<Generation>,
    /// What was in force before. Whoever is the last to let go of something frees it, and with thousands of
    /// endpoints that takes milliseconds: it must not be a request.
    retired: Mutex<Vec<Arc<Generation>>>,
    /// Of connections, where nothing is configured.
    room: AtomicUsize,
    idle: Idle,
    /// Held by who changes what is in force.
    changing: Mutex<()>,
    generations: watch::Sender<u64>,
}

static OUTCOMES: LazyLock<Vec<&'static str>> =
    LazyLock::new(|| Outcome::ALL.iter().map(|outcome| outcome.as_str()).collect());
static STATUSES: LazyLock<Vec<&'static str>> =
    LazyLock::new(|| Status::ALL.iter().map(|status| status.as_str()).collect());
static DECISIONS: LazyLock<Vec<&'static str>> =
    LazyLock::new(|| Decision::ALL.iter().map(|decision| decision.as_str()).collect());
static CAUSES: LazyLock<Vec<&'static str>> =
    LazyLock::new(|| Cause::ALL.iter().map(|cause| cause.as_str()).collect());
static REASONS: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let mut reasons: Vec<_> = Outcome::ALL.iter().map(|outcome| outcome.meaning().reason).collect();
    reasons.extend(refusal::ALL);
    reasons.sort_unstable();
    reasons.dedup();
    reasons
});

impl Gateway {
    /// A gateway with its first configuration.
    pub fn new(plan: Plan, access_log: AccessLog, version: &'static str) -> Arc<Self> {
        let vocabulary = Vocabulary {
            outcomes: &OUTCOMES,
            statuses: &STATUSES,
            decisions: &DECISIONS,
            reasons: &REASONS,
            refusals: switchback_wire::REFUSALS,
            causes: &CAUSES,
        };
        let clock = Clock::start();
        let metrics = Arc::new(Metrics::new(vocabulary, version, clock.wall()));
        metrics.watch_access_log(access_log.clone());
        let traces = Traces::new(plan.tracing.as_ref());
        metrics.watch_traces(traces.clone());
        metrics.set_config_generation(1);
        let idle = Idle::default();
        let generation = Generation::first(plan, &metrics, clock, &idle);
        show_certificates(&generation.plan, &metrics);
        let gateway = Arc::new(Self {
            clock,
            metrics,
            access_log,
            traces,
            failures: Failures::default(),
            drain: Drain::default(),
            current: ArcSwap::from_pointee(generation),
            retired: Mutex::default(),
            // Nobody has looked yet.
            room: AtomicUsize::new(usize::MAX),
            idle,
            changing: Mutex::new(()),
            generations: watch::Sender::new(1),
        });
        let source: Weak<Self> = Arc::downgrade(&gateway);
        gateway.metrics.refreshed_by(source);
        gateway
    }

    /// Puts another configuration in force and returns its number. Built beside the one that is in
    /// force, and swapped in at once: a request that has begun ends under the one that it began with.
    /// Listeners, threads, logs and the export of traces are as they were at the start. Takes its time, so
    /// not on a thread that serves requests.
    pub fn reload(&self, plan: Plan) -> u64 {
        let _changing = self.changing.lock();
        let next = self.current().next(plan, &self.metrics, self.clock, &self.idle);
        let number = next.number;
        show_certificates(&next.plan, &self.metrics);
        let before = self.current.swap(Arc::new(next));
        self.retired.lock().push(before);
        self.metrics.set_config_generation(number);
        self.generations.send_replace(number);
        self.free_retired();
        number
    }

    /// Frees the configurations that no request uses any more; tells whether others are in use. Takes its
    /// time, so not on a thread that serves requests.
    pub fn free_retired(&self) -> bool {
        let mut retired = self.retired.lock();
        // Nobody can begin to use one that is not in force.
        let (free, used): (Vec<_>, Vec<_>) =
            retired.drain(..).partition(|generation| Arc::strong_count(generation) == 1);
        *retired = used;
        let more = !retired.is_empty();
        drop(retired);
        drop(free);
        more
    }

    /// Hears of each configuration that comes in force.
    pub fn generations(&self) -> watch::Receiver<u64> {
        self.generations.subscribe()
    }

    /// Overrides what is configured of an endpoint, for as long as it is configured; an empty override
    /// clears what was there.
    ///
    /// # Errors
    ///
    /// If there is no such pool, or no such endpoint in it.
    pub fn override_endpoint(
        &self,
        pool: &str,
        endpoint: SocketAddr,
        change: Override,
    ) -> Result<(), Unknown> {
        let _changing = self.changing.lock();
        let generation = self.current();
        let mut pools = generation.pools.iter();
        let pool = pools.find(|it| &*it.plan.name == pool).ok_or(Unknown::Pool)?;
        match pool.set_override(endpoint, change, &self.metrics) {
            true => Ok(()),
            false => Err(Unknown::Endpoint),
        }
    }

    /// The configuration that is in force.
    pub fn current(&self) -> Arc<Generation> {
        self.current.load_full()
    }

    /// How many connections of clients there may be at once: as configured, or what there is room for.
    pub fn room(&self) -> usize {
        let configured = self.current().plan.limits.connections;
        let found = || self.room.load(Ordering::Relaxed);
        configured.map_or_else(found, |connections| connections.get() as usize)
    }

    /// Takes in how many connections of clients there is room for where nothing is configured.
    pub fn set_room(&self, connections: usize) {
        self.room.store(connections, Ordering::Relaxed);
    }
}

impl Refresh for Gateway {
    fn refresh(&self) {
        for pool in &self.current().pools {
            pool.show_latencies();
        }
    }
}

/// Shows when the certificates of the listeners end.
fn show_certificates(plan: &Plan, metrics: &Metrics) {
    let of_listeners = plan.listeners.iter().flat_map(|listener| {
        let certificates = listener.tls.iter().flat_map(|tls| &tls.certificates);
        certificates.map(|certificate| {
            let file = certificate.cert.display().to_string();
            (listener.address.to_string(), file, certificate.not_after)
        })
    });
    metrics.set_certificates(of_listeners);
}

#[cfg(test)]
mod tests;
