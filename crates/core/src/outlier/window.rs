//! Successes and failures over the last while, in ten buckets of time.
//!
//! A bucket expires as a whole, by time and not by traffic: an idle hour leaves nothing. The newest is
//! still filling, so what a window holds is between nine and ten tenths of its length. Ten make
//! that error small and the whole cheap to walk; a list of every attempt would be exact and without
//! bound.
//!
//! Buckets are aligned to the gateway's start, so those of an endpoint and of its pool cover the
//! same time, and one can be taken from the other.

use std::ops::{AddAssign, Sub};
use std::time::Duration;

use crate::plan::EjectionPlan;
use crate::time::Timestamp;

/// Successes and failures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Attempts that succeeded.
    pub ok: u32,
    /// Attempts that failed.
    pub failed: u32,
}

impl Counts {
    /// Both together.
    pub fn attempts(self) -> u64 {
        u64::from(self.ok) + u64::from(self.failed)
    }

    /// The part that failed; 0 of no attempts.
    pub fn failure_share(self) -> f64 {
        let attempts = self.attempts().max(1);
        f64::from(self.failed) / attempts as f64
    }

    /// Wraps: no window sees as many, and [`Window::since`] is right across it.
    fn add(&mut self, ok: bool) {
        let count = if ok { &mut self.ok } else { &mut self.failed };
        *count = count.wrapping_add(1);
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, rhs: Self) {
        self.ok = self.ok.saturating_add(rhs.ok);
        self.failed = self.failed.saturating_add(rhs.failed);
    }
}

impl Sub for Counts {
    type Output = Self;

    /// Never below zero.
    fn sub(self, rhs: Self) -> Self {
        Self { ok: self.ok.saturating_sub(rhs.ok), failed: self.failed.saturating_sub(rhs.failed) }
    }
}

/// The attempts of the last while.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// In nanoseconds, at least one.
    bucket: u64,
    /// The number of the newest bucket, since the gateway's start.
    newest: u64,
    /// The number of the bucket in which it began to fill; `None`: it is empty.
    first: Option<u64>,
    /// Each at its number modulo their count.
    buckets: [Counts; Window::BUCKETS],
    /// Everything that was ever recorded; wraps.
    ever: Counts,
}

impl Window {
    /// How many buckets there are.
    pub const BUCKETS: usize = 10;

    /// An empty window of [`Self::BUCKETS`] times `bucket`.
    pub fn new(bucket: Duration) -> Self {
        let bucket = u64::try_from(bucket.as_nanos()).unwrap_or(u64::MAX).max(1);
        let nothing = Counts::default();
        Self { bucket, newest: 0, first: None, buckets: [nothing; Self::BUCKETS], ever: nothing }
    }

    /// An empty window as long as the plan's.
    pub fn of(plan: &EjectionPlan) -> Self {
        Self::new(plan.window / Self::BUCKETS as u32)
    }

    /// Takes an attempt in. A time before the newest bucket counts as in it.
    pub fn record(&mut self, ok: bool, now: Timestamp) {
        let number = self.number(now);
        let expired = (number - self.newest).min(Self::BUCKETS as u64);
        for passed in 0..expired {
            self.buckets[slot(number - passed)] = Counts::default();
        }
        self.newest = number;
        self.first.get_or_insert(number);
        self.buckets[slot(number)].add(ok);
        self.ever.add(ok);
    }

    /// Where it stands, for [`Self::since`].
    pub(super) fn mark(&self) -> Counts {
        self.ever
    }

    /// What was recorded since the mark, expired or not.
    pub(super) fn since(&self, mark: Counts) -> Counts {
        Counts {
            ok: self.ever.ok.wrapping_sub(mark.ok),
            failed: self.ever.failed.wrapping_sub(mark.failed),
        }
    }

    /// Everything that has not expired.
    pub fn totals(&self, now: Timestamp) -> Counts {
        let newest = self.number(now);
        let mut totals = Counts::default();
        for number in newest.saturating_sub(Self::BUCKETS as u64 - 1)..=newest {
            totals += self.at(number);
        }
        totals
    }

    /// Takes out what `part`, a window with buckets of the same length, still holds.
    pub(super) fn withdraw(&mut self, part: &Self) {
        for number in self.newest.saturating_sub(Self::BUCKETS as u64 - 1)..=self.newest {
            let bucket = &mut self.buckets[slot(number)];
            *bucket = *bucket - part.at(number);
        }
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.buckets = [Counts::default(); Self::BUCKETS];
        self.first = None;
    }

    /// The buckets of this and of `whole`, the newest first, as far back as both cover the same time:
    /// not into the one in which this began, unless `whole` began in it too.
    pub(super) fn beside<'a>(
        &'a self,
        whole: &'a Self,
        now: Timestamp,
    ) -> impl Iterator<Item = (Counts, Counts)> + 'a {
        let newest = whole.number(now);
        (0..Self::BUCKETS as u64)
            .map_while(move |ago| newest.checked_sub(ago))
            .take_while(|&n| self.first.is_some_and(|f| f < n) || self.first == whole.first)
            .map(|n| (self.at(n), whole.at(n)))
    }

    fn number(&self, now: Timestamp) -> u64 {
        (now.as_nanos() / self.bucket).max(self.newest)
    }

    /// The bucket of this number; nothing where it has expired or not begun.
    fn at(&self, number: u64) -> Counts {
        let kept = number <= self.newest && self.newest - number < Self::BUCKETS as u64;
        if kept { self.buckets[slot(number)] } else { Counts::default() }
    }
}

fn slot(number: u64) -> usize {
    (number % Window::BUCKETS as u64) as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_start(Duration::from_millis(millis))
    }

    #[test]
    fn an_idle_hour_leaves_nothing() {
        let mut window = Window::new(Duration::from_secs(1));
        for ms in 0..9_000 {
            window.record(false, at(ms));
        }
        assert_eq!(window.totals(at(9_000)), Counts { ok: 0, failed: 9_000 });
        assert_eq!(window.totals(at(3_600_000)), Counts::default());
    }

    #[test]
    fn buckets_expire_one_by_one() {
        let mut window = Window::new(Duration::from_secs(1));
        for second in 0..10 {
            window.record(second % 2 == 0, at(second * 1_000));
        }
        for (now, expected) in
            [(9_999, (5, 5)), (10_000, (4, 5)), (11_999, (4, 4)), (18_000, (0, 1))]
        {
            let (ok, failed) = expected;
            assert_eq!(window.totals(at(now)), Counts { ok, failed }, "{now} ms");
        }
    }

    #[test]
    fn a_clock_that_stands_behind_loses_nothing() {
        let mut window = Window::new(Duration::from_secs(1));
        window.record(true, at(5_000));
        window.record(true, at(100));
        assert_eq!(window.totals(at(0)).ok, 2);
    }

    #[test]
    fn what_is_withdrawn_is_gone_and_nothing_else() {
        let second = Duration::from_secs(1);
        let (mut pool, mut own) = (Window::new(second), Window::new(second));
        for ms in (0..12_000).step_by(100) {
            pool.record(true, at(ms));
            pool.record(false, at(ms));
            own.record(false, at(ms));
        }
        pool.record(true, at(13_500));
        pool.withdraw(&own);
        assert_eq!(pool.totals(at(13_500)), Counts { ok: 81, failed: 0 });
    }

    proptest! {
        #[test]
        fn it_agrees_with_a_list_of_every_attempt(
            steps in prop::collection::vec((any::<bool>(), 0_u64..2_500), 0..200),
            bucket in 1_u64..2_000,
        ) {
            let mut window = Window::new(Duration::from_millis(bucket));
            let (mut all, mut now) = (Vec::new(), 0);
            for (ok, wait) in steps {
                now += wait;
                let newest = now / bucket;
                let kept = |ok: bool| {
                    let alive = |&&(was, ms): &&(bool, u64)| was == ok && newest - ms / bucket < 10;
                    u32::try_from(all.iter().filter(alive).count()).unwrap()
                };
                let expected = Counts { ok: kept(true), failed: kept(false) };
                prop_assert_eq!(window.totals(at(now)), expected);
                window.record(ok, at(now));
                all.push((ok, now));
            }
        }
    }
}
