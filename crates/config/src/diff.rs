//! What a reload would change, in words an operator would use.
//!
//! One comparison for everybody who tells of it: `switchback diff`, the log at each reload, the admin
//! API. It compares two *effective* configurations, that is what [`crate::Loaded::effective`] prints,
//! with every default filled in. So a new default of another version shows, and a shorthand that was
//! written out does not.
//!
//! The comparison is of the trees as they are, and does not know which keys there are: none can be
//! forgotten, and none that another version has. What is known of some keys is what follows for the
//! operator ([`words`]), what cannot change without a restart ([`needs_restart`]) and by what the entries
//! of a list are the same: endpoints and listeners by address, routes by host and path, pools by name.
//! Their order means nothing and is not told, but for regular expressions of one host and length, of
//! which the first wins. Values that a route has only from its pool are told at the pool, and what each
//! endpoint has alike from its pool, once.
//!
//! Comparing the plans instead was rejected: each key would need its line here, and the running gateway
//! may be on another machine and of another version. Comparing lines was, too: an endpoint in another
//! place would be a change, and `interval: 5s` says nothing without its pool.
//!
//! Documents that are equal as text are not parsed. Everything else is linear in the size of the
//! texts.
//!
//! A value of a [secret](crate::effective::secret) is in no sentence and in no field. Texts from outside are
//! escaped where they are shown.

mod change;
mod changes;
mod configured;
mod endpoint;
mod gateway;
mod pool;
mod route;
mod stream;
mod tree;
mod value;
mod words;

use std::collections::HashSet;

pub use change::{Action, Change, Subject};
pub use changes::Changes;
pub use configured::configured;
pub use stream::{NotEffective, Side};

use crate::Loaded;
use stream::Stream;

/// Compares two effective configurations, with their secrets or with fingerprints in place of them.
///
/// # Errors
///
/// If a text is no effective configuration. Where the two are equal, that is found out by a look at
/// their heads only.
pub fn diff(running: &str, next: &str) -> Result<Changes, NotEffective> {
    compare(&Stream::new(running, Side::Running)?, &Stream::new(next, Side::Next)?)
}

/// Compares two configurations that were loaded: [`diff()`] of what they print.
///
/// # Errors
///
/// Never, unless what [`Loaded::effective`] prints cannot be read again.
pub fn loaded(running: &Loaded, next: &Loaded) -> Result<Changes, NotEffective> {
    diff(&running.effective(), &next.effective())
}

fn compare(running: &Stream<'_>, next: &Stream<'_>) -> Result<Changes, NotEffective> {
    let mut list = Vec::new();
    if !running.main().same(next.main()) {
        let (old, new) = (running.main().tree()?, next.main().tree()?);
        gateway::gateway(old, new, (running, next), &mut list);
    }
    for pool in next.pools() {
        match running.pool(pool.name) {
            None => list.push(pool::added(pool.name, pool.tree()?)),
            Some(old) if old.same(pool) => {}
            Some(old) => pool::pool(pool.name, old.tree()?, pool.tree()?, &mut list),
        }
    }
    let names: HashSet<_> = next.pools().iter().map(|pool| pool.name).collect();
    for pool in running.pools().iter().filter(|pool| !names.contains(pool.name)) {
        list.push(pool::removed(pool.name, pool.tree()?));
    }
    if !running.main().same(next.main()) {
        route::routes(running, next, &mut list)?;
    }
    Ok(Changes::new(list))
}

/// Keys of a listener that the next connection goes by.
const APPLIED: &[&str] = &[
    "listeners.http2",
    "listeners.proxy_protocol",
    "listeners.readiness",
    "listeners.tls.certificates",
    "listeners.tls.client_certificates",
    "listeners.tls.min_version",
];

/// Whether a change of this key of the main file, or of one below it, is in force only after a restart,
/// so that a reload with it is refused.
///
/// Sockets, threads and what writes logs and traces are made once, at the start. What a listener does with its connections is not among
/// them, but for whether it has TLS at all.
fn needs_restart(key: &str) -> bool {
    let is_below = |above: &str| {
        key.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    if APPLIED.iter().any(|key| is_below(key)) {
        return false;
    }
    ["listeners", "admin.address", "admin.socket", "threads", "access_log", "tracing"]
        .into_iter()
        .any(is_below)
}
