//! A request has been read: who sends it, what is refused, and which route it takes.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use http::Version;
use http::header::{HOST, HeaderName, HeaderValue, TRANSFER_ENCODING};
use pingora::http::RequestHeader;
use pingora_core::protocols::http::authority::raw_target_authority;
use pingora_core::{Error, ErrorType, Result};
use pingora_proxy::Session;
use switchback_core::outcome::refusal;
use switchback_core::plan::{Action, Target};
use switchback_core::pool::PickRequest;
use switchback_core::retry::repeatable;
use switchback_runtime::{Gateway, random};
use switchback_telemetry::access::Attempts;
use switchback_telemetry::{AccessRecord, Failure, Origin, Text};
use ulid::Ulid;

use crate::ctx::{Ctx, Forward};
use crate::guard::Guarded;
use crate::{answer, client, hash_key, headers, sticky};

static IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Notes who sends the request, and refuses one that names no host.
pub(crate) fn admit(gateway: &Gateway, session: &mut Session, ctx: &mut Ctx) -> Result<()> {
    let connected = session
        .client_addr()
        .and_then(|address| address.as_inet())
        .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |address| address.ip());
    let trusted = &ctx.generation.plan.trusted_proxies;
    ctx.from_trusted = !trusted.is_empty() && client::is_trusted(connected, trusted);
    ctx.connected = connected;
    ctx.client = if ctx.from_trusted {
        let fields = session.req_header().headers.get_all(&headers::X_FORWARDED_FOR);
        client::address(connected, fields.iter().rev().map(|value| value.as_bytes()), trusted)
    } else {
        connected
    };
    ctx.to_us_over_tls = session.digest().is_some_and(|digest| digest.ssl_digest.is_some());
    let said = ctx.from_trusted.then(|| headers::came_over_tls(session.req_header())).flatten();
    ctx.over_tls = said.unwrap_or(ctx.to_us_over_tls);
    ctx.id = request_id(session.req_header(), ctx);
    ctx.watch = session.as_downstream().stream().and_then(Guarded::watch);
    if let Some(watch) = &ctx.watch {
        watch.off();
    }
    name_host(session)?;
    if !gateway.access_log.is_off() {
        ctx.record = Some(Box::new(record(session.req_header(), ctx)));
    }

    if gateway.drain.leaving() {
        session.set_keepalive(None);
    } else if session.get_keepalive().is_some() {
        // Only where Pingora keeps the connection at all: setting it elsewhere would revive one
        // that it has refused to reuse.
        session.set_keepalive(Some(whole_seconds(ctx.generation.plan.client_keepalive)));
    }
    // A client may send its next request before this one is answered (RFC 9112, section 9.3.2). Not
    // behind a chunked body: Pingora takes an empty chunk size for the last chunk, so what follows
    // need not be a request at all (docs/decisions/0004-pipelining.md). Not behind an upgrade either:
    // what follows one is not HTTP.
    let chunked = session.req_header().headers.contains_key(TRANSFER_ENCODING);
    let sound = !chunked && !session.is_upgrade_req();
    session.as_downstream_mut().set_pipelining_enabled(sound);

    let header = session.req_header();
    if header.version == Version::HTTP_10 {
        session.set_ignore_info_resp(true);
        return Ok(());
    }
    // RFC 9112, section 3.2: exactly one Host.
    if header.version == Version::HTTP_11 && header.headers.get_all(HOST).iter().count() != 1 {
        return Err(refuse(ctx, 400, "a request names exactly one Host"));
    }
    Ok(())
}

/// Gives an HTTP/1.0 request in absolute form, which need not have a Host, the one that its target
/// names. Where it has both, Pingora has checked that they agree.
fn name_host(session: &mut Session) -> Result<()> {
    let header = session.req_header();
    if header.version != Version::HTTP_10 || header.headers.contains_key(HOST) {
        return Ok(());
    }
    let target = raw_target_authority(header.raw_path());
    if let Some(host) = target.authority().and_then(|host| HeaderValue::from_bytes(host).ok()) {
        session.req_header_mut().insert_header(HOST, host)?;
    }
    Ok(())
}

/// Rounded up: zero would mean for ever.
fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

/// What the access log shows of the request itself.
fn record(header: &RequestHeader, ctx: &Ctx) -> AccessRecord {
    AccessRecord {
        time: ctx.time,
        id: ctx.id.clone(),
        client: ctx.client,
        method: Text::from(header.method.as_str()),
        host: header.headers.get(HOST).map(|host| Text::from(host.as_bytes())),
        path: Text::from(header.uri.path()),
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

/// Finds the route; answers redirects and what has none. Tells whether the request was answered.
pub(crate) async fn route(session: &mut Session, ctx: &mut Ctx) -> Result<bool> {
    // A request whose body is still to come has no deadline yet: its client may take its time.
    let received = session.as_mut().is_body_empty();
    let header = session.req_header();
    ctx.route = ctx.generation.find_route(host(header), header.uri.path());
    let Some(route) = ctx.route else {
        let failure = Failure {
            reason: refusal::NO_ROUTE,
            origin: Origin::Gateway,
            decision: None,
            pool: None,
        };
        let header = answer::error(404, failure.reason, &ctx.id);
        ctx.failure = Some(failure);
        answer::send(session, header).await?;
        return Ok(true);
    };
    let generation = ctx.generation.clone();
    let plan = &generation.route(route).plan;
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
    let pool = generation.pool(target.pool).clone();
    let has_key = header.headers.contains_key(&IDEMPOTENCY_KEY);
    let repeatable = repeatable(&header.method, has_key, &target.retry);
    let request = PickRequest {
        repeatable,
        hash: hash_key::hash(&pool.plan, header, ctx.client),
        sticky: sticky::endpoint(&pool, header),
        ..PickRequest::default()
    };
    let deadline = received.then(|| ctx.began + target.request_timeout);
    ctx.forward = Some(Forward::new(pool, chosen, deadline, request));
    Ok(false)
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
    let random = u128::from(random::bits()) << 64 | u128::from(random::bits());
    let millis = ctx.time.duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_millis();
    let id = Ulid::from_parts(u64::try_from(millis).unwrap_or(0), random);
    Text::from(&*id.array_to_str(&mut [0; ulid::ULID_LEN]))
}

fn refuse(ctx: &mut Ctx, status: u16, why: &'static str) -> Box<Error> {
    ctx.status = Some(status);
    let client = status < 500;
    ctx.failure = Some(Failure {
        reason: if client { refusal::BAD_REQUEST } else { refusal::DESTINATION_UNAVAILABLE },
        origin: if client { Origin::Client } else { Origin::Gateway },
        decision: None,
        pool: None,
    });
    Error::explain(ErrorType::HTTPStatus(status), why).into_down()
}
