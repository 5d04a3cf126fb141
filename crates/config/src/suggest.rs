//! What somebody probably meant.

/// Words of other gateways for ours. No distance finds these.
const ELSEWHERE: &[(&str, &str)] = &[
    ("algorithm", "balance"),
    ("backend", "pool"),
    ("backends", "endpoints"),
    ("backends", "pools"),
    ("bind", "address"),
    ("bind", "listeners"),
    ("cluster", "pool"),
    ("domain", "host"),
    ("healthcheck", "health"),
    ("health_checks", "health"),
    ("hosts", "endpoints"),
    ("least_conn", "least_requests"),
    ("least_connections", "least_requests"),
    ("least_request", "least_requests"),
    ("listen", "listeners"),
    ("load_balancing", "balance"),
    ("location", "path"),
    ("retries", "retry"),
    ("rr", "round_robin"),
    ("server", "endpoints"),
    ("servers", "endpoints"),
    ("service", "pool"),
    ("targets", "endpoints"),
    ("upstream", "pool"),
    ("upstreams", "endpoints"),
    ("upstreams", "pools"),
    ("url", "to"),
    ("workers", "threads"),
];

/// Where keys belong, for those that stand somewhere else.
const HOMES: &[(&str, &[&str])] = &[
    ("`health` of a pool", &["interval", "timeout", "rise", "fall", "concurrency", "http", "tcp"]),
    ("`http` in `health` of a pool", &["expect", "port"]),
    ("`timeouts` of a pool", &["connect", "first_byte", "idle", "tunnel", "write", "keepalive"]),
    ("`timeouts`", &["request"]),
    ("`retry`", &["attempts", "statuses", "trust_idempotency_key", "non_idempotent"]),
    ("`tls` of a pool", &["sni", "verify"]),
    ("an entry of `endpoints`", &["weight", "tier"]),
    ("an entry of `routes`", &["split", "redirect", "pool", "retry", "timeouts"]),
    ("a pool's file", &["endpoints", "balance", "health", "tls"]),
    (
        "the main file",
        &[
            "listeners",
            "admin",
            "trusted_proxies",
            "access_log",
            "drain",
            "threads",
            "pools",
            "routes",
        ],
    ),
];

/// Where a key would be right that is wrong in `place`.
pub(crate) fn home(key: &str, place: &str) -> Option<String> {
    match (place, key) {
        ("`path`", "prefix") => Some("a prefix is the path itself: `path: /api/`".into()),
        ("`health`", "path") => Some("this belongs to `http`: `http: { path: /healthz }`".into()),
        ("an entry of `endpoints`" | "an entry of `listeners`", "host" | "ip" | "port") => {
            Some("IP and port are one `address`: `10.0.1.11:8080`".into())
        }
        ("an entry of `listeners`", "tls") => {
            Some("listeners speak plain HTTP in this release".into())
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
