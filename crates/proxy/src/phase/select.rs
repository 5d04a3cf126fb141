//! The next attempt: an endpoint, the guard around it, and how Pingora is to connect.

use std::net::SocketAddr;
use std::time::Duration;

use http::header::{CONTENT_LENGTH, EXPECT};
use pingora::http::RequestHeader;
use pingora_core::upstreams::peer::{HttpPeer, HttpUpstreamRequestPolicy};
use pingora_core::{Error, ErrorType, Result};
use pingora_proxy::Session;
use switchback_core::outcome::refusal;
use switchback_core::retry::wait_before;
use switchback_core::{Outcome, Timestamp};
use switchback_runtime::{Attempt, Begin, Gateway, PoolHandle, random, verify_by_address};
use switchback_telemetry::metrics::Wait;
use switchback_telemetry::{Failure, Origin};
use switchback_wire::proxy_protocol::Addresses;
use tokio::time::timeout;

use crate::ctx::{Ctx, Forward};
use crate::peer::peer;
use crate::phase::failure::begin_again;

/// By how much Pingora's timeout for reads from endpoints, which runs too while a client pauses in its
/// request, is longer than clients may pause: it must never come before the limits that the client's
/// stream keeps, nor blame the endpoint for a client that pauses.
const MARGIN: Duration = Duration::from_secs(1);

/// Why there is no attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum No {
    /// Nobody is left to be tried.
    Endpoint,
    /// Everybody is full, and stays so for longer than the request may wait.
    Room,
    /// The request's time is over.
    Time,
    /// The client has gone.
    Client,
}

/// Begins an attempt at an endpoint, after what it has to wait for: the backoff, and an endpoint that is
/// free or back.
pub(crate) async fn endpoint(
    gateway: &Gateway,
    session: &mut Session,
    ctx: &mut Ctx,
) -> Result<Box<HttpPeer>> {
    let mut now = gateway.clock.now();
    // An attempt that is under way had a connection which was too old, and gets another one.
    if ctx.attempt.is_none() {
        match attempt(gateway, session, ctx, &mut now).await {
            Ok(attempt) => ctx.attempt = Some(attempt),
            Err(no) => return Err(unavailable(ctx, no)),
        }
    }
    let time_left = time_left(ctx, now);
    let proxied = proxied(ctx);
    let request_timeout = ctx.target().map(|target| target.request_timeout);
    let (Some(forward), Some(attempt)) = (ctx.forward.as_ref(), ctx.attempt.as_mut()) else {
        return Err(unavailable(ctx, No::Endpoint));
    };
    attempt.facts.receiving = forward.deadline.is_none();
    let patience = forward.pool.plan.timeouts.connect;
    let connect = time_left.map_or(patience, |left| patience.min(left));
    let fair = request_timeout.map_or(patience, |limit| patience.min(limit));
    attempt.facts.hurried = connect < fair / 2;
    let mut peer =
        peer(&forward.pool.plan, attempt.address(), forward.connections, connect, proxied);
    if let Some(tls) = &forward.pool.tls {
        tls.apply(&mut peer);
        verify_by_address(&mut peer);
    }
    peer.options.read_timeout = if ctx.upgrade && session.is_upgrade_req() {
        Some(forward.pool.plan.timeouts.tunnel)
    } else if forward.bodyless && ctx.watch.is_some() {
        // Behind such a request Pingora always reads the client, whose stream keeps every limit; a timer
        // for each read would be set in vain.
        None
    } else {
        let pause = ctx.generation.plan.limits.body_timeout + MARGIN;
        peer.options.read_timeout.max(Some(pause))
    };
    if !ctx.has_hop_by_hop() {
        // It would look for ten fields that are not there.
        peer.options.http_upstream_request_policy = HttpUpstreamRequestPolicy::preserve();
    }
    Ok(peer)
}

/// What is said of the client's connection to a pool that wants PROXY headers. Of a client that somebody
/// else speaks for, the port is not known.
fn proxied(ctx: &Ctx) -> Option<Addresses> {
    ctx.forward.as_ref()?.pool.plan.proxy_protocol?;
    let connection = ctx.connection.as_ref()?;
    let itself = connection.client.ip().to_canonical() == ctx.client.to_canonical();
    let port = if itself { connection.client.port() } else { 0 };
    let source = SocketAddr::new(ctx.client, port);
    Some(Addresses { source, destination: connection.local })
}

/// Begins an attempt. `now` is put forward by the time that is waited for it.
async fn attempt(
    gateway: &Gateway,
    session: &mut Session,
    ctx: &mut Ctx,
    now: &mut Timestamp,
) -> Result<Attempt, No> {
    let pause = pause(ctx);
    if !pause.is_zero() {
        let pause = time_left(ctx, *now).map_or(pause, |left| pause.min(left));
        while_there(session, tokio::time::sleep(pause)).await?;
        *now = gateway.clock.now();
    }
    let forward = ctx.forward.as_mut().ok_or(No::Endpoint)?;
    let began = *now;
    if forward.deadline.is_some_and(|deadline| deadline <= began) {
        return Err(No::Time);
    }
    let first = !std::mem::replace(&mut forward.counted, true);
    match begin(forward, first, began) {
        Begin::Attempt(attempt) => return Ok(attempt),
        Begin::Nobody => return Err(No::Endpoint),
        Begin::Wait => {}
    }
    let pool = forward.pool.clone();
    let patience = pool.plan.queue.timeout.saturating_sub(forward.waited);
    let patience = forward.deadline.map_or(patience, |deadline| patience.min(deadline - began));
    let waited = wait(gateway, session, &pool, forward, patience).await;
    *now = gateway.clock.now();
    forward.waited += *now - began;
    if let Some(attempt) = waited? {
        return Ok(attempt);
    }
    if forward.deadline.is_some_and(|deadline| deadline <= *now) {
        return Err(No::Time);
    }
    // Nobody has come back. Rather than make a failure up, the request goes to one who may be.
    forward.request.last_resort = true;
    match begin(forward, false, *now) {
        Begin::Attempt(attempt) => Ok(attempt),
        Begin::Nobody => Err(No::Endpoint),
        Begin::Wait => Err(No::Room),
    }
}

/// Begins an attempt. Whoever was left when the last one failed may have been taken out by a reload since;
/// then those count again that the request has been to.
fn begin(forward: &mut Forward, first: bool, now: Timestamp) -> Begin {
    match forward.pool.begin(&forward.request, first, now) {
        Begin::Nobody if begin_again(forward) => forward.pool.begin(&forward.request, false, now),
        begun => begun,
    }
}

/// How long to wait before the next attempt.
fn pause(ctx: &Ctx) -> Duration {
    let (Some(forward), Some(target)) = (ctx.forward.as_ref(), ctx.target()) else {
        return Duration::ZERO;
    };
    if !forward.pause {
        return Duration::ZERO;
    }
    random::with(|rng| wait_before(forward.pauses, &target.retry, rng))
}

/// Waits in the pool's queue; `None`: in vain.
async fn wait(
    gateway: &Gateway,
    session: &mut Session,
    pool: &std::sync::Arc<PoolHandle>,
    forward: &Forward,
    patience: Duration,
) -> Result<Option<Attempt>, No> {
    let began = gateway.clock.now();
    let result = |result| pool.metrics.wait_ended(result, gateway.clock.now() - began);
    if patience.is_zero() || pool.plan.queue.size == 0 {
        return Ok(None);
    }
    let Some(mut waiting) = pool.wait(&forward.request) else {
        result(Wait::Full);
        return Ok(None);
    };
    let granted = while_there(session, timeout(patience, waiting.attempt())).await;
    let granted = granted.inspect_err(|_| result(Wait::ClientGone))?.ok();
    let granted = match granted {
        None => waiting.give_up().await,
        granted => granted,
    };
    result(if granted.is_some() { Wait::Granted } else { Wait::TimedOut });
    Ok(granted)
}

/// The longest body that is taken in while its request waits: what Pingora keeps to send it again.
const KEPT: usize = 64 * 1024;

/// Waits for something, and stops when the client goes away. That can be seen only behind the request's
/// body, which is taken in meanwhile if it can be kept; of a longer one, or one of which nobody knows the
/// length, it cannot be seen.
async fn while_there<T>(session: &mut Session, work: impl Future<Output = T>) -> Result<T, No> {
    if !session.as_mut().is_body_done() {
        if !can_be_kept(session.req_header()) {
            return Ok(work.await);
        }
        session.as_mut().enable_retry_buffering();
    }
    let mut work = std::pin::pin!(work);
    loop {
        let received = session.as_mut().is_body_done();
        tokio::select! {
            biased;
            done = &mut work => return Ok(done),
            // Behind the body it ends only when the client does: what else it sends is its next
            // request, and kept.
            read = session.as_mut().read_body_or_idle(received) => match read {
                Ok(_) if !received => {}
                _ => return Err(No::Client),
            },
        }
    }
}

/// Whether a request's body is short enough to be kept, and on its way without having been asked for.
fn can_be_kept(request: &RequestHeader) -> bool {
    let length = request.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    let length = length.and_then(|length| length.parse::<usize>().ok());
    length.is_some_and(|length| length <= KEPT) && !request.headers.contains_key(EXPECT)
}

fn time_left(ctx: &Ctx, now: Timestamp) -> Option<Duration> {
    Some(ctx.forward.as_ref()?.deadline?.saturating_since(now))
}

fn unavailable(ctx: &mut Ctx, no: No) -> Box<Error> {
    let (status, reason, origin) = match no {
        No::Endpoint => (503, refusal::DESTINATION_UNAVAILABLE, Origin::Gateway),
        No::Room => (503, refusal::OVERLOADED, Origin::Gateway),
        No::Time => (504, refusal::DEADLINE, Origin::Gateway),
        No::Client => (499, Outcome::ClientGone.meaning().reason, Origin::Client),
    };
    ctx.status = (no != No::Client).then_some(status);
    ctx.failure = Some(Failure {
        reason,
        detail: None,
        origin,
        decision: None,
        pool: ctx.forward.as_ref().map(|forward| forward.pool.standing()),
    });
    if no == No::Client {
        return Error::explain(ErrorType::ConnectionClosed, reason).into_down();
    }
    Error::explain(ErrorType::HTTPStatus(status), reason).into_in()
}
