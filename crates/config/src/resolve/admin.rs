//! `admin`: where operators connect, and what they show.

use std::path::PathBuf;

use switchback_core::plan::{AdminAddress, AdminPlan, ListenerPlan, Secret};

use super::gateway::Context;
use super::listener::{collide, listener_address};
use crate::decode::{Field, Given};
use crate::diagnostic::{Problem, Reporter, quote};
use crate::schema::{self, Gateway};
use crate::source::Span;
use crate::value::token;

/// The longest path that fits into a socket's address, on Linux 107 bytes and a zero, while it is made: then
/// a dot and the number of the process, of up to seven digits, stand behind it.
const LONGEST: usize = 107 - 8;

/// The admin listener; what is wrong is reported.
pub(super) fn admin(
    file: &Gateway,
    listeners: &[Given<ListenerPlan>],
    context: &Context<'_>,
) -> AdminPlan {
    let reporter = context.reporter;
    let none = schema::Admin::default();
    let given = file.admin.given();
    let table = given.map_or(&none, |given| &given.value);
    if let Some(given) = given {
        one_place(given, reporter);
    }
    let token = token(table, reporter);
    let socket = table.socket.parse(reporter, |text| socket(text, context));
    if let Field::Given(Given { value: path, .. }) = socket {
        // Of a second address enough has been said.
        return AdminPlan { at: AdminAddress::Unix(path), token };
    }
    let default = AdminPlan::default();
    if !table.socket.is_missing() {
        return AdminPlan { token, ..default };
    }
    let address = listener_address(&table.address, reporter);
    let at = address.given().map_or(default.at, |given| AdminAddress::Tcp(given.value));
    let address = address.given().map(|given| given.span);
    apart(&at, address, file.admin.is_missing(), listeners, reporter);
    AdminPlan { at, token }
}

/// Reports what says not just one of `address` and `socket`.
fn one_place(admin: &Given<schema::Admin>, reporter: &Reporter<'_>) {
    let Given { value: schema::Admin { address, socket, .. }, span } = admin;
    match (address, socket) {
        (Field::Missing, Field::Missing) => {
            let label = "one of the two keys is missing here";
            let problem = Problem::new("`admin` has no `address` and no `socket`", label);
            let help = format!("write `admin: {{ address: {} }}`", AdminAddress::default());
            reporter.error(*span, problem.help(help));
        }
        (Field::Given(address), Field::Given(socket)) => {
            let message = "`address` and `socket` exclude each other";
            let problem = Problem::new(message, "the admin listener is in one place")
                .related(address.span, "the other one")
                .help("keep one");
            reporter.error(socket.span, problem);
        }
        _ => {}
    }
}

fn token(admin: &schema::Admin, reporter: &Reporter<'_>) -> Option<Secret> {
    if let (Some(given), Some(socket)) = (admin.token.given(), admin.socket.given()) {
        let label = "who may open a socket is said by the permissions of its file and folders";
        let problem = Problem::new("`token` is not for a `socket`", label)
            .related(socket.span, "the socket")
            .help("remove the token, or write `address` in place of `socket`");
        reporter.error(given.span, problem);
        return None;
    }
    let token = admin.token.parse(reporter, |text| token::bearer(text));
    token.value().cloned()
}

fn socket(text: &str, context: &Context<'_>) -> Result<PathBuf, Problem> {
    if text.is_empty() {
        return Err(Problem::new("the path of `socket` is empty", "a path is wanted")
            .help("write for example `run/admin.sock`"));
    }
    let path = context.outside.base.join(text);
    let bytes = path.as_os_str().as_encoded_bytes();
    let label = if bytes.contains(&0) {
        "a zero byte is in it".to_owned()
    } else if bytes.len() > LONGEST {
        format!("it has {} bytes, and {LONGEST} are the most", bytes.len())
    } else {
        return Ok(path);
    };
    let message = format!("{} is no path of a socket", quote(&path.to_string_lossy()));
    Err(Problem::new(message, label).help("write for example `/run/switchback/admin.sock`"))
}

/// Reports a listener on the socket of the admin listener; `address`: where that has been said.
fn apart(
    at: &AdminAddress,
    address: Option<Span>,
    is_silent: bool,
    listeners: &[Given<ListenerPlan>],
    reporter: &Reporter<'_>,
) {
    let AdminAddress::Tcp(wanted) = *at else { return };
    let is_same = |listener: &&Given<ListenerPlan>| collide(listener.value.address, wanted);
    let Some(listener) = listeners.iter().find(is_same) else {
        return;
    };
    match address {
        Some(span) => {
            let message = format!("admin and a listener share {wanted}");
            let problem = Problem::new(message, "only one of them could be bound")
                .related(listener.span, "the listener")
                .help("choose another port for one of them");
            reporter.error(span, problem);
        }
        None if is_silent => {
            let message = format!("the listener takes the admin address, {wanted}");
            let label = "this is where the admin listener is unless `admin` says otherwise";
            let help =
                "choose another port for the listener, or set `admin: { address: 127.0.0.1:9901 }`";
            reporter.error(listener.span, Problem::new(message, label).help(help));
        }
        None => {}
    }
}
