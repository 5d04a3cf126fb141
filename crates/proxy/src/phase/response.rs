//! The endpoint has answered: pass it on, or go elsewhere while nothing has been passed on.

use http::header::TRANSFER_ENCODING;
use http::{StatusCode, Version};
use pingora::http::ResponseHeader;
use pingora_core::{Error, ErrorType, Result};
use pingora_proxy::Session;
use switchback_core::Outcome;
use switchback_core::retry::Decision;
use switchback_runtime::Gateway;

use crate::ctx::Ctx;
use crate::phase::failure;
use crate::{error, headers, sticky};

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
    if interim {
        if let Some(attempt) = ctx.attempt.as_mut() {
            attempt.facts.answer_begun = true;
        }
        headers::strip_hop_by_hop(answer);
        return Ok(());
    }
    if let Some(why) = unsound(session, answer) {
        return Err(Error::explain(ErrorType::InvalidHTTPHeader, why).into_up());
    }
    let status = answer.status.as_u16();
    let fails = ctx.target().is_some_and(|target| target.retry.statuses.contains(status));
    if let Some(attempt) = ctx.attempt.as_mut() {
        attempt.answered(status, !fails && headers::may_last(answer));
        attempt.facts.keeps_alive = headers::keeps_alive(answer);
        if fails {
            attempt.facts.retry_after = headers::retry_after(answer, gateway.clock.wall());
        }
    }
    if fails {
        let decision = failure::decide(gateway, session, ctx, Outcome::FailureStatus);
        if decision == Decision::Retry {
            failure::end_attempt(ctx, Outcome::FailureStatus, Some(decision), None);
            let mut error = Error::new_up(RETRY_ON_STATUS);
            error.set_retry(true);
            return Err(error);
        }
        if let Some(forward) = ctx.forward.as_mut() {
            forward.passed_on = Some((Outcome::FailureStatus, decision));
        }
    }
    headers::strip_hop_by_hop(answer);
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
        let timeouts = &forward.pool.plan.timeouts;
        if answer.status == StatusCode::SWITCHING_PROTOCOLS {
            watch.while_moving(timeouts.tunnel);
            // Pingora would cut a client off that says nothing for a minute, whatever the endpoint says.
            session.as_downstream_mut().set_read_timeout(None);
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

/// Why an answer cannot be passed on: a protocol that nobody asked for, or a framing that Pingora would
/// pass on without framing the body so (RFC 9112, section 6.1).
fn unsound(session: &Session, answer: &ResponseHeader) -> Option<&'static str> {
    if answer.status == StatusCode::SWITCHING_PROTOCOLS && !session.is_upgrade_req() {
        return Some("101 to a request that asked for no upgrade");
    }
    let mut codings = answer.headers.get_all(TRANSFER_ENCODING).iter();
    let coding = codings.next()?.as_bytes().trim_ascii();
    let sound = coding.eq_ignore_ascii_case(b"chunked") && codings.next().is_none();
    (!sound).then_some("a Transfer-Encoding other than chunked")
}

/// An HTTP/1.0 client knows no chunked coding: what has no length ends with the connection.
pub(crate) fn for_client(session: &Session, answer: &mut ResponseHeader) {
    if session.req_header().version == Version::HTTP_10 {
        answer.remove_header(&TRANSFER_ENCODING);
    }
}
