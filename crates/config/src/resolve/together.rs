//! What can be said only of the whole: main file and pools together.
//!
//! Warned of is what is a mistake whatever the operator had in mind. Not: an `expect` that takes
//! redirects (other gateways do, and `check --probe` says what it saw), tiers that begin at 1, shares of
//! less than a thousandth, two pools with the same endpoints. Each has its uses, and a warning that
//! cannot be silenced is soon not read any more.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use switchback_core::plan::{Action, Plan, PoolPlan, ProbePlan, Redirect, RoutePlan, Target};
use switchback_core::route::RouteTable;

use super::{Places, redirect};
use crate::diagnostic::{Problem, Reporter, quote};
use crate::value::duration;

/// How many hosts of a pool are looked at for a redirect.
const HOSTS: usize = 100;

/// A pool's file, and where in it things stand.
pub(crate) struct Written<'a> {
    pub(crate) name: Arc<str>,
    pub(crate) places: Places,
    pub(crate) reporter: Reporter<'a>,
}

/// Warns of what is wrong with a good plan. `pools` are those of the plan, in its order.
pub(crate) fn warn(plan: &Plan, pools: &[Written<'_>]) {
    let routed = routed(plan, pools.len());
    let redirects = |route: &RoutePlan| matches!(route.action, Action::Redirect(_));
    let table = plan.routes.iter().any(redirects).then(|| redirect::table(plan.routes.iter()));
    for ((pool, file), routed) in plan.pools.iter().zip(pools).zip(&routed) {
        match routed {
            Some(longest) => late_limits(file, *longest),
            None => unused(file),
        }
        own_listener(pool, plan, file);
    }
    if let Some(table) = table {
        redirected_probes(plan, pools, &table);
    }
}

/// Of each pool, the longest that a request to it may take; `None`: no route goes there.
fn routed(plan: &Plan, pools: usize) -> Vec<Option<Duration>> {
    let mut longest = vec![None; pools];
    for target in plan.routes.iter().flat_map(targets) {
        if let Some(longest) = longest.get_mut(target.pool.at()) {
            *longest = (*longest).max(Some(target.request_timeout));
        }
    }
    longest
}

fn targets(route: &RoutePlan) -> &[Target] {
    match &route.action {
        Action::Forward(targets) => targets,
        Action::Redirect(_) => &[],
    }
}

fn unused(file: &Written<'_>) {
    let message = format!("no route uses the pool {}", quote(&file.name));
    let problem = Problem::new(message, "its endpoints are probed, and get no requests")
        .help("add a route to it, or remove this file");
    file.reporter.warn(file.places.whole, problem);
}

/// The pool's own `request` has been looked at where it stands; but every route may have a shorter one.
fn late_limits(file: &Written<'_>, longest: Duration) {
    for (what, limit) in file.places.limits.iter().filter(|(_, limit)| limit.value >= longest) {
        let label = format!(
            "no route to this pool lets a request take longer than {}",
            duration::display(longest)
        );
        let help = format!("make `{what}` shorter, or `timeouts.request` of a route longer");
        file.reporter
            .warn(limit.span, Problem::new(format!("`{what}` can never fire"), label).help(help));
    }
}

/// An endpoint at which the gateway itself listens: each request would come round again, until
/// something is exhausted.
fn own_listener(pool: &PoolPlan, plan: &Plan, file: &Written<'_>) {
    let is_own = |endpoint: SocketAddr| {
        plan.listeners.iter().find(|listener| {
            let (ip, port) = (listener.address.ip(), listener.address.port());
            let is_here = ip.is_unspecified() && endpoint.ip().is_loopback();
            port == endpoint.port() && (ip == endpoint.ip() || is_here)
        })
    };
    for (endpoint, span) in pool.endpoints.iter().zip(&file.places.endpoints) {
        if let Some(listener) = is_own(endpoint.address) {
            let message = format!("endpoint {} is this gateway itself", endpoint.address);
            let label = format!("its listener is {}, so requests would go round", listener.address);
            let help = "write the address of the application, or give one of them another port";
            file.reporter.warn(*span, Problem::new(message, label).help(help));
        }
    }
}

/// Warns of probes for a path that this gateway redirects, at a host whose other requests the pool
/// gets. Probes do not come by the gateway, so they are not redirected by it; but somebody has found
/// that path to be of the past, and an endpoint that redirects it, too, fails its probes. A redirect
/// that takes `/` as well is one of the whole site (to TLS, to another name), and says nothing of it.
fn redirected_probes(plan: &Plan, pools: &[Written<'_>], table: &RouteTable) {
    let mut hosts = vec![HashSet::new(); pools.len()];
    for route in &plan.routes {
        for target in targets(route) {
            if let Some(hosts) = hosts.get_mut(target.pool.at()).filter(|set| set.len() < HOSTS) {
                hosts.insert(redirect::some_host(&route.host));
            }
        }
    }
    for ((pool, file), hosts) in plan.pools.iter().zip(pools).zip(hosts) {
        let Some(span) = file.places.probe_path else { continue };
        let Some(ProbePlan::Http { path, .. }) = pool.health.as_ref().map(|health| &health.probe)
        else {
            continue;
        };
        let path = path.split('?').next().unwrap_or(path);
        let hosts = hosts.iter().map(|host| &**host).chain(pool.host.as_deref());
        let Some(found) = hosts.filter_map(|host| redirect_of(host, path, plan, table)).min()
        else {
            continue;
        };
        let (at, to) = found;
        let message = format!("the probes ask for {}, which is a redirect here", quote(path));
        let name = plan.routes.get(at).map_or("", |route| &*route.name);
        let label = format!("the route {} sends clients to {}", quote(name), quote(to));
        let help = "probe a path that the application answers itself: one that redirects, too, fails its probes";
        file.reporter.warn(span, Problem::new(message, label).help(help));
    }
}

/// The redirect that takes this path of a host, and where it leads.
fn redirect_of<'a>(
    host: &str,
    path: &str,
    plan: &'a Plan,
    table: &RouteTable,
) -> Option<(usize, &'a str)> {
    let at = table.find(host, path)?;
    let Action::Redirect(Redirect { to, .. }) = &plan.routes.get(at)?.action else {
        return None;
    };
    (table.find(host, "/") != Some(at)).then_some((at, &**to))
}
