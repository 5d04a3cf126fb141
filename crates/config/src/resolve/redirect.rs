//! Redirects of which every one is followed by another.
//!
//! A browser gives up after twenty, so that is how many are followed here, as a client would: by the
//! table of the routes, with what the gateway appends to a prefix. It is certain, then, and found
//! however many routes take part. Only redirects to a path are looked at. One to a URL with the same
//! host may lead back, too, or to another port or to a TLS listener elsewhere: who answers there is not
//! known here.

use std::borrow::Cow;

use switchback_core::plan::{Action, Redirect, RoutePlan};
use switchback_core::route::{HostPattern, PathPattern, RouteTable};

use crate::diagnostic::{Problem, Reporter, quote};
use crate::source::Span;

/// What browsers take before they give up.
const HOPS: usize = 20;
/// How many redirects are followed.
const MOST: usize = 1000;
/// A path longer than this grows with each redirect.
const LONGEST: usize = 16 * 1024;

/// Warns of each redirect that leads to redirects alone.
pub(super) fn warn(routes: &[(RoutePlan, Span)], reporter: &Reporter<'_>) {
    let redirects = routes.iter().filter_map(|(route, span)| match &route.action {
        Action::Redirect(redirect) if redirect.to.starts_with('/') => Some((route, redirect, span)),
        _ => None,
    });
    let mut redirects = redirects.take(MOST).peekable();
    if redirects.peek().is_none() {
        return;
    }
    let table = table(routes.iter().map(|(route, _)| route));
    for (route, redirect, span) in redirects {
        if !is_endless(&some_host(&route.host), &redirect.to, routes, &table) {
            continue;
        }
        let label = format!("{} is redirected again, and so on", quote(&redirect.to));
        let message = format!("the redirect of {} never ends", quote(&route.name));
        let help = "redirect to a path that a route to a pool takes, or make this route match less";
        reporter.warn(*span, Problem::new(message, label).help(help));
    }
}

/// Finds routes by host and path.
pub(super) fn table<'a>(routes: impl Iterator<Item = &'a RoutePlan>) -> RouteTable {
    RouteTable::new(routes.map(|route| (&route.host, &route.path)))
}

/// A host that a pattern is for, and hardly any other.
pub(super) fn some_host(pattern: &HostPattern) -> Cow<'_, str> {
    match pattern {
        HostPattern::Exact(name) => Cow::Borrowed(name),
        HostPattern::Wildcard(name) => Cow::Owned(format!("some-name-or-other.{name}")),
        HostPattern::Any => Cow::Borrowed(""),
    }
}

fn is_endless(host: &str, to: &str, routes: &[(RoutePlan, Span)], table: &RouteTable) -> bool {
    let mut path = to.to_owned();
    for _ in 0..HOPS {
        let route = table.find(host, &path).and_then(|found| routes.get(found));
        path = match route {
            Some((RoutePlan { path: pattern, action: Action::Redirect(redirect), .. }, _))
                if redirect.to.starts_with('/') && path.len() <= LONGEST =>
            {
                location(redirect, pattern, &path)
            }
            _ => return false,
        };
    }
    true
}

/// Where the gateway redirects to; as in the proxy, for paths without a query.
fn location(redirect: &Redirect, route: &PathPattern, path: &str) -> String {
    let rest = match route {
        PathPattern::Prefix(prefix) => path.strip_prefix(&**prefix).unwrap_or(""),
        _ => "",
    };
    match rest.trim_start_matches('/') {
        "" => redirect.to.to_string(),
        rest => format!("{}/{rest}", redirect.to.trim_end_matches('/')),
    }
}
