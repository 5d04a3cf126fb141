//! The request on its way to the endpoint.

use http::header::{CONNECTION, HOST, HeaderValue, UPGRADE};
use http::{StatusCode, Version};
use pingora::http::RequestHeader;
use pingora_core::{OrErr, Result};
use pingora_proxy::Session;
use switchback_core::plan::Protocol;
use switchback_runtime::Gateway;

use crate::ctx::{Connections, Ctx};
use crate::headers::{X_REQUEST_ID, client_cert};
use crate::tls::ClientCertificate;
use crate::{hop, identity, trace};

/// Says in the client's own header what its endpoints are told of it: once, for all attempts, behind whatever reads
/// what the client itself has said. Not where Connection names fields, which Pingora removes from the header of
/// each attempt, so that a client could have ours removed; nor where each endpoint gets a Host of its own.
pub(crate) fn tell_once(session: &mut Session, ctx: &mut Ctx) -> Result<()> {
    if ctx.nominates || !ctx.has.host {
        return Ok(());
    }
    let proof = ClientCertificate::in_digest(session.digest()).cloned();
    tell(session.req_header_mut(), proof.as_ref(), ctx)?;
    ctx.told = true;
    Ok(())
}

/// Tells who sends the request, and what it is called.
fn tell(request: &mut RequestHeader, proof: Option<&ClientCertificate>, ctx: &Ctx) -> Result<()> {
    client_cert(request, proof)?;
    let address = ctx.connection.as_ref().map(|connection| connection.address()).transpose()?;
    identity::tell(request, &ctx.sender(), &ctx.generation.plan, address)?;
    hop::count(request)?;
    let id = HeaderValue::from_bytes(ctx.id.as_bytes());
    request.insert_header(X_REQUEST_ID.as_str(), id.or_fail()?)
}

/// Completes the header of an attempt; Pingora has removed what is hop-by-hop, but for a Connection that names
/// no fields.
pub(crate) fn request_header(
    gateway: &Gateway,
    session: &mut Session,
    request: &mut RequestHeader,
    ctx: &mut Ctx,
) -> Result<()> {
    if !ctx.told {
        // HTTP/1.0 need not name one; HTTP/1.1, which the endpoint gets, must.
        if !request.headers.contains_key(HOST) {
            request.insert_header(HOST, endpoint_host(ctx)?)?;
        }
        tell(request, ClientCertificate::in_digest(session.digest()), ctx)?;
    }
    if ctx.has.trace || ctx.trace.is_some() {
        trace::tell(request, ctx.trace.as_ref(), ctx.attempt_number())?;
    }
    // A connection of HTTP/2 has no such field; that of an upgrade is the client's.
    let own = ctx.forward.as_ref().filter(|it| it.pool.plan.protocol == Protocol::Http1);
    if own.is_none() {
        hop::to_http2(&session.req_header().headers, request)?;
    } else if session.req_header().version == Version::HTTP_2 {
        hop::join_cookies(request)?;
    }
    let upgrade = ctx.upgrade && request.headers.contains_key(UPGRADE);
    if let Some(forward) = own.filter(|_| !upgrade) {
        if forward.connections == Connections::Fresh {
            request.insert_header(CONNECTION, "close")?;
        } else if ctx.attempt.as_ref().is_some_and(|attempt| !attempt.facts.reused) {
            // Asked for it, Apache httpd tells how long it keeps the connection. Once is enough.
            request.insert_header(CONNECTION, "keep-alive")?;
        } else if ctx.has.connection {
            request.remove_header(&CONNECTION);
        }
    }
    if ctx.expects_continue
        && let (Some(watch), Some(forward)) = (&ctx.watch, &ctx.forward)
    {
        // The client waits for the endpoint, which is to say whether it wants the body.
        watch.until(gateway.clock.now() + forward.pool.plan.timeouts.first_byte);
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
    if ctx.expects_continue
        && let Some(watch) = &ctx.watch
    {
        watch.client_waits(false);
        watch.off();
    }
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
