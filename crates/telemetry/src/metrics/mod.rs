//! The metrics, in the text formats of OpenMetrics 1.0 and of Prometheus.
//!
//! **A handle for each thing that the configuration names.** [`Metrics::route`], [`Metrics::pool`] and
//! [`Metrics::endpoint`] are called when a configuration is loaded; the request path holds what they return
//! and only adds to atomics: no label is looked up, nothing is locked or allocated.
//!
//! **Series live as long as their handle.** The same labels give the same handle while anybody holds it, so
//! counters go on across a reload; when the last holder is gone, so are the series. A discovery that
//! replaces its endpoints every hour does not grow the exposition for ever. Prometheus takes a series that
//! comes back at zero for a restart, which is right.
//!
//! **Labels are bounded by the configuration and by the program**, never by a client. The names of outcomes,
//! statuses, reasons and decisions are given once ([`Vocabulary`]); a name outside it counts as `other`.
//!
//! What changes by itself, as an average that decays, nobody needs to tell all the time: whoever knows it is
//! asked before each exposition ([`Refresh`]).

mod catalogue;
mod client_errors;
mod counters;
mod endpoint;
mod exposition;
mod format;
mod histogram;
mod limit;
mod pool;
mod process;
mod route;
mod table;
mod tls;
mod totals;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::{SystemTime, UNIX_EPOCH};

pub use catalogue::{MetricInfo, MetricKind, catalogue};
pub use counters::InFlight;
pub use endpoint::EndpointMetrics;
pub use format::Format;
pub use limit::Limit;
pub use pool::{PoolMetrics, Wait};
pub use route::RouteMetrics;
pub use tls::TlsFailure;
pub use totals::Totals;

use self::client_errors::ClientErrors;
use self::counters::{Gauge, Row};
use self::format::Page;
use self::table::Table;
use crate::access::AccessLog;
use crate::origin::Origin;
use crate::trace::Traces;

/// What came of a reload, by index.
const RELOADS: &[&str] = &["applied", "refused"];

/// Why a connection is refused.
const CONNECTIONS: &[&str] = &["connections", "connections_per_client", "proxy_header"];

/// The label values that the program defines, each in the order of its own index.
#[derive(Clone, Copy, Debug)]
pub struct Vocabulary {
    /// How an attempt can end; indexed by [`EndpointMetrics::attempt_finished`].
    pub outcomes: &'static [&'static str],
    /// How an endpoint can stand; indexed by [`EndpointMetrics::set_status`].
    pub statuses: &'static [&'static str],
    /// What can be decided after a failed attempt: `retry`, `stop: …`.
    pub decisions: &'static [&'static str],
    /// Why a request can fail.
    pub reasons: &'static [&'static str],
    /// What can be wrong with a request.
    pub refusals: &'static [&'static str],
    /// Why live traffic can take an endpoint out.
    pub causes: &'static [&'static str],
}

/// Who knows what changes by itself.
pub trait Refresh: fmt::Debug + Send + Sync {
    /// Notes in the handles how things stand now. Called before each exposition, on its thread.
    fn refresh(&self);
}

/// All metrics of the process.
#[derive(Debug)]
pub struct Metrics {
    families: Families,
    refresh: OnceLock<Weak<dyn Refresh>>,
    /// The length of the last exposition.
    rendered: AtomicUsize,
}

/// What is measured. The exposition reads it, the handles write it.
#[derive(Debug)]
struct Families {
    vocabulary: Vocabulary,
    version: &'static str,
    start_time_seconds: f64,
    config_generation: AtomicU64,
    reloads: Row,
    last_reload_refused: AtomicBool,
    requests_in_flight: Gauge,
    requests_refused: Row,
    limits_hit: Row,
    connections: Gauge,
    connections_accepted: AtomicU64,
    connections_refused: Row,
    tls_handshake_failures: Row,
    /// When they end, in seconds since 1970; by listener and file.
    certificates: Mutex<BTreeMap<(String, String), u64>>,
    client_errors: ClientErrors,
    access_log: OnceLock<AccessLog>,
    traces: OnceLock<Traces>,
    routes: Table<Arc<str>, RouteMetrics>,
    pools: Table<Arc<str>, PoolMetrics>,
    endpoints: Table<(Arc<str>, SocketAddr), EndpointMetrics>,
}

impl Metrics {
    /// Metrics of a process that has `version` and was started at `start_time`.
    #[must_use]
    pub fn new(vocabulary: Vocabulary, version: &'static str, start_time: SystemTime) -> Self {
        let since_epoch = start_time.duration_since(UNIX_EPOCH).unwrap_or_default();
        let families = Families {
            vocabulary,
            version,
            start_time_seconds: since_epoch.as_secs_f64(),
            config_generation: AtomicU64::new(0),
            reloads: Row::new(RELOADS),
            last_reload_refused: AtomicBool::new(false),
            requests_in_flight: Gauge::default(),
            requests_refused: Row::new(vocabulary.refusals),
            limits_hit: Row::new(Limit::NAMES),
            connections: Gauge::default(),
            connections_accepted: AtomicU64::new(0),
            connections_refused: Row::new(CONNECTIONS),
            tls_handshake_failures: Row::new(TlsFailure::NAMES),
            certificates: Mutex::default(),
            client_errors: ClientErrors::new(vocabulary.reasons),
            access_log: OnceLock::new(),
            traces: OnceLock::new(),
            routes: Table::default(),
            pools: Table::default(),
            endpoints: Table::default(),
        };
        Self { families, refresh: OnceLock::new(), rendered: AtomicUsize::new(0) }
    }

    /// The handle of a route. To be called when a configuration is loaded: it locks and allocates.
    #[must_use]
    pub fn route(&self, route: impl Into<Arc<str>>) -> Arc<RouteMetrics> {
        self.families.routes.resolve(route.into(), RouteMetrics::new)
    }

    /// The handle of a pool. To be called when a configuration is loaded: it locks and allocates.
    #[must_use]
    pub fn pool(&self, pool: impl Into<Arc<str>>) -> Arc<PoolMetrics> {
        let decisions = self.families.vocabulary.decisions;
        self.families.pools.resolve(pool.into(), || PoolMetrics::new(decisions))
    }

    /// The handle of an endpoint. To be called when it is configured or discovered: it locks and
    /// allocates.
    #[must_use]
    pub fn endpoint(
        &self,
        pool: impl Into<Arc<str>>,
        endpoint: SocketAddr,
    ) -> Arc<EndpointMetrics> {
        let vocabulary = &self.families.vocabulary;
        let key = (pool.into(), endpoint);
        self.families.endpoints.resolve(key, || EndpointMetrics::new(vocabulary))
    }

    /// Shows no more of an endpoint, though attempts at it may still be under way.
    pub fn forget_endpoint(&self, pool: &str, endpoint: SocketAddr) {
        self.families.endpoints.forget(&(Arc::from(pool), endpoint));
    }

    /// Counts a request as in flight until the returned guard is dropped.
    pub fn request_started(&self) -> InFlight {
        self.families.requests_in_flight.enter()
    }

    /// Counts a request that was refused for what it is, and the limit that refused it if it was one.
    pub fn request_refused(&self, reason: &'static str) {
        self.families.requests_refused.add_named(reason);
        self.refused_by(reason);
    }

    /// Counts a client that was stopped by a limit. Where a request or a connection was refused for it, that
    /// has been counted with the refusal.
    pub fn limit_hit(&self, limit: Limit) {
        self.families.limits_hit.add(limit as usize);
    }

    fn refused_by(&self, reason: &str) {
        if let Some(limit) = Limit::behind(reason) {
            self.limit_hit(limit);
        }
    }

    /// Counts a connection of a client, as open until the returned guard is dropped.
    pub fn connection_opened(&self) -> InFlight {
        self.families.connections_accepted.fetch_add(1, Ordering::Relaxed);
        self.families.connections.enter()
    }

    /// Counts a connection that was refused, and the limit that refused it if it was one.
    pub fn connection_refused(&self, reason: &'static str) {
        self.families.connections_refused.add_named(reason);
        self.refused_by(reason);
    }

    /// Counts a request that failed. `alternatives` says whether something else could still have been
    /// tried. With alternatives the count is the broken promise, and must stay zero.
    pub fn client_error(&self, origin: Origin, alternatives: bool, reason: &'static str) {
        self.families.client_errors.add(origin, alternatives, reason);
    }

    /// Counts a client's TLS handshake that failed.
    pub fn tls_handshake_failed(&self, failure: TlsFailure) {
        self.families.tls_handshake_failures.add(failure as usize);
        if failure == TlsFailure::Timeout {
            self.limit_hit(Limit::HandshakeTimeout);
        }
    }

    /// Notes the certificates of the listeners, in place of those before: listener and file as they are
    /// configured, and when it ends.
    pub fn set_certificates(
        &self,
        certificates: impl Iterator<Item = (String, String, SystemTime)>,
    ) {
        let seconds =
            |end: SystemTime| end.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let certificates =
            certificates.map(|(listener, file, end)| ((listener, file), seconds(end)));
        let certificates = certificates.collect();
        let held = self.families.certificates.lock();
        *held.unwrap_or_else(PoisonError::into_inner) = certificates;
    }

    /// Notes the number of the configuration that is in force.
    pub fn set_config_generation(&self, generation: u64) {
        self.families.config_generation.store(generation, Ordering::Relaxed);
    }

    /// Counts a reload that was asked for.
    pub fn reloaded(&self, applied: bool) {
        self.families.reloads.add(usize::from(!applied));
        self.families.last_reload_refused.store(!applied, Ordering::Relaxed);
    }

    /// Exposes the losses of `log` from now on. Only the first log counts.
    pub fn watch_access_log(&self, log: AccessLog) {
        // A process has one access log.
        let _ = self.families.access_log.set(log);
    }

    /// Exposes what becomes of `traces` from now on. Only the first handle counts.
    pub fn watch_traces(&self, traces: Traces) {
        // A process has one export of traces.
        let _ = self.families.traces.set(traces);
    }

    /// Asks `source` before each exposition from now on, for as long as it lives. Only the first counts.
    pub fn refreshed_by(&self, source: Weak<dyn Refresh>) {
        // A process has one gateway.
        let _ = self.refresh.set(source);
    }

    /// Everything, in the order of [`catalogue()`].
    #[must_use]
    pub fn render(&self, format: Format) -> String {
        if let Some(source) = self.refresh.get().and_then(Weak::upgrade) {
            source.refresh();
        }
        // As long as the last, or else it would be copied each time it doubles.
        let last = self.rendered.load(Ordering::Relaxed);
        let mut page = Page::new(format, last + last / 16 + 16 * 1024);
        exposition::write(&self.families, &mut page);
        let text = page.end();
        self.rendered.store(text.len(), Ordering::Relaxed);
        text
    }
}

#[cfg(test)]
mod tests;
