//! What is remembered of a request between its phases.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::HeaderValue;
use switchback_core::outcome::refusal;
use switchback_core::plan::{Action, ErrorPages, Protocol, Target};
use switchback_core::pool::PickRequest;
use switchback_core::retry::Decision;
use switchback_core::{Outcome, Timestamp};
use switchback_runtime::{Attempt, Gateway, Generation, InFlight, PoolHandle};
use switchback_telemetry::access::Attempts;
use switchback_telemetry::metrics::InFlight as Counted;
use switchback_telemetry::{AccessRecord, AttemptRecord, Failure, Origin, Text, Traced};
use switchback_wire::Refusal;

use crate::admission::Has;
use crate::edge::{Connection, Incoming, Watch};
use crate::identity::Sender;
use crate::trace::Trace;

/// One request.
#[derive(Debug)]
pub struct Ctx {
    gateway: Arc<Gateway>,
    /// The configuration that it began with, and ends with.
    pub(crate) generation: Arc<Generation>,
    /// When its header had been read.
    pub(crate) began: Timestamp,
    pub(crate) time: SystemTime,
    /// The connection that it came on.
    pub(crate) connection: Option<Arc<Connection>>,
    /// Who reads its client.
    pub(crate) watch: Option<Arc<Watch>>,
    /// Whether it is the last one on its connection.
    pub(crate) last: bool,
    /// Whether the client waits to be told to send its body.
    pub(crate) expects_continue: bool,
    /// Whether the client asks for another protocol.
    pub(crate) upgrade: bool,
    /// Which fields it has of those that are looked into.
    pub(crate) has: Has,
    /// Whether its Connection names fields, besides those that stop here by themselves.
    pub(crate) nominates: bool,
    /// Whether its own header says already what endpoints are told of it.
    pub(crate) told: bool,
    /// The request id.
    pub(crate) id: Text,
    /// The trace that it belongs to, if it belongs to one.
    pub(crate) trace: Option<Trace>,
    /// The client's address, as far as it can be believed.
    pub(crate) client: IpAddr,
    /// Who connected: the client, or a proxy before us.
    pub(crate) connected: IpAddr,
    /// Whether whoever connected may speak for a client.
    pub(crate) from_trusted: bool,
    /// Whether whoever connected did so over TLS.
    pub(crate) to_us_over_tls: bool,
    /// Whether the client came over TLS, as far as that can be believed.
    pub(crate) over_tls: bool,
    /// The route, as a position in the generation.
    pub(crate) route: Option<usize>,
    /// Where a forwarded request goes.
    pub(crate) forward: Option<Forward>,
    /// The attempt under way.
    pub(crate) attempt: Option<Attempt>,
    /// The attempts that have ended; of many the first and the last.
    pub(crate) attempts: Attempts,
    pub(crate) attempts_omitted: u32,
    /// The failed request's reason, and whose doing it was.
    pub(crate) failure: Option<Failure>,
    /// What is wrong with the request, for its client.
    pub(crate) details: Option<&'static str>,
    /// Whether a limit, and not the lack of an endpoint, stopped another attempt: the promise that was not
    /// kept, if somebody could have answered.
    pub(crate) stopped_by_a_limit: bool,
    /// The status that the gateway answers if nothing else follows.
    pub(crate) status: Option<u16>,
    /// Whether it has come to its end and was counted.
    pub(crate) accounted: bool,
    /// Its line of the access log, until it is written; `None`, too, where there is no log, nothing has
    /// failed, and no span is exported.
    pub(crate) record: Option<Box<AccessRecord>>,
    _in_flight: InFlight,
    _counted: Counted,
}

/// A request that goes to a pool.
#[derive(Debug)]
pub(crate) struct Forward {
    pub(crate) pool: Arc<PoolHandle>,
    /// Which of the route's targets.
    target: usize,
    /// Until when an answer must have begun; `None` while the request is still being received.
    pub(crate) deadline: Option<Timestamp>,
    /// Whether the request had been received to its end when its attempts began: it has no body.
    pub(crate) bodyless: bool,
    /// What the pool must know to pick.
    pub(crate) request: PickRequest,
    /// Attempts of which something may have been sent.
    pub(crate) attempts_sent: u32,
    /// Whether it pauses before the next attempt.
    pub(crate) pause: bool,
    /// How often it did, or would have; the more, the longer.
    pub(crate) pauses: u32,
    /// Whether it has gone on after an attempt that burdened nobody, which is free once.
    pub(crate) free_used: bool,
    /// The cookie that the gateway has added to the answer.
    pub(crate) cookie: Option<HeaderValue>,
    /// How often it has been everywhere, and begun again.
    pub(crate) rounds: u32,
    /// How long it has waited in the pool's queue.
    pub(crate) waited: Duration,
    /// Whether it has been given to the pool before.
    pub(crate) counted: bool,
    /// Which connections it may have.
    pub(crate) connections: Connections,
    /// What the answer under way counts as, if it is a failure that is passed on.
    pub(crate) passed_on: Option<(Outcome, Decision)>,
}

/// Which connections to an endpoint a request may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Connections {
    /// Any: if it turns out to be closed, the request goes out again.
    Any,
    /// Those that the endpoint is not about to close, because the request must not be repeated. They are
    /// kept apart: Pingora gives out the oldest first, and these are to be used while they are young.
    Young,
    /// A new one, that nobody uses after.
    Fresh,
}

impl Ctx {
    /// The most attempts that a line of the access log shows.
    const SHOWN: usize = 10;

    /// Boxed: Pingora moves it from one future into the next.
    pub(crate) fn new(gateway: &Arc<Gateway>) -> Box<Self> {
        let incoming = Incoming::take();
        let (last, expects_continue, upgrade) = incoming
            .as_ref()
            .map_or((true, false, false), |it| (it.last, it.expects_continue, it.upgrade));
        let (connection, watch) = incoming.map(|it| (it.connection, it.watch)).unzip();
        Box::new(Self {
            generation: gateway.current(),
            began: gateway.clock.now(),
            time: gateway.clock.wall(),
            connection,
            watch,
            last,
            expects_continue,
            upgrade,
            has: Has::default(),
            nominates: false,
            told: false,
            id: Text::from_static(""),
            trace: None,
            client: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            connected: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            from_trusted: false,
            to_us_over_tls: false,
            over_tls: false,
            route: None,
            forward: None,
            attempt: None,
            attempts: Attempts::new(),
            attempts_omitted: 0,
            failure: None,
            details: None,
            stopped_by_a_limit: false,
            status: None,
            accounted: false,
            record: None,
            _in_flight: gateway.drain.admit(),
            _counted: gateway.metrics.request_started(),
            gateway: gateway.clone(),
        })
    }

    /// The target that the request goes to.
    pub(crate) fn target(&self) -> Option<&Target> {
        let route = self.generation.route(self.route?);
        match &route.plan.action {
            Action::Forward(targets) => targets.get(self.forward.as_ref()?.target),
            Action::Redirect(_) => None,
        }
    }

    /// What stands in place of the gateway's own error answers.
    pub(crate) fn error_pages(&self) -> &ErrorPages {
        match self.route {
            Some(route) => &self.generation.route(route).plan.error_pages,
            None => &self.generation.plan.error_pages,
        }
    }

    /// Notes that the client's request is refused.
    pub(crate) fn refused(&mut self, refusal: Refusal) {
        self.status = Some(refusal.status);
        self.details = Some(refusal.details);
        self.gateway.metrics.request_refused(refusal.code);
        self.failure = Some(Failure {
            reason: refusal::BAD_REQUEST,
            detail: Some(refusal.code),
            origin: Origin::Client,
            decision: None,
            pool: None,
        });
    }

    /// Who sends the request.
    pub(crate) fn sender(&self) -> Sender {
        Sender {
            connected: self.connected,
            trusted: self.from_trusted,
            to_us_over_tls: self.to_us_over_tls,
            client: self.client,
            over_tls: self.over_tls,
        }
    }

    /// Whether more than a Connection that names no fields has to be removed from the request.
    pub(crate) fn has_hop_by_hop(&self) -> bool {
        self.upgrade || self.nominates || self.has.hop_by_hop
    }

    /// Whether the request's body is still being received.
    pub(crate) fn receiving(&self) -> bool {
        self.forward.as_ref().is_some_and(|forward| forward.deadline.is_none())
    }

    /// Notes an attempt that has ended. Of very many, those in the middle are left out: a request
    /// that goes round a pool of thousands must not make a line of megabytes.
    pub(crate) fn attempted(&mut self, record: AttemptRecord) {
        if self.attempts.len() == Self::SHOWN {
            self.attempts.remove(Self::SHOWN - 2);
            self.attempts_omitted += 1;
        }
        self.attempts.push(record);
    }

    /// The number of the attempt under way, from 0.
    pub(crate) fn attempt_number(&self) -> u32 {
        u32::try_from(self.attempts.len()).unwrap_or(u32::MAX).saturating_add(self.attempts_omitted)
    }

    /// Whether its spans are exported.
    pub(crate) fn is_exported(&self) -> bool {
        self.trace.as_ref().is_some_and(|trace| trace.exported().is_some())
    }

    /// Gives the request to the exporter of spans, if it has any to be exported.
    fn export(&self, record: &AccessRecord) {
        let Some(context) = self.trace.as_ref().and_then(Trace::exported) else { return };
        let pool = self.forward.as_ref().map(|forward| &forward.pool);
        self.gateway.traces.export(Box::new(Traced {
            context: context.clone(),
            record: record.clone(),
            peer: self.connected,
            over_tls: self.over_tls,
            endpoint_over_tls: pool.is_some_and(|pool| pool.tls.is_some()),
            endpoint_over_h2: pool.is_some_and(|pool| pool.plan.protocol == Protocol::H2),
        }));
    }

    /// Writes the line of the access log, and the spans, of a request that has ended at the time `now`.
    pub(crate) fn log(&mut self, now: Timestamp) {
        let Some(mut record) = self.record.take() else { return };
        record.duration = now - self.began;
        record.queued = self.forward.as_ref().map_or(Duration::ZERO, |forward| forward.waited);
        record.route = self.route.map(|route| self.generation.route(route).plan.name.clone());
        record.pool = self.forward.as_ref().map(|forward| forward.pool.plan.name.clone());
        record.attempts = std::mem::take(&mut self.attempts);
        record.attempts_omitted = self.attempts_omitted;
        record.failure = self.failure.take();
        self.gateway.failures.keep(&record);
        self.export(&record);
        self.gateway.access_log.log(record);
    }
}

impl Drop for Ctx {
    /// A request that did not come to its end: the process leaves, or its task panicked. It has its
    /// line, too, and is counted.
    fn drop(&mut self) {
        if self.accounted {
            return;
        }
        let now = self.gateway.clock.now();
        if let Some(attempt) = self.attempt.take() {
            let record = attempt.end(Outcome::Abandoned, None, self.began, now);
            self.attempted(record);
        }
        let reason = Outcome::Abandoned.meaning().reason;
        self.failure = Some(Failure {
            reason,
            detail: None,
            origin: Origin::Gateway,
            decision: None,
            pool: self.forward.as_ref().map(|forward| forward.pool.standing()),
        });
        self.generation.route_metrics(self.route).request_finished(None, now - self.began);
        self.gateway.metrics.client_error(Origin::Gateway, false, reason);
        self.log(now);
    }
}

impl Forward {
    pub(crate) fn new(
        pool: Arc<PoolHandle>,
        target: usize,
        deadline: Option<Timestamp>,
        request: PickRequest,
    ) -> Self {
        let connections = if request.repeatable { Connections::Any } else { Connections::Young };
        Self {
            pool,
            target,
            deadline,
            bodyless: deadline.is_some(),
            request,
            attempts_sent: 0,
            pause: false,
            pauses: 0,
            free_used: false,
            cookie: None,
            rounds: 0,
            waited: Duration::ZERO,
            counted: false,
            connections,
            passed_on: None,
        }
    }
}
