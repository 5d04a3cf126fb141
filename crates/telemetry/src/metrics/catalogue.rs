//! Every metric that there is, with its labels and its help: the one place where names stand.
//!
//! The exposition walks this table, so a metric outside it cannot be exposed; `docs/METRICS.md` is generated
//! from it.

/// How a metric is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// Only goes up; starts at zero with the process or with its labels.
    Counter,
    /// A value of this moment.
    Gauge,
    /// Observations in buckets; exposed as `_bucket`, `_sum` and `_count`.
    Histogram,
    /// Constant; the labels are what is told.
    Info,
}

impl MetricKind {
    /// The name in the documentation.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::Info => "info",
        }
    }

    /// What the exposition appends to the family's name.
    pub(super) const fn suffix(self) -> &'static str {
        match self {
            Self::Counter => "_total",
            Self::Info => "_info",
            Self::Gauge | Self::Histogram => "",
        }
    }
}

/// One metric.
#[derive(Clone, Copy, Debug)]
pub struct MetricInfo {
    /// The name to query by; of a histogram without `_bucket`, `_sum`, `_count`.
    pub name: &'static str,
    /// How it is to be read.
    pub kind: MetricKind,
    /// Its labels, in the order of exposition.
    pub labels: &'static [&'static str],
    /// What it counts, in a sentence.
    pub help: &'static str,
    pub(super) family: Family,
}

impl MetricInfo {
    /// The name of the family as OpenMetrics means it: without the suffix of the kind.
    pub(super) fn family_name(&self) -> &'static str {
        self.name.strip_suffix(self.kind.suffix()).unwrap_or(self.name)
    }
}

/// Every metric, in the order of the exposition and of the reference.
#[must_use]
pub const fn catalogue() -> &'static [MetricInfo] {
    CATALOGUE
}

macro_rules! families {
    ($($family:ident: $kind:ident $name:literal [$($label:literal),*] $help:literal;)*) => {
        /// Where the numbers of a metric come from.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Family { $($family),* }

        const CATALOGUE: &[MetricInfo] = &[$(MetricInfo {
            name: $name,
            kind: MetricKind::$kind,
            labels: &[$($label),*],
            help: $help,
            family: Family::$family,
        }),*];
    };
}

families! {
    ClientErrors: Counter "switchback_client_errors_total" ["origin", "alternatives", "reason"]
        "Requests that failed. With alternatives of 1+ something else could have been tried: alert on any.";
    Requests: Counter "switchback_requests_total" ["route", "class"]
        "Requests that ended, by the class of the status that the client was sent (none: it was sent none).";
    RequestsRescued: Counter "switchback_requests_rescued_total" ["route"]
        "Requests that were answered without a failure, but only after more than one attempt.";
    RequestDuration: Histogram "switchback_request_duration_seconds" ["route", "class"]
        "Time from the first byte of a request to the end of its response. A class has its series from its first request on.";
    RequestsInFlight: Gauge "switchback_requests_in_flight" []
        "Requests that have begun and not ended.";
    RequestsRefused: Counter "switchback_requests_refused_total" ["reason"]
        "Requests that were refused for what they are, before a route was looked for or while their body came, by what is wrong with them.";
    LimitsHit: Counter "switchback_limits_hit_total" ["limit"]
        "How often a client was stopped by one of the limits, by its key in the configuration.";
    Connections: Gauge "switchback_connections" []
        "Connections of clients that are open.";
    ConnectionsAccepted: Counter "switchback_connections_accepted_total" []
        "Connections of clients that were accepted, also those that were refused then.";
    ConnectionsRefused: Counter "switchback_connections_refused_total" ["reason"]
        "Connections of clients that were refused: too many in all or from one address, or without the PROXY header that is due.";
    TlsHandshakeFailures: Counter "switchback_tls_handshake_failures_total" ["reason"]
        "TLS handshakes of clients that failed, by reason.";
    CertificateExpiry: Gauge "switchback_tls_certificate_expiry_timestamp_seconds" ["listener", "certificate"]
        "When a certificate of a listener ends, in seconds since 1970; by the address and the file of the configuration.";
    Attempts: Counter "switchback_attempts_total" ["pool", "endpoint", "outcome"]
        "Attempts that ended, by outcome. A request has one, and one more for each retry.";
    Retries: Counter "switchback_retries_total" ["pool", "decision"]
        "What was decided after a failed attempt: retry, or which rule stopped it.";
    PoolWaiting: Gauge "switchback_pool_waiting" ["pool"]
        "Requests that wait in a pool's queue for an endpoint that has room or is back.";
    Waits: Counter "switchback_waits_total" ["pool", "result"]
        "Requests that waited in a pool's queue, or found it full, by result.";
    WaitDuration: Histogram "switchback_wait_duration_seconds" ["pool"]
        "Time that a request waited in a pool's queue, whatever came of it.";
    EndpointInFlight: Gauge "switchback_endpoint_in_flight" ["pool", "endpoint"]
        "Attempts at an endpoint that have begun and not ended.";
    EndpointLatency: Gauge "switchback_endpoint_latency_seconds" ["pool", "endpoint"]
        "How long an endpoint takes to answer, lately: the average that balancing goes by. Without a series nothing is known.";
    EndpointWeight: Gauge "switchback_endpoint_weight" ["pool", "endpoint"]
        "The share of an endpoint, as configured or overridden.";
    EndpointConnectionsOpened: Counter "switchback_endpoint_connections_opened_total" ["pool", "endpoint"]
        "Connections to an endpoint that were opened for an attempt; those of probes are not counted.";
    EndpointConnectionsReused: Counter "switchback_endpoint_connections_reused_total" ["pool", "endpoint"]
        "Attempts at an endpoint that went over a connection from before.";
    EndpointStatus: Gauge "switchback_endpoint_status" ["pool", "endpoint", "status"]
        "1 for the status that an endpoint has, 0 for the others.";
    EndpointStatusChanges: Counter "switchback_endpoint_status_changes_total" ["pool", "endpoint", "status"]
        "Changes of an endpoint's status, by the status that it changed to.";
    Ejections: Counter "switchback_ejections_total" ["pool", "endpoint", "cause"]
        "How often live traffic took an endpoint out, by cause. A cause has its series from its first time on.";
    Probes: Counter "switchback_probes_total" ["pool", "endpoint", "result"]
        "Health probes that ended, by result: pass or fail.";
    ProbeDuration: Histogram "switchback_probe_duration_seconds" ["pool"]
        "Time that a health probe took, whatever its result.";
    ProbeLag: Gauge "switchback_probe_lag_seconds" ["pool"]
        "How late the health probe is that has been due for longest. Above the interval: probes cannot keep up.";
    AccessLogDropped: Counter "switchback_access_log_dropped_total" []
        "Access-log lines that were lost because the queue to their writer was full.";
    AccessLogWriteErrors: Counter "switchback_access_log_write_errors_total" []
        "Writes of the access log that failed; they are tried again.";
    TraceSpansExported: Counter "switchback_trace_spans_exported_total" []
        "Spans of traces that the collector has taken.";
    TraceSpansDropped: Counter "switchback_trace_spans_dropped_total" []
        "Spans of traces that were lost: the queue to their exporter was full, or the collector would not have them.";
    ConfigGeneration: Gauge "switchback_config_generation" []
        "Number of the configuration in force; goes up by one with each reload that was taken.";
    ConfigReloads: Counter "switchback_config_reloads_total" ["result"]
        "Reloads asked for: applied, or refused with the old configuration still in force.";
    ConfigLastReload: Gauge "switchback_config_last_reload_successful" []
        "1 if the last reload was applied or there was none, 0 if it was refused: the files on disk are not what runs.";
    BuildInfo: Info "switchback_build_info" ["version"]
        "The version that runs.";
    ProcessCpu: Counter "process_cpu_seconds_total" []
        "Processor time that the process has used, in user and system mode.";
    ProcessResident: Gauge "process_resident_memory_bytes" []
        "Memory of the process that is in RAM.";
    ProcessOpenFds: Gauge "process_open_fds" []
        "File descriptors that are open.";
    ProcessMaxFds: Gauge "process_max_fds" []
        "File descriptors that the process may have open.";
    ProcessStartTime: Gauge "process_start_time_seconds" []
        "When the process was started, in seconds since 1970.";
}
