//! The endpoint has answered: pass it on, or go elsewhere while nothing has been passed on.

use http::header::{TRANSFER_ENCODING, UPGRADE};
use http::{StatusCode, Version};
use pingora::http::ResponseHeader;
use pingora_core::{Error, ErrorType, Result};
use pingora_proxy::Session;
use switchback_core::Outcome;
use switchback_core::plan::Protocol;
use switchback_core::retry::Decision;
use switchback_runtime::Gateway;

use crate::ctx::Ctx;
use crate::headers::Framing;
use crate::phase::failure;
use crate::{error, headers, sound, sticky};

/// The error by which an answer is given up for another attempt.
pub(crate) const RETRY_ON_STATUS: ErrorType = ErrorType::Custom("answer counts as a failure");

/// Looks at the answer's header. An `Err` gives the answer up for another attempt, and costs the
/// connection; so it is made only when another attempt will follow.
pub(crate) fn header(
    gateway: &Gateway,
    session: &mut Session,
    answer: &mut ResponseHeader,
    ctx: &mut Ctx,
) -> Result<()> {
    let interim =
        answer.status.is_informational() && answer.status != StatusCode::SWITCHING_PROTOCOLS;
    let has = Framing::of(&answer.headers);
    let websocket = ctx.upgrade && asked_for_websocket(session);
    let mut fault = sound::fault(answer, has, websocket);
    if interim && let Some(attempt) = ctx.attempt.as_mut() {
        attempt.facts.answer_begun = true;
        attempt.facts.interim = attempt.facts.interim.saturating_add(1);
        if attempt.facts.interim > sound::INTERIM {
            fault = Some("too many interim answers");
        }
        let body_is_due = answer.status == StatusCode::CONTINUE && ctx.receiving();
        if let Some(watch) = ctx.watch.as_ref().filter(|_| body_is_due) {
            watch.client_waits(false);
            watch.off();
        }
    }
    if let Some(fault) = fault {
        return Err(Error::explain(ErrorType::InvalidHTTPHeader, fault).into_up());
    }
    if interim {
        headers::strip_hop_by_hop(answer, has, false);
        return Ok(());
    }
    if let Some(watch) = ctx.watch.as_ref().filter(|_| gateway.drain.leaving()) {
        watch.close_after();
    }
    let status = answer.status.as_u16();
    let fails = ctx.target().is_some_and(|target| target.retry.statuses.contains(status));
    if let Some(attempt) = ctx.attempt.as_mut() {
        let lasting = !fails && headers::may_last(answer, has);
        attempt.answered(status, lasting, gateway.clock.now());
        attempt.facts.keeps_alive = headers::keeps_alive(answer, has);
        if fails {
            attempt.facts.retry_after = headers::retry_after(answer, gateway.clock.wall());
        }
    }
    if fails {
        let decision = failure::decide(gateway, session, ctx, Outcome::FailureStatus);
        if decision == Decision::Retry {
            failure::end_attempt(gateway, ctx, Outcome::FailureStatus, Some(decision), None);
            let mut error = Error::new_up(RETRY_ON_STATUS);
            error.set_retry(true);
            return Err(error);
        }
        if let Some(forward) = ctx.forward.as_mut() {
            forward.passed_on = Some((Outcome::FailureStatus, decision));
        }
        // RFC 9209, section 2.3.3: whose answer it is. The endpoint may have said something of its own.
        let received = format!("switchback; received-status={status}");
        answer.append_header(headers::PROXY_STATUS.clone(), received)?;
    }
    headers::strip_hop_by_hop(answer, has, passes_trailers(session, ctx));
    // The client may have a header already, of an answer whose body never came. This one takes its
    // place if its header is the same; Pingora does not send it again.
    if let Some(begun) = failure::header_sent(session) {
        sticky::keep_as_begun(ctx, answer)?;
        if !headers::same_answer(begun, answer) {
            return Err(Error::new_up(error::ANSWER_DIFFERS));
        }
    } else {
        sticky::keep(ctx, answer)?;
    }
    if let (Some(watch), Some(forward)) = (&ctx.watch, &ctx.forward) {
        // Who waited to be told to send its body has its answer, and is waited for no longer than others.
        watch.client_waits(false);
        let timeouts = &forward.pool.plan.timeouts;
        if answer.status == StatusCode::SWITCHING_PROTOCOLS {
            watch.while_moving(timeouts.tunnel);
        } else if session.as_mut().is_body_done() {
            watch.while_moving(timeouts.idle);
        } else {
            // A client that pauses in the middle of its request is not the endpoint's silence.
            watch.off();
        }
    }
    Ok(())
}

/// The answer has come to its end. Its client may still be busy with it for long.
pub(crate) fn received(ctx: &mut Ctx) {
    if let Some(attempt) = ctx.attempt.as_mut() {
        attempt.received();
    }
}

/// Whether the endpoint was asked to speak WebSocket; Pingora lets no other upgrade through.
fn asked_for_websocket(session: &Session) -> bool {
    let protocol = session.req_header().headers.get(UPGRADE).filter(|_| session.is_upgrade_req());
    protocol.is_some_and(|protocol| protocol.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// Whether Pingora passes trailers of the answer on: from HTTP/2 to HTTP/2 alone.
fn passes_trailers(session: &Session, ctx: &Ctx) -> bool {
    let h2 = ctx.forward.as_ref().is_some_and(|it| it.pool.plan.protocol == Protocol::H2);
    h2 && session.req_header().version == Version::HTTP_2
}

/// An HTTP/1.0 client knows no chunked coding: what has no length ends with the connection.
pub(crate) fn for_client(session: &Session, answer: &mut ResponseHeader) {
    if session.req_header().version == Version::HTTP_10 {
        answer.remove_header(&TRANSFER_ENCODING);
    }
}
