//! Whether a failed attempt is followed by another.
//!
//! On by default; everything here errs towards *not* executing a request twice, and nothing here
//! errs towards showing a client a failure that another endpoint could have prevented.
//!
//! The rules, in the order in which they are asked (the first that stops gives the reason that the
//! access log shows):
//!
//! 1. retries are on, and the outcome can be repeated at all;
//! 2. nothing of an answer has been passed to the client, or its header alone: then the next answer
//!    can take its place if its header is the same;
//! 3. nothing was sent, or the request may be executed twice: an idempotent method (RFC 9110,
//!    section 9.2.2), an `Idempotency-Key` that the route trusts, or the route's own word;
//! 4. the body can be replayed;
//! 5. an endpoint is left that the request has not tried. Failures that are nobody's fault do not
//!    exclude their endpoint, so a stale connection may be followed by a fresh one to the same; and
//!    one that was lost may come back, as the only one of its pool does after a restart, for as long
//!    as the request may wait;
//! 6. attempts remain: only those count of which something may have been sent, so connection
//!    failures may go round the whole pool;
//! 7. the request's deadline has not passed;
//! 8. the pool's budget grants it ([`Budget`]). A retry after an attempt that [burdened](burdens)
//!    nobody draws on it only from the second such retry of the request on ([`draws_on_budget`]): the
//!    first is what takes a client past an endpoint that is gone.
//!
//! [`decide`] asks the first seven, which change nothing. The eighth takes something away, so it is
//! the caller's, after [`Decision::Retry`], and its refusal is [`Stop::Budget`].

mod backoff;
mod budget;

use http::Method;

use crate::outcome::{Fault, Outcome, Sent};
use crate::plan::RetryPolicy;

pub use backoff::wait_before;
pub use budget::Budget;

/// What there is to know when an attempt has failed.
#[derive(Clone, Copy, Debug)]
pub struct Situation {
    /// What came of the attempt.
    pub outcome: Outcome,
    /// Whether anything of an answer's body went to the client.
    pub answer_begun: bool,
    /// Whether the request may be executed twice.
    pub repeatable: bool,
    /// Whether all of the request's body that was read can be sent again.
    pub body_replayable: bool,
    /// Attempts of this request, this one included, of which something may have been sent.
    pub attempts_sent: u32,
    /// Whether an endpoint is left that the request has not tried.
    pub endpoint_left: bool,
    /// Whether the request may wait for one that it has tried to come back.
    pub may_wait: bool,
    /// Whether the request's deadline has not passed.
    pub time_left: bool,
}

/// What follows a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Another attempt.
    Retry,
    /// None, and why.
    Stop(Stop),
}

/// Why no other attempt follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stop {
    /// Retries are switched off for this route.
    Off,
    /// The outcome is final: the client left, the answer was on its way.
    Final,
    /// Something of an answer's body has been passed to the client.
    AnswerBegun,
    /// It may have been executed, and must not be executed twice.
    NotIdempotent,
    /// The body was too large to keep for a replay.
    BodyNotReplayable,
    /// As many attempts as the policy allows have been made.
    AttemptsUsedUp,
    /// Every endpoint of the pool has been tried.
    NoEndpointLeft,
    /// The request's time is over.
    Deadline,
    /// The pool's requests have caused as many retries as its budget allows.
    Budget,
}

impl Decision {
    /// Every decision, in a fixed order.
    pub const ALL: [Self; 10] = [
        Self::Retry,
        Self::Stop(Stop::Off),
        Self::Stop(Stop::Final),
        Self::Stop(Stop::AnswerBegun),
        Self::Stop(Stop::NotIdempotent),
        Self::Stop(Stop::BodyNotReplayable),
        Self::Stop(Stop::AttemptsUsedUp),
        Self::Stop(Stop::NoEndpointLeft),
        Self::Stop(Stop::Deadline),
        Self::Stop(Stop::Budget),
    ];

    /// Whether a limit that the operator set stopped another attempt, and not that none was left or could
    /// have done harm.
    pub fn is_by_a_limit(self) -> bool {
        matches!(self, Self::Stop(Stop::Off | Stop::AttemptsUsedUp | Stop::Budget))
    }

    /// The words in logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Stop(Stop::Off) => "stop: retries are off",
            Self::Stop(Stop::Final) => "stop: the outcome is final",
            Self::Stop(Stop::AnswerBegun) => "stop: an answer had begun",
            Self::Stop(Stop::NotIdempotent) => "stop: not idempotent",
            Self::Stop(Stop::BodyNotReplayable) => "stop: body too large to replay",
            Self::Stop(Stop::AttemptsUsedUp) => "stop: attempts used up",
            Self::Stop(Stop::NoEndpointLeft) => "stop: no endpoint left",
            Self::Stop(Stop::Deadline) => "stop: deadline",
            Self::Stop(Stop::Budget) => "stop: retry budget used up",
        }
    }
}

/// Whether a request may be executed twice without harm.
pub fn repeatable(method: &Method, has_idempotency_key: bool, policy: &RetryPolicy) -> bool {
    is_idempotent(method)
        || policy.non_idempotent
        || (policy.trust_idempotency_key && has_idempotency_key)
}

/// Whether the method is idempotent (RFC 9110, section 9.2.2).
pub fn is_idempotent(method: &Method) -> bool {
    matches!(
        *method,
        Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE | Method::PUT | Method::DELETE
    )
}

/// Whether an attempt with this outcome keeps the request away from its endpoint.
pub fn excludes_endpoint(outcome: Outcome) -> bool {
    outcome.meaning().fault != Fault::Nobody
}

/// Whether an attempt with this outcome was any burden to its endpoint. A connection that was not made,
/// or a dead one that was not used, is none; a stream that was refused is: an overloaded server does that.
pub fn burdens(outcome: Outcome) -> bool {
    let nothing = matches!(outcome, Outcome::DeadBeforeRequest | Outcome::LocalResources);
    !nothing && !outcome.is_unreachable()
}

/// Whether a retry after an attempt with this outcome draws on the pool's budget; `free_used`: the
/// request has had its free one.
pub fn draws_on_budget(outcome: Outcome, free_used: bool) -> bool {
    burdens(outcome) || free_used
}

/// Decides, by every rule but the last: the budget is the caller's to draw on.
pub fn decide(policy: &RetryPolicy, situation: &Situation) -> Decision {
    let meaning = situation.outcome.meaning();
    let sent = meaning.sent != Sent::No;
    let stop = if !policy.enabled {
        Stop::Off
    } else if !meaning.retryable {
        Stop::Final
    } else if situation.answer_begun {
        Stop::AnswerBegun
    } else if sent && !situation.repeatable {
        Stop::NotIdempotent
    } else if !situation.body_replayable {
        Stop::BodyNotReplayable
    } else if !(situation.endpoint_left || situation.may_wait && situation.outcome.is_lost()) {
        Stop::NoEndpointLeft
    } else if sent && situation.attempts_sent >= policy.attempts.get() {
        Stop::AttemptsUsedUp
    } else if !situation.time_left {
        Stop::Deadline
    } else {
        return Decision::Retry;
    };
    Decision::Stop(stop)
}

#[cfg(test)]
mod tests;
