//! The entries of `listeners`.

use std::net::SocketAddr;
use std::sync::Arc;

use switchback_core::plan::{Behind, ListenerPlan, RoutePlan};
use switchback_core::route::PathPattern;

use super::front::Front;
use super::gateway::Context;
use super::tls;
use crate::decode::{Field, Given, OrTable};
use crate::diagnostic::{Problem, Reporter, quote};
use crate::schema::{self, Gateway};
use crate::source::Span;
use crate::value::address::{self, Owner};
use crate::value::name;

/// The listeners, no two on the same socket, each with the place of its address; what is wrong is
/// reported. `whole`: where to speak of the file.
pub(super) fn listeners(
    file: &Gateway,
    whole: Span,
    front: &Front,
    context: &Context<'_>,
) -> Vec<Given<ListenerPlan>> {
    let reporter = context.reporter;
    let help = "write for example `listeners: [ 0.0.0.0:8080 ]`";
    let list = match &file.listeners {
        Field::Bad => return Vec::new(),
        Field::Missing => {
            let problem =
                Problem::new("there are no `listeners`", "the key is missing in this file");
            reporter.error(whole, problem.help(help));
            return Vec::new();
        }
        Field::Given(list) => list,
    };
    if list.value.is_empty() {
        let problem = Problem::new("there are no listeners", "the list is empty");
        reporter.error(list.span, problem.help(help));
    }
    let mut listeners: Vec<Given<ListenerPlan>> = Vec::new();
    for entry in list.value.iter().filter_map(Field::given) {
        let plain = schema::Listener::default();
        let (text, table) = match &entry.value {
            OrTable::Text(text) => {
                (Field::Given(Given { value: text.clone(), span: entry.span }), &plain)
            }
            OrTable::Table(table) => (table.address.clone(), table),
        };
        if text.is_missing() {
            let problem =
                Problem::new("a listener has no `address`", "the key is missing in this entry");
            reporter.error(entry.span, problem.help("write `- address: 0.0.0.0:8080`"));
        }
        let tls = tls::tls(&table.tls, context);
        let proxy_protocol = proxy_protocol(&table.proxy_protocol, front, reporter);
        let readiness = readiness(&table.readiness, reporter);
        let Field::Given(address) = listener_address(&text, reporter) else {
            continue;
        };
        let same = |other: &&Given<ListenerPlan>| collide(other.value.address, address.value);
        if let Some(other) = listeners.iter().find(same) {
            let message = format!("two listeners on {}", address.value);
            let problem = Problem::new(message, "only one of them could be bound")
                .related(other.span, "the first one")
                .help("remove one, or choose another port");
            reporter.error(address.span, problem);
            continue;
        }
        let default = ListenerPlan::plain(address.value);
        let plan = ListenerPlan {
            tls,
            http2: table.http2.clone().or(default.http2),
            proxy_protocol,
            readiness: readiness.given().map(|given| given.value.clone()),
            ..default
        };
        listeners.push(Given { value: plan, span: address.span });
    }
    listeners
}

/// Whether connections begin with a PROXY header, which somebody must be believed.
fn proxy_protocol(field: &Field<bool>, front: &Front, reporter: &Reporter<'_>) -> bool {
    let is_on = field.clone().or(false);
    if let Some(given) = field.given().filter(|given| given.value && front.trusts_nobody) {
        let message = "`proxy_protocol` while no proxy is trusted";
        let label = "nobody's header would be believed, so every connection would be refused";
        let whose = match front.behind {
            Behind::AwsNlb => "the balancer's subnets",
            _ => "the networks of who sends the header",
        };
        let help = format!("name {whose}: `trusted_proxies: [ 10.0.0.0/16 ]`");
        reporter.error(given.span, Problem::new(message, label).help(help));
    }
    is_on
}

fn readiness(field: &Field<String>, reporter: &Reporter<'_>) -> Field<Arc<str>> {
    field.parse(reporter, |text| {
        name::path_pattern(text, PathPattern::exact).map(|_| Arc::from(text.as_str()))
    })
}

/// Warns of routes that no request reaches, because a listener answers readiness at their path.
pub(super) fn warn_of_hidden(file: &Gateway, routes: &[RoutePlan], reporter: &Reporter<'_>) {
    let entries = file.listeners.value().map(Vec::as_slice).unwrap_or_default();
    let tables = entries.iter().filter_map(|entry| match entry.value()? {
        OrTable::Text(_) => None,
        OrTable::Table(table) => table.readiness.given(),
    });
    for Given { value: path, span } in tables {
        let is_hidden = |route: &&RoutePlan| matches!(&route.path, PathPattern::Exact(exact) if **exact == **path);
        let problem = match routes.iter().find(is_hidden) {
            Some(route) => {
                let message = format!("`readiness` hides the route {}", quote(&route.name));
                Problem::new(message, "this listener answers itself, before it looks for a route")
            }
            None if path == "/" => {
                let message = "`readiness` hides the first page of every host";
                Problem::new(message, "this listener answers itself, before it looks for a route")
            }
            None => continue,
        };
        reporter.warn(*span, problem.help("choose a path that no application has: `/readyz`"));
    }
}

pub(super) fn listener_address(
    field: &Field<String>,
    reporter: &Reporter<'_>,
) -> Field<SocketAddr> {
    field.parse(reporter, |text| address::parse(Owner::Listener, text))
}

/// Whether two listeners want the same socket. Every address of a family contains each of it.
pub(super) fn collide(one: SocketAddr, other: SocketAddr) -> bool {
    let (a, b) = (one.ip(), other.ip());
    let every = a.is_unspecified() || b.is_unspecified();
    one.port() == other.port() && (a == b || every && a.is_ipv4() == b.is_ipv4())
}
