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
    ("`tls` of a pool", &["sni", "verify"]),
    ("`tls` of a listener", &["certificates"]),
    ("an entry of `certificates`", &["cert", "key"]),
    ("an entry of `endpoints`", &["weight", "tier", "disabled"]),
    ("an entry of `routes`", &["split", "redirect", "pool", "retry", "timeouts"]),
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
            "access_log",
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
        _ => {
            let home = HOMES.iter().find(|(_, keys)| keys.contains(&key))?;
            Some(format!("this belongs to {}", home.0))
        }
    }
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
    let word = word.to_lowercase().replace('-', "_");
    let allowed = (word.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= LONGEST)
        .map(|candidate| {
            if ELSEWHERE.contains(&(word.as_str(), candidate)) {
                return (0, candidate);
            }
            let plain = candidate.to_lowercase().replace('-', "_");
            (strsim::damerau_levenshtein(&word, &plain), candidate)
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
}
