use std::collections::BTreeSet;
use std::time::Duration;

use super::*;

const VOCABULARY: Vocabulary = Vocabulary {
    outcomes: &["completed", "connection_refused"],
    statuses: &["pending", "healthy", "failing"],
    decisions: &["retry", "stop: not idempotent"],
    reasons: &["connection_refused", "destination_unavailable"],
    refusals: &["invalid_host", "header_too_large"],
    causes: &["connection", "success_rate"],
};

fn metrics() -> Metrics {
    Metrics::new(VOCABULARY, "1.2.3", UNIX_EPOCH + Duration::from_millis(1_500))
}

fn endpoint() -> SocketAddr {
    SocketAddr::from(([10, 0, 1, 11], 8080))
}

/// The value of the one line that begins with `series` and a space.
fn value(rendered: &str, series: &str) -> Option<f64> {
    let mut found = rendered
        .lines()
        .filter_map(|line| line.strip_prefix(series)?.strip_prefix(' '))
        .map(|value| value.parse().unwrap());
    let first = found.next();
    assert_eq!(found.next(), None, "{series} stands twice");
    first
}

/// Names of the families as the exposition declares them, in order.
fn declared(rendered: &str) -> Vec<(String, String)> {
    let types = rendered.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    types
        .map(|line| line.split_once(' ').unwrap())
        .map(|(name, kind)| (name.to_owned(), kind.to_owned()))
        .collect()
}

/// Everything in use, so that every family has a series.
fn everything(metrics: &Metrics) -> impl Sized + use<> {
    let route = metrics.route("shop.example.com/api/");
    route.request_finished(Some(200), Duration::from_millis(38));
    let pool = metrics.pool("api");
    pool.retry_decided("retry");
    pool.probe_took(Duration::from_millis(2));
    pool.wait_ended(Wait::Granted, Duration::from_millis(7));
    let end = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    metrics.set_certificates([(":443".to_owned(), "own.pem".to_owned(), end)].into_iter());
    let handle = metrics.endpoint("api", endpoint());
    handle.attempt_finished(1);
    handle.set_status(0);
    handle.set_status(1);
    handle.set_latency(Some(Duration::from_millis(3)));
    handle.ejected("connection");
    handle.probe_finished(true);
    (route, pool, handle)
}

#[test]
fn the_exposition_declares_the_catalogue_in_its_order() {
    let metrics = metrics();
    let _held = everything(&metrics);
    let expected: Vec<(String, String)> = catalogue()
        .iter()
        .map(|metric| (metric.family_name().to_owned(), metric.kind.as_str().to_owned()))
        .collect();
    assert_eq!(declared(&metrics.render(Format::OpenMetrics)), expected);
}

/// Names and types as the older format has them, and no other difference.
#[test]
fn both_formats_say_the_same() {
    let metrics = metrics();
    let _held = everything(&metrics);
    let (new, old) = (metrics.render(Format::OpenMetrics), metrics.render(Format::Text));
    let samples = |text: &str| -> Vec<String> {
        let process = |line: &&str| !line.starts_with("process_");
        let lines = text.lines().filter(|line| !line.starts_with('#')).filter(process);
        lines.map(str::to_owned).collect()
    };
    assert_eq!(samples(&old), samples(&new));
    let expected: Vec<(String, String)> = catalogue()
        .iter()
        .map(|metric| {
            let kind =
                if metric.kind == MetricKind::Info { MetricKind::Gauge } else { metric.kind };
            (metric.name.to_owned(), kind.as_str().to_owned())
        })
        .collect();
    assert_eq!(declared(&old), expected);
    assert!(!old.contains("# UNIT") && !old.contains("# EOF"), "{old}");
    assert!(new.contains("\n# UNIT process_resident_memory_bytes bytes\n"), "{new}");
    assert!(new.contains("\n# UNIT process_cpu_seconds seconds\n"), "{new}");
}

#[test]
fn every_metric_has_a_series_with_its_labels_and_no_other_series_exists() {
    let metrics = metrics();
    let _held = everything(&metrics);
    let rendered = metrics.render(Format::OpenMetrics);
    let mut seen = BTreeSet::new();
    for line in rendered.lines().filter(|line| !line.starts_with('#')) {
        let name_end = line.find(['{', ' ']).unwrap();
        let metric = catalogue()
            .iter()
            .find(|metric| match metric.kind {
                MetricKind::Histogram => ["_bucket", "_sum", "_count"]
                    .iter()
                    .any(|suffix| line[..name_end] == format!("{}{suffix}", metric.name)),
                _ => &line[..name_end] == metric.name,
            })
            .unwrap_or_else(|| panic!("not in the catalogue: {line}"));
        let labels = line[name_end..].split_once('}').map_or("", |(labels, _)| labels);
        let names: Vec<&str> = labels
            .split(['{', ','])
            .filter_map(|label| Some(label.split_once("=\"")?.0))
            .filter(|name| *name != "le")
            .collect();
        assert_eq!(names, metric.labels, "{line}");
        seen.insert(metric.name);
    }
    assert_eq!(seen.len(), catalogue().len());
}

#[test]
fn names_are_unique_and_end_in_their_unit() {
    let names: BTreeSet<&str> = catalogue().iter().map(|metric| metric.name).collect();
    assert_eq!(names.len(), catalogue().len());
    for metric in catalogue() {
        let prefixes = ["switchback_", "process_"];
        assert!(prefixes.iter().any(|it| metric.name.starts_with(it)), "{}", metric.name);
        assert!(metric.name.ends_with(metric.kind.suffix()), "{}", metric.name);
        let is_duration = metric.kind == MetricKind::Histogram;
        assert!(!is_duration || metric.name.ends_with("_seconds"), "{}", metric.name);
        assert!(metric.help.ends_with('.'), "{}", metric.name);
        // These would need escaping, and the text of a help is written as it is.
        assert!(!metric.help.contains(['\\', '\n', '"', '|']), "{}", metric.name);
    }
}

/// The table of `docs/METRICS.md`.
fn reference() -> String {
    let mut table =
        String::from("| metric | kind | labels | what it tells |\n| --- | --- | --- | --- |\n");
    for MetricInfo { name, kind, labels, help, .. } in catalogue() {
        let labels: Vec<_> = labels.iter().map(|label| format!("`{label}`")).collect();
        let labels = labels.join(", ");
        table += &format!("| `{name}` | {} | {labels} | {help} |\n", kind.as_str());
    }
    table
}

#[test]
fn the_reference_is_made_from_the_catalogue() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/METRICS.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let mark = "<!-- generated: metrics -->\n";
    let (before, rest) = text.split_once(mark).unwrap();
    let (_, after) = rest.split_once("<!-- end -->").unwrap();
    let wanted = format!("{before}{mark}{}<!-- end -->{after}", reference());
    if std::env::var_os("SWITCHBACK_BLESS").is_some() {
        std::fs::write(&path, wanted).unwrap();
    } else {
        assert!(
            text == wanted,
            "docs/METRICS.md does not say what the catalogue says; write it anew with\n\
             SWITCHBACK_BLESS=1 cargo test -p switchback-telemetry --lib metrics"
        );
    }
}

#[test]
fn a_fresh_process_exposes_this() {
    let rendered = Metrics::new(
        Vocabulary { reasons: &["destination_unavailable"], ..VOCABULARY },
        "1.2.3",
        UNIX_EPOCH + Duration::from_millis(1_500),
    )
    .render(Format::OpenMetrics);
    let shown = |line: &&str| !line.starts_with("# HELP") && !line.starts_with("process_");
    let lines: Vec<&str> = rendered.lines().filter(shown).collect();
    assert_eq!(
        lines,
        [
            "# TYPE switchback_client_errors counter",
            "switchback_client_errors_total{origin=\"gateway\",alternatives=\"0\",reason=\"destination_unavailable\"} 0",
            "switchback_client_errors_total{origin=\"gateway\",alternatives=\"0\",reason=\"other\"} 0",
            "switchback_client_errors_total{origin=\"gateway\",alternatives=\"1+\",reason=\"destination_unavailable\"} 0",
            "switchback_client_errors_total{origin=\"gateway\",alternatives=\"1+\",reason=\"other\"} 0",
            "switchback_client_errors_total{origin=\"endpoint\",alternatives=\"0\",reason=\"destination_unavailable\"} 0",
            "switchback_client_errors_total{origin=\"endpoint\",alternatives=\"0\",reason=\"other\"} 0",
            "switchback_client_errors_total{origin=\"endpoint\",alternatives=\"1+\",reason=\"destination_unavailable\"} 0",
            "switchback_client_errors_total{origin=\"endpoint\",alternatives=\"1+\",reason=\"other\"} 0",
            "switchback_client_errors_total{origin=\"client\",alternatives=\"0\",reason=\"destination_unavailable\"} 0",
            "switchback_client_errors_total{origin=\"client\",alternatives=\"0\",reason=\"other\"} 0",
            "switchback_client_errors_total{origin=\"client\",alternatives=\"1+\",reason=\"destination_unavailable\"} 0",
            "switchback_client_errors_total{origin=\"client\",alternatives=\"1+\",reason=\"other\"} 0",
            "# TYPE switchback_requests counter",
            "# TYPE switchback_requests_rescued counter",
            "# TYPE switchback_request_duration_seconds histogram",
            "# UNIT switchback_request_duration_seconds seconds",
            "# TYPE switchback_requests_in_flight gauge",
            "switchback_requests_in_flight 0",
            "# TYPE switchback_requests_refused counter",
            "switchback_requests_refused_total{reason=\"invalid_host\"} 0",
            "switchback_requests_refused_total{reason=\"header_too_large\"} 0",
            "# TYPE switchback_limits_hit counter",
            "switchback_limits_hit_total{limit=\"connections\"} 0",
            "switchback_limits_hit_total{limit=\"connections_per_client\"} 0",
            "switchback_limits_hit_total{limit=\"requests_per_connection\"} 0",
            "switchback_limits_hit_total{limit=\"header_size\"} 0",
            "switchback_limits_hit_total{limit=\"header_fields\"} 0",
            "switchback_limits_hit_total{limit=\"target_size\"} 0",
            "switchback_limits_hit_total{limit=\"header_timeout\"} 0",
            "switchback_limits_hit_total{limit=\"handshake_timeout\"} 0",
            "switchback_limits_hit_total{limit=\"body_timeout\"} 0",
            "switchback_limits_hit_total{limit=\"body_rate\"} 0",
            "switchback_limits_hit_total{limit=\"send_timeout\"} 0",
            "switchback_limits_hit_total{limit=\"http2_flood\"} 0",
            "switchback_limits_hit_total{limit=\"max_body\"} 0",
            "# TYPE switchback_connections gauge",
            "switchback_connections 0",
            "# TYPE switchback_connections_accepted counter",
            "switchback_connections_accepted_total 0",
            "# TYPE switchback_connections_refused counter",
            "switchback_connections_refused_total{reason=\"connections\"} 0",
            "switchback_connections_refused_total{reason=\"connections_per_client\"} 0",
            "switchback_connections_refused_total{reason=\"proxy_header\"} 0",
            "# TYPE switchback_tls_handshake_failures counter",
            "switchback_tls_handshake_failures_total{reason=\"timeout\"} 0",
            "switchback_tls_handshake_failures_total{reason=\"closed\"} 0",
            "switchback_tls_handshake_failures_total{reason=\"plain_http\"} 0",
            "switchback_tls_handshake_failures_total{reason=\"no_certificate\"} 0",
            "switchback_tls_handshake_failures_total{reason=\"bad_certificate\"} 0",
            "switchback_tls_handshake_failures_total{reason=\"alert\"} 0",
            "switchback_tls_handshake_failures_total{reason=\"protocol\"} 0",
            "# TYPE switchback_tls_certificate_expiry_timestamp_seconds gauge",
            "# UNIT switchback_tls_certificate_expiry_timestamp_seconds seconds",
            "# TYPE switchback_attempts counter",
            "# TYPE switchback_retries counter",
            "# TYPE switchback_pool_waiting gauge",
            "# TYPE switchback_waits counter",
            "# TYPE switchback_wait_duration_seconds histogram",
            "# UNIT switchback_wait_duration_seconds seconds",
            "# TYPE switchback_endpoint_in_flight gauge",
            "# TYPE switchback_endpoint_latency_seconds gauge",
            "# UNIT switchback_endpoint_latency_seconds seconds",
            "# TYPE switchback_endpoint_weight gauge",
            "# TYPE switchback_endpoint_connections_opened counter",
            "# TYPE switchback_endpoint_connections_reused counter",
            "# TYPE switchback_endpoint_status gauge",
            "# TYPE switchback_endpoint_status_changes counter",
            "# TYPE switchback_ejections counter",
            "# TYPE switchback_probes counter",
            "# TYPE switchback_probe_duration_seconds histogram",
            "# UNIT switchback_probe_duration_seconds seconds",
            "# TYPE switchback_probe_lag_seconds gauge",
            "# UNIT switchback_probe_lag_seconds seconds",
            "# TYPE switchback_access_log_dropped counter",
            "switchback_access_log_dropped_total 0",
            "# TYPE switchback_access_log_write_errors counter",
            "switchback_access_log_write_errors_total 0",
            "# TYPE switchback_trace_spans_exported counter",
            "switchback_trace_spans_exported_total 0",
            "# TYPE switchback_trace_spans_dropped counter",
            "switchback_trace_spans_dropped_total 0",
            "# TYPE switchback_config_generation gauge",
            "switchback_config_generation 0",
            "# TYPE switchback_config_reloads counter",
            "switchback_config_reloads_total{result=\"applied\"} 0",
            "switchback_config_reloads_total{result=\"refused\"} 0",
            "# TYPE switchback_config_last_reload_successful gauge",
            "switchback_config_last_reload_successful 1",
            "# TYPE switchback_build info",
            "switchback_build_info{version=\"1.2.3\"} 1",
            "# TYPE process_cpu_seconds counter",
            "# UNIT process_cpu_seconds seconds",
            "# TYPE process_resident_memory_bytes gauge",
            "# UNIT process_resident_memory_bytes bytes",
            "# TYPE process_open_fds gauge",
            "# TYPE process_max_fds gauge",
            "# TYPE process_start_time_seconds gauge",
            "# UNIT process_start_time_seconds seconds",
            "# EOF",
        ]
    );
    assert!(rendered.ends_with("\nprocess_start_time_seconds 1.5\n# EOF\n"));
}

#[test]
fn a_request_counts_in_its_class_and_in_every_bucket_that_it_fits() {
    let metrics = metrics();
    let route = metrics.route("r");
    route.request_finished(Some(204), Duration::from_millis(4));
    route.request_finished(Some(503), Duration::from_secs(90));
    route.request_finished(None, Duration::ZERO);
    route.request_rescued();
    let rendered = metrics.render(Format::OpenMetrics);
    for (series, expected) in [
        ("switchback_requests_total{route=\"r\",class=\"none\"}", 1.0),
        ("switchback_requests_total{route=\"r\",class=\"2xx\"}", 1.0),
        ("switchback_requests_total{route=\"r\",class=\"4xx\"}", 0.0),
        ("switchback_requests_total{route=\"r\",class=\"5xx\"}", 1.0),
        ("switchback_requests_rescued_total{route=\"r\"}", 1.0),
    ] {
        assert_eq!(value(&rendered, series), Some(expected), "{series}\n{rendered}");
    }
    for (class, bucket, expected) in [
        ("2xx", Some("0.0025"), Some(0.0)),
        ("2xx", Some("0.005"), Some(1.0)),
        ("2xx", Some("60.0"), Some(1.0)),
        ("2xx", Some("+Inf"), Some(1.0)),
        ("5xx", Some("60.0"), Some(0.0)),
        ("5xx", Some("+Inf"), Some(1.0)),
        ("none", Some("0.001"), Some(1.0)),
        ("2xx", None, Some(0.004)),
        ("5xx", None, Some(90.0)),
        ("4xx", None, None),
    ] {
        let name = "switchback_request_duration_seconds";
        let series = match bucket {
            Some(le) => format!("{name}_bucket{{route=\"r\",class=\"{class}\",le=\"{le}\"}}"),
            None => format!("{name}_sum{{route=\"r\",class=\"{class}\"}}"),
        };
        assert_eq!(value(&rendered, &series), expected, "{series}\n{rendered}");
    }
}

#[test]
fn exactly_one_status_is_one_and_staying_is_no_change() {
    let metrics = metrics();
    let handle = metrics.endpoint("api", endpoint());
    assert!(!metrics.render(Format::OpenMetrics).contains("switchback_endpoint_status{"));
    handle.set_status(0);
    handle.set_status(1);
    handle.set_status(1);
    let rendered = metrics.render(Format::OpenMetrics);
    for (status, is_current, changes) in
        [("pending", 0.0, 0.0), ("healthy", 1.0, 1.0), ("failing", 0.0, 0.0)]
    {
        let labels = format!("{{pool=\"api\",endpoint=\"10.0.1.11:8080\",status=\"{status}\"}}");
        let current = value(&rendered, &format!("switchback_endpoint_status{labels}"));
        assert_eq!(current, Some(is_current), "{status}");
        let changed = format!("switchback_endpoint_status_changes_total{labels}");
        assert_eq!(value(&rendered, &changed), Some(changes), "{status}");
    }
}

#[test]
fn a_failed_handshake_is_counted_under_its_own_reason() {
    let metrics = metrics();
    for (failure, reason) in [
        (TlsFailure::Timeout, "timeout"),
        (TlsFailure::BadCertificate, "bad_certificate"),
        (TlsFailure::Protocol, "protocol"),
    ] {
        metrics.tls_handshake_failed(failure);
        let series = format!("switchback_tls_handshake_failures_total{{reason=\"{reason}\"}}");
        assert_eq!(
            (failure.as_str(), value(&metrics.render(Format::OpenMetrics), &series)),
            (reason, Some(1.0))
        );
    }
}

#[test]
fn what_is_refused_for_a_limit_counts_for_the_limit() {
    let metrics = metrics();
    let hit = |limit: &str| {
        let series = format!("switchback_limits_hit_total{{limit=\"{limit}\"}}");
        value(&metrics.render(Format::Text), &series)
    };
    metrics.request_refused("header_too_large");
    metrics.request_refused("invalid_host");
    metrics.connection_refused("connections_per_client");
    metrics.connection_refused("proxy_header");
    metrics.tls_handshake_failed(TlsFailure::Timeout);
    metrics.limit_hit(Limit::SendTimeout);
    let hits = Limit::NAMES.iter().filter(|name| hit(name) == Some(1.0));
    let limits = ["connections_per_client", "header_size", "handshake_timeout", "send_timeout"];
    assert_eq!(hits.copied().collect::<Vec<_>>(), limits);
    assert_eq!(Limit::MaxBody.as_str(), "max_body");
}

#[test]
fn who_did_not_get_into_the_queue_has_not_waited() {
    let metrics = metrics();
    let pool = metrics.pool("api");
    pool.wait_ended(Wait::Full, Duration::ZERO);
    pool.wait_ended(Wait::TimedOut, Duration::from_secs(1));
    let rendered = metrics.render(Format::Text);
    let count = value(&rendered, "switchback_wait_duration_seconds_count{pool=\"api\"}");
    assert_eq!(count, Some(1.0));
    assert_eq!(value(&rendered, "switchback_wait_duration_seconds_sum{pool=\"api\"}"), Some(1.0));
}

#[derive(Debug)]
struct Slow(Arc<EndpointMetrics>);

impl Refresh for Slow {
    fn refresh(&self) {
        self.0.set_latency(Some(Duration::from_millis(250)));
    }
}

#[test]
fn what_changes_by_itself_is_asked_for_before_it_is_shown() {
    let metrics = metrics();
    let handle = metrics.endpoint("api", endpoint());
    handle.set_weight(5);
    let series =
        |name| format!("switchback_endpoint_{name}{{pool=\"api\",endpoint=\"10.0.1.11:8080\"}}");
    let shown = |name| value(&metrics.render(Format::Text), &series(name));
    assert_eq!((shown("latency_seconds"), shown("weight")), (None, Some(5.0)));
    let source = Arc::new(Slow(Arc::clone(&handle)));
    let weak: Weak<Slow> = Arc::downgrade(&source);
    metrics.refreshed_by(weak);
    assert_eq!(shown("latency_seconds"), Some(0.25));
    drop(source);
    handle.set_latency(None);
    assert_eq!(shown("latency_seconds"), None);
}

#[test]
fn connections_to_endpoints_are_new_or_from_before() {
    let metrics = metrics();
    let handle = metrics.endpoint("api", endpoint());
    handle.connected(false);
    handle.connected(true);
    handle.connected(true);
    let rendered = metrics.render(Format::Text);
    let series = |how| {
        format!(
            "switchback_endpoint_connections_{how}_total{{pool=\"api\",endpoint=\"10.0.1.11:8080\"}}"
        )
    };
    assert_eq!(value(&rendered, &series("opened")), Some(1.0));
    assert_eq!(value(&rendered, &series("reused")), Some(2.0));
}

#[test]
fn certificates_are_those_of_the_configuration_in_force() {
    let metrics = metrics();
    let end = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
    let one = |file: &str, at| ("[::]:443".to_owned(), file.to_owned(), end(at));
    // The same file twice is one series: two would be no exposition.
    metrics.set_certificates([one("a.pem", 7), one("a.pem", 7), one("b.pem", 8)].into_iter());
    let series = |file| {
        format!(
            "switchback_tls_certificate_expiry_timestamp_seconds\
             {{listener=\"[::]:443\",certificate=\"{file}\"}}"
        )
    };
    let shown = |file| value(&metrics.render(Format::Text), &series(file));
    assert_eq!((shown("a.pem"), shown("b.pem")), (Some(7.0), Some(8.0)));
    metrics.set_certificates([one("b.pem", 9)].into_iter());
    assert_eq!((shown("a.pem"), shown("b.pem")), (None, Some(9.0)));
}

#[test]
fn the_probe_lag_is_the_latest_that_was_noted() {
    let metrics = metrics();
    let pool = metrics.pool("api");
    let lag = || {
        value(&metrics.render(Format::OpenMetrics), "switchback_probe_lag_seconds{pool=\"api\"}")
    };
    assert_eq!(lag(), Some(0.0));
    pool.probe_lag(Duration::from_millis(2_500));
    assert_eq!(lag(), Some(2.5));
    pool.probe_lag(Duration::ZERO);
    assert_eq!(lag(), Some(0.0));
}

#[test]
fn outcomes_appear_with_their_first_attempt() {
    let metrics = metrics();
    let handle = metrics.endpoint("api", endpoint());
    let in_flight = handle.attempt_started();
    let series = |name: &str, rest: &str| {
        format!("switchback_{name}{{pool=\"api\",endpoint=\"10.0.1.11:8080\"{rest}}}")
    };
    assert_eq!(
        value(&metrics.render(Format::OpenMetrics), &series("endpoint_in_flight", "")),
        Some(1.0)
    );
    drop(in_flight);
    handle.attempt_finished(1);
    let rendered = metrics.render(Format::OpenMetrics);
    assert_eq!(value(&rendered, &series("endpoint_in_flight", "")), Some(0.0));
    let refused = series("attempts_total", ",outcome=\"connection_refused\"");
    assert_eq!(value(&rendered, &refused), Some(1.0));
    assert!(!rendered.contains("outcome=\"completed\""));
}

#[test]
fn counters_go_on_across_a_reload_and_end_with_the_endpoint() {
    let metrics = metrics();
    let before = metrics.endpoint("api", endpoint());
    before.attempt_finished(0);
    let after = metrics.endpoint("api", endpoint());
    drop(before);
    after.attempt_finished(0);
    let series =
        "switchback_attempts_total{pool=\"api\",endpoint=\"10.0.1.11:8080\",outcome=\"completed\"}";
    assert_eq!(value(&metrics.render(Format::OpenMetrics), series), Some(2.0));
    drop(after);
    assert!(!metrics.render(Format::OpenMetrics).contains("10.0.1.11"));
}

#[test]
fn a_broken_promise_is_counted_under_its_reason() {
    let metrics = metrics();
    metrics.client_error(Origin::Endpoint, true, "connection_refused");
    metrics.client_error(Origin::Gateway, false, "unheard of");
    let rendered = metrics.render(Format::OpenMetrics);
    let series = |origin: &str, alternatives: &str, reason: &str| {
        let labels = format!("origin=\"{origin}\",alternatives=\"{alternatives}\"");
        format!("switchback_client_errors_total{{{labels},reason=\"{reason}\"}}")
    };
    assert_eq!(value(&rendered, &series("endpoint", "1+", "connection_refused")), Some(1.0));
    assert_eq!(value(&rendered, &series("endpoint", "0", "connection_refused")), Some(0.0));
    assert_eq!(value(&rendered, &series("gateway", "0", "other")), Some(1.0));
}

#[test]
fn names_from_the_configuration_are_escaped() {
    let metrics = metrics();
    let _route = metrics.route("a\"b\\c\nd");
    assert!(metrics.render(Format::OpenMetrics).contains(r#"{route="a\"b\\c\nd",class="2xx"} 0"#));
}

#[test]
fn handles_of_all_threads_add_up() {
    let metrics = Arc::new(metrics());
    let route = metrics.route("r");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..10_000 {
                    let _in_flight = metrics.request_started();
                    route.request_finished(Some(200), Duration::from_micros(1));
                }
            });
        }
    });
    let rendered = metrics.render(Format::OpenMetrics);
    assert_eq!(value(&rendered, "switchback_requests_in_flight"), Some(0.0));
    let requests = value(&rendered, "switchback_requests_total{route=\"r\",class=\"2xx\"}");
    assert_eq!(requests, Some(40_000.0));
    let sum =
        value(&rendered, "switchback_request_duration_seconds_sum{route=\"r\",class=\"2xx\"}");
    assert_eq!(sum, Some(0.04));
}
