//! When files that change have come to rest.
//!
//! By events: nothing has happened for [`Pace::quiet`], and no file is being written to. Whoever opens a
//! file, truncates it, writes half and takes a break has not closed it; so a break of any length is no
//! end. Quiet is for what consists of several files, such as two mounts whose links are swapped one
//! after the other.
//!
//! Without events, the only sign of rest is that two looks agree.
//!
//! Neither waits for ever: a folder that never rests is looked at every [`Pace::most`], and a
//! writer that never closes is waited for once, for [`Pace::unclosed`].

use std::collections::HashMap;
use std::ffi::OsString;
use std::time::{Duration, Instant};

/// A file that is being written to: the watch that told of it, and its name in that folder.
pub(super) type Writer = (i32, Option<OsString>);

/// How long what may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// So long without an event is rest.
    pub(super) quiet: Duration,
    /// So long without rest is enough.
    pub(super) most: Duration,
    /// So long is waited for somebody to close a file, or for two looks to agree.
    pub(super) unclosed: Duration,
    /// Between looks where no event came.
    pub(super) tick: Duration,
    /// Between two looks that must agree.
    pub(super) again: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            quiet: Duration::from_millis(300),
            most: Duration::from_secs(5),
            unclosed: Duration::from_secs(30),
            tick: Duration::from_secs(5),
            again: Duration::from_secs(1),
        }
    }
}

/// Decides when to look, and whether what was seen then is a change. `F` is a fingerprint.
#[derive(Debug)]
pub(super) struct Settle<F> {
    pace: Pace,
    /// What was read, or has been told of.
    known: F,
    state: State<F>,
    /// Who is writing; `false` once it is no longer waited for.
    writers: HashMap<Writer, bool>,
}

#[derive(Debug)]
enum State<F> {
    /// Nothing is known to have happened.
    Rest { until: Instant },
    /// Events came.
    Stirred { first: Instant, last: Instant },
    /// A look found a difference, and no event told of it.
    Found { first: Instant, seen: F, at: Instant },
}

impl<F: PartialEq> Settle<F> {
    pub(super) fn new(pace: Pace, known: F, now: Instant) -> Self {
        let state = State::Rest { until: now + pace.tick };
        Self { pace, known, state, writers: HashMap::new() }
    }

    /// Compares with something else from now on, `now` with `seen`.
    pub(super) fn follow(&mut self, known: F, seen: F, now: Instant) {
        self.known = known;
        self.state = match self.state {
            State::Stirred { first, last } => State::Stirred { first, last },
            _ if self.known == seen => State::Rest { until: now + self.pace.tick },
            _ => State::Found { first: now, seen, at: now },
        };
    }

    /// Something happened to one of the files, or to a folder or link on the way to them.
    pub(super) fn stirred(&mut self, now: Instant) {
        let first = match self.state {
            State::Rest { .. } => now,
            State::Stirred { first, .. } | State::Found { first, .. } => first,
        };
        self.state = State::Stirred { first, last: now };
    }

    /// Somebody has a file open, and writes.
    pub(super) fn written(&mut self, writer: Writer, now: Instant) {
        self.writers.entry(writer).or_insert(true);
        self.stirred(now);
    }

    /// A file was closed, or is no longer in this place.
    pub(super) fn closed(&mut self, writer: &Writer, now: Instant) {
        self.writers.remove(writer);
        self.stirred(now);
    }

    /// Forgets who writes where nothing is watched any more, and so no closing would be seen.
    pub(super) fn retain_writers(&mut self, is_watched: impl Fn(&Writer) -> bool) {
        self.writers.retain(|writer, _| is_watched(writer));
    }

    /// When to look. May lie in the past.
    pub(super) fn due(&self) -> Instant {
        match self.state {
            State::Rest { until } => until,
            State::Stirred { first, .. } if self.is_written() => first + self.pace.unclosed,
            State::Stirred { first, last } => (last + self.pace.quiet).min(first + self.pace.most),
            State::Found { at, .. } => at + self.pace.again,
        }
    }

    /// Who is not waited for any longer, told once for each.
    pub(super) fn give_up(&mut self, now: Instant) -> Vec<Writer> {
        match self.state {
            State::Stirred { first, .. } if now >= first + self.pace.unclosed => {}
            _ => return Vec::new(),
        }
        let waited_for = self.writers.iter_mut().filter(|(_, waits)| **waits);
        waited_for
            .map(|(writer, waits)| {
                *waits = false;
                writer.clone()
            })
            .collect()
    }

    /// Whether this is not what is known.
    pub(super) fn differs(&self, seen: &F) -> bool {
        self.known != *seen
    }

    /// Takes in a look that was due. Whether it is a change that has settled; from then on it is
    /// known.
    pub(super) fn looked(&mut self, seen: F, now: Instant) -> bool {
        let rest = State::Rest { until: now + self.pace.tick };
        if self.known == seen {
            self.state = rest;
            return false;
        }
        let is_settled = match &self.state {
            State::Rest { .. } => false,
            State::Stirred { .. } => true,
            State::Found { first, seen: before, .. } => {
                *before == seen || now >= *first + self.pace.unclosed
            }
        };
        if is_settled {
            self.state = rest;
            self.known = seen;
        } else {
            let first = match self.state {
                State::Found { first, .. } => first,
                _ => now,
            };
            self.state = State::Found { first, seen, at: now };
        }
        is_settled
    }

    fn is_written(&self) -> bool {
        self.writers.values().any(|waits| *waits)
    }
}

#[cfg(test)]
mod tests;
