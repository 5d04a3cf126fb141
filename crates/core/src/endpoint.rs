//! What a pool knows of one endpoint while it runs.

use std::time::Duration;

use crate::balance::Latency;
use crate::health::Probes;
use crate::keepalive::KeepAlive;
use crate::ladder::Step;
use crate::outlier::{Cause, Ejection, Record, State};
use crate::plan::{Admin, EjectionPlan, EndpointPlan, SlowStart};
use crate::reach::Reach;
use crate::time::Timestamp;

/// The one status of an endpoint, made of what probes, live traffic and the operator say; and with it
/// its rung on the [ladder](crate::ladder).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// Probes pass, or none are configured, and traffic goes well.
    Healthy,
    /// Not probed yet.
    Pending,
    /// The operator wants it to get nothing new.
    Draining,
    /// Back from an ejection: a trickle of requests must succeed first.
    Probation,
    /// Live traffic failed there.
    Ejected,
    /// Probes fail.
    Failing,
    /// The operator has switched it off.
    Disabled,
}

impl Status {
    /// All of them, best first.
    pub const ALL: [Self; 7] = [
        Self::Healthy,
        Self::Pending,
        Self::Draining,
        Self::Probation,
        Self::Ejected,
        Self::Failing,
        Self::Disabled,
    ];

    /// Its position in [`Self::ALL`].
    pub fn position(self) -> usize {
        self as usize
    }

    /// The word in logs, metrics and the admin API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Pending => "pending",
            Self::Draining => "draining",
            Self::Probation => "probation",
            Self::Ejected => "ejected",
            Self::Failing => "failing",
            Self::Disabled => "disabled",
        }
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One endpoint of a running pool.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// What the configuration says.
    pub plan: EndpointPlan,
    status: Status,
    /// Attempts begun and not ended.
    pub in_flight: u32,
    /// When it came to its status.
    pub since: Timestamp,
    /// How many attempts may be in flight.
    pub(crate) room: u32,
    /// Whether the configuration no longer names it: it ends what it has.
    pub(crate) gone: bool,
    /// What its probes said.
    pub(crate) probes: Probes,
    /// What live traffic made of it.
    pub(crate) ejection: Ejection,
    /// Its recent attempts.
    pub(crate) record: Record,
    /// Whether connections can be made.
    pub(crate) reach: Reach,
    /// How long it takes to answer.
    pub(crate) latency: Latency,
    /// When it closes idle connections.
    pub(crate) keepalive: KeepAlive,
    /// Since when it has been getting its share again, while that is still growing.
    pub(crate) warming: Option<Timestamp>,
    /// Whether it becomes healthy without warming up: it was there before the gateway was.
    pub(crate) warm: bool,
    /// Where it can be picked; `None`: it cannot.
    pub(crate) step: Option<Step>,
    /// When the pool looks at it next for time's sake.
    pub(crate) timer: Option<Timestamp>,
}

impl Endpoint {
    pub(crate) fn new(
        plan: EndpointPlan,
        room: u32,
        ejection: &EjectionPlan,
        now: Timestamp,
    ) -> Self {
        Self {
            plan,
            // Until it is settled.
            status: Status::Disabled,
            in_flight: 0,
            since: now,
            room,
            gone: false,
            probes: Probes::new(false),
            ejection: Ejection::new(now),
            record: Record::of(ejection),
            reach: Reach::default(),
            latency: Latency::default(),
            keepalive: KeepAlive::default(),
            warming: None,
            warm: false,
            step: None,
            timer: None,
        }
    }

    /// The status.
    pub fn status(&self) -> Status {
        self.status
    }

    /// Until when live traffic keeps it out; `None`: it does not.
    pub fn ejected_until(&self) -> Option<Timestamp> {
        self.ejection.next_change()
    }

    /// How long it takes to answer, lately; `None`: nothing is known, or its last attempt failed.
    pub fn latency(&self, now: Timestamp) -> Option<Duration> {
        self.latency.measured(now).map(|nanos| Duration::from_nanos(nanos as u64))
    }

    /// Whether connections to it can be made, as far as is known.
    pub fn is_reachable(&self) -> bool {
        self.reach.is_open()
    }

    pub(crate) fn set_status(&mut self, status: Status) {
        self.status = status;
    }

    /// The status as it should be: the worst that anyone says of it.
    pub(crate) fn standing(&self) -> Status {
        if self.gone || self.plan.admin == Admin::Disabled {
            return Status::Disabled;
        }
        let probed = self.probes.status();
        if probed == Status::Failing {
            return probed;
        }
        match self.ejection.state() {
            State::Ejected { .. } => Status::Ejected,
            State::Probation { .. } => Status::Probation,
            State::In if self.plan.admin == Admin::Drain => Status::Draining,
            State::In => probed,
        }
    }

    /// Whether a pick may choose it now: it is not full, not out of reach, not switched off. For those
    /// who check the pool.
    pub fn is_pickable(&self) -> bool {
        self.step.is_some()
    }

    /// Why live traffic keeps it out, if it does.
    pub fn ejected_for(&self) -> Option<Cause> {
        self.ejection.cause()
    }

    /// Whether nothing speaks against it that a good end of an attempt could change.
    pub(crate) fn is_at_ease(&self) -> bool {
        self.reach.is_open() && self.ejection.state() == State::In
    }

    /// Whether another attempt may be in flight.
    pub(crate) fn has_room(&self) -> bool {
        self.in_flight < self.room
    }

    /// The part of its share that it gets now: 1 unless it is warming up.
    pub(crate) fn share(&self, slow_start: &SlowStart, now: Timestamp) -> f64 {
        let Some(since) = self.warming else { return 1.0 };
        let age = (now - since).as_secs_f64() / slow_start.duration.as_secs_f64().max(1e-9);
        let from = slow_start.from.factor();
        (from + (1.0 - from) * age).min(1.0)
    }
}
