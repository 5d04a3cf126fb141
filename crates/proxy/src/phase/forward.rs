//! The request on its way to the endpoint.

use std::fmt::Write;

use http::StatusCode;
use http::header::{CONNECTION, HOST, HeaderValue, UPGRADE};
use pingora::http::RequestHeader;
use pingora_core::{OrErr, Result};
use pingora_proxy::Session;
use switchback_core::plan::Protocol;
use switchback_runtime::Gateway;

use crate::ctx::{Connections, Ctx};
use crate::headers::{
    FORWARDED, X_FORWARDED_FOR, X_FORWARDED_HOST, X_FORWARDED_PROTO, X_REQUEST_ID,
};

/// Completes the request's header; Pingora has removed what is hop-by-hop.
pub(crate) fn request_header(
    gateway: &Gateway,
    session: &mut Session,
    request: &mut RequestHeader,
    ctx: &mut Ctx,
) -> Result<()> {
    let given = if ctx.from_trusted {
        let fields = request.headers.get_all(&X_FORWARDED_FOR);
        fields.iter().filter_map(|value| value.to_str().ok()).collect::<Vec<_>>().join(", ")
    } else {
        request.remove_header(&FORWARDED);
        request.remove_header(&X_FORWARDED_PROTO);
        request.remove_header(&X_FORWARDED_HOST);
        String::new()
    };
    let mut forwarded_for = given;
    if !forwarded_for.is_empty() {
        forwarded_for.push_str(", ");
    }
    // Writing to a string cannot fail.
    let _ = write!(forwarded_for, "{}", ctx.connected.to_canonical());
    request.insert_header(X_FORWARDED_FOR.clone(), forwarded_for)?;
    if !request.headers.contains_key(&X_FORWARDED_PROTO) {
        let scheme = if ctx.to_us_over_tls { "https" } else { "http" };
        request.insert_header(X_FORWARDED_PROTO.clone(), scheme)?;
    }
    match request.headers.get(HOST).cloned() {
        Some(host) if !request.headers.contains_key(&X_FORWARDED_HOST) => {
            request.insert_header(X_FORWARDED_HOST.clone(), host)?;
        }
        Some(_) => {}
        // HTTP/1.0 need not name one; HTTP/1.1, which the endpoint gets, must.
        None => request.insert_header(HOST, endpoint_host(ctx)?)?,
    }
    let id = HeaderValue::from_bytes(ctx.id.as_bytes());
    request.insert_header(X_REQUEST_ID.clone(), id.or_fail()?)?;
    // A connection of HTTP/2 has no such field; that of an upgrade is the client's.
    let own = ctx.forward.as_ref().filter(|it| it.pool.plan.protocol == Protocol::Http1);
    if let Some(forward) = own.filter(|_| !request.headers.contains_key(UPGRADE)) {
        if forward.connections == Connections::Fresh {
            request.insert_header(CONNECTION, "close")?;
        } else if ctx.attempt.as_ref().is_some_and(|attempt| !attempt.facts.reused) {
            // Asked for it, Apache httpd tells how long it keeps the connection. Once is enough.
            request.insert_header(CONNECTION, "keep-alive")?;
        }
    }
    // Of a request without a body nothing more is heard on HTTP/2.
    if own.is_none() && session.as_mut().is_body_empty() {
        await_answer(gateway, ctx);
    }
    Ok(())
}

/// Notes the proof that the header was written, because Pingora reads the body only after; and at the
/// body's end sets the time limit for the answer.
pub(crate) fn request_body(gateway: &Gateway, end: bool, ctx: &mut Ctx) {
    let Some(attempt) = ctx.attempt.as_mut() else { return };
    attempt.facts.header_written = true;
    if !end {
        return;
    }
    if let Some(status) = attempt.facts.status {
        // The answer had begun before the request had ended: from now on only the endpoint is awaited.
        if status != StatusCode::SWITCHING_PROTOCOLS
            && let (Some(watch), Some(forward)) = (&ctx.watch, &ctx.forward)
        {
            watch.while_moving(forward.pool.plan.timeouts.idle);
        }
        return;
    }
    await_answer(gateway, ctx);
}

/// From now on the endpoint alone is awaited, and not for ever.
fn await_answer(gateway: &Gateway, ctx: &mut Ctx) {
    let now = gateway.clock.now();
    let limit = ctx.target().map(|target| target.request_timeout);
    let (Some(attempt), Some(forward), Some(limit)) =
        (ctx.attempt.as_mut(), ctx.forward.as_mut(), limit)
    else {
        return;
    };
    attempt.facts.receiving = false;
    attempt.facts.awaited_since = Some(now);
    let deadline = *forward.deadline.get_or_insert(now + limit);
    let first_byte = forward.pool.plan.timeouts.first_byte;
    attempt.facts.hurried = deadline - now < first_byte.min(limit) / 2;
    if let Some(watch) = &ctx.watch {
        watch.until(deadline.min(now + first_byte));
    }
}

fn endpoint_host(ctx: &Ctx) -> Result<HeaderValue> {
    let named = ctx.forward.as_ref().and_then(|forward| forward.pool.plan.host.as_deref());
    let address = ctx.attempt.as_ref().map(|attempt| attempt.address().to_string());
    let host = named.or(address.as_deref()).unwrap_or("");
    HeaderValue::from_str(host).or_fail()
}
