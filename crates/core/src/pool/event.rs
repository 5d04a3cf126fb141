//! What a pool is asked and told, and what it answers.

use std::time::Duration;

use smallvec::SmallVec;

use super::Granted;
use crate::balance::Tried;
use crate::endpoint::Status;
use crate::id::EndpointIndex;
use crate::outcome::Outcome;
use crate::outlier::Cause;
use crate::time::Timestamp;

/// What a pick must know of a request.
#[derive(Clone, Debug, Default)]
pub struct PickRequest {
    /// Where it has been in this round, and so does not go again.
    pub tried: Tried,
    /// Whether it could go elsewhere if this attempt fails after something was sent.
    pub repeatable: bool,
    /// The hash of its key, for the algorithms that hash.
    pub hash: Option<u64>,
    /// The endpoint that its session belongs to.
    pub sticky: Option<EndpointIndex>,
    /// Whether it goes even to an endpoint that was found out of reach a moment ago.
    pub last_resort: bool,
}

/// What a pick found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pick {
    /// An endpoint. The attempt has begun.
    Endpoint(Picked),
    /// Nobody now; but an endpoint that was not tried is full, or out of reach for the moment.
    Wait,
    /// Nobody: every endpoint was tried or is switched off.
    Nobody,
}

/// An attempt that has begun; it ends with [`Event::Ended`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Picked {
    /// Where it goes.
    pub endpoint: EndpointIndex,
    /// When it began.
    pub(super) began: Timestamp,
    /// Whether an endpoint on probation is judged by it.
    pub(super) trial: bool,
    /// Whether it is the one that may knock at an endpoint out of reach.
    pub(super) knock: bool,
}

/// Something that happened to an endpoint.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Event {
    /// An attempt has got through to its endpoint.
    Connected(Picked),
    /// An attempt has a connection from before: it tells nothing of whether new ones can be made.
    Reused(Picked),
    /// The answer to an attempt has begun, after the endpoint took so long, and may last. Of one that does
    /// not, its end tells soon enough.
    Answered(Picked, Duration),
    /// An attempt has ended.
    Ended(Picked, End),
    /// A probe has a result.
    Probed {
        /// The endpoint that was probed.
        endpoint: EndpointIndex,
        /// Whether it passed.
        pass: bool,
    },
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct End {
    /// What came of it.
    pub outcome: Outcome,
    /// Whether its answer counts as a failure when the success rate is taken.
    pub errored: bool,
    /// How long the endpoint took to begin its answer, or let us wait in vain; `None`: nobody waited
    /// for it alone, or [`Event::Answered`] has told.
    pub waited: Option<Duration>,
    /// How long the endpoint asked to be left alone (`Retry-After`).
    pub retry_after: Option<Duration>,
    /// How long its connection had been idle before; `None`: it was new.
    pub idle: Option<Duration>,
    /// How long the endpoint says it keeps idle connections (`Keep-Alive`).
    pub keeps_alive: Option<Duration>,
}

impl Picked {
    /// Whether an endpoint on probation is judged by it.
    pub fn is_trial(&self) -> bool {
        self.trial
    }

    /// Whether it is the one that knocks at an endpoint out of reach.
    pub fn is_knock(&self) -> bool {
        self.knock
    }
}

impl End {
    /// An end of which nothing is known but its outcome.
    pub fn of(outcome: Outcome) -> Self {
        Self {
            outcome,
            errored: false,
            waited: None,
            retry_after: None,
            idle: None,
            keeps_alive: None,
        }
    }
}

/// What follows from an event, for the caller to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Effects {
    /// The statuses that changed: to be logged and shown.
    pub changes: SmallVec<[StatusChange; 2]>,
    /// Whether the endpoint that was probed should be probed sooner than usual.
    pub probe_soon: bool,
    /// The endpoint to be probed now: traffic could not connect to it.
    pub probe_now: Option<EndpointIndex>,
    /// Those whose waiting is over, with their endpoints: their attempts have begun.
    pub granted: SmallVec<[Granted; 1]>,
}

/// A change of status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusChange {
    /// Whose.
    pub endpoint: EndpointIndex,
    /// From.
    pub from: Status,
    /// To.
    pub to: Status,
    /// When it had come to the status that it leaves.
    pub since: Timestamp,
    /// What changed it.
    pub why: Why,
}

/// What changed a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The result of a probe.
    Probe,
    /// Live traffic.
    Traffic(Cause),
    /// Requests on probation succeeded.
    Trusted,
    /// An ejection is over.
    Time,
    /// The configuration.
    Configuration,
}
