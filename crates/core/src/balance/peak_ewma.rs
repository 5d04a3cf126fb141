//! What an endpoint costs: its latency, times what it has in flight.
//!
//! The latency is a moving average that is sensitive to peaks, as in Finagle's and linkerd's
//! balancers (`PeakEwma.scala`, `tower::load::PeakEwma`), with their time constant of 10 s: a
//! sample above the average takes its place, one below is averaged in by the time that has passed.
//! While nothing is observed the average decays towards zero, or nobody would find out that a slow
//! endpoint has recovered. Some things are different here, each because of a fault of the original:
//!
//! - **A sample lifts the average at most tenfold** (a winsorized peak). One request that takes a
//!   thousand times as long, because of what *it* asked for, would keep its endpoint out for
//!   10 s × ln 1000, more than a minute. Three such in a row still lift it a thousandfold.
//! - **A failure is slow**, however fast it was. A refused connection takes no time, and an endpoint
//!   that refuses would attract all traffic (ingress-nginx #5540 and #9882). The first failure counts
//!   as ten times the pool's typical latency, the second in a row as a hundred, more as a thousand
//!   (half of that, after what is below): while the others have fewer than that in flight each, hardly a
//!   request goes there, without any ejection.
//! - **Waiting counts.** An endpoint that hangs is not observed; its average would decay faster
//!   than its queue grows, and attract everybody until the first timeout. So a request that has
//!   waited for longer than the average is a sample already ([`Latency::began`]), and no average
//!   counts for less than the typical one because it decayed: being no better than the others is
//!   enough to be tried again.
//! - **An unknown endpoint counts as typical**, not as free (Finagle) nor as taking 1 s (tower).
//! - **Noise is no difference.** Averages are never equal, and their order lasts: one slow first
//!   answer would keep an endpoint out of an idle pool for half a minute, and the dearest of three for
//!   as long as it is the dearest. So up to twice the typical latency, and down to half of it, counts as
//!   typical, and only what goes beyond as faster or slower.
//!
//! The two that are compared were drawn by weight, so latency must not be divided by weight too:
//! idle endpoints of equal latency would not get their shares, the heavy would get everything. Only
//! the requests in flight are divided, and by the weight in relation to the others', so that
//! weights of 1000 and 2000 are no different from 1 and 2.
//!
//! Times are in nanoseconds, as `f64`.

use std::time::Duration;

use crate::time::Timestamp;

/// After which time an observation has lost all but 1/e of its influence.
const DECAY: Duration = Duration::from_secs(10);

/// How many times the average a single sample can make it.
const LIFT: f64 = 10.0;

/// How many failures in a row count: ten to this power, times the typical latency.
const WORST: u8 = 3;

/// What a failure is measured by where the pool has no typical latency or a smaller one: 1 ms,
/// which makes 10 ms of the first failure.
const LEAST_TYPICAL: f64 = 1e6;

/// Up to so many times the typical latency, and down to such a part of it, is noise: what goes beyond
/// counts by as many times less.
const ALIKE: f64 = 2.0;

/// How long an endpoint takes to answer, lately.
///
/// One that comes back from the dead is a new one: begin with `Latency::default()` again.
#[derive(Clone, Copy, Debug, Default)]
pub struct Latency {
    /// Zero: nothing is known.
    average: f64,
    at: Timestamp,
    /// When the first request began that nothing has been heard since.
    waiting: Option<Timestamp>,
    /// Failures in a row, no more than [`WORST`].
    failures: u8,
}

impl Latency {
    /// Takes in that a request is sent there, which has so many in flight besides.
    pub fn began(&mut self, in_flight: u32, now: Timestamp) {
        if in_flight == 0 || self.waiting.is_none() {
            self.waiting = Some(now);
        }
    }

    /// Takes in how long an answer took to come: to the first byte, or what streams for an hour
    /// looks as if it hung.
    pub fn observe(&mut self, sample: Duration, typical: Typical, now: Timestamp) {
        self.failures = 0;
        let sample = nanos(sample);
        let before = self.decayed(now);
        let next = if sample >= before {
            sample.min(self.highest(typical))
        } else {
            let old = remains(self.at, now);
            before * old + sample * (1.0 - old)
        };
        self.set(next, now);
    }

    /// Takes in that a request failed, after it `took` so long. It never makes an endpoint look
    /// faster.
    pub fn failed(&mut self, took: Duration, typical: Typical, now: Timestamp) {
        self.failures = (self.failures + 1).min(WORST);
        let basis = typical.nanos().unwrap_or(0.0).max(LEAST_TYPICAL);
        let penalty = basis * LIFT.powi(i32::from(self.failures));
        let took = nanos(took).min(self.highest(typical));
        self.set(took.max(penalty).max(self.decayed(now)), now);
    }

    /// The average, decayed since it was last observed; `None` if nothing ever was.
    pub fn average(&self, now: Timestamp) -> Option<f64> {
        (self.average > 0.0).then(|| self.decayed(now))
    }

    /// The average, unless it is a penalty: the last attempt failed, and took no time that says anything.
    pub fn measured(&self, now: Timestamp) -> Option<f64> {
        self.average(now).filter(|_| self.failures == 0)
    }

    /// What one more request would cost here, in comparison with other endpoints. `weight` is in
    /// relation to their average ([`Candidates::relative`](super::Candidates::relative)).
    pub(crate) fn cost(
        &self,
        now: Timestamp,
        in_flight: u32,
        weight: f64,
        typical: Typical,
    ) -> f64 {
        let waits = match self.waiting {
            Some(since) if in_flight > 0 => nanos(now - since).min(self.highest(typical)),
            _ => 0.0,
        };
        let typical = typical.nanos();
        let latency = match self.average(now) {
            Some(average) => average.max(self.average.min(typical.unwrap_or(0.0))).max(waits),
            None => typical.map_or(LEAST_TYPICAL, |typical| typical.max(waits)),
        };
        let latency =
            typical.map_or(latency, |typical| (latency / ALIKE).max(typical.min(latency * ALIKE)));
        latency * (1.0 + f64::from(in_flight) / weight)
    }

    /// The most that the next sample can make of it.
    fn highest(&self, typical: Typical) -> f64 {
        let known = (self.average > 0.0).then_some(self.average);
        known.or(typical.nanos()).map_or(f64::INFINITY, |average| average * LIFT)
    }

    fn decayed(&self, now: Timestamp) -> f64 {
        self.average * remains(self.at, now)
    }

    fn set(&mut self, average: f64, now: Timestamp) {
        self.average = average;
        self.at = now;
        self.waiting = None;
    }
}

/// How long the endpoints of a pool take to answer, on the whole: a moving average of all answers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Typical {
    /// Zero: nothing is known.
    average: f64,
    at: Timestamp,
}

impl Typical {
    /// Takes in how long an answer took; a failure is none.
    pub fn observe(&mut self, sample: Duration, now: Timestamp) {
        let sample = nanos(sample);
        if self.average > 0.0 {
            let old = remains(self.at, now);
            let sample = sample.min(self.average * LIFT);
            self.average = self.average * old + sample * (1.0 - old);
        } else {
            self.average = sample;
        }
        self.at = now;
    }

    /// The average; `None` before the first answer. It does not decay.
    pub fn nanos(&self) -> Option<f64> {
        (self.average > 0.0).then_some(self.average)
    }
}

/// How much is left of an observation's weight.
fn remains(at: Timestamp, now: Timestamp) -> f64 {
    (-(now - at).as_secs_f64() / DECAY.as_secs_f64()).exp()
}

/// At least 1: zero is for what is not known.
fn nanos(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e9).max(1.0)
}

#[cfg(test)]
mod tests;
