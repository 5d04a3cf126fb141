//! The next attempt: an endpoint, the guard around it, and how Pingora is to connect.

use pingora_core::upstreams::peer::HttpPeer;
use pingora_core::{Error, ErrorType, Result};
use pingora_proxy::Session;
use switchback_core::outcome::refusal;
use switchback_runtime::Gateway;
use switchback_telemetry::{Failure, Origin};

use crate::ctx::Ctx;
use crate::peer::peer;

/// Picks an endpoint and begins an attempt.
pub(crate) fn endpoint(
    gateway: &Gateway,
    session: &Session,
    ctx: &mut Ctx,
) -> Result<Box<HttpPeer>> {
    let Some(forward) = ctx.forward.as_ref() else {
        return Err(unavailable(ctx, 500, refusal::DESTINATION_UNAVAILABLE));
    };
    let time_left = forward.deadline.map(|deadline| gateway.clock.until(deadline));
    if time_left.is_some_and(|left| left.is_zero()) {
        return Err(unavailable(ctx, 504, refusal::DEADLINE));
    }
    let Some(attempt) = forward.pool.begin(&forward.tried) else {
        return Err(unavailable(ctx, 503, refusal::DESTINATION_UNAVAILABLE));
    };
    let connect = forward.pool.plan.timeouts.connect;
    let connect = time_left.map_or(connect, |left| connect.min(left));
    let mut peer = peer(&forward.pool.plan, attempt.address(), forward.fresh, connect);
    if session.is_upgrade_req() {
        peer.options.read_timeout = Some(forward.pool.plan.timeouts.tunnel);
    }
    ctx.attempt = Some(attempt);
    Ok(peer)
}

fn unavailable(ctx: &mut Ctx, status: u16, reason: &'static str) -> Box<Error> {
    ctx.status = Some(status);
    ctx.failure = Some(Failure {
        reason,
        origin: Origin::Gateway,
        decision: None,
        pool: ctx.forward.as_ref().map(|forward| forward.pool.standing()),
    });
    Error::explain(ErrorType::HTTPStatus(status), reason).into_in()
}
