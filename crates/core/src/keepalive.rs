//! When an endpoint closes connections that are idle, as far as that is known.
//!
//! A request on a reused connection can meet the endpoint's own decision to close it: the two cross
//! on the wire, and nobody can tell whether the request was executed (RFC 9112, section 9.3.1). One
//! that may be executed twice is simply repeated; any other would be lost. So a non-idempotent
//! request goes out on a fresh connection, or on one that has been idle for so short a time that the
//! endpoint is not about to close it. How short that is, [`KeepAlive::safe`] says for each endpoint.
//! The alternative is a fresh connection for every such request: always safe, and with TLS two round
//! trips slower, against a race that is hardly ever run.
//!
//! What is learned is learned from the requests that may fail: they use every connection, whatever
//! its age, and so find out what an endpoint does before anything is staked on it.
//!
//! - **The hint.** `Keep-Alive: timeout=H` ([`hint_in`]) is the endpoint's word. Up to H − 1 s is safe:
//!   a second for the way there, and for a timer that began when the answer was written rather than
//!   when it was read. Up to 2 s that second would be half of it or more, and half is taken. A hint of
//!   zero says that the connection closes. The last hint counts: it is what a reload has made of it.
//! - **Without a hint**, half of the longest idle time after which a connection has served. One that
//!   served at age *a* was not closed at *a*, so an idle timeout is longer than *a*, and *a*/2 leaves as
//!   much again for the race as it takes.
//! - **At the beginning**, 5 ms: no server's idle timeout is so short, and connections of a busy
//!   endpoint are seldom idle for longer.
//! - **Closes.** Never more than half of the shortest idle time after which a connection turned out to
//!   be closed: the endpoint has closed it *before* that, by an unknown time. What had served after
//!   longer proves nothing any more. A hint that had called that age safe is not believed while the
//!   close is remembered (something between may close sooner than the endpoint): then the rule without
//!   a hint holds.
//! - **A close at nearly no age**, 10 ms or less, is not the end of an idle timeout. The endpoint closes
//!   after an answer without saying so, every k-th or because it restarts. Then no age is safe, and
//!   what has served proves nothing; nor is there a first trust again before five hours have passed, or
//!   closes at greater ages have taken the place of that one.
//! - **Forgetting.** Endpoints are reconfigured. Every ten minutes without news the age of a close counts
//!   double, and the age that has served half. A close renews an earlier one if it is not above what the
//!   next doubling would make of it: then that doubling would be wrong. So an ordinary timeout of seconds
//!   does not keep alive what a restart has left behind. Longer trust then has to be earned again, by
//!   requests that may fail.
//!
//! - **Death.** All this is forgotten when an endpoint comes back after it was out of reach, ejected or
//!   failing its probes: what its death has closed says nothing of its habits.
//!
//! What can be lost all the same:
//!
//! - at an endpoint that closes after answers without saying so, a request on a connection idle for
//!   less than 5 ms (or than half of what has served), before the first such close is known. Several
//!   may be on their way when it is learned of. Then again one, at the earliest ten minutes after the
//!   last such close, and only if requests that may fail have been served in between;
//! - at an endpoint whose timeout has shrunk below half of what has served, or below a hint that it
//!   does not keep or sends no more: one, until a close is seen or the service fades;
//! - whatever an endpoint closes when it dies. No idle time foretells that.
//!
//! All this is about HTTP/1.1. On HTTP/2 an endpoint says with GOAWAY what it has not executed.

mod hint;

use std::time::Duration;

use crate::time::Timestamp;

pub use hint::hint_in;

/// What is safe while nothing is known.
const FIRST_TRUST: Duration = Duration::from_millis(5);
/// A close at this age or below comes after an answer, not after an idle time.
const AT_ONCE: Duration = Duration::from_millis(10);
/// What is taken off a hint.
const MARGIN: Duration = Duration::from_secs(1);
/// After so long without news, what was seen counts half.
const FADES_IN: Duration = Duration::from_secs(600);

/// What is known about when one endpoint closes idle connections.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeepAlive {
    /// The last hint.
    hint: Option<Duration>,
    /// The longest idle time after which a connection has served.
    served: Option<Seen>,
    /// The shortest idle time after which one turned out closed.
    closed: Option<Seen>,
}

/// An idle time, and when it was seen.
#[derive(Clone, Copy, Debug)]
struct Seen {
    idle: Duration,
    at: Timestamp,
}

impl KeepAlive {
    /// An answer came with this hint; zero: the endpoint closes.
    pub fn hinted(&mut self, timeout: Duration) {
        self.hint = Some(timeout);
    }

    /// A reused connection served; `idle` is how long it had been idle when the request was sent.
    pub fn reused(&mut self, idle: Duration, now: Timestamp) {
        if idle >= self.has_served(now) {
            self.served = Some(Seen { idle, at: now });
        }
    }

    /// A reused connection turned out closed; `idle` as in [`Self::reused`].
    pub fn closed_at(&mut self, idle: Duration, now: Timestamp) {
        self.served = self
            .served
            .filter(|_| idle > AT_ONCE)
            .map(|served| Seen { idle: served.idle.min(idle), ..served });
        let idle = idle.max(AT_ONCE);
        match self.has_closed(now) {
            Some(shortest) if idle > shortest.saturating_mul(2) => {}
            shortest => {
                let idle = shortest.map_or(idle, |shortest| shortest.min(idle));
                self.closed = Some(Seen { idle, at: now });
            }
        }
    }

    /// The longest idle time of a connection on which a non-idempotent request may go out; zero:
    /// only on a fresh one.
    pub fn safe(&self, now: Timestamp) -> Duration {
        let closed = self.has_closed(now);
        if closed.is_some_and(|shortest| shortest <= AT_ONCE) {
            return Duration::ZERO;
        }
        let contradicted = |hinted: &Duration| closed.is_some_and(|shortest| shortest <= *hinted);
        let trust = self
            .hint
            .map(trust_in)
            .filter(|hinted| !contradicted(hinted))
            .unwrap_or_else(|| self.first_trust(now).max(self.has_served(now) / 2));
        closed.map_or(trust, |shortest| trust.min(shortest / 2))
    }

    /// What is safe although nothing has served yet.
    fn first_trust(&self, now: Timestamp) -> Duration {
        let lost = self.closed.is_some_and(|seen| seen.idle <= AT_ONCE);
        if lost && self.has_closed(now).is_some() { Duration::ZERO } else { FIRST_TRUST }
    }

    /// The longest idle time that has served, faded; zero if none has.
    fn has_served(&self, now: Timestamp) -> Duration {
        let halved = |seen: Seen| 1_u32.checked_shl(seen.fadings(now)).map(|by| seen.idle / by);
        self.served.and_then(halved).unwrap_or_default()
    }

    /// The shortest idle time that met a closed connection, faded; `None` if none has, or none
    /// within 32 fadings (five hours).
    fn has_closed(&self, now: Timestamp) -> Option<Duration> {
        let doubled = |seen: Seen| {
            let by = 1_u32.checked_shl(seen.fadings(now))?;
            Some(seen.idle.saturating_mul(by))
        };
        self.closed.and_then(doubled)
    }
}

/// How much of a hint is believed.
fn trust_in(hint: Duration) -> Duration {
    hint.saturating_sub(MARGIN).max(hint.min(2 * MARGIN) / 2)
}

impl Seen {
    /// How often it has faded by now.
    fn fadings(self, now: Timestamp) -> u32 {
        let times = now.saturating_since(self.at).as_nanos() / FADES_IN.as_nanos();
        u32::try_from(times).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests;
