//! From the atomics to the encoder, family by family in the order of the catalogue.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

use super::catalogue::{Family, MetricInfo, MetricKind, catalogue};
use super::histogram::Histogram;
use super::{EndpointMetrics, Families, PoolMetrics, RouteMetrics};
use crate::access::AccessLog;
use crate::trace::Traces;

/// The collector that the registry asks on each scrape.
#[derive(Debug)]
pub(super) struct Exposition {
    families: Arc<Families>,
}

impl Exposition {
    pub(super) fn new(families: Arc<Families>) -> Self {
        Self { families }
    }
}

impl Collector for Exposition {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let snapshot = Snapshot::of(&self.families);
        for metric in catalogue() {
            snapshot.encode_metric(metric, &mut encoder)?;
        }
        Ok(())
    }
}

/// The living handles at the beginning of a scrape, so that every family names the same ones.
struct Snapshot<'a> {
    families: &'a Families,
    routes: Vec<(Arc<str>, Arc<RouteMetrics>)>,
    pools: Vec<(Arc<str>, Arc<PoolMetrics>)>,
    /// With the endpoint's label made once.
    endpoints: Vec<(Arc<str>, String, Arc<EndpointMetrics>)>,
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
        }
    }

    fn encode_metric(&self, metric: &MetricInfo, encoder: &mut DescriptorEncoder) -> fmt::Result {
        let kind = match metric.kind {
            MetricKind::Counter => MetricType::Counter,
            MetricKind::Gauge => MetricType::Gauge,
            MetricKind::Histogram => MetricType::Histogram,
            MetricKind::Info => MetricType::Info,
        };
        // The encoder appends the unit by itself.
        let family = metric.family_name();
        let (name, unit) = match family.strip_suffix("_seconds") {
            Some(name) => (name, Some(Unit::Seconds)),
            None => (family, None),
        };
        let encoder = encoder.encode_descriptor(name, metric.help, unit.as_ref(), kind)?;
        self.encode_series(metric, &mut Out { encoder, names: metric.labels })
    }

    fn encode_series(&self, metric: &MetricInfo, out: &mut Out<'_>) -> fmt::Result {
        let families = self.families;
        match metric.family {
            Family::ClientErrors => families.client_errors.series().try_for_each(|series| {
                out.counter([series.origin, series.alternatives, series.reason], series.count)
            }),
            Family::Requests => self.routes.iter().try_for_each(|(route, handle)| {
                handle.requests().try_for_each(|(class, count)| out.counter([route, class], count))
            }),
            Family::RequestsRescued => self
                .routes
                .iter()
                .try_for_each(|(route, handle)| out.counter([route], handle.rescued())),
            Family::RequestDuration => self
                .routes
                .iter()
                .try_for_each(|(route, handle)| out.histogram([route], &handle.duration)),
            Family::RequestsInFlight => out.gauge([], families.requests_in_flight.value()),
            Family::RequestsRefused => {
                let mut counts = families.requests_refused.iter();
                counts.try_for_each(|(reason, count)| out.counter([reason], count))
            }
            Family::Connections => out.gauge([], families.connections.value()),
            Family::ConnectionsAccepted => {
                out.counter([], families.connections_accepted.load(Ordering::Relaxed))
            }
            Family::ConnectionsRefused => {
                let mut counts = families.connections_refused.iter();
                counts.try_for_each(|(reason, count)| out.counter([reason], count))
            }
            Family::TlsHandshakeFailures => {
                let mut reasons = families.tls_handshake_failures.iter();
                reasons.try_for_each(|(reason, count)| out.counter([reason], count))
            }
            Family::Attempts => self.each_endpoint(|labels, handle| {
                handle.attempts.counted().try_for_each(|(outcome, count)| {
                    out.counter([labels[0], labels[1], outcome], count)
                })
            }),
            Family::Retries => self.pools.iter().try_for_each(|(pool, handle)| {
                let mut counts = handle.decisions.iter();
                counts.try_for_each(|(decision, count)| out.counter([pool, decision], count))
            }),
            Family::PoolWaiting => {
                let mut pools = self.pools.iter();
                pools.try_for_each(|(pool, handle)| out.gauge([pool], handle.waiting()))
            }
            Family::Waits => self.pools.iter().try_for_each(|(pool, handle)| {
                let mut results = handle.waits.iter();
                results.try_for_each(|(result, count)| out.counter([pool, result], count))
            }),
            Family::EndpointInFlight => {
                self.each_endpoint(|labels, handle| out.gauge(labels, handle.in_flight.value()))
            }
            Family::EndpointStatus => self.each_endpoint(|labels, handle| {
                handle.statuses().try_for_each(|(status, is_current)| {
                    out.gauge([labels[0], labels[1], status], is_current)
                })
            }),
            Family::EndpointStatusChanges => self.each_endpoint(|labels, handle| {
                handle.status_changes.iter().try_for_each(|(status, count)| {
                    out.counter([labels[0], labels[1], status], count)
                })
            }),
            Family::Probes => self.each_endpoint(|labels, handle| {
                handle.probes.iter().try_for_each(|(result, count)| {
                    out.counter([labels[0], labels[1], result], count)
                })
            }),
            Family::ProbeDuration => self
                .pools
                .iter()
                .try_for_each(|(pool, handle)| out.histogram([pool], &handle.probe_duration)),
            Family::ProbeLag => {
                let mut pools = self.pools.iter();
                pools.try_for_each(|(pool, handle)| out.gauge([pool], handle.probe_lag_seconds()))
            }
            Family::AccessLogDropped => out.counter([], self.access_log(AccessLog::dropped)),
            Family::AccessLogWriteErrors => {
                out.counter([], self.access_log(AccessLog::write_errors))
            }
            Family::TraceSpansExported => out.counter([], self.traces(Traces::exported)),
            Family::TraceSpansDropped => out.counter([], self.traces(Traces::dropped)),
            Family::ConfigGeneration => {
                out.gauge([], families.config_generation.load(Ordering::Relaxed))
            }
            Family::ConfigReloads => {
                let mut results = families.reloads.iter();
                results.try_for_each(|(result, count)| out.counter([result], count))
            }
            Family::ConfigLastReload => {
                let refused = families.last_reload_refused.load(Ordering::Relaxed);
                out.gauge([], i64::from(!refused))
            }
            Family::StartTime => out.gauge([], families.start_time_seconds),
            Family::BuildInfo => out.encoder.encode_info(&[("version", families.version)]),
        }
    }

    fn each_endpoint(
        &self,
        mut encode: impl FnMut([&str; 2], &EndpointMetrics) -> fmt::Result,
    ) -> fmt::Result {
        let mut endpoints = self.endpoints.iter();
        endpoints.try_for_each(|(pool, endpoint, handle)| encode([pool, endpoint], handle))
    }

    fn access_log(&self, count: fn(&AccessLog) -> u64) -> u64 {
        self.families.access_log.get().map_or(0, count)
    }

    fn traces(&self, count: fn(&Traces) -> u64) -> u64 {
        self.families.traces.get().map_or(0, count)
    }
}

/// The encoder of one family and the names of its labels, to which each series gives the values. A
/// series without labels goes to the encoder itself, which would write `{}` for an empty set.
struct Out<'a> {
    encoder: MetricEncoder<'a>,
    names: &'static [&'static str],
}

impl Out<'_> {
    fn counter<const N: usize>(&mut self, values: [&str; N], count: u64) -> fmt::Result {
        if N == 0 {
            return self.encoder.encode_counter::<NoLabelSet, _, u64>(&count, None);
        }
        let labels = self.labels(values);
        let mut encoder = self.encoder.encode_family(&labels)?;
        encoder.encode_counter::<NoLabelSet, _, u64>(&count, None)
    }

    fn gauge<const N: usize, V: prometheus_client::encoding::EncodeGaugeValue>(
        &mut self,
        values: [&str; N],
        value: V,
    ) -> fmt::Result {
        if N == 0 {
            return self.encoder.encode_gauge(&value);
        }
        let labels = self.labels(values);
        self.encoder.encode_family(&labels)?.encode_gauge(&value)
    }

    fn histogram<const N: usize>(
        &mut self,
        values: [&str; N],
        histogram: &Histogram,
    ) -> fmt::Result {
        let labels = self.labels(values);
        let buckets = histogram.buckets();
        let count = buckets.iter().map(|(_, count)| count).sum();
        let mut encoder = self.encoder.encode_family(&labels)?;
        encoder.encode_histogram::<NoLabelSet>(histogram.sum(), count, &buckets, None)
    }

    fn labels<'v, const N: usize>(&self, values: [&'v str; N]) -> [(&'static str, &'v str); N] {
        debug_assert_eq!(self.names.len(), N, "the catalogue and the exposition disagree");
        std::array::from_fn(|index| (self.names.get(index).copied().unwrap_or(""), values[index]))
    }
}
