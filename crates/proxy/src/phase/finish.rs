//! The request has ended: the last attempt, the metrics, and one line of the access log.

use std::time::Duration;

use http::Version;
use http::header::EXPECT;
use pingora_core::{Error, ErrorSource, ErrorType};
use pingora_proxy::Session;
use switchback_core::retry::Decision;
use switchback_core::{Outcome, Timestamp};
use switchback_runtime::Gateway;
use switchback_telemetry::{Failure, Origin};

use crate::ctx::Ctx;
use crate::phase::request::record;

/// How long what a client is still sending is read after its answer, so that the answer is not lost
/// in the reset that unread bytes cause (RFC 9112, section 9.6).
const LINGER: Duration = Duration::from_secs(2);

/// Accounts for the request.
pub(crate) fn request(gateway: &Gateway, session: &Session, error: Option<&Error>, ctx: &mut Ctx) {
    ctx.accounted = true;
    if let Some(watch) = &ctx.watch {
        watch.off();
    }
    let now = gateway.clock.now();
    end_last_attempt(error, ctx, now);
    let status = session.response_written().map(|answer| answer.status.as_u16());
    let metrics = ctx.generation.route_metrics(ctx.route);
    metrics.request_finished(status, now - ctx.began);
    match &ctx.failure {
        Some(failure) => {
            let well = failure.pool.is_some_and(|pool| pool.healthy > 0);
            let alternatives = well && ctx.stopped_by_a_limit;
            gateway.metrics.client_error(failure.origin, alternatives, failure.reason);
        }
        None if ctx.attempts.len() > 1 => metrics.request_rescued(),
        None => {}
    }
    if ctx.record.is_none() && (ctx.failure.is_some() || ctx.attempts.len() > 1) {
        // Nobody logs it, but it is remembered.
        ctx.record = Some(Box::new(record(session.req_header(), ctx, &gateway.access_log)));
    }
    if let Some(record) = &mut ctx.record {
        record.status = status;
        record.bytes_in = session.as_downstream().body_bytes_read() as u64;
        record.bytes_out = session.as_downstream().body_bytes_sent() as u64;
    }
    ctx.log(now);
}

/// Reads, for a moment, what a client still sends of a request that has its answer. One that waits to
/// be told to send its body sends nothing.
pub(crate) async fn linger(session: &mut Session, error: Option<&Error>, ctx: &Ctx) {
    // Who is refused goes on sending all the same.
    let refused = ctx.watch.as_ref().is_some_and(|watch| watch.refused().is_some());
    let gone = error.is_some_and(|error| {
        let is_status = matches!(error.etype(), ErrorType::HTTPStatus(_));
        *error.esource() == ErrorSource::Downstream && !refused && !is_status
    });
    if gone || session.was_upgraded() || session.as_mut().is_body_done() {
        return;
    }
    if session.req_header().headers.contains_key(EXPECT) {
        return;
    }
    if session.req_header().version != Version::HTTP_2 {
        // It learns at once that nothing more comes.
        session.as_mut().shutdown().await;
    }
    session.set_total_drain_timeout(Some(LINGER));
    // Whatever it brings, the connection closes.
    let _ = session.as_mut().drain_request_body().await;
}

/// An attempt that is still open has gone through, or was left by the client.
fn end_last_attempt(error: Option<&Error>, ctx: &mut Ctx, now: Timestamp) {
    let Some(attempt) = ctx.attempt.take() else { return };
    let passed_on = ctx.forward.as_mut().and_then(|forward| forward.passed_on.take());
    let (outcome, decision) = match (error, passed_on) {
        (Some(_), _) => (Outcome::Abandoned, None),
        (None, Some((outcome, decision))) => (outcome, Some(decision)),
        (None, None) => (Outcome::Completed, None),
    };
    if let (Some(decision), Some(forward)) = (decision, ctx.forward.as_ref()) {
        forward.pool.metrics.retry_decided(decision.as_str());
        ctx.stopped_by_a_limit = decision.is_by_a_limit();
        ctx.failure = Some(Failure {
            reason: outcome.meaning().reason,
            detail: None,
            origin: Origin::Endpoint,
            decision: Some(decision.as_str()),
            pool: Some(forward.pool.standing()),
        });
    }
    let mut record = attempt.end(outcome, None, ctx.began, now);
    record.decision = decision.map(Decision::as_str);
    ctx.attempted(record);
}
