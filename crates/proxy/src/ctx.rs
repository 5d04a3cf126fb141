//! What is remembered of a request between its phases.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::SystemTime;

use switchback_core::balance::Tried;
use switchback_core::plan::{Action, Target};
use switchback_core::{Outcome, Timestamp};
use switchback_runtime::{Attempt, Gateway, Generation, InFlight, PoolHandle};
use switchback_telemetry::access::Attempts;
use switchback_telemetry::metrics::InFlight as Counted;
use switchback_telemetry::{Failure, Text};

/// One request.
#[derive(Debug)]
pub struct Ctx {
    /// The configuration that it began with, and ends with.
    pub(crate) generation: Arc<Generation>,
    /// When its header had been read.
    pub(crate) began: Timestamp,
    pub(crate) time: SystemTime,
    /// The request id.
    pub(crate) id: Text,
    /// The client's address, as far as it can be believed.
    pub(crate) client: IpAddr,
    /// Who connected: the client, or a proxy before us.
    pub(crate) connected: IpAddr,
    /// Whether whoever connected may speak for a client.
    pub(crate) from_trusted: bool,
    /// The route, as a position in the generation.
    pub(crate) route: Option<usize>,
    /// Where a forwarded request goes.
    pub(crate) forward: Option<Forward>,
    /// The attempt under way.
    pub(crate) attempt: Option<Attempt>,
    /// The attempts that have ended.
    pub(crate) attempts: Attempts,
    /// The failed request's reason, and whose doing it was.
    pub(crate) failure: Option<Failure>,
    /// The status that the gateway answers if nothing else follows.
    pub(crate) status: Option<u16>,
    _in_flight: InFlight,
    _counted: Counted,
}

/// A request that goes to a pool.
#[derive(Debug)]
pub(crate) struct Forward {
    pub(crate) pool: Arc<PoolHandle>,
    /// Which of the route's targets.
    target: usize,
    /// Until when an answer must have begun.
    pub(crate) deadline: Timestamp,
    /// Whether it may be executed twice.
    pub(crate) repeatable: bool,
    pub(crate) tried: Tried,
    /// Attempts of which something may have been sent.
    pub(crate) attempts_sent: u32,
    /// After a stale connection: no pooled one any more.
    pub(crate) fresh: bool,
    /// What the answer under way counts as, if it is a failure that is passed on.
    pub(crate) passed_on: Option<(Outcome, &'static str)>,
}

impl Ctx {
    pub(crate) fn new(gateway: &Gateway) -> Self {
        Self {
            generation: gateway.current(),
            began: gateway.clock.now(),
            time: SystemTime::now(),
            id: Text::from_static(""),
            client: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            connected: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            from_trusted: false,
            route: None,
            forward: None,
            attempt: None,
            attempts: Attempts::new(),
            failure: None,
            status: None,
            _in_flight: gateway.drain.admit(),
            _counted: gateway.metrics.request_started(),
        }
    }

    /// The target that the request goes to.
    pub(crate) fn target(&self) -> Option<&Target> {
        let route = self.generation.route(self.route?);
        match &route.plan.action {
            Action::Forward(targets) => targets.get(self.forward.as_ref()?.target),
            Action::Redirect(_) => None,
        }
    }
}

impl Forward {
    pub(crate) fn new(
        pool: Arc<PoolHandle>,
        target: usize,
        deadline: Timestamp,
        repeatable: bool,
    ) -> Self {
        Self {
            pool,
            target,
            deadline,
            repeatable,
            tried: Tried::default(),
            attempts_sent: 0,
            fresh: false,
            passed_on: None,
        }
    }
}
