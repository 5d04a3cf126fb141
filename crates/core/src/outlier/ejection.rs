//! How long an endpoint stays away, and how it comes back.
//!
//! ```text
//!            eject                      until has passed
//!      In ─────────► Ejected { until } ─────────────────► Probation { passed }
//!      ▲ ▲               ▲   │ │                               │  │
//!      │ └───────────────┼───┘ │ retry_after: until has passed │  │
//!      │  probe passed,  │     └──► In                          │  │
//!      │  connection     └──────────────── one failure ──────────┘  │
//!      └───────────────────────── `probation` passes ───────────────┘
//! ```
//!
//! Each ejection lasts twice as long as the one before; a step is forgiven for each time that the
//! endpoint has since been in for as long as that one lasted. So one that fails at intervals is away
//! most of the time, and one that failed last week begins anew. Up to a fifth is added by chance, and
//! none taken away: the plan's time is the least, and two gateways never return together.
//!
//! **A probe** that passes ends what a failure to connect began, because it shows the very thing that
//! was missing. It ends nothing else: a health endpoint can lie about what it does not do.
//!
//! **Late results** at an ejected endpoint change nothing. What was in flight at a process that died
//! dies with it, and says no more than the failed connection did; and if nothing but ejected
//! endpoints is left and they are tried, their failures must not keep them out for ever.
//!
//! What fails there and is excused, because the others fail alike, is the caller's to tell
//! ([`TrialEnd::Neutral`]).
//!
//! **In probation** every attempt that began in it counts, trial or not: one that was picked because
//! nothing else was left is as good a sample, and the sooner the pool has its endpoint back. One that
//! began before says how the endpoint was, and that is known: with answers that time out after
//! 30 s it would be ejected for them over and over.

use std::time::Duration;

use rand_core::RngCore;

use crate::outlier::Cause;
use crate::plan::EjectionPlan;
use crate::time::Timestamp;

/// Between the starts of two trials.
const TRIAL_SPACING: Duration = Duration::from_millis(100);
/// How long a trial waits for a request that may be repeated before any will do.
const CHOOSY: Duration = Duration::from_secs(1);
/// How long a trial keeps others from beginning: a download of an hour is no reason to wait for one,
/// and an endpoint that hangs gets no more than six requests a minute.
const TRIAL_PATIENCE: Duration = Duration::from_secs(10);
/// Doubling ends here at the latest: 2³¹ seconds are 68 years.
const MAX_LEVEL: u32 = 31;

/// Where an endpoint stands with live traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It gets its share.
    In,
    /// It is left alone.
    Ejected {
        /// Why.
        cause: Cause,
        /// Until then, unless a probe ends it.
        until: Timestamp,
    },
    /// It gets one request at a time.
    Probation {
        /// Why it was ejected.
        cause: Cause,
        /// Attempts that succeeded since.
        passed: u32,
        /// When the next trial may begin.
        due: Timestamp,
        /// When the trial that is on its way began.
        trial: Option<Timestamp>,
    },
}

/// What came of an attempt, as far as an ejection is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrialEnd {
    /// It succeeded.
    Passed,
    /// It failed, and by the endpoint's fault.
    Failed,
    /// It says nothing: the client went away.
    Neutral,
}

/// One endpoint's standing with live traffic, and its past.
#[derive(Clone, Copy, Debug)]
pub struct Ejection {
    state: State,
    /// When it came to its state.
    since: Timestamp,
    /// Ejections that are not forgiven.
    level: u32,
    /// How long the last one was to be.
    last: Duration,
    /// How long it has been in since, up to when it last left.
    good: Duration,
}

impl Ejection {
    /// In, without a past.
    pub fn new(now: Timestamp) -> Self {
        let none = Duration::ZERO;
        Self { state: State::In, since: now, level: 0, last: none, good: none }
    }

    /// The state.
    pub fn state(&self) -> State {
        self.state
    }

    /// When it came to its state.
    pub fn since(&self) -> Timestamp {
        self.since
    }

    /// Why it is not in.
    pub fn cause(&self) -> Option<Cause> {
        match self.state {
            State::In => None,
            State::Ejected { cause, .. } | State::Probation { cause, .. } => Some(cause),
        }
    }

    /// When time alone changes the state: when to call [`Self::advance`].
    pub fn next_change(&self) -> Option<Timestamp> {
        match self.state {
            State::Ejected { until, .. } => Some(until),
            State::In | State::Probation { .. } => None,
        }
    }

    /// Lets time pass. Like all that follow, tells whether the state changed.
    pub fn advance(&mut self, now: Timestamp) -> bool {
        match self.state {
            State::Ejected { cause, until } if until <= now => {
                let next = match cause {
                    Cause::RetryAfter => State::In,
                    _ => State::Probation { cause, passed: 0, due: until, trial: None },
                };
                self.enter(next, until)
            }
            _ => false,
        }
    }

    /// Ejects, for longer than the last time. One that is ejected stays so as it is, unless it only
    /// asked to be left alone. In probation a failure to connect does not hide another cause: only
    /// what a probe can see may be ended by one.
    pub fn eject(
        &mut self,
        cause: Cause,
        plan: &EjectionPlan,
        now: Timestamp,
        rng: &mut impl RngCore,
    ) -> bool {
        debug_assert_ne!(cause, Cause::RetryAfter, "an endpoint that asks is deferred");
        let advanced = self.advance(now);
        let (cause, at_least) = match self.state {
            _ if !plan.enabled => return advanced,
            State::In => (cause, now),
            State::Ejected { cause: Cause::RetryAfter, until } => (cause, until),
            State::Ejected { .. } => return advanced,
            State::Probation { cause: Cause::Connection, .. } => (cause, now),
            State::Probation { cause: before, .. } => (before, now),
        };
        self.leave(now);
        self.forgive();
        let length = length(plan, self.level);
        if length < plan.max_time {
            self.level = (self.level + 1).min(MAX_LEVEL);
        }
        self.last = length;
        let until = at_least.max(now + jittered(length, rng));
        self.enter(State::Ejected { cause, until }, now)
    }

    /// Leaves the endpoint alone until then, because it asked for it; the caller bounds that. Shortens
    /// nothing, and is not held against it. In probation, which then begins anew, this takes the
    /// place of [`Self::attempt_ended`].
    pub fn defer(&mut self, until: Timestamp, now: Timestamp) -> bool {
        let advanced = self.advance(now);
        if until <= now {
            return advanced;
        }
        match &mut self.state {
            State::Ejected { until: before, .. } => {
                *before = until.max(*before);
                advanced
            }
            State::Probation { cause, .. } => {
                let cause = *cause;
                self.enter(State::Ejected { cause, until }, now)
            }
            State::In => {
                self.leave(now);
                self.enter(State::Ejected { cause: Cause::RetryAfter, until }, now)
            }
        }
    }

    /// A probe has passed.
    pub fn probe_passed(&mut self, now: Timestamp) -> bool {
        let advanced = self.advance(now);
        match self.cause() {
            Some(Cause::Connection) => self.enter(State::In, now),
            _ => advanced,
        }
    }

    /// Whether a request should go there now as a trial; one that may be repeated is taken rather, for
    /// it loses nothing.
    pub fn trial_due(&self, now: Timestamp, repeatable: bool) -> bool {
        match self.state {
            State::Probation { due, .. } => now >= if repeatable { due } else { due + CHOOSY },
            State::In | State::Ejected { .. } => false,
        }
    }

    /// A trial has begun; [`Self::attempt_ended`] knows it by that time.
    pub fn trial_begun(&mut self, now: Timestamp) {
        if let State::Probation { due, trial, .. } = &mut self.state {
            *due = now + TRIAL_PATIENCE;
            *trial = Some(now);
        }
    }

    /// An attempt that began then has ended: a trial, or any other.
    pub fn attempt_ended(
        &mut self,
        end: TrialEnd,
        began: Timestamp,
        plan: &EjectionPlan,
        now: Timestamp,
        rng: &mut impl RngCore,
    ) -> bool {
        let advanced = self.advance(now);
        let State::Probation { cause, passed, due, trial } = &mut self.state else {
            return advanced;
        };
        if *trial == Some(began) {
            *trial = None;
            *due = now.max(began + TRIAL_SPACING);
        }
        if began < self.since {
            return advanced;
        }
        match end {
            TrialEnd::Neutral => advanced,
            TrialEnd::Failed => {
                let cause = *cause;
                self.eject(cause, plan, now, rng)
            }
            TrialEnd::Passed => {
                *passed = passed.saturating_add(1);
                if *passed < plan.probation.get() {
                    return advanced;
                }
                self.enter(State::In, now)
            }
        }
    }

    fn enter(&mut self, state: State, at: Timestamp) -> bool {
        self.state = state;
        self.since = at;
        true
    }

    /// Keeps how long it was in.
    fn leave(&mut self, now: Timestamp) {
        if self.state == State::In {
            self.good = self.good.saturating_add(now - self.since);
        }
    }

    fn forgive(&mut self) {
        let steps = self.good.as_nanos() / self.last.as_nanos().max(1);
        self.level = self.level.saturating_sub(u32::try_from(steps).unwrap_or(u32::MAX));
        self.good = Duration::ZERO;
    }
}

/// `time` × 2^`level`, up to `max_time`.
fn length(plan: &EjectionPlan, level: u32) -> Duration {
    let factor = 1_u32.checked_shl(level).unwrap_or(u32::MAX);
    plan.time.saturating_mul(factor).min(plan.max_time)
}

/// Up to a fifth longer.
fn jittered(length: Duration, rng: &mut impl RngCore) -> Duration {
    let nanos = u64::try_from(length.as_nanos()).unwrap_or(u64::MAX);
    let extra = rng.next_u64() % (nanos / 5).max(1);
    Duration::from_nanos(nanos.saturating_add(extra))
}

#[cfg(test)]
mod tests;
