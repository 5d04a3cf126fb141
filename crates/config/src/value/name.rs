//! Hosts, paths and URLs.

use std::sync::Arc;

use switchback_core::route::{HostPattern, PathPattern, PathPatternError};

use crate::diagnostic::{Problem, quote};

/// The host of a route.
pub(crate) fn host_pattern(text: &str) -> Result<HostPattern, Problem> {
    HostPattern::parse(text).map_err(|error| {
        let label = match text {
            _ if text.contains("://") => "a host has no scheme".to_owned(),
            _ if text.contains('/') => "a host has no path; that is what `path` is for".to_owned(),
            _ => error.to_string(),
        };
        Problem::new(format!("{} is no host", quote(text)), label)
            .help("write `shop.example.com`, `\"*.example.com\"` for every name below it, or leave the key away for any")
    })
}

/// A single host name (or IP address).
pub(crate) fn host_name(what: &str, text: &str) -> Result<Arc<str>, Problem> {
    let refused = |label: String| {
        Problem::new(format!("{} is no `{what}`", quote(text)), label)
            .help("write one host name, without scheme, port and wildcard: `shop.internal`")
    };
    match HostPattern::parse(text) {
        Ok(HostPattern::Exact(name)) => Ok(name),
        Ok(_) => Err(refused("a wildcard is not one name".into())),
        Err(error) => Err(refused(error.to_string())),
    }
}

/// A pattern of paths, by one of the constructors of [`PathPattern`].
pub(crate) fn path_pattern(
    text: &str,
    parse: fn(&str) -> Result<PathPattern, PathPatternError>,
) -> Result<PathPattern, Problem> {
    parse(text).map_err(|error| match error {
        PathPatternError::Regex(error) => {
            let message = format!("{} is no regular expression", quote(text));
            // The crate draws its own picture; the reason is on the last line.
            let reason = match &error {
                regex::Error::CompiledTooBig(_) => "it would need too much memory; repeat less".to_owned(),
                error => error.to_string(),
            };
            let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ");
            Problem::new(message, reason)
                .help("the syntax is that of https://docs.rs/regex; single quotes keep backslashes as they are")
        }
        PathPatternError::NoSlash => {
            Problem::new(format!("{} is no path", quote(text)), error.to_string())
                .help(format!("write {}", quote(&format!("/{text}"))))
        }
        error => Problem::new(format!("{} is no path", quote(text)), error.to_string()),
    })
}

/// The path of a probe, with its query.
pub(crate) fn request_path(text: &str) -> Result<Arc<str>, Problem> {
    let label = if !text.starts_with('/') {
        "a path begins with `/`"
    } else if text.contains('#') {
        "a fragment is never sent to a server"
    } else if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        "white space and characters beyond ASCII must be percent-encoded"
    } else {
        return Ok(text.into());
    };
    Err(Problem::new(format!("{} is no path to ask for", quote(text)), label)
        .help("write for example `/healthz`"))
}

/// The target of a redirect. A query is refused: the request's own is kept, and there can be one only.
pub(crate) fn redirect_target(text: &str) -> Result<Arc<str>, Problem> {
    let authority = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    let label = if text.starts_with("//") {
        "`//` would begin a host"
    } else if !text.starts_with('/') && authority.is_none() {
        "it begins with `/`, `http://` or `https://`"
    } else if authority.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', ':'])) {
        "the host is missing"
    } else if text.contains(['?', '#']) {
        "a query or fragment cannot be set; the request's own query is kept"
    } else if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        "white space and characters beyond ASCII must be percent-encoded"
    } else {
        return Ok(text.into());
    };
    let message = format!("{} is nowhere to redirect to", quote(text));
    Err(Problem::new(message, label)
        .help("write a path, `/new/`, or a URL, `https://shop.example.com/`"))
}
