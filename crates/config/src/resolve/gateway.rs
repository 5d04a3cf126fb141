//! The main file, with the pools, to a [`Plan`].

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use switchback_core::plan::{AccessLogPlan, AdminPlan, DrainPlan, ListenerPlan, Plan};

use super::route::Routes;
use super::{Catalog, Resolved};
use crate::decode::{Field, Given, OrTable};
use crate::diagnostic::{Problem, Reporter, quote};
use crate::schema::{self, Gateway};
use crate::source::Span;
use crate::suggest;
use crate::value::address::{self, Owner};
use crate::value::{duration, number, token};

/// Beyond this, whoever stops the process rather kills it.
const LONG_DELAY: Duration = Duration::from_secs(60);

/// What a main file is read against.
pub(crate) struct Context<'a> {
    /// The folder that its paths are relative to.
    pub(crate) base: &'a Path,
    pub(crate) catalog: &'a Catalog,
    /// Where the gateway is.
    pub(crate) zone: &'a Field<Arc<str>>,
    pub(crate) reporter: &'a Reporter<'a>,
}

/// The plan. It is good if nothing has been reported as an error.
pub(crate) fn plan(gateway: &Given<Gateway>, pools: Vec<Resolved>, context: &Context<'_>) -> Plan {
    let reporter = context.reporter;
    let file = &gateway.value;
    let listeners = listeners(file, gateway.span, reporter);
    let admin = admin(file, &listeners, reporter);
    let routes = match &file.routes {
        Field::Bad => Vec::new(),
        Field::Given(list) if !list.value.is_empty() => {
            Routes { reporter, catalog: context.catalog, pools: &pools }.all(list)
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
    Plan {
        listeners: listeners
            .into_iter()
            .map(|given| ListenerPlan { address: given.value })
            .collect(),
        admin,
        trusted_proxies: proxies(file, reporter),
        access_log: access_log(file, context),
        drain: drain(&file.drain, reporter),
        threads: file
            .threads
            .parse(reporter, |value| number::count("threads", *value, 1024))
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

fn listeners(file: &Gateway, whole: Span, reporter: &Reporter<'_>) -> Vec<Given<SocketAddr>> {
    let help = "write for example `listeners: [ 0.0.0.0:8080 ]`";
    let list = match &file.listeners {
        Field::Bad => return Vec::new(),
        Field::Missing => {
            reporter.error(
                whole,
                Problem::new("there are no `listeners`", "the key is missing in this file")
                    .help(help),
            );
            return Vec::new();
        }
        Field::Given(list) => list,
    };
    if list.value.is_empty() {
        reporter.error(
            list.span,
            Problem::new("there are no listeners", "the list is empty").help(help),
        );
    }
    let mut listeners: Vec<Given<SocketAddr>> = Vec::new();
    for entry in list.value.iter().filter_map(Field::given) {
        let text = match &entry.value {
            OrTable::Text(text) => Field::Given(Given { value: text.clone(), span: entry.span }),
            OrTable::Table(schema::Listener { address }) => address.clone(),
        };
        if text.is_missing() {
            let problem =
                Problem::new("a listener has no `address`", "the key is missing in this entry");
            reporter.error(entry.span, problem.help("write `- address: 0.0.0.0:8080`"));
        }
        let Field::Given(address) = listener_address(&text, reporter) else {
            continue;
        };
        if let Some(other) = listeners.iter().find(|other| collide(other.value, address.value)) {
            let message = format!("two listeners on {}", address.value);
            let problem = Problem::new(message, "only one of them could be bound")
                .related(other.span, "the first one")
                .help("remove one, or choose another port");
            reporter.error(address.span, problem);
            continue;
        }
        listeners.push(address);
    }
    listeners
}

fn listener_address(field: &Field<String>, reporter: &Reporter<'_>) -> Field<SocketAddr> {
    field.parse(reporter, |text| address::parse(Owner::Listener, text))
}

/// Whether two listeners want the same socket. Every address of a family contains each of it.
fn collide(one: SocketAddr, other: SocketAddr) -> bool {
    let (a, b) = (one.ip(), other.ip());
    let every = a.is_unspecified() || b.is_unspecified();
    one.port() == other.port() && (a == b || every && a.is_ipv4() == b.is_ipv4())
}

fn admin(file: &Gateway, listeners: &[Given<SocketAddr>], reporter: &Reporter<'_>) -> AdminPlan {
    let default = AdminPlan::default();
    let address = match &file.admin {
        Field::Given(admin) => {
            if admin.value.address.is_missing() {
                let problem = Problem::new("`admin` has no `address`", "the key is missing here");
                reporter.error(
                    admin.span,
                    problem.help(format!("write `admin: {{ address: {} }}`", default.address)),
                );
            }
            listener_address(&admin.value.address, reporter)
        }
        _ => Field::Missing,
    };
    let wanted = address.given().map_or(default.address, |given| given.value);
    if let Some(listener) = listeners.iter().find(|listener| collide(listener.value, wanted)) {
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
    AdminPlan { address: wanted }
}

fn proxies(file: &Gateway, reporter: &Reporter<'_>) -> Vec<ipnet::IpNet> {
    let entries = file.trusted_proxies.value().map(Vec::as_slice).unwrap_or_default();
    let networks = entries.iter().map(|entry| {
        let parsed = entry.parse(reporter, |text| address::network(text));
        parsed.given().map(|Given { value: network, span }| {
            if network.addr() != network.network() {
                let message = format!("`{network}` is an address inside of a network");
                let label = format!("read as the network `{}`", network.trunc());
                let help = format!(
                    "write `{}`, or `{}` for the one address",
                    network.trunc(),
                    network.addr()
                );
                reporter.warn(*span, Problem::new(message, label).help(help));
            }
            network.trunc()
        })
    });
    networks.flatten().collect()
}

fn access_log(file: &Gateway, context: &Context<'_>) -> AccessLogPlan {
    let reporter = context.reporter;
    let parsed = file.access_log.parse(reporter, |log| match log {
        OrTable::Text(text) if text == "stdout" => Ok(AccessLogPlan::Stdout),
        OrTable::Text(text) if text == "off" => Ok(AccessLogPlan::Off),
        OrTable::Text(text) => {
            let near = suggest::nearest(text, ["stdout", "off"]);
            let label = match near {
                Some(near) => format!("did you mean `{near}`?"),
                None => "not one of the choices".to_owned(),
            };
            Err(Problem::new(format!("unknown `access_log` {}", quote(text)), label)
                .help("write `stdout`, `off`, or `{ file: PATH }`"))
        }
        OrTable::Table(table) => match &table.file {
            Field::Bad => Ok(AccessLogPlan::default()),
            Field::Missing => {
                Err(Problem::new("`access_log` has no `file`", "the key is missing here")
                    .help("write `stdout`, `off`, or `{ file: PATH }`"))
            }
            Field::Given(path) if path.value.is_empty() => {
                Err(Problem::new("the path of the access log is empty", "a file is wanted"))
            }
            Field::Given(path) => Ok(AccessLogPlan::File(context.base.join(&path.value))),
        },
    });
    parsed.or(AccessLogPlan::default())
}

fn drain(field: &Field<schema::Drain>, reporter: &Reporter<'_>) -> DrainPlan {
    let default = DrainPlan::default();
    let Some(drain) = field.value() else {
        return default;
    };
    let delay = drain.delay.parse(reporter, |text| duration::parse_or_zero("delay", text));
    if let Some(given) = delay.given().filter(|given| given.value > LONG_DELAY) {
        let label = format!(
            "for {}, a stopping gateway goes on as if nothing had happened",
            duration::display(given.value)
        );
        let help = "5s covers two failed probes of a load balancer in front; most supervisors kill after 30s to 90s";
        reporter
            .warn(given.span, Problem::new("`delay` is longer than a minute", label).help(help));
    }
    DrainPlan {
        delay: delay.or(default.delay),
        timeout: drain
            .timeout
            .parse(reporter, |text| duration::parse("timeout", text))
            .or(default.timeout),
    }
}
