//! The guard around one attempt: whoever holds it owes the pool exactly one outcome.
//!
//! The pool counts the endpoint's requests in flight from [`PoolHandle::begin`] on. The guard is
//! ended with an outcome, or dropped — a cancelled request, a panic, a forgotten path — and then
//! reports [`Outcome::Abandoned`] by itself. So nothing can leak, by construction.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use switchback_core::{EndpointIndex, Outcome, Timestamp};
use switchback_telemetry::metrics::InFlight;
use switchback_telemetry::{AttemptRecord, EndpointMetrics, Text};

use crate::pool::PoolHandle;

/// An attempt on its way.
#[derive(Debug)]
pub struct Attempt {
    pool: Arc<PoolHandle>,
    endpoint: EndpointIndex,
    began: Timestamp,
    _in_flight: InFlight,
    ended: bool,
    /// What was observed so far.
    pub facts: Facts,
}

/// What was observed of an attempt: not what it means, only what happened.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Whether the connection came from the pool.
    pub reused: bool,
    /// How long connecting took; zero for a reused connection.
    pub connect: Option<Duration>,
    /// Whether the request's header was written in full, as far as a later event proves it.
    pub header_written: bool,
    /// Whether an interim answer (1xx) has come.
    pub answer_begun: bool,
    /// From the attempt's begin to the answer's header.
    pub first_byte: Option<Duration>,
    /// The answer's status.
    pub status: Option<u16>,
}

impl Attempt {
    pub(crate) fn new(
        pool: Arc<PoolHandle>,
        endpoint: EndpointIndex,
        metrics: Arc<EndpointMetrics>,
        began: Timestamp,
    ) -> Self {
        let in_flight = metrics.attempt_started();
        Self { pool, endpoint, began, _in_flight: in_flight, ended: false, facts: Facts::default() }
    }

    /// Which endpoint was picked.
    pub fn endpoint(&self) -> EndpointIndex {
        self.endpoint
    }

    /// Where it goes.
    pub fn address(&self) -> SocketAddr {
        self.pool.plan.endpoints[self.endpoint.at()].address
    }

    /// Notes that the answer's header has come, with this status.
    pub fn answered(&mut self, status: u16) {
        self.facts.status = Some(status);
        self.facts.first_byte = Some(self.pool.clock().now() - self.began);
    }

    /// Ends it, and gives what the access log shows of it.
    pub fn end(mut self, outcome: Outcome, detail: Option<String>) -> AttemptRecord {
        self.report(outcome);
        AttemptRecord {
            endpoint: self.address(),
            reused: self.facts.reused,
            connect: self.facts.connect,
            first_byte: self.facts.first_byte,
            outcome: outcome.as_str(),
            sent: outcome.meaning().sent.as_str(),
            status: self.facts.status,
            decision: None,
            detail: detail.map(Text::from),
        }
    }

    fn report(&mut self, outcome: Outcome) {
        self.ended = true;
        self.pool.ended(self.endpoint, outcome);
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if !self.ended {
            self.report(Outcome::Abandoned);
        }
    }
}
