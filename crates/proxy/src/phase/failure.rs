//! An attempt has failed: what it came to, whether another follows, and what the client gets if not.

use http::header::CONTENT_LENGTH;
use http::{Method, StatusCode};
use pingora::http::ResponseHeader;
use pingora_core::{Error, ErrorSource, ErrorType};
use pingora_proxy::{FailToProxy, Session};
use switchback_core::Outcome;
use switchback_core::balance::Tried;
use switchback_core::outcome::{Fault, Sent, refusal};
use switchback_core::plan::Protocol;
use switchback_core::retry::{self, Decision, Situation, Stop};
use switchback_runtime::Gateway;
use switchback_telemetry::{Failure, Origin};

use crate::answer::{self, Failed};
use crate::ctx::{Connections, Ctx, Forward};
use crate::error;
use crate::error::Circumstances;
use crate::phase::connect::TOO_OLD;
use crate::phase::response::RETRY_ON_STATUS;

/// A connection could not be established.
pub(crate) fn connecting(
    gateway: &Gateway,
    session: &Session,
    ctx: &mut Ctx,
    mut error: Box<Error>,
) -> Box<Error> {
    let hurried = ctx.attempt.as_ref().is_some_and(|attempt| attempt.facts.hurried);
    let outcome = match error::connecting(&error) {
        Outcome::ConnectTimeout if hurried => Outcome::OutOfTime,
        outcome => outcome,
    };
    let detail = error::detail(&error, outcome);
    let retry = settle(gateway, session, ctx, outcome, detail);
    error.set_retry(retry);
    error
}

/// It failed on a connection, or was given up for its status.
pub(crate) fn proxying(
    gateway: &Gateway,
    session: &Session,
    ctx: &mut Ctx,
    mut error: Box<Error>,
) -> Box<Error> {
    if error.etype == RETRY_ON_STATUS {
        return error;
    }
    if error.etype == TOO_OLD {
        // Nothing has failed: the attempt goes on with another connection.
        error.set_retry(true);
        return error;
    }
    let Some(attempt) = ctx.attempt.as_ref() else {
        error.set_retry(false);
        return error;
    };
    let expired = ctx.watch.as_ref().is_some_and(|watch| watch.expired());
    let header_sent = header_sent(session).is_some();
    let shared =
        ctx.forward.as_ref().is_some_and(|forward| forward.pool.plan.protocol == Protocol::H2);
    let body_sent = body_sent(session);
    let circumstances = Circumstances { expired, header_sent, body_sent, shared };
    let outcome = error::proxying(&error, &attempt.facts, circumstances);
    let answered = attempt.facts.status.is_some();
    let detail = match (expired, answered) {
        (true, false) => "no header of an answer in time".to_owned(),
        (true, true) => "silent for too long".to_owned(),
        (false, _) => error::detail(&error, outcome),
    };
    let retry = settle(gateway, session, ctx, outcome, detail);
    error.set_retry(retry);
    error
}

/// Ends the attempt and tells whether another follows.
fn settle(
    gateway: &Gateway,
    session: &Session,
    ctx: &mut Ctx,
    outcome: Outcome,
    detail: String,
) -> bool {
    if outcome == Outcome::Completed {
        // An upgraded connection has come to its end; nothing is left to decide.
        end_attempt(gateway, ctx, outcome, None, None);
        return false;
    }
    let decision = decide(gateway, session, ctx, outcome);
    if outcome != Outcome::ClientGone && decision != Decision::Retry {
        give_up(ctx, outcome, decision);
    }
    end_attempt(gateway, ctx, outcome, Some(decision), Some(detail));
    decision == Decision::Retry
}

/// What follows if the attempt under way ends with this outcome.
pub(crate) fn decide(
    gateway: &Gateway,
    session: &Session,
    ctx: &Ctx,
    outcome: Outcome,
) -> Decision {
    let (Some(forward), Some(target)) = (ctx.forward.as_ref(), ctx.target()) else {
        return Decision::Stop(Stop::Final);
    };
    let sent = outcome.meaning().sent != Sent::No;
    let decision = retry::decide(
        &target.retry,
        &Situation {
            outcome,
            answer_begun: body_sent(session),
            repeatable: forward.request.repeatable,
            body_replayable: !session.as_ref().retry_buffer_truncated(),
            attempts_sent: forward.attempts_sent + u32::from(sent),
            endpoint_left: endpoint_left(ctx, outcome),
            may_wait: may_wait(forward),
            time_left: forward.deadline.is_none_or(|end| !gateway.clock.until(end).is_zero()),
        },
    );
    // The first retry of what burdened nobody is free; not where a whole pool was found out of reach.
    let free_used = forward.free_used || forward.request.last_resort;
    let costs = retry::draws_on_budget(outcome, free_used);
    if decision == Decision::Retry && costs && !forward.pool.grant_retry() {
        return Decision::Stop(Stop::Budget);
    }
    decision
}

/// Ends the attempt under way.
pub(crate) fn end_attempt(
    gateway: &Gateway,
    ctx: &mut Ctx,
    outcome: Outcome,
    decision: Option<Decision>,
    detail: Option<String>,
) {
    let Some(attempt) = ctx.attempt.take() else { return };
    let endpoint = attempt.endpoint();
    let mut record = attempt.end(outcome, detail, ctx.began, gateway.clock.now());
    record.decision = decision.map(Decision::as_str);
    ctx.attempted(record);
    if let Some(watch) = &ctx.watch {
        watch.off();
    }
    let Some(forward) = ctx.forward.as_mut() else { return };
    // Of an answer that was held, and will not be passed on.
    forward.passed_on = None;
    if let Some(decision) = decision {
        forward.pool.metrics.retry_decided(decision.as_str());
    }
    let sent = outcome.meaning().sent != Sent::No;
    forward.attempts_sent += u32::from(sent);
    let again = decision == Some(Decision::Retry);
    let burdens = retry::burdens(outcome);
    forward.free_used |= again && !burdens;
    forward.pause = false;
    if !retry::excludes_endpoint(outcome) {
        forward.connections = Connections::Fresh;
        return;
    }
    // What burdened nobody goes on at once.
    forward.pause = again && burdens;
    forward.pauses += u32::from(forward.pause);
    forward.request.tried.insert(endpoint);
    if again && !forward.pool.is_any_left(&forward.request.tried) {
        // It has been everywhere, and waits for somebody to come back.
        begin_again(forward);
    }
}

/// Lets a request go to those again that it has been to; `false`: it has been to nobody, or round often
/// enough.
pub(crate) fn begin_again(forward: &mut Forward) -> bool {
    if forward.rounds >= ROUNDS || forward.request.tried.iter().next().is_none() {
        return false;
    }
    forward.request.tried = Tried::default();
    forward.rounds += 1;
    true
}

/// The gateway's own answer, where none has begun.
pub(crate) async fn answer(session: &mut Session, error: &Error, ctx: &mut Ctx) -> FailToProxy {
    let refused = ctx.watch.as_ref().and_then(|watch| watch.refused());
    if let Some(refusal) = refused {
        ctx.refused(refusal);
    } else if ctx.failure.is_none() && !session.was_upgraded() {
        ctx.failure = Some(unexplained(error));
    }
    let begun = header_sent(session).is_some();
    let status = if begun { None } else { ctx.status.or_else(|| status(error)) };
    let reason = ctx.failure.as_ref().map_or(refusal::BAD_REQUEST, |failure| failure.reason);
    if let Some(status) = status {
        if let Some(watch) = &ctx.watch {
            watch.close_after();
        }
        // A client that cannot be answered is gone; there is nobody left to tell.
        let failed = Failed { status, reason, details: ctx.details, id: &ctx.id };
        let answer = answer::error(&failed, &session.req_header().headers, ctx.error_pages());
        let _ = answer::send(session, answer).await;
    }
    FailToProxy { error_code: status.unwrap_or(0), can_reuse_downstream: false }
}

fn give_up(ctx: &mut Ctx, outcome: Outcome, decision: Decision) {
    let meaning = outcome.meaning();
    let origin = match meaning.fault {
        Fault::Client => Origin::Client,
        _ => Origin::Gateway,
    };
    ctx.status = meaning.status;
    ctx.stopped_by_a_limit = decision.is_by_a_limit();
    ctx.failure = Some(Failure {
        reason: meaning.reason,
        detail: None,
        origin,
        decision: Some(decision.as_str()),
        pool: ctx.forward.as_ref().map(|forward| forward.pool.standing()),
    });
}

/// The header of the answer that has gone to the client. Interim answers are none: the client waits
/// for the final one.
pub(crate) fn header_sent(session: &Session) -> Option<&ResponseHeader> {
    session.response_written().filter(|answer| {
        !answer.status.is_informational() || answer.status == StatusCode::SWITCHING_PROTOCOLS
    })
}

/// Whether the client has what another endpoint's answer cannot take the place of: something of the
/// answer's body, an answer that has none and so is complete, or what is no HTTP any more.
fn body_sent(session: &Session) -> bool {
    session.was_upgraded()
        || session.as_downstream().body_bytes_sent() > 0
        || header_sent(session).is_some_and(|answer| has_no_body(session, answer))
}

/// Whether the answer ends with its header (RFC 9112, section 6.3).
fn has_no_body(session: &Session, answer: &ResponseHeader) -> bool {
    session.req_header().method == Method::HEAD
        || matches!(answer.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
        || answer.headers.get(CONTENT_LENGTH).is_some_and(|length| length == "0")
}

/// Whether an endpoint is left once the attempt under way has ended with this outcome.
fn endpoint_left(ctx: &Ctx, outcome: Outcome) -> bool {
    let (Some(forward), Some(attempt)) = (ctx.forward.as_ref(), ctx.attempt.as_ref()) else {
        return false;
    };
    if !retry::excludes_endpoint(outcome) {
        return true;
    }
    if forward.rounds > 0 && forward.request.last_resort {
        // It has been everywhere, has waited in vain, and was tried once more for all that.
        return false;
    }
    let mut tried = forward.request.tried.clone();
    tried.insert(attempt.endpoint());
    forward.pool.is_any_left(&tried)
}

/// How often a request that has been everywhere goes round again, as long as it may wait.
const ROUNDS: u32 = 8;

/// Whether the request may wait for an endpoint that it has tried to come back.
fn may_wait(forward: &Forward) -> bool {
    let queue = &forward.pool.plan.queue;
    queue.size > 0 && forward.waited < queue.timeout && forward.rounds < ROUNDS
}

/// The failure of a request that no attempt explains: the client broke it, or we did.
fn unexplained(error: &Error) -> Failure {
    let (reason, origin) = match (error.esource(), error.etype()) {
        (
            ErrorSource::Downstream,
            ErrorType::ReadError
            | ErrorType::WriteError
            | ErrorType::WriteTimedout
            | ErrorType::ConnectionClosed,
        ) => (Outcome::ClientGone.meaning().reason, Origin::Client),
        (ErrorSource::Downstream, _) => (refusal::BAD_REQUEST, Origin::Client),
        _ => (Outcome::Abandoned.meaning().reason, Origin::Gateway),
    };
    Failure { reason, detail: None, origin, decision: None, pool: None }
}

/// The status for an error that no outcome explains; `None` if there is nobody to answer.
fn status(error: &Error) -> Option<u16> {
    match (error.esource(), error.etype()) {
        (_, ErrorType::HTTPStatus(status)) => Some(*status),
        (
            ErrorSource::Downstream,
            ErrorType::ReadError
            | ErrorType::WriteError
            | ErrorType::WriteTimedout
            | ErrorType::ConnectionClosed,
        ) => None,
        (ErrorSource::Downstream, ErrorType::ReadTimedout) => Some(408),
        (ErrorSource::Downstream, _) => Some(400),
        _ => Some(500),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_that_takes_nothing_is_gone_over_either_protocol() {
        for kind in [ErrorType::WriteError, ErrorType::WriteTimedout] {
            let failure = unexplained(&Error::new_down(kind));
            assert_eq!((failure.reason, failure.origin), ("client_gone", Origin::Client));
        }
    }
}
