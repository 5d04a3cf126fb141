//! Which endpoint is probed next, when more are due than may be probed at once.
//!
//! The plan's `concurrency` is a number of slots. A silent endpoint holds one for the whole timeout,
//! so some hundreds of them want more slots than there are, and first come, first served would let
//! the dead keep the gateway from seeing the living: with the defaults, a good endpoint among a
//! thousand silent ones was asked every 16 s. Hence two lanes, each in the order of due times:
//!
//! - **fit**: whose last probe passed, or whose status is about to turn, either way;
//! - **doubtful**: failing ones without a sign of life, and those never probed.
//!
//! A free slot goes to the lane that holds less than its share, three slots fit for one doubtful; and
//! as long as anyone is fit, a quarter of the slots is out of reach of the doubtful, so that a fit one
//! need not wait for the timeout of a silent one. With a single slot the lanes take turns.
//!
//! From this follows: whatever the number of silent endpoints beside it, a good one is probed at its
//! interval, and its death is found after at most 1.2 intervals to the next probe and `fall` timeouts:
//! 5.4 s with the defaults, and less than 2 × `fall` × `interval` for any `fall` from 2 on. The
//! exceptions are a pool whose fit endpoints alone are too many for the slots, and a single slot. No
//! endpoint waits for ever, because a quarter of the slots, or every second turn, is the doubtful
//! ones' own. A saturated pool spaces their probes out by itself: what they wait is the lag.
//!
//! Rejected: one heap with a penalty for the failing, which fails as soon as the lag is longer than
//! the penalty; and a share of *starts* rather than of slots held, with which a thousand quick probes
//! beside a thousand slow ones would get a fraction of what they need.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::num::NonZeroU32;
use std::time::Duration;

use switchback_core::EndpointIndex;
use tokio::time::Instant;

/// What fit probes hold for each that a doubtful one holds, while both wait.
const FIT_SHARE: usize = 3;

/// How urgent an endpoint's next probe is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    /// Its last probe passed, or its status is about to turn.
    Fit,
    /// It is failing and shows no sign of life, or was never probed.
    Doubtful,
}

/// A probe that has been let go: a slot, until it is given back with [`Queue::end`].
#[derive(Debug)]
#[must_use = "a slot is held until it is given back"]
pub(crate) struct Probing {
    pub(crate) endpoint: EndpointIndex,
    pub(crate) began: Instant,
    lane: Lane,
}

/// Endpoints that wait for their next probe, and slots for those that are being probed. An endpoint is
/// in one of the two, never in both.
#[derive(Debug)]
pub(crate) struct Queue {
    slots: usize,
    fit: Waiting,
    doubtful: Waiting,
    /// Whose turn it was last.
    last: Lane,
}

#[derive(Debug, Default)]
struct Waiting {
    due: BinaryHeap<Reverse<(Instant, EndpointIndex)>>,
    running: usize,
}

impl Queue {
    /// Nobody waits; `concurrency` slots.
    pub(crate) fn new(concurrency: NonZeroU32) -> Self {
        Self {
            slots: usize::try_from(concurrency.get()).unwrap_or(usize::MAX),
            fit: Waiting::default(),
            doubtful: Waiting::default(),
            last: Lane::Doubtful,
        }
    }

    /// Lets an endpoint wait that is not being probed.
    pub(crate) fn push(&mut self, endpoint: EndpointIndex, lane: Lane, due: Instant) {
        self.lane(lane).due.push(Reverse((due, endpoint)));
    }

    /// Lets a probe go, if one is due and has a slot.
    pub(crate) fn start(&mut self, now: Instant) -> Option<Probing> {
        let lane = self.next(now)?;
        let waiting = self.lane(lane);
        let Reverse((_, endpoint)) = waiting.due.pop()?;
        waiting.running += 1;
        self.last = lane;
        Some(Probing { endpoint, began: now, lane })
    }

    /// Gives the slot of a probe back and lets its endpoint wait for the next one.
    pub(crate) fn end(&mut self, probing: Probing, lane: Lane, due: Instant) {
        let held = self.lane(probing.lane);
        debug_assert!(held.running > 0, "{probing:?} ended more than it began");
        held.running = held.running.saturating_sub(1);
        self.push(probing.endpoint, lane, due);
    }

    /// When the next probe can be let go if no slot is given back until then; `None` if none can.
    pub(crate) fn wake(&self) -> Option<Instant> {
        let fit = self.fit.first();
        let doubtful = self.doubtful.first().filter(|_| self.doubtful.running < self.reach());
        self.has_room().then(|| fit.into_iter().chain(doubtful).min())?
    }

    /// How late the probe is that has been due for longest; zero if none is due.
    pub(crate) fn lag(&self, now: Instant) -> Duration {
        let oldest = self.fit.first().into_iter().chain(self.doubtful.first()).min();
        oldest.map_or(Duration::ZERO, |due| now.saturating_duration_since(due))
    }

    /// How many probes are due. Walks the whole queue.
    pub(crate) fn overdue(&self, now: Instant) -> usize {
        let all = self.fit.due.iter().chain(&self.doubtful.due);
        all.filter(|Reverse((due, _))| *due <= now).count()
    }

    fn next(&self, now: Instant) -> Option<Lane> {
        if !self.has_room() {
            return None;
        }
        let fit = self.fit.is_due(now);
        let doubtful = self.doubtful.is_due(now) && self.doubtful.running < self.reach();
        match (fit, doubtful) {
            (false, false) => None,
            (true, false) => Some(Lane::Fit),
            (false, true) => Some(Lane::Doubtful),
            (true, true) => {
                Some(match self.fit.running.cmp(&(FIT_SHARE * self.doubtful.running)) {
                    Ordering::Less => Lane::Fit,
                    Ordering::Greater => Lane::Doubtful,
                    Ordering::Equal => match self.last {
                        Lane::Fit => Lane::Doubtful,
                        Lane::Doubtful => Lane::Fit,
                    },
                })
            }
        }
    }

    fn has_room(&self) -> bool {
        self.fit.running + self.doubtful.running < self.slots
    }

    /// How many slots the doubtful may hold.
    fn reach(&self) -> usize {
        let is_anyone_fit = self.fit.running > 0 || !self.fit.due.is_empty();
        let reserve = if is_anyone_fit { self.slots.div_ceil(FIT_SHARE + 1) } else { 0 };
        (self.slots - reserve).max(1)
    }

    fn lane(&mut self, lane: Lane) -> &mut Waiting {
        match lane {
            Lane::Fit => &mut self.fit,
            Lane::Doubtful => &mut self.doubtful,
        }
    }
}

impl Waiting {
    fn first(&self) -> Option<Instant> {
        self.due.peek().map(|Reverse((due, _))| *due)
    }

    fn is_due(&self, now: Instant) -> bool {
        self.first().is_some_and(|due| due <= now)
    }
}

/// The `concurrency` with which `endpoints` keep their interval even if all but one of them are
/// silent: each then holds a slot for its timeout, and a quarter of the slots is out of their reach.
pub(crate) fn enough(endpoints: usize, interval: Duration, timeout: Duration) -> u64 {
    let endpoints = u64::try_from(endpoints).unwrap_or(u64::MAX);
    let busy = u128::from(endpoints) * timeout.as_nanos();
    let held = busy.div_ceil(interval.as_nanos().max(1)).min(u128::from(endpoints)).max(1);
    u64::try_from((4 * held).div_ceil(3)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// A queue of `slots` in which `fit` and as many `doubtful` endpoints have been due since `start`.
    fn queue(slots: u32, fit: u32, doubtful: u32, start: Instant) -> Queue {
        let mut queue = Queue::new(NonZeroU32::new(slots).unwrap());
        for endpoint in 0..fit {
            queue.push(EndpointIndex(endpoint), Lane::Fit, start);
        }
        for endpoint in fit..fit + doubtful {
            queue.push(EndpointIndex(endpoint), Lane::Doubtful, start);
        }
        queue
    }

    fn started(queue: &mut Queue, now: Instant) -> Vec<Probing> {
        std::iter::from_fn(|| queue.start(now)).collect()
    }

    #[test]
    fn three_slots_in_four_are_for_the_fit_while_both_wait() {
        let now = Instant::now();
        for (slots, expected) in [(64, 48), (8, 6), (4, 3), (3, 2), (2, 1)] {
            let started = started(&mut queue(slots, 100, 100, now), now);
            let fit = started.iter().filter(|probing| probing.lane == Lane::Fit).count();
            assert_eq!((started.len(), fit), (slots as usize, expected), "{slots} slots");
        }
    }

    #[test]
    fn the_doubtful_leave_a_quarter_free_as_long_as_anyone_is_fit() {
        let now = Instant::now();
        let later = now + SECOND;
        for (slots, expected) in [(64, 48), (4, 3), (3, 2), (2, 1), (1, 1)] {
            let mut queue = queue(slots, 0, 100, now);
            queue.push(EndpointIndex(100), Lane::Fit, later);
            assert_eq!(started(&mut queue, now).len(), expected, "{slots} slots");
            let room = slots as usize > expected;
            assert_eq!(queue.wake(), room.then_some(later), "{slots} slots");
            assert_eq!(queue.start(later).is_some(), room, "{slots} slots");
        }
        assert_eq!(started(&mut queue(64, 0, 100, now), now).len(), 64, "nobody is fit");
    }

    #[test]
    fn the_fit_use_every_slot_that_nobody_else_waits_for() {
        let now = Instant::now();
        let mut queue = queue(8, 20, 0, now);
        let mut probing = started(&mut queue, now);
        assert_eq!(probing.len(), 8);
        queue.push(EndpointIndex(20), Lane::Doubtful, now);
        queue.end(probing.pop().unwrap(), Lane::Fit, now);
        assert_eq!(queue.start(now).unwrap().endpoint, EndpointIndex(20));
    }

    #[test]
    fn a_single_slot_is_taken_in_turns() {
        let now = Instant::now();
        let mut queue = queue(1, 2, 5, now);
        let lanes: Vec<Lane> = (0..6)
            .map(|_| {
                let probing = queue.start(now).unwrap();
                assert!(queue.start(now).is_none());
                let lane = probing.lane;
                queue.end(probing, lane, now);
                lane
            })
            .collect();
        let turns = [Lane::Fit, Lane::Doubtful];
        assert_eq!(lanes, turns.repeat(3));
    }

    #[test]
    fn the_lag_is_that_of_whoever_is_due_for_longest() {
        let start = Instant::now();
        let mut queue = queue(1, 0, 0, start);
        assert_eq!(queue.lag(start), Duration::ZERO);
        queue.push(EndpointIndex(0), Lane::Fit, start + SECOND);
        queue.push(EndpointIndex(1), Lane::Doubtful, start + 2 * SECOND);
        assert_eq!((queue.lag(start), queue.overdue(start)), (Duration::ZERO, 0));
        let now = start + 5 * SECOND;
        assert_eq!((queue.lag(now), queue.overdue(now)), (4 * SECOND, 2));
        let _held = queue.start(now);
        assert_eq!((queue.lag(now), queue.overdue(now)), (3 * SECOND, 1));
    }

    #[test]
    fn enough_slots_are_enough() {
        for (endpoints, interval, timeout) in [(1_001, 2, 1), (3, 2, 1), (1, 60, 1), (50, 1, 5)] {
            let slots = enough(endpoints, SECOND * interval, SECOND * timeout);
            let mut queue = Queue::new(NonZeroU32::new(u32::try_from(slots).unwrap()).unwrap());
            queue.push(EndpointIndex(0), Lane::Fit, Instant::now());
            let held = endpoints * timeout as usize / interval as usize;
            assert!(queue.reach() >= held.min(endpoints), "{endpoints}: {slots}");
        }
        assert_eq!(enough(1_001, 2 * SECOND, SECOND), 668);
    }
}
