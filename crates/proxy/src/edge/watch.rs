//! Time limits of a request, kept where its client is read.
//!
//! Pingora has one timeout for every read from an endpoint, and none for a request. But whenever it
//! waits for an endpoint it reads from the client as well, to notice that it leaves; so a client whose
//! read fails at a deadline ends the wait (docs/decisions/0002-time-limits.md has the alternatives).
//! What failed was not the client: [`Watch::expired`] tells the two apart.
//!
//! Whoever reads a client holds one [`Timer`] at most. Deadlines mostly move into the future, and a timer
//! that fires too soon is simply set again, so a request costs atomic stores and no timer operation.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use parking_lot::Mutex;
use switchback_core::Timestamp;
use switchback_core::plan::LimitsPlan;
use switchback_runtime::Clock;
use switchback_wire::Refusal;
use tokio::time::{Instant, Sleep, sleep_until};

/// No deadline, and no limit.
const NEVER: u64 = u64::MAX;

/// What the phases of a request and the reader of its client tell each other.
#[derive(Debug)]
pub(crate) struct Watch {
    clock: Clock,
    /// In nanoseconds since the start; [`NEVER`]: none.
    deadline: AtomicU64,
    /// By how much each byte that moves puts the deadline off, in nanoseconds; zero: not at all.
    extend: AtomicU64,
    expired: AtomicBool,
    /// Whether the connection ends with this request.
    closes: AtomicBool,
    /// Whether the client waits to be told to send its body, so that none is due from it.
    waits: AtomicBool,
    /// The most bytes of the request's body; [`NEVER`]: no limit.
    max_body: AtomicU64,
    /// What is wrong with what has come of the request's body.
    refused: Mutex<Option<Refusal>>,
}

impl Watch {
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            clock,
            deadline: AtomicU64::new(NEVER),
            extend: AtomicU64::new(0),
            expired: AtomicBool::new(false),
            closes: AtomicBool::new(false),
            waits: AtomicBool::new(false),
            max_body: AtomicU64::new(NEVER),
            refused: Mutex::new(None),
        }
    }

    /// Waits until then, whatever moves.
    pub(crate) fn until(&self, deadline: Timestamp) {
        self.extend.store(0, Ordering::Relaxed);
        self.deadline.store(deadline.as_nanos(), Ordering::Relaxed);
    }

    /// Waits for as long as no byte moves for this long.
    pub(crate) fn while_moving(&self, silence: Duration) {
        let nanos = u64::try_from(silence.as_nanos()).unwrap_or(NEVER);
        self.extend.store(nanos, Ordering::Relaxed);
        self.moved();
    }

    /// Waits for ever.
    pub(crate) fn off(&self) {
        self.extend.store(0, Ordering::Relaxed);
        self.deadline.store(NEVER, Ordering::Relaxed);
    }

    /// Whether a deadline has passed since this was last asked.
    pub(crate) fn expired(&self) -> bool {
        self.expired.swap(false, Ordering::Relaxed)
    }

    /// The connection ends with this request, which a client of HTTP/1 is told if its answer has not begun.
    pub(crate) fn close_after(&self) {
        self.closes.store(true, Ordering::Relaxed);
    }

    pub(super) fn closes(&self) -> bool {
        self.closes.load(Ordering::Relaxed)
    }

    /// Notes whether the client waits to be told to send its body (`Expect: 100-continue`).
    pub(crate) fn client_waits(&self, waits: bool) {
        self.waits.store(waits, Ordering::Relaxed);
    }

    pub(super) fn is_body_due(&self) -> bool {
        !self.waits.load(Ordering::Relaxed)
    }

    /// Refuses a body of more bytes.
    pub(crate) fn limit_body(&self, bytes: u64) {
        self.max_body.store(bytes, Ordering::Relaxed);
    }

    /// Refuses the rest of the request.
    pub(super) fn refuse(&self, refusal: Refusal) {
        *self.refused.lock() = Some(refusal);
    }

    /// Why the rest of the request was refused.
    pub(crate) fn refused(&self) -> Option<Refusal> {
        *self.refused.lock()
    }

    /// Forgets all of a request, for the next one on its connection.
    pub(super) fn reset(&self) {
        self.off();
        self.expired.store(false, Ordering::Relaxed);
        self.waits.store(false, Ordering::Relaxed);
        self.closes.store(false, Ordering::Relaxed);
        *self.refused.lock() = None;
        self.max_body.store(NEVER, Ordering::Relaxed);
    }

    /// A byte has moved.
    pub(super) fn moved(&self) {
        let extend = self.extend.load(Ordering::Relaxed);
        if extend != 0 {
            let now = self.clock.now().as_nanos();
            self.deadline.store(now.saturating_add(extend), Ordering::Relaxed);
        }
    }

    /// What is wrong with a body of which so many bytes have come.
    pub(super) fn too_long(&self, received: u64) -> Option<Refusal> {
        (received > self.max_body.load(Ordering::Relaxed)).then_some(BODY_TOO_LARGE)
    }

    pub(super) fn deadline(&self) -> Option<Timestamp> {
        let nanos = self.deadline.load(Ordering::Relaxed);
        (nanos != NEVER).then(|| Timestamp::from_start(Duration::from_nanos(nanos)))
    }

    /// Ready once, when the deadline has passed; registers for it otherwise.
    pub(super) fn poll_expired(&self, timer: &mut Timer, cx: &mut Context<'_>) -> Poll<()> {
        while let Some(deadline) = self.deadline() {
            std::task::ready!(timer.poll(self.clock, deadline, cx));
            if self.deadline().is_some_and(|deadline| deadline <= self.clock.now()) {
                self.off();
                self.expired.store(true, Ordering::Relaxed);
                return Poll::Ready(());
            }
        }
        Poll::Pending
    }
}

/// The one timer of a reader.
#[derive(Debug, Default)]
pub(super) struct Timer(Option<Pin<Box<Sleep>>>);

impl Timer {
    /// Ready at the deadline, or sooner.
    pub(super) fn poll(
        &mut self,
        clock: Clock,
        deadline: Timestamp,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        let instant = Instant::from_std(clock.instant(deadline));
        let timer = self.0.get_or_insert_with(|| Box::pin(sleep_until(instant)));
        if timer.deadline() > instant {
            timer.as_mut().reset(instant);
        }
        std::task::ready!(timer.as_mut().poll(cx));
        self.0 = None;
        Poll::Ready(())
    }
}

/// Timers of readers that have come to their end, for those that follow on their connection. They are still set
/// for what was waited for, which is mostly sooner than what is waited for next: so most requests neither
/// set a timer nor clear one.
#[derive(Debug, Default)]
pub(super) struct Timers(Mutex<Vec<Timer>>);

impl Timers {
    /// The most that are kept: a timer also keeps a little of the task that waited last.
    const MOST: usize = 8;

    /// A timer that is set for some time, or not at all.
    pub(super) fn take(&self) -> Timer {
        self.0.lock().pop().unwrap_or_default()
    }

    /// Keeps a timer that nobody waits for any more.
    pub(super) fn give_back(&self, timer: Timer) {
        let mut kept = self.0.lock();
        if timer.0.is_some() && kept.len() < Self::MOST {
            kept.push(timer);
        }
    }
}

/// The body is longer than its route allows.
pub(crate) const BODY_TOO_LARGE: Refusal = Refusal {
    status: 413,
    code: "body_too_large",
    details: "the body is larger than it may be here",
};

/// Nothing came of the body.
const BODY_TOO_SLOW: Refusal =
    Refusal { status: 408, code: "body_timeout", details: "the body did not come in time" };

/// Less came of the body than must on average.
const BODY_TOO_LITTLE: Refusal =
    Refusal { status: 408, code: "body_rate", details: "the body came too slowly" };

/// How long a client takes for its body: the time for which it was awaited, not that for which an
/// endpoint took nothing.
#[derive(Debug)]
pub(super) struct Pace {
    silence: Duration,
    /// In bytes a second; zero: any.
    rate: u32,
    /// Since when it is awaited.
    since: Option<Timestamp>,
    /// For how long it was, before that.
    waited: Duration,
}

impl Pace {
    pub(super) fn new(limits: &LimitsPlan) -> Self {
        let LimitsPlan { body_timeout, body_rate, .. } = *limits;
        Self { silence: body_timeout, rate: body_rate, since: None, waited: Duration::ZERO }
    }

    /// Something came.
    pub(super) fn moved(&mut self, clock: Clock) {
        if let Some(since) = self.since.take() {
            self.waited += clock.now() - since;
        }
    }

    /// It is awaited, after so many bytes: ready with the refusal if it takes too long.
    pub(super) fn poll_too_slow(
        &mut self,
        received: u64,
        clock: Clock,
        timer: &mut Timer,
        cx: &mut Context<'_>,
    ) -> Poll<Refusal> {
        let since = *self.since.get_or_insert_with(|| clock.now());
        let patience = self.patience(received);
        let deadline = since + patience;
        loop {
            std::task::ready!(timer.poll(clock, deadline, cx));
            if clock.now() >= deadline {
                let refusal = if patience < self.silence { BODY_TOO_LITTLE } else { BODY_TOO_SLOW };
                return Poll::Ready(refusal);
            }
        }
    }

    /// For how much longer it may be awaited.
    fn patience(&self, received: u64) -> Duration {
        match self.rate {
            0 => self.silence,
            rate => {
                let earned = Duration::from_secs(received / u64::from(rate));
                let left = (LimitsPlan::BODY_GRACE + earned).saturating_sub(self.waited);
                self.silence.min(left)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_timers_are_handed_on_and_none_that_was_never_set() {
        let timers = Timers::default();
        timers.give_back(Timer::default());
        assert_eq!(timers.0.lock().len(), 0);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let _entered = runtime.enter();
        for _ in 0..=Timers::MOST {
            timers.give_back(Timer(Some(Box::pin(sleep_until(Instant::now())))));
        }
        assert_eq!(timers.0.lock().len(), Timers::MOST);
        assert!(timers.take().0.is_some());
        assert_eq!(timers.0.lock().len(), Timers::MOST - 1);
    }

    #[test]
    fn a_body_has_its_grace_and_a_second_for_each_of_its_rate() {
        let limits = LimitsPlan { body_rate: 500, ..LimitsPlan::default() };
        let mut pace = Pace::new(&limits);
        assert_eq!(pace.patience(0), LimitsPlan::BODY_GRACE, "sooner than the silence of 30 s");
        assert_eq!(pace.patience(5000), limits.body_timeout);
        pace.waited = Duration::from_secs(25);
        assert_eq!(pace.patience(5000), Duration::from_secs(5));
        assert_eq!(pace.patience(0), Duration::ZERO);
        let any = Pace::new(&LimitsPlan { body_rate: 0, ..limits });
        assert_eq!(any.patience(0), limits.body_timeout);
    }
}
