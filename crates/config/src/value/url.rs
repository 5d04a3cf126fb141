//! The base URL of a service that the gateway itself calls.

use std::sync::Arc;

use switchback_core::route::HostPattern;

use crate::diagnostic::{Problem, quote};

/// What the exporter appends.
const PATH: &str = "/v1/traces";

/// The base URL of a collector, without a `/` at its end.
pub(crate) fn collector(text: &str) -> Result<Arc<str>, Problem> {
    let refused = |label: String| {
        Problem::new(format!("{} is no URL of a collector", quote(text)), label)
            .help("write for example `http://collector:4318`; `/v1/traces` is appended")
    };
    let Some(rest) = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://")) else {
        return Err(refused("it begins with `http://` or `https://`".into()));
    };
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    if authority.contains('@') {
        // No message repeats a password.
        let problem = Problem::new("`otlp` has a user in it", "a URL is shown; secrets are not");
        return Err(problem.help("write `headers: { authorization: \"Basic ${OTLP_BASIC}\" }`"));
    }
    if path.contains(['?', '#']) {
        return Err(refused("a query or fragment cannot be appended to".into()));
    }
    if !path.bytes().all(|byte| byte.is_ascii_graphic()) {
        let label = "white space and characters beyond ASCII must be percent-encoded";
        return Err(refused(label.into()));
    }
    let end = authority.rfind(']').map_or(0, |at| at + 1);
    let (host, port) = match authority[end..].find(':') {
        Some(colon) => (&authority[..end + colon], Some(&authority[end + colon + 1..])),
        None => (authority, None),
    };
    match HostPattern::parse(host) {
        Ok(HostPattern::Exact(_)) => {}
        Ok(_) => return Err(refused("a wildcard is not one name".into())),
        Err(_) if host.is_empty() => return Err(refused("the host is missing".into())),
        Err(error) => return Err(refused(error.to_string())),
    }
    let is_port = |port: &str| {
        port.bytes().all(|byte| byte.is_ascii_digit())
            && port.parse::<u16>().is_ok_and(|port| port > 0)
    };
    if port.is_some_and(|port| !is_port(port)) {
        return Err(refused("ports are 1 to 65535".into()));
    }
    let base = text.trim_end_matches('/');
    match base.strip_suffix(PATH) {
        Some(base) => {
            let label = format!("`{PATH}` is appended, and would be there twice");
            Err(refused(label).help(format!("write {}", quote(base))))
        }
        None => Ok(base.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_has_a_host_and_may_have_a_port_and_a_path() {
        for (text, base) in [
            ("http://collector:4318", "http://collector:4318"),
            ("https://otlp.example.com/", "https://otlp.example.com"),
            ("http://[::1]:4318/otlp/", "http://[::1]:4318/otlp"),
            ("http://[::1]", "http://[::1]"),
            ("http://10.0.0.1/a@b:c//", "http://10.0.0.1/a@b:c"),
        ] {
            assert_eq!(collector(text).as_deref(), Ok(base), "{text}");
        }
    }

    #[test]
    fn what_is_no_base_url_is_refused() {
        for text in [
            "",
            "collector:4318",
            "grpc://collector:4317",
            "HTTP://collector",
            "http://",
            "http:///v1",
            "http://:4318",
            "http://collector:",
            "http://collector:0",
            "http://collector:65536",
            "http://collector:+1",
            "http://*.example.com",
            "http://a b",
            "http://a/b c",
            "http://a/ä",
            "http://a?b",
            "http://a#b",
            "http://user:hunter2@a",
            "http://::1",
            "http://[::1",
            "http://[::1]x:1",
            "http://a/v1/traces",
            "http://a/v1/traces/",
            "http://a\n",
        ] {
            let refused = collector(text);
            assert!(refused.is_err(), "{text}");
            assert!(!format!("{refused:?}").contains("hunter2"));
        }
    }
}
