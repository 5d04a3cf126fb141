//! The guard around one attempt: whoever holds it owes the pool exactly one outcome.
//!
//! The pool counts the endpoint's requests in flight from [`PoolHandle::begin`] on. The guard is
//! ended with an outcome, or dropped — a cancelled request, a panic, a forgotten path — and then
//! reports [`Outcome::Abandoned`] by itself. So nothing can leak, by construction.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use switchback_core::outcome::Sent;
use switchback_core::pool::{End, Picked};
use switchback_core::{EndpointIndex, Event, Outcome, Timestamp};
use switchback_telemetry::metrics::InFlight;
use switchback_telemetry::{AttemptRecord, Text};

use crate::idle::Connection;
use crate::pool::{PoolHandle, Seat};

/// An attempt on its way.
#[derive(Debug)]
pub struct Attempt {
    pool: Arc<PoolHandle>,
    picked: Picked,
    seat: Arc<Seat>,
    began: Timestamp,
    _in_flight: InFlight,
    ended: bool,
    /// What was observed so far.
    pub facts: Facts,
}

/// What was observed of an attempt: not what it means, only what happened.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The connection that it has; `None` before one stands, and for those that are shared (HTTP/2).
    pub connection: Option<Connection>,
    /// Whether the connection came from the pool.
    pub reused: bool,
    /// How long the connection had been idle before; `None` for a new one, or if that is not known.
    pub idle: Option<Duration>,
    /// How long connecting took; zero for a reused connection.
    pub connect: Option<Duration>,
    /// Whether the request's header was written in full, as far as a later event proves it.
    pub header_written: bool,
    /// Since when the endpoint alone is awaited, where that is not since the attempt's begin: the
    /// request's body had still to come.
    pub awaited_since: Option<Timestamp>,
    /// Whether the request is still on its way, so that nobody waits for the endpoint alone.
    pub receiving: bool,
    /// Whether the request's own time ends so soon that its end says nothing of the endpoint.
    pub hurried: bool,
    /// When the end of the answer had come.
    pub received: Option<Timestamp>,
    /// Whether an interim answer (1xx) has come.
    pub answer_begun: bool,
    /// How many of them.
    pub interim: u8,
    /// From the attempt's begin to the answer's header.
    pub first_byte: Option<Duration>,
    /// How long the endpoint alone was awaited for the answer's header.
    pub waited: Option<Duration>,
    /// Whether the pool knows that already.
    pub told: bool,
    /// The answer's status.
    pub status: Option<u16>,
    /// Whether the status counts as a failure when the success rate is taken.
    pub errored: bool,
    /// How long the endpoint asked to be left alone.
    pub retry_after: Option<Duration>,
    /// How long the endpoint says it keeps idle connections.
    pub keeps_alive: Option<Duration>,
}

impl Attempt {
    pub(crate) fn new(
        pool: Arc<PoolHandle>,
        picked: Picked,
        seat: Arc<Seat>,
        began: Timestamp,
    ) -> Self {
        let _in_flight = seat.metrics.attempt_started();
        Self { pool, picked, seat, began, _in_flight, ended: false, facts: Facts::default() }
    }

    /// Which endpoint was picked.
    pub fn endpoint(&self) -> EndpointIndex {
        self.picked.endpoint
    }

    /// Where it goes.
    pub fn address(&self) -> SocketAddr {
        self.seat.address
    }

    /// Notes that it has a connection, a new one or one from before.
    pub fn connected(&self, reused: bool) {
        if !reused {
            self.pool.tell(Event::Connected(self.picked));
        } else if self.picked.is_knock() {
            self.pool.tell(Event::Reused(self.picked));
        }
    }

    /// Counts the connection that it goes over; one that is given up for another is none.
    pub fn goes_over(&self, reused: bool) {
        self.seat.metrics.connected(reused);
    }

    /// Notes that the answer has come to its end.
    pub fn received(&mut self) {
        self.facts.received = Some(self.pool.clock().now());
    }

    /// Whether a request that may not be repeated can use a connection that has been idle for so long.
    pub fn may_reuse(&self, idle: Duration) -> bool {
        self.pool.may_reuse(self.endpoint(), idle)
    }

    /// Notes that the answer's header has come at the time `now`, with this status; `lasting`: its end may
    /// be long in coming.
    pub fn answered(&mut self, status: u16, lasting: bool, now: Timestamp) {
        self.facts.status = Some(status);
        self.facts.first_byte = Some(now - self.began);
        self.facts.waited = self.waited(now);
        self.facts.errored = self.pool.plan.ejection.statuses.contains(status);
        match self.facts.waited.filter(|_| lasting && !self.facts.errored) {
            Some(waited) => {
                self.facts.told = true;
                self.pool.tell(Event::Answered(self.picked, waited));
            }
            None if self.picked.is_knock() => self.pool.tell(Event::Connected(self.picked)),
            None => {}
        }
    }

    /// Ends it, at the time `now`, and gives what the access log shows of it; the request `began` then.
    pub fn end(
        mut self,
        outcome: Outcome,
        detail: Option<String>,
        began: Timestamp,
        now: Timestamp,
    ) -> AttemptRecord {
        self.report(outcome, now);
        AttemptRecord {
            endpoint: self.address(),
            reused: self.facts.reused,
            start: self.began - began,
            duration: self.facts.received.unwrap_or(now) - self.began,
            connect: self.facts.connect,
            first_byte: self.facts.first_byte,
            outcome: outcome.as_str(),
            sent: self.sent(outcome).as_str(),
            status: self.facts.status,
            decision: None,
            detail: detail.map(Text::from),
        }
    }

    /// How much of the request the endpoint can have: nothing, where there was no connection.
    fn sent(&self, outcome: Outcome) -> Sent {
        let connected = self.facts.connect.is_some();
        if connected { outcome.meaning().sent } else { Sent::No }
    }

    /// How long the endpoint alone has been awaited.
    fn waited(&self, now: Timestamp) -> Option<Duration> {
        let since = self.facts.awaited_since.unwrap_or(self.began);
        (!self.facts.receiving).then(|| now - since)
    }

    fn report(&mut self, outcome: Outcome, now: Timestamp) {
        self.ended = true;
        let facts = &self.facts;
        if let Some(connection) = facts.connection {
            self.pool.idle().used(connection, facts.received.unwrap_or(now));
        }
        let end = End {
            outcome,
            errored: facts.errored,
            waited: if facts.told { None } else { facts.waited.or_else(|| self.waited(now)) },
            retry_after: facts.retry_after,
            idle: facts.idle,
            keeps_alive: facts.keeps_alive,
        };
        self.seat.metrics.attempt_finished(outcome.position());
        self.pool.ended(self.picked, end, now);
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if !self.ended {
            self.report(Outcome::Abandoned, self.pool.clock().now());
        }
    }
}
