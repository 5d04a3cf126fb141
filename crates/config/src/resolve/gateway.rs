//! The main file, with the pools, to a [`Plan`].

use std::sync::Arc;

use switchback_core::plan::{ErrorPages, Plan};

use super::access_log::access_log;
use super::admin::admin;
use super::error_pages::error_pages;
use super::front::{Front, front};
use super::limits::limits;
use super::listener::{listeners, warn_of_hidden};
use super::route::Routes;
use super::tracing::tracing;
use super::{Catalog, Outside, Resolved};
use crate::decode::{Field, Given};
use crate::diagnostic::{Problem, Reporter};
use crate::schema::Gateway;
use crate::value::{duration, number, token};

/// What `underscores` can be, and whether fields with one are sent on.
pub(crate) const UNDERSCORES: &[(&str, bool)] = &[("drop", false), ("keep", true)];

/// What a main file is read against.
pub(crate) struct Context<'a> {
    pub(crate) outside: &'a Outside<'a>,
    pub(crate) catalog: &'a Catalog,
    /// Where the gateway is.
    pub(crate) zone: &'a Field<Arc<str>>,
    pub(crate) reporter: &'a Reporter<'a>,
}

/// The plan. It is good if nothing has been reported as an error.
pub(crate) fn plan(gateway: &Given<Gateway>, pools: Vec<Resolved>, context: &Context<'_>) -> Plan {
    let reporter = context.reporter;
    let file = &gateway.value;
    let front = front(file, reporter);
    let listeners = listeners(file, gateway.span, &front, context);
    let admin = admin(file, &listeners, context);
    let error_pages = ErrorPages::new(error_pages(&file.error_pages, context.outside, reporter));
    let routes = match &file.routes {
        Field::Bad => Vec::new(),
        Field::Given(list) if !list.value.is_empty() => {
            let (pools, error_pages) = (&pools, &error_pages);
            Routes { context, pools, error_pages, expressions: Default::default() }.all(list)
        }
        Field::Given(list) => {
            let problem = Problem::new("there are no routes", "the list is empty");
            reporter.error(
                list.span,
                problem.help("for everything to one pool: `routes: [ { pool: NAME } ]`"),
            );
            Vec::new()
        }
        Field::Missing => {
            let problem = Problem::new("there are no `routes`", "the key is missing in this file");
            reporter.error(
                gateway.span,
                problem.help("for everything to one pool: `routes: [ { pool: NAME } ]`"),
            );
            Vec::new()
        }
    };
    warn_of_hidden(file, &routes, reporter);
    let Front { behind, client_keepalive, trusted_proxies, drain, .. } = front;
    let default = Plan::of(Vec::new());
    Plan {
        listeners: listeners.into_iter().map(|given| given.value).collect(),
        admin,
        behind,
        client_keepalive,
        trusted_proxies,
        forwarded: file.forwarded.clone().or(default.forwarded),
        underscores: file
            .underscores
            .parse(reporter, |text| number::choice("underscores", text, UNDERSCORES))
            .or(default.underscores),
        limits: limits(file, reporter),
        startup_timeout: file
            .startup_timeout
            .parse(reporter, |text| {
                let at_once = "to be ready at once, write `1ms`";
                duration::parse_or("startup_timeout", text, at_once)
            })
            .or(default.startup_timeout),
        access_log: access_log(file, context),
        tracing: tracing(&file.tracing, reporter),
        error_pages,
        drain,
        threads: file
            .threads
            .parse(reporter, |value| {
                number::count("threads", *value, 1024).map_err(|problem| {
                    problem.help("leave the key away for one for each CPU that the process may use")
                })
            })
            .given()
            .map(|given| given.value),
        zone: context.zone.value().cloned(),
        pools: pools.into_iter().map(|pool| pool.plan).collect(),
        routes,
    }
}

/// Where the gateway is. Pools are resolved for it, before the rest of the main file is.
pub(crate) fn zone(gateway: &Gateway, reporter: &Reporter<'_>) -> Field<Arc<str>> {
    gateway.zone.parse(reporter, |text| token::zone(text))
}
