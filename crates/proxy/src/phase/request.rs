//! A request has been read: who sends it, what is refused, and which route it takes.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use http::Version;
use http::header::{CONTENT_LENGTH, HOST, HeaderName, REFERER, UPGRADE, USER_AGENT};
use pingora::http::RequestHeader;
use pingora_core::{Error, ErrorType, Result};
use pingora_proxy::Session;
use switchback_core::outcome::refusal;
use switchback_core::plan::{Action, LogField, Target};
use switchback_core::pool::PickRequest;
use switchback_core::retry::repeatable;
use switchback_runtime::{Gateway, random};
use switchback_telemetry::access::Attempts;
use switchback_telemetry::{AccessLog, AccessRecord, Failure, Origin, Text};
use switchback_wire::Refusal;

use crate::answer::{self, Failed};
use crate::ctx::{Ctx, Forward};
use crate::edge::BODY_TOO_LARGE;
use crate::phase::forward;
use crate::{admission, client, hash_key, headers, hop, id, sticky, trace};

/// Notes who sends the request, drops what may not be believed, and refuses what goes nowhere.
pub(crate) fn admit(gateway: &Gateway, session: &mut Session, ctx: &mut Ctx) -> Result<()> {
    let connected = ctx.connection.as_ref().map(|it| it.client.ip());
    let connected = connected.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    let trusted = &ctx.generation.plan.trusted_proxies;
    ctx.from_trusted = !trusted.is_empty() && client::is_trusted(connected, trusted);
    ctx.connected = connected;
    let header = session.req_header_mut();
    let underscores = ctx.generation.plan.underscores;
    let mut has = admission::drop_fields(header, ctx.from_trusted, underscores);
    admission::name_host(header, &mut has)?;
    if has.upgrade && !ctx.upgrade {
        // Pingora looks at this field alone. Not named by Connection it is meant for nobody (RFC 9110,
        // section 7.8), and behind a body nobody could tell where the other protocol begins.
        header.remove_header(&UPGRADE);
    }
    ctx.has = has;
    ctx.nominates = has.connection && admission::nominates(&header.headers);
    let said = ctx.from_trusted.then(|| client::said(connected, &header.headers, trusted));
    ctx.client = said.map_or(connected, |said| said.address);
    ctx.to_us_over_tls = ctx.connection.as_ref().is_some_and(|it| it.tls);
    ctx.over_tls = said.and_then(|said| said.over_tls).unwrap_or(ctx.to_us_over_tls);
    ctx.id = request_id(session.req_header(), ctx);
    if has.trace || !gateway.traces.is_off() {
        ctx.trace = trace::admit(session.req_header_mut(), &gateway.traces);
    }
    if !gateway.access_log.is_off() || ctx.is_exported() {
        ctx.record = Some(Box::new(record(session.req_header(), ctx, &gateway.access_log)));
    }

    if let Some(watch) = ctx.watch.as_ref().filter(|_| gateway.drain.leaving() || ctx.last) {
        watch.close_after();
    }
    match admission::refusal(session.req_header(), has, &ctx.generation.plan.limits) {
        Some(refusal) => Err(refused(ctx, refusal)),
        None => Ok(()),
    }
}

/// What the access log shows of the request itself.
pub(crate) fn record(header: &RequestHeader, ctx: &Ctx, log: &AccessLog) -> AccessRecord {
    let wanted = |field, name: HeaderName| {
        let value = log.has(field).then(|| header.headers.get(name))??;
        Some(Text::from(value.as_bytes()))
    };
    AccessRecord {
        time: ctx.time,
        id: ctx.id.clone(),
        client: ctx.client,
        method: Text::from(header.method.as_str()),
        host: header.headers.get(HOST).map(|host| Text::from(host.as_bytes())),
        path: Text::from(header.uri.path()),
        referer: wanted(LogField::Referer, REFERER),
        user_agent: wanted(LogField::UserAgent, USER_AGENT),
        trace_id: ctx.trace.as_ref().map(|trace| trace.id),
        status: None,
        bytes_in: 0,
        bytes_out: 0,
        duration: Duration::ZERO,
        queued: Duration::ZERO,
        route: None,
        pool: None,
        protocol: match header.version {
            Version::HTTP_10 => "HTTP/1.0",
            Version::HTTP_2 => "h2",
            _ => "HTTP/1.1",
        },
        attempts: Attempts::new(),
        attempts_omitted: 0,
        failure: None,
    }
}

/// Finds the route; answers redirects and what has none, who asks whether the gateway is ready, and what may
/// go no further. Tells whether the request was answered.
pub(crate) async fn route(gateway: &Gateway, session: &mut Session, ctx: &mut Ctx) -> Result<bool> {
    let probed = ctx.connection.as_ref().and_then(|it| it.readiness.as_deref());
    if probed.is_some_and(|path| path == session.req_header().uri.path()) {
        answer::send(session, answer::readiness(gateway.readiness())).await?;
        return Ok(true);
    }
    if hop::hops_left(session.req_header()) == Some(0) {
        answer::send(session, answer::options()).await?;
        return Ok(true);
    }
    // A request whose body is still to come has no deadline yet: its client may take its time.
    let received = session.as_mut().is_body_empty();
    let header = session.req_header();
    ctx.route = ctx.generation.find_route(host(header), header.uri.path());
    let Some(route) = ctx.route else {
        let failure = Failure {
            reason: refusal::NO_ROUTE,
            detail: None,
            // A scanner asks for thousands, and none of them says anything of the gateway.
            origin: Origin::Client,
            decision: None,
            pool: None,
        };
        let failed = Failed { status: 404, reason: failure.reason, details: None, id: &ctx.id };
        let answer = answer::error(&failed, &header.headers, ctx.error_pages());
        ctx.failure = Some(failure);
        answer::send(session, answer).await?;
        return Ok(true);
    };
    let plan = &ctx.generation.route(route).plan;
    if let Some(most) = plan.max_body {
        if length(header).is_some_and(|length| length > most) {
            return Err(refused(ctx, BODY_TOO_LARGE));
        }
        if let Some(watch) = &ctx.watch {
            watch.limit_body(most);
        }
    }
    let targets = match &plan.action {
        Action::Redirect(redirect) => {
            let Some(location) = answer::location(redirect, &plan.path, &header.uri) else {
                return Err(refuse(ctx, 400, "the path cannot be part of a redirect"));
            };
            answer::send(session, answer::redirect(redirect.status, location)).await?;
            return Ok(true);
        }
        Action::Forward(targets) => targets,
    };
    let chosen = choose(targets);
    let Some(target) = targets.get(chosen) else {
        return Err(refuse(ctx, 500, "the route has no target"));
    };
    let pool = ctx.generation.pool(target.pool).clone();
    let repeatable = repeatable(&header.method, ctx.has.key, &target.retry);
    let request = PickRequest {
        repeatable,
        hash: hash_key::hash(&pool.plan, header, ctx.client),
        sticky: sticky::endpoint(&pool, header),
        ..PickRequest::default()
    };
    let deadline = received.then(|| ctx.began + target.request_timeout);
    ctx.forward = Some(Forward::new(pool, chosen, deadline, request));
    forward::tell_once(session, ctx)?;
    Ok(false)
}

/// How long the request says that its body is.
fn length(header: &RequestHeader) -> Option<u64> {
    header.headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// One of the targets, by weight.
fn choose(targets: &[Target]) -> usize {
    if targets.len() < 2 {
        return 0;
    }
    let total: u64 = targets.iter().map(|target| u64::from(target.weight.value())).sum();
    let mut at = random::bits() % total.max(1);
    for (position, target) in targets.iter().enumerate() {
        let weight = u64::from(target.weight.value());
        if at < weight {
            return position;
        }
        at -= weight;
    }
    0
}

/// The host that routes: Host without its port.
fn host(header: &RequestHeader) -> &str {
    let host = header.headers.get(HOST).and_then(|value| value.to_str().ok()).unwrap_or("");
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

/// The id that a trusted proxy gave, or one of our own.
fn request_id(header: &RequestHeader, ctx: &Ctx) -> Text {
    let given = header.headers.get(&headers::X_REQUEST_ID).filter(|_| ctx.from_trusted);
    let sound = |id: &&[u8]| (1..=128).contains(&id.len()) && id.iter().all(u8::is_ascii_graphic);
    if let Some(id) = given.map(|value| value.as_bytes()).filter(sound) {
        return Text::from(id);
    }
    id::new(ctx.time)
}

fn refused(ctx: &mut Ctx, refusal: Refusal) -> Box<Error> {
    ctx.refused(refusal);
    Error::explain(ErrorType::HTTPStatus(refusal.status), refusal.details).into_down()
}

fn refuse(ctx: &mut Ctx, status: u16, why: &'static str) -> Box<Error> {
    ctx.status = Some(status);
    ctx.details = Some(why);
    let client = status < 500;
    ctx.failure = Some(Failure {
        reason: if client { refusal::BAD_REQUEST } else { refusal::DESTINATION_UNAVAILABLE },
        detail: None,
        origin: if client { Origin::Client } else { Origin::Gateway },
        decision: None,
        pool: None,
    });
    Error::explain(ErrorType::HTTPStatus(status), why).into_down()
}
