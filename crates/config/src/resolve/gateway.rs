//! The main file, with the pools, to a [`Plan`].

use std::net::SocketAddr;
use std::sync::Arc;

use switchback_core::plan::{
    AccessLogPlan, AdminAddress, AdminPlan, ErrorPages, ListenerPlan, LogSink, Plan,
};

use super::front::{Front, front};
use super::limits::limits;
use super::listener::{collide, listener_address, listeners, warn_of_hidden};
use super::route::Routes;
use super::{Catalog, Outside, Resolved};
use crate::decode::{Field, Given, OrTable};
use crate::diagnostic::{Problem, Reporter, quote};
use crate::schema::Gateway;
use crate::suggest;
use crate::value::{duration, number, token};

/// What `access_log` can be, beside a mapping.
pub(crate) const ACCESS_LOGS: &[(&str, LogSink)] =
    &[("stdout", LogSink::Stdout), ("off", LogSink::Off)];

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
    let admin = admin(file, &listeners, reporter);
    let routes = match &file.routes {
        Field::Bad => Vec::new(),
        Field::Given(list) if !list.value.is_empty() => {
            let (catalog, expressions) = (context.catalog, Default::default());
            Routes { reporter, catalog, pools: &pools, expressions }.all(list)
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
        access_log: AccessLogPlan { to: access_log(file, context), ..AccessLogPlan::default() },
        tracing: None,
        error_pages: ErrorPages::default(),
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

fn admin(file: &Gateway, listeners: &[Given<ListenerPlan>], reporter: &Reporter<'_>) -> AdminPlan {
    let default = SocketAddr::from(([127, 0, 0, 1], 9900));
    let address = match &file.admin {
        Field::Given(admin) => {
            if admin.value.address.is_missing() {
                let problem = Problem::new("`admin` has no `address`", "the key is missing here");
                reporter.error(
                    admin.span,
                    problem.help(format!("write `admin: {{ address: {} }}`", default)),
                );
            }
            listener_address(&admin.value.address, reporter)
        }
        _ => Field::Missing,
    };
    let wanted = address.given().map_or(default, |given| given.value);
    if let Some(listener) =
        listeners.iter().find(|listener| collide(listener.value.address, wanted))
    {
        let help = "choose another port for one of them";
        match address.given() {
            Some(given) => {
                let problem = Problem::new(
                    format!("admin and a listener share {wanted}"),
                    "only one of them could be bound",
                );
                reporter
                    .error(given.span, problem.related(listener.span, "the listener").help(help));
            }
            None if file.admin.is_missing() => {
                let message = format!("the listener takes the admin address, {wanted}");
                let problem = Problem::new(
                    message,
                    "this is where the admin listener is unless `admin` says otherwise",
                );
                let help = "choose another port for the listener, or set `admin: { address: 127.0.0.1:9901 }`";
                reporter.error(listener.span, problem.help(help));
            }
            None => {}
        }
    }
    AdminPlan { at: AdminAddress::Tcp(wanted), token: None }
}

fn access_log(file: &Gateway, context: &Context<'_>) -> LogSink {
    let reporter = context.reporter;
    let parsed = file.access_log.parse(reporter, |log| match log {
        OrTable::Text(text) => {
            if let Some((_, plan)) = ACCESS_LOGS.iter().find(|(word, _)| word == text) {
                return Ok(plan.clone());
            }
            let near = suggest::nearest(text, ACCESS_LOGS.iter().map(|(word, _)| *word));
            let label = match near {
                Some(near) => format!("did you mean `{near}`?"),
                None => "not one of the choices".to_owned(),
            };
            Err(Problem::new(format!("unknown `access_log` {}", quote(text)), label)
                .help("write `stdout`, `off`, or `{ file: PATH }`"))
        }
        OrTable::Table(table) => match &table.file {
            Field::Bad => Ok(LogSink::default()),
            Field::Missing => {
                Err(Problem::new("`access_log` has no `file`", "the key is missing here")
                    .help("write `stdout`, `off`, or `{ file: PATH }`"))
            }
            Field::Given(path) if path.value.is_empty() => {
                Err(Problem::new("the path of the access log is empty", "a file is wanted"))
            }
            Field::Given(path) => Ok(LogSink::File(context.outside.base.join(&path.value))),
        },
    });
    parsed.or(LogSink::default())
}
