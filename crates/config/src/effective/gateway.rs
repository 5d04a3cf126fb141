//! The main file.

use std::path::Path;

use serde::Serialize;
use serde_yaml::Mapping;
use switchback_core::plan::{Action, ErrorPages, ListenerPlan, Plan, RoutePlan, Target, TlsPlan};
use switchback_core::route::PathPattern;

use super::certificate::{Ca, Certificate, ca, certificate};
use super::error_pages::error_pages;
use super::limits::{Limits, limits};
use super::observe::{AccessLog, Admin, Tracing, access_log, admin, tracing};
use super::{Retry, Secrets, agreed, value, word};
use crate::resolve::{TLS_VERSIONS, UNDERSCORES};
use crate::value::{duration, size};

/// `switchback.yaml`, under the keys of [`crate::schema::Gateway`].
#[derive(Debug, Serialize)]
pub(super) struct Gateway {
    listeners: Vec<Listener>,
    admin: Admin,
    behind: &'static str,
    client_keepalive: String,
    trusted_proxies: Vec<String>,
    forwarded: bool,
    underscores: &'static str,
    limits: Limits,
    startup_timeout: String,
    access_log: AccessLog,
    #[serde(skip_serializing_if = "Option::is_none")]
    tracing: Option<Tracing>,
    #[serde(skip_serializing_if = "Mapping::is_empty")]
    error_pages: Mapping,
    drain: Drain,
    #[serde(skip_serializing_if = "Option::is_none")]
    threads: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    zone: Option<String>,
    pools: Vec<String>,
    routes: Vec<Route>,
}

#[derive(Debug, Serialize)]
struct Listener {
    address: String,
    http2: bool,
    proxy_protocol: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    readiness: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls: Option<Tls>,
}

#[derive(Debug, Serialize)]
struct Tls {
    certificates: Vec<Certificate>,
    min_version: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_certificates: Option<ClientCertificates>,
}

#[derive(Debug, Serialize)]
struct ClientCertificates {
    #[serde(flatten)]
    ca: Ca,
    required: bool,
}

#[derive(Debug, Serialize)]
struct Drain {
    delay: String,
    timeout: String,
}

#[derive(Debug, Serialize)]
struct Route {
    host: String,
    path: PathMatch,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_body: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pool: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    split: Option<Vec<Share>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    redirect: Option<Redirect>,
    #[serde(skip_serializing_if = "Mapping::is_empty")]
    error_pages: Mapping,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeouts: Option<Timeouts>,
    #[serde(skip_serializing_if = "Retry::is_empty")]
    retry: Retry,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum PathMatch {
    Prefix(String),
    Exact { exact: String },
    Regex { regex: String },
}

#[derive(Debug, Serialize)]
struct Share {
    pool: String,
    weight: u16,
}

#[derive(Debug, Serialize)]
struct Redirect {
    to: String,
    status: u16,
}

#[derive(Debug, Serialize)]
struct Timeouts {
    request: String,
}

/// The main file of a plan in the folder `base`, with these files as pools.
pub(super) fn gateway(plan: &Plan, pools: Vec<String>, base: &Path, secrets: Secrets) -> Gateway {
    Gateway {
        listeners: plan.listeners.iter().map(|one| listener(one, base, secrets)).collect(),
        admin: admin(&plan.admin, base),
        behind: plan.behind.as_str(),
        client_keepalive: duration::display(plan.client_keepalive),
        trusted_proxies: plan.trusted_proxies.iter().map(ToString::to_string).collect(),
        forwarded: plan.forwarded,
        underscores: word(UNDERSCORES, plan.underscores),
        limits: limits(&plan.limits),
        startup_timeout: duration::display(plan.startup_timeout),
        access_log: access_log(&plan.access_log, base),
        tracing: plan.tracing.as_ref().map(tracing),
        error_pages: error_pages(&plan.error_pages, &ErrorPages::default(), base, secrets),
        drain: Drain {
            delay: duration::display(plan.drain.delay),
            timeout: duration::display(plan.drain.timeout),
        },
        threads: plan.threads.map(Into::into),
        zone: plan.zone.as_deref().map(value),
        pools,
        routes: plan.routes.iter().map(|one| route(one, plan, base, secrets)).collect(),
    }
}

fn listener(listener: &ListenerPlan, base: &Path, secrets: Secrets) -> Listener {
    Listener {
        address: listener.address.to_string(),
        http2: listener.http2,
        proxy_protocol: listener.proxy_protocol,
        readiness: listener.readiness.as_deref().map(value),
        tls: listener.tls.as_ref().map(|plan| tls(plan, base, secrets)),
    }
}

fn tls(plan: &TlsPlan, base: &Path, secrets: Secrets) -> Tls {
    let certificates = plan.certificates.iter();
    let clients = plan.client_auth.as_ref();
    Tls {
        certificates: certificates.map(|one| certificate(one, base, secrets)).collect(),
        min_version: word(TLS_VERSIONS, plan.tls12),
        client_certificates: clients.map(|clients| ClientCertificates {
            ca: ca(&clients.ca, base, secrets),
            required: clients.required,
        }),
    }
}

fn route(route: &RoutePlan, plan: &Plan, base: &Path, secrets: Secrets) -> Route {
    let targets = match &route.action {
        Action::Forward(targets) => targets.as_slice(),
        Action::Redirect(_) => &[],
    };
    let (pool, split) = match targets {
        [] => (None, None),
        [only] if only.weight == Default::default() => (Some(pool_name(only, plan)), None),
        _ => (None, Some(targets.iter().map(|one| share(one, plan)).collect())),
    };
    let request = agreed(targets, |target| duration::display(target.request_timeout));
    let policies: Vec<_> = targets.iter().map(|target| &target.retry).collect();
    Route {
        host: route.host.to_string(),
        path: path(&route.path),
        max_body: route.max_body.map(size::display),
        pool,
        split,
        redirect: match &route.action {
            Action::Forward(_) => None,
            Action::Redirect(redirect) => {
                Some(Redirect { to: value(&redirect.to), status: redirect.status })
            }
        },
        error_pages: error_pages(&route.error_pages, &plan.error_pages, base, secrets),
        timeouts: request.map(|request| Timeouts { request }),
        retry: Retry::common(&policies),
    }
}

fn path(pattern: &PathPattern) -> PathMatch {
    match pattern {
        PathPattern::Prefix(prefix) => PathMatch::Prefix(value(&format!("{prefix}/"))),
        PathPattern::Exact(path) => PathMatch::Exact { exact: value(path) },
        PathPattern::Regex(regex) => PathMatch::Regex { regex: value(regex.as_str()) },
    }
}

fn share(target: &Target, plan: &Plan) -> Share {
    Share { pool: pool_name(target, plan), weight: target.weight.value() }
}

fn pool_name(target: &Target, plan: &Plan) -> String {
    let pool = plan.pools.get(target.pool.at());
    pool.map(|pool| pool.name.to_string()).unwrap_or_default()
}
