//! The entries of `listeners`.

use std::net::SocketAddr;

use switchback_core::plan::ListenerPlan;

use super::gateway::Context;
use super::tls;
use crate::decode::{Field, Given, OrTable};
use crate::diagnostic::{Problem, Reporter};
use crate::schema::{self, Gateway};
use crate::source::Span;
use crate::value::address::{self, Owner};

/// The listeners, no two on the same socket, each with the place of its address; what is wrong is
/// reported. `whole`: where to speak of the file.
pub(super) fn listeners(
    file: &Gateway,
    whole: Span,
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
        let plan = ListenerPlan { tls, ..ListenerPlan::plain(address.value) };
        listeners.push(Given { value: plan, span: address.span });
    }
    listeners
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
