//! From the atomics to the text, family by family in the order of the catalogue.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use super::catalogue::{Family, catalogue};
use super::format::{Page, Series};
use super::process::Process;
use super::{EndpointMetrics, Families, PoolMetrics, RouteMetrics};
use crate::access::AccessLog;
use crate::trace::Traces;

/// Writes every family.
pub(super) fn write(families: &Families, page: &mut Page) {
    let snapshot = Snapshot::of(families);
    for metric in catalogue() {
        snapshot.write(metric.family, &mut page.family(metric));
    }
}

/// The living handles at the beginning of a scrape, so that every family names the same ones.
struct Snapshot<'a> {
    families: &'a Families,
    routes: Vec<(Arc<str>, Arc<RouteMetrics>)>,
    pools: Vec<(Arc<str>, Arc<PoolMetrics>)>,
    /// With the endpoint's label made once.
    endpoints: Vec<(Arc<str>, String, Arc<EndpointMetrics>)>,
    process: Process,
}

impl<'a> Snapshot<'a> {
    fn of(families: &'a Families) -> Self {
        let labelled =
            |((pool, endpoint), handle): ((_, SocketAddr), _)| (pool, endpoint.to_string(), handle);
        Self {
            families,
            routes: families.routes.living(),
            pools: families.pools.living(),
            endpoints: families.endpoints.living().into_iter().map(labelled).collect(),
            process: Process::look(),
        }
    }

    fn write(&self, family: Family, out: &mut Series<'_>) {
        let (families, process) = (self.families, &self.process);
        match family {
            Family::ClientErrors => families.client_errors.series().for_each(|it| {
                out.value([it.origin, it.alternatives, it.reason], it.count);
            }),
            Family::Requests => self.each_route(|route, handle| {
                handle.requests().for_each(|(class, count)| out.value([route, class], count));
            }),
            Family::RequestsRescued => {
                self.each_route(|route, handle| out.value([route], handle.rescued()));
            }
            Family::RequestDuration => self.each_route(|route, handle| {
                handle.durations().for_each(|(class, it)| out.histogram([route, class], it));
            }),
            Family::RequestsInFlight => out.value([], families.requests_in_flight.value()),
            Family::RequestsRefused => by_name(out, [], families.requests_refused.iter()),
            Family::LimitsHit => by_name(out, [], families.limits_hit.iter()),
            Family::Connections => out.value([], families.connections.value()),
            Family::ConnectionsAccepted => {
                out.value([], families.connections_accepted.load(Ordering::Relaxed));
            }
            Family::ConnectionsRefused => by_name(out, [], families.connections_refused.iter()),
            Family::TlsHandshakeFailures => {
                by_name(out, [], families.tls_handshake_failures.iter());
            }
            Family::CertificateExpiry => {
                let certificates = families.certificates.lock();
                let certificates = certificates.unwrap_or_else(PoisonError::into_inner);
                certificates.iter().for_each(|((listener, file), end)| {
                    out.value([listener, file], end);
                });
            }
            Family::Attempts => {
                self.each_endpoint(|labels, it| by_name(out, labels, it.attempts.counted()));
            }
            Family::Retries => {
                self.each_pool(|pool, handle| by_name(out, [pool], handle.decisions.iter()));
            }
            Family::PoolWaiting => {
                self.each_pool(|pool, handle| out.value([pool], handle.waiting()));
            }
            Family::Waits => {
                self.each_pool(|pool, handle| by_name(out, [pool], handle.waits.iter()));
            }
            Family::WaitDuration => {
                self.each_pool(|pool, handle| out.histogram([pool], &handle.wait_duration));
            }
            Family::EndpointInFlight => {
                self.each_endpoint(|labels, it| out.value(labels, it.in_flight.value()));
            }
            Family::EndpointLatency => self.each_endpoint(|labels, it| {
                if let Some(seconds) = it.latency_seconds() {
                    out.value(labels, seconds);
                }
            }),
            Family::EndpointWeight => {
                self.each_endpoint(|labels, it| out.value(labels, it.weight()));
            }
            Family::EndpointConnectionsOpened => self.each_endpoint(|labels, it| {
                out.value(labels, it.connections_opened.load(Ordering::Relaxed));
            }),
            Family::EndpointConnectionsReused => self.each_endpoint(|labels, it| {
                out.value(labels, it.connections_reused.load(Ordering::Relaxed));
            }),
            Family::EndpointStatus => {
                self.each_endpoint(|labels, it| by_name(out, labels, it.statuses()));
            }
            Family::EndpointStatusChanges => {
                self.each_endpoint(|labels, it| by_name(out, labels, it.status_changes.iter()));
            }
            Family::Ejections => {
                self.each_endpoint(|labels, it| by_name(out, labels, it.ejections.counted()));
            }
            Family::Probes => {
                self.each_endpoint(|labels, it| by_name(out, labels, it.probes.iter()));
            }
            Family::ProbeDuration => {
                self.each_pool(|pool, handle| out.histogram([pool], &handle.probe_duration));
            }
            Family::ProbeLag => {
                self.each_pool(|pool, handle| out.value([pool], handle.probe_lag_seconds()));
            }
            Family::AccessLogDropped => out.value([], self.access_log(AccessLog::dropped)),
            Family::AccessLogWriteErrors => {
                out.value([], self.access_log(AccessLog::write_errors));
            }
            Family::TraceSpansExported => out.value([], self.traces(Traces::exported)),
            Family::TraceSpansDropped => out.value([], self.traces(Traces::dropped)),
            Family::ConfigGeneration => {
                out.value([], families.config_generation.load(Ordering::Relaxed));
            }
            Family::ConfigReloads => by_name(out, [], families.reloads.iter()),
            Family::ConfigLastReload => {
                let refused = families.last_reload_refused.load(Ordering::Relaxed);
                out.value([], u8::from(!refused));
            }
            Family::BuildInfo => out.value([families.version], 1),
            Family::ProcessCpu => process.cpu_seconds.iter().for_each(|it| out.value([], it)),
            Family::ProcessResident => {
                process.resident_bytes.iter().for_each(|it| out.value([], it));
            }
            Family::ProcessOpenFds => process.open_fds.iter().for_each(|it| out.value([], it)),
            Family::ProcessMaxFds => process.max_fds.iter().for_each(|it| out.value([], it)),
            Family::ProcessStartTime => out.value([], families.start_time_seconds),
        }
    }

    fn each_route(&self, mut write: impl FnMut(&str, &RouteMetrics)) {
        self.routes.iter().for_each(|(route, handle)| write(route, handle));
    }

    fn traces(&self, count: fn(&Traces) -> u64) -> u64 {
        self.families.traces.get().map_or(0, count)
    }

    fn each_pool(&self, mut write: impl FnMut(&str, &PoolMetrics)) {
        self.pools.iter().for_each(|(pool, handle)| write(pool, handle));
    }

    fn each_endpoint(&self, mut write: impl FnMut([&str; 2], &EndpointMetrics)) {
        let endpoints = self.endpoints.iter();
        endpoints.for_each(|(pool, endpoint, handle)| write([pool, endpoint], handle));
    }

    fn access_log(&self, count: fn(&AccessLog) -> u64) -> u64 {
        self.families.access_log.get().map_or(0, count)
    }
}

/// A series for each name, which is the last of its labels.
fn by_name<V: std::fmt::Display, const N: usize>(
    out: &mut Series<'_>,
    labels: [&str; N],
    values: impl Iterator<Item = (&'static str, V)>,
) {
    for (name, value) in values {
        out.named(labels, name, value);
    }
}
