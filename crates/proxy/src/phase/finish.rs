//! The request has ended: the last attempt, the metrics, and one line of the access log.

use http::Version;
use pingora_core::Error;
use pingora_proxy::Session;
use switchback_core::Outcome;
use switchback_core::retry::{Decision, Stop};
use switchback_runtime::Gateway;
use switchback_telemetry::{AccessRecord, Failure, Origin, Text};

use crate::ctx::Ctx;

/// Accounts for the request.
pub(crate) fn request(gateway: &Gateway, session: &Session, error: Option<&Error>, ctx: &mut Ctx) {
    end_last_attempt(error, ctx);
    let status = session
        .response_written()
        .map(|answer| answer.status.as_u16());
    let duration = gateway.clock.now() - ctx.began;
    let metrics = ctx.generation.route_metrics(ctx.route);
    metrics.request_finished(status, duration);
    if error.is_none() && ctx.failure.is_none() && ctx.attempts.len() > 1 {
        metrics.request_rescued();
    }
    if let Some(failure) = &ctx.failure {
        let alternatives = failure.decision.is_some_and(alternatives);
        gateway
            .metrics
            .client_error(failure.origin, alternatives, failure.reason);
    }
    if gateway.access_log.is_off() {
        return;
    }
    let header = session.req_header();
    let text = |bytes: &[u8]| Text::new(bytes);
    let host = header
        .headers
        .get(http::header::HOST)
        .map(|host| text(host.as_bytes()));
    gateway.access_log.log(Box::new(AccessRecord {
        time: ctx.time,
        id: ctx.id.clone(),
        client: ctx.client,
        method: text(header.method.as_str().as_bytes()),
        host: host.or_else(|| {
            header
                .uri
                .authority()
                .map(|host| text(host.as_str().as_bytes()))
        }),
        path: text(header.uri.path().as_bytes()),
        status,
        bytes_in: session.as_downstream().body_bytes_read() as u64,
        bytes_out: session.as_downstream().body_bytes_sent() as u64,
        duration,
        route: ctx
            .route
            .map(|route| ctx.generation.route(route).plan.name.clone()),
        pool: ctx
            .forward
            .as_ref()
            .map(|forward| forward.pool.plan.name.clone()),
        protocol: protocol(header.version),
        attempts: std::mem::take(&mut ctx.attempts),
        failure: ctx.failure.take(),
    }));
}

/// An attempt that is still open has gone through, or was left by the client.
fn end_last_attempt(error: Option<&Error>, ctx: &mut Ctx) {
    let Some(attempt) = ctx.attempt.take() else {
        return;
    };
    let passed_on = ctx
        .forward
        .as_mut()
        .and_then(|forward| forward.passed_on.take());
    let (outcome, decision) = match (error, passed_on) {
        (Some(_), _) => (Outcome::Abandoned, None),
        (None, Some((outcome, decision))) => (outcome, Some(decision)),
        (None, None) => (Outcome::Completed, None),
    };
    if decision.is_some() && ctx.failure.is_none() {
        ctx.failure = Some(Failure {
            reason: outcome.meaning().reason,
            origin: Origin::Endpoint,
            decision,
            pool: ctx.forward.as_ref().map(|forward| forward.pool.standing()),
        });
    }
    let mut record = attempt.end(outcome, None);
    record.decision = decision;
    ctx.attempts.push(record);
}

/// Whether a request that stopped for this reason could have been tried elsewhere: the promise that
/// was not kept. A limit that the operator set stops it; that nothing was left, or that repeating it
/// could have done harm, does not.
fn alternatives(decision: &'static str) -> bool {
    [Stop::Off, Stop::AttemptsUsedUp]
        .iter()
        .any(|&stop| Decision::Stop(stop).as_str() == decision)
}

fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "h2",
        _ => "HTTP/1.1",
    }
}
