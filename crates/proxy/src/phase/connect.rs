//! A connection to the endpoint stands.

use std::time::Duration;

use pingora_core::protocols::Digest;
use pingora_core::{Error, ErrorType, Result};
use switchback_core::plan::Protocol;
use switchback_runtime::{Connection, Gateway};

use crate::ctx::{Connections, Ctx};

/// The error by which a connection is given up for another one, before anything is sent.
pub(crate) const TOO_OLD: ErrorType = ErrorType::Custom("connection idle for too long");

/// Notes whether the connection was reused, and how long it took to stand. An `Err` gives up one that the
/// endpoint may be about to close, if the request could not be repeated then.
pub(crate) fn established(
    gateway: &Gateway,
    ctx: &mut Ctx,
    reused: bool,
    descriptor: i32,
    digest: Option<&Digest>,
) -> Result<()> {
    let (Some(attempt), Some(forward)) = (ctx.attempt.as_mut(), ctx.forward.as_ref()) else {
        return Ok(());
    };
    let took = || {
        let layers = digest?.timing_digest.iter().flatten();
        Some(layers.filter_map(|layer| layer.establishment_duration).sum())
    };
    // What is known of another connection, that was too old, is not of this one.
    (attempt.facts.connection, attempt.facts.idle) = (None, None);
    attempt.facts.reused = reused;
    attempt.facts.connect = if reused { Some(Duration::ZERO) } else { took() };
    attempt.connected(reused);
    // Of HTTP/2 a connection is shared, and its end is announced (GOAWAY).
    let own = forward.pool.plan.protocol == Protocol::Http1;
    let connection = Connection::of(descriptor).filter(|_| own);
    if let Some(connection) = connection.filter(|_| reused) {
        let idle = forward.pool.idle().since(connection, gateway.clock.now());
        let young = || idle.is_some_and(|idle| attempt.may_reuse(idle));
        if forward.connections == Connections::Young && !young() {
            return Err(Error::new_up(TOO_OLD));
        }
        attempt.facts.idle = idle;
    }
    attempt.facts.connection = connection;
    attempt.goes_over(reused);
    Ok(())
}
