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
use crate::headers;
use crate::phase::failure;

/// The error by which an answer is given up for another attempt.
pub(crate) const RETRY_ON_STATUS: ErrorType = ErrorType::Custom("answer counts as a failure");

/// Looks at the answer's header. An `Err` gives the answer up for another attempt, and costs the
/// connection; so it is made only when another attempt will follow.
pub(crate) fn header(
    gateway: &Gateway,
    session: &Session,
    answer: &mut ResponseHeader,
    ctx: &mut Ctx,
) -> Result<()> {
    let interim =
        answer.status.is_informational() && answer.status != StatusCode::SWITCHING_PROTOCOLS;
    if interim {
        return Ok(());
    }
    let status = answer.status.as_u16();
    if let Some(attempt) = ctx.attempt.as_mut() {
        attempt.answered(status);
    }
    if ctx
        .target()
        .is_some_and(|target| target.retry.statuses.contains(status))
    {
        let decision = failure::decide(gateway, session, ctx, Outcome::FailureStatus);
        if decision == Decision::Retry {
            failure::end_attempt(ctx, Outcome::FailureStatus, decision, None);
            let mut error = Error::new_up(RETRY_ON_STATUS);
            error.set_retry(true);
            return Err(error);
        }
        if let Some(forward) = ctx.forward.as_mut() {
            forward.passed_on = Some((Outcome::FailureStatus, decision.as_str()));
        }
    }
    headers::strip_hop_by_hop(answer);
    Ok(())
}

/// An HTTP/1.0 client knows no chunked coding: what has no length ends with the connection.
pub(crate) fn for_client(session: &Session, answer: &mut ResponseHeader) {
    if session.req_header().version == Version::HTTP_10 {
        answer.remove_header(&TRANSFER_ENCODING);
    }
}
