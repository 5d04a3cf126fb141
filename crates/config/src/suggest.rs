//! What somebody probably meant.

/// Words of other gateways for ours. No distance finds these.
const ELSEWHERE: &[(&str, &str)] = &[
    ("affinity", "sticky"),
    ("alb", "aws-alb"),
    ("algorithm", "balance"),
    ("aws", "aws-alb"),
    ("availability_zone", "zone"),
    ("gclb", "gcp"),
    ("google", "gcp"),
    ("nlb", "aws-nlb"),
    ("backend", "pool"),
    ("backends", "endpoints"),
    ("backends", "pools"),
    ("bind", "address"),
    ("bind", "listeners"),
    ("certificate", "cert"),
    ("certificate_file", "cert"),
    ("cluster", "pool"),
    ("consistent_hash", "ring_hash"),
    ("domain", "host"),
    ("down", "disabled"),
    ("draining", "drain"),
    ("ewma", "peak_ewma"),
    ("false", "never"),
    ("h1", "http1"),
    ("hash_on", "hash"),
    ("hash_policy", "hash"),
    ("healthcheck", "health"),
    ("health_checks", "health"),
    ("hosts", "endpoints"),
    ("http/1.1", "http1"),
    ("http/2", "h2"),
    ("http2", "h2"),
    ("http2", "protocol"),
    ("http_version", "protocol"),
    ("ip", "client"),
    ("ip_hash", "ring_hash"),
    ("keepalive_timeout", "client_keepalive"),
    ("ketama", "ring_hash"),
    ("least_conn", "least_requests"),
    ("least_connections", "least_requests"),
    ("least_request", "least_requests"),
    ("listen", "listeners"),
    ("load_balancing", "balance"),
    ("locality", "zone"),
    ("location", "path"),
    ("max_conns", "max_connections"),
    ("maxconn", "connections"),
    ("maxconn", "max_connections"),
    ("outlier_detection", "ejection"),
    ("p2c", "least_requests"),
    ("private_key", "key"),
    ("retries", "retry"),
    ("rr", "round_robin"),
    ("server", "endpoints"),
    ("servers", "endpoints"),
    ("service", "pool"),
    ("session_affinity", "sticky"),
    ("real_ip", "trusted_proxies"),
    ("source", "client"),
    ("source_ip", "client"),
    ("ssl", "tls"),
    ("ssl_certificate", "cert"),
    ("ssl_certificate_key", "key"),
    ("sticky_session", "sticky"),
    ("sticky_sessions", "sticky"),
    ("targets", "endpoints"),
    ("upstream", "pool"),
    ("upstreams", "endpoints"),
    ("upstreams", "pools"),
    ("true", "always"),
    ("uri", "path"),
    ("url", "path"),
    ("url", "to"),
    ("workers", "threads"),
    ("http_2", "http2"),
    ("h2", "http2"),
    ("alpn", "http2"),
    ("accept_proxy", "proxy_protocol"),
    ("proxyprotocol", "proxy_protocol"),
    ("send_proxy", "proxy_protocol"),
    ("send_proxy_v2", "proxy_protocol"),
    ("health_path", "readiness"),
    ("ready", "readiness"),
    ("client_auth", "client_certificates"),
    ("clientauth", "client_certificates"),
    ("client_ca", "client_certificates"),
    ("mtls", "client_certificates"),
    ("ssl_client_certificate", "client_certificates"),
    ("ssl_client_certificate", "ca"),
    ("ssl_verify_client", "client_certificates"),
    ("ssl_verify_client", "required"),
    ("verify", "client_certificates"),
    ("verify", "required"),
    ("minversion", "min_version"),
    ("min_tls_version", "min_version"),
    ("protocols", "min_version"),
    ("ssl_min_ver", "min_version"),
    ("ssl_protocols", "min_version"),
    ("versions", "min_version"),
    ("ca_certificate", "ca"),
    ("ca_certificates", "ca"),
    ("ca_file", "ca"),
    ("cafile", "ca"),
    ("proxy_ssl_trusted_certificate", "ca"),
    ("rootcas", "ca"),
    ("trusted_ca", "ca"),
    ("client_certificate", "certificate"),
    ("proxy_ssl_certificate", "certificate"),
    ("proxy_ssl_certificate", "cert"),
    ("proxy_ssl_certificate_key", "key"),
    ("insecureskipverify", "verify"),
    ("proxy_ssl_name", "sni"),
    ("proxy_ssl_verify", "verify"),
    ("server_name", "sni"),
    ("ssl_verify", "verify"),
    ("client_max_body_size", "max_body"),
    ("body_limit", "max_body"),
    ("limitrequestbody", "max_body"),
    ("max_body_size", "max_body"),
    ("max_request_bytes", "max_body"),
    ("maxrequestbodybytes", "max_body"),
    ("underscores_in_headers", "underscores"),
    ("false", "drop"),
    ("off", "drop"),
    ("on", "keep"),
    ("true", "keep"),
    ("true", "v2"),
    ("client_header_buffer_size", "header_size"),
    ("large_client_header_buffers", "header_size"),
    ("limitrequestfieldsize", "header_size"),
    ("max_header_bytes", "header_size"),
    ("max_header_size", "header_size"),
    ("limitrequestfields", "header_fields"),
    ("max_headers", "header_fields"),
    ("max_headers_count", "header_fields"),
    ("tune.http.maxhdr", "header_fields"),
    ("limitrequestline", "target_size"),
    ("max_uri_size", "target_size"),
    ("client_header_timeout", "header_timeout"),
    ("http_request", "header_timeout"),
    ("read_header_timeout", "header_timeout"),
    ("request_headers_timeout", "header_timeout"),
    ("timeout http_request", "header_timeout"),
    ("timeout_http_request", "header_timeout"),
    ("ssl_handshake_timeout", "handshake_timeout"),
    ("client_body_timeout", "body_timeout"),
    ("timeout client", "body_timeout"),
    ("keepalive_requests", "requests_per_connection"),
    ("max_keep_alive_requests", "requests_per_connection"),
    ("max_requests_per_connection", "requests_per_connection"),
    ("limit_conn", "connections_per_client"),
    ("max_connections", "connections"),
    ("worker_connections", "connections"),
    ("api_key", "token"),
    ("api_token", "token"),
    ("bearer_token", "token"),
    ("unix", "socket"),
    ("unix_socket", "socket"),
    ("log_format", "format"),
    ("access_log_format", "format"),
    ("log", "access_log"),
    ("accesslog", "access_log"),
    ("custom_errors", "error_pages"),
    ("errordocument", "error_pages"),
    ("errorfile", "error_pages"),
    ("errorfiles", "error_pages"),
    ("opentelemetry", "tracing"),
    ("opentracing", "tracing"),
    ("otel", "tracing"),
    ("trace", "tracing"),
    ("traces", "tracing"),
    ("collector", "otlp"),
    ("exporter", "otlp"),
    // Of `endpoint` alone the pool's are meant, but in `tracing`.
    ("endpoint", "endpoints"),
    ("endpoint", "otlp"),
    ("otlp_endpoint", "otlp"),
    ("probability", "sample"),
    ("sample_rate", "sample"),
    ("sampler", "sample"),
    ("sampling", "sample"),
    ("sampling_rate", "sample"),
    ("service_name", "service"),
    ("clf", "combined"),
    ("common", "combined"),
    ("body_bytes_sent", "bytes_out"),
    ("bytes_sent", "bytes_out"),
    ("bytes_received", "bytes_in"),
    ("request_length", "bytes_in"),
    ("http_host", "host"),
    ("http_referer", "referer"),
    ("referrer", "referer"),
    ("http_user_agent", "user_agent"),
    ("remote_addr", "client"),
    ("request_id", "id"),
    ("request_method", "method"),
    ("request_time", "duration_ms"),
    ("request_uri", "path"),
    ("server_protocol", "protocol"),
    ("time_iso8601", "time"),
    ("time_local", "time_combined"),
    ("timestamp", "time"),
    ("upstream_addr", "endpoint"),
    ("http2_max_concurrent_streams", "http2_streams"),
    ("max_concurrent_streams", "http2_streams"),
];

/// Where keys belong, for those that stand somewhere else.
const HOMES: &[(&str, &[&str])] = &[
    (
        "`health` of a pool",
        &[
            "interval",
            "fast_interval",
            "timeout",
            "rise",
            "fall",
            "concurrency",
            "http",
            "tcp",
            "grpc",
        ],
    ),
    ("`http` in `health` of a pool", &["expect", "port"]),
    ("`timeouts` of a pool", &["connect", "first_byte", "idle", "tunnel", "write", "keepalive"]),
    ("`timeouts`", &["request"]),
    (
        "`retry`",
        &[
            "attempts",
            "statuses",
            "backoff",
            "max_backoff",
            "trust_idempotency_key",
            "non_idempotent",
        ],
    ),
    ("`retry_budget` of a pool", &["ratio", "floor"]),
    (
        "`ejection` of a pool",
        &[
            "consecutive",
            "window",
            "min_requests",
            "tolerance",
            "max_time",
            "max_ejected",
            "probation",
        ],
    ),
    ("`hash` of a pool", &["bounded_load"]),
    ("`sticky` of a pool", &["cookie", "secret", "max_age", "secure", "same_site"]),
    ("`tls` of a pool", &["sni", "verify", "certificate"]),
    ("`tls` of a listener", &["certificates", "min_version", "client_certificates"]),
    ("`client_certificates` of a listener's `tls`, or to `tls` of a pool", &["ca"]),
    ("an entry of `listeners`", &["http2", "readiness"]),
    ("an entry of `listeners`, or to a pool's file", &["proxy_protocol"]),
    (
        "`limits`",
        &[
            "connections",
            "connections_per_client",
            "requests_per_connection",
            "header_size",
            "header_fields",
            "target_size",
            "header_timeout",
            "handshake_timeout",
            "body_timeout",
            "body_rate",
            "send_timeout",
            "http2_streams",
            "http2_resets",
        ],
    ),
    ("`admin`", &["socket", "token"]),
    ("`access_log`", &["format"]),
    ("`format` of `access_log`", &["template"]),
    ("`tracing`", &["otlp", "sample", "headers"]),
    ("the main file, or to an entry of `routes`", &["error_pages"]),
    ("an entry of `certificates`", &["cert", "key"]),
    ("an entry of `endpoints`", &["weight", "tier", "disabled"]),
    ("an entry of `routes`", &["split", "redirect", "pool", "retry", "timeouts", "max_body"]),
    (
        "a pool's file",
        &[
            "endpoints",
            "balance",
            "hash",
            "sticky",
            "slow_start",
            "max_requests",
            "max_connections",
            "queue",
            "queue_timeout",
            "protocol",
            "health",
            "ejection",
            "retry_budget",
            "required",
            "tls",
        ],
    ),
    (
        "the main file",
        &[
            "listeners",
            "admin",
            "behind",
            "client_keepalive",
            "trusted_proxies",
            "forwarded",
            "underscores",
            "limits",
            "startup_timeout",
            "access_log",
            "tracing",
            "drain",
            "threads",
            "zone",
            "pools",
            "routes",
        ],
    ),
];

/// Where a key would be right that is wrong in `place`.
pub(crate) fn home(key: &str, place: &str) -> Option<String> {
    match (place, key) {
        ("`path`", "prefix") => Some("a prefix is the path itself: `path: /api/`".into()),
        // That of a pool takes it.
        ("`tls`", "sni") => Some("a listener's names come from its certificates".into()),
        ("`health`", "path") => Some("this belongs to `http`: `http: { path: /healthz }`".into()),
        ("`health`", "service") => {
            Some("this belongs to `grpc`: `grpc: { service: shop.v1.Cart }`".into())
        }
        ("`hash`", "header" | "cookie") => {
            Some(format!("this belongs to `key`: `key: {key}:NAME`"))
        }
        ("this file", "drain" | "disabled") => {
            Some(format!("this belongs to one entry of `endpoints`: `{key}: true`"))
        }
        ("this file", "zone") => {
            Some("this belongs to an entry of `endpoints`, or to the main file".into())
        }
        ("an entry of `endpoints`" | "an entry of `listeners`", "host" | "ip" | "port") => {
            Some("IP and port are one `address`: `10.0.1.11:8080`".into())
        }
        ("this file", "certificates" | "cert") => {
            Some("this belongs to `tls` of an entry of `listeners`".into())
        }
        _ => match home_of(key) {
            Some(home) => Some(format!("this belongs to {home}")),
            None => abroad(key),
        },
    }
}

/// Where one of our keys belongs.
fn home_of(key: &str) -> Option<&'static str> {
    HOMES.iter().find(|(_, keys)| keys.contains(&key)).map(|(home, _)| *home)
}

/// What a word of another gateway is called here, and where it belongs.
fn abroad(key: &str) -> Option<String> {
    let word = plain(key);
    let ours = ELSEWHERE.iter().filter(|(foreign, _)| *foreign == word);
    let (ours, home) = ours.filter_map(|(_, ours)| Some((ours, home_of(ours)?))).next()?;
    Some(format!("here this is `{ours}`, which belongs to {home}"))
}

/// A word as it is compared.
fn plain(word: &str) -> String {
    word.to_lowercase().replace('-', "_")
}

/// A word longer than this is no slip of the pen, and measuring it would take its length squared.
const LONGEST: usize = 64;

/// The candidate that `word` is most likely a slip for, if any is near.
pub(crate) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    if word.len() > LONGEST {
        return None;
    }
    let word = plain(word);
    let allowed = (word.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= LONGEST)
        .map(|candidate| {
            if ELSEWHERE.contains(&(word.as_str(), candidate)) {
                return (0, candidate);
            }
            (strsim::damerau_levenshtein(&word, &plain(candidate)), candidate)
        })
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// `; did you mean `x`?`, or nothing.
pub(crate) fn did_you_mean(near: Option<&str>) -> String {
    near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default()
}

/// `` `a`, `b` and `c` ``.
pub(crate) fn listed(words: &[&str], conjunction: &str) -> String {
    match words {
        [] => String::new(),
        [only] => format!("`{only}`"),
        [init @ .., last] => {
            let init: Vec<_> = init.iter().map(|word| format!("`{word}`")).collect();
            format!("{} {conjunction} `{last}`", init.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_and_foreign_words_are_recognised() {
        let keys = ["endpoints", "balance", "health", "timeouts", "retry"];
        for (word, meant) in [
            ("endpoint", Some("endpoints")),
            ("Timeouts", Some("timeouts")),
            ("retries", Some("retry")),
            ("health-check", None),
            ("healthcheck", Some("health")),
            ("servers", Some("endpoints")),
            ("colour", None),
        ] {
            assert_eq!(nearest(word, keys), meant, "{word}");
        }
    }

    #[test]
    fn a_word_of_another_gateway_is_told_with_its_place_here() {
        for (word, told) in [
            (
                "client_max_body_size",
                "here this is `max_body`, which belongs to an entry of `routes`",
            ),
            (
                "large_client_header_buffers",
                "here this is `header_size`, which belongs to `limits`",
            ),
            (
                "keepalive_requests",
                "here this is `requests_per_connection`, which belongs to `limits`",
            ),
            ("limit_conn", "here this is `connections_per_client`, which belongs to `limits`"),
            ("maxconn", "here this is `connections`, which belongs to `limits`"),
            ("timeout http-request", "here this is `header_timeout`, which belongs to `limits`"),
            ("ssl_protocols", "here this is `min_version`, which belongs to `tls` of a listener"),
            (
                "underscores_in_headers",
                "here this is `underscores`, which belongs to the main file",
            ),
            ("header_size", "this belongs to `limits`"),
        ] {
            assert_eq!(home(word, "this file").as_deref(), Some(told), "{word}");
        }
        assert_eq!(home("colour", "this file"), None);
    }

    #[test]
    fn what_words_of_others_mean_is_a_word_of_ours() {
        let schema = [crate::File::Gateway, crate::File::Pool].map(crate::json_schema).concat();
        let fields = switchback_core::plan::LogField::ALL;
        for (foreign, ours) in ELSEWHERE {
            let is_field = fields.iter().any(|(_, name, _)| name == ours);
            assert!(is_field || schema.contains(&format!("\"{ours}\"")), "{foreign}: {ours}");
            assert_eq!(*foreign, plain(foreign));
        }
        for key in HOMES.iter().flat_map(|(_, keys)| keys.iter()) {
            assert!(schema.contains(&format!("\"{key}\":")), "{key}");
        }
    }
}
