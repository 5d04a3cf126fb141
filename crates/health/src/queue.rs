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
//! need not wait for the timeout of a silent one. One slot always is: for whom traffic asks. With a
//! single slot the lanes take turns.
//!
//! **Traffic that was refused [asks](Queue::ask)**, because what it met is newer than what any probe
//! has seen. The probe of that endpoint is then due at once, among the fit, whatever its last one said;
//! if one is on the way, which may be older than the refusal, another follows it. Probes that were
//! asked for begin at least 100 ms apart for each endpoint: one that is asked for sooner waits until
//! then, and however often it was asked for, it is one. So a storm of refusals is no storm of probes.
//! An endpoint whose asked-for probe stayed silent would hold a slot of the fit for its timeout each
//! time: it keeps to its own lane until a probe of it is answered again, be it by a refusal.
//!
//! From this follows: whatever the number of silent endpoints beside it, a good one is probed at its
//! interval, and its death is found after at most 1.2 intervals to the next probe and `fall` timeouts:
//! 5.4 s with the defaults, and less than 2 × `fall` × `interval` for any `fall` from 2 on. The
//! exceptions are a pool whose fit endpoints alone are too many for the slots, be it for once because
//! traffic asks for many that turn out silent, and a single slot. No
//! endpoint waits for ever, because a quarter of the slots, or every second turn, is the doubtful
//! ones' own. A saturated pool spaces their probes out by itself: what they wait is the lag.
//!
//! Each lane is a tree and not a heap, because an ask takes an endpoint out of its middle, and a heap
//! that forgets such entries only when they come up cannot say whether anyone is fit.
//!
//! Rejected: one queue with a penalty for the failing, which fails as soon as the lag is longer than
//! the penalty; and a share of *starts* rather than of slots held, with which a thousand quick probes
//! beside a thousand slow ones would get a fraction of what they need.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::time::Duration;

use switchback_core::EndpointIndex;
use tokio::time::Instant;

/// What fit probes hold for each that a doubtful one holds, while both wait.
const FIT_SHARE: usize = 3;

/// Between the starts of two probes of one endpoint that traffic asked for, at least.
const SPACING: Duration = Duration::from_millis(100);

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
    /// Whether it held its slot for long and got no answer; for whoever gives it back to say.
    pub(crate) silent: bool,
    lane: Lane,
    asked: bool,
}

/// Endpoints that wait for their next probe, and slots for those that are being probed. An endpoint is
/// in one of the two, never in both.
#[derive(Debug)]
pub(crate) struct Queue {
    slots: usize,
    fit: Waiting,
    doubtful: Waiting,
    /// By the endpoint's index.
    places: Vec<Place>,
    /// Whose turn it was last.
    last: Lane,
}

#[derive(Debug, Default)]
struct Waiting {
    due: BTreeSet<(Instant, EndpointIndex)>,
    running: usize,
}

/// Where an endpoint is, and what traffic has asked.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    /// Where it waits; `None` while it is being probed.
    waits: Option<(Lane, Instant)>,
    /// When the probe is due that traffic asks for and that has not begun.
    asked: Option<Instant>,
    /// When the last one began that traffic had asked for.
    last_asked: Option<Instant>,
    /// Whether that one stayed silent, and no probe since then was answered.
    in_vain: bool,
}

impl Probing {
    /// Where its endpoint had waited.
    pub(crate) fn lane(&self) -> Lane {
        self.lane
    }
}

impl Queue {
    /// Nobody waits; `concurrency` slots.
    pub(crate) fn new(concurrency: NonZeroU32) -> Self {
        Self {
            slots: usize::try_from(concurrency.get()).unwrap_or(usize::MAX),
            fit: Waiting::default(),
            doubtful: Waiting::default(),
            places: Vec::new(),
            last: Lane::Doubtful,
        }
    }

    /// Lets an endpoint wait that is not being probed.
    pub(crate) fn push(&mut self, endpoint: EndpointIndex, lane: Lane, due: Instant) {
        let known = self.places.len().max(endpoint.at() + 1);
        self.places.resize_with(known, Place::default);
        let place = &mut self.places[endpoint.at()];
        let (lane, due) = place.next(lane, due);
        place.waits = Some((lane, due));
        self.lane(lane).due.insert((due, endpoint));
    }

    /// Takes other slots from now on.
    pub(crate) fn resize(&mut self, concurrency: NonZeroU32) {
        self.slots = usize::try_from(concurrency.get()).unwrap_or(usize::MAX);
    }

    /// Forgets an endpoint. If it is being probed, its slot is given back with [`Self::release`].
    pub(crate) fn forget(&mut self, endpoint: EndpointIndex) {
        let Some(place) = self.places.get_mut(endpoint.at()).map(std::mem::take) else { return };
        if let Some((lane, due)) = place.waits {
            self.lane(lane).due.remove(&(due, endpoint));
        }
    }

    /// Gives back the slot of a probe whose endpoint has been forgotten meanwhile.
    pub(crate) fn release(&mut self, probing: &Probing) {
        let held = self.lane(probing.lane);
        debug_assert!(held.running > 0, "{probing:?} ended more than it began");
        held.running = held.running.saturating_sub(1);
    }

    /// Lets nobody wait until later than `limit`: those who do are due one `gap` after the other.
    pub(crate) fn hasten(&mut self, limit: Instant, gap: Duration, now: Instant) {
        for lane in [Lane::Fit, Lane::Doubtful] {
            let late = self.lane(lane).due.split_off(&(limit, EndpointIndex(0)));
            for ((_, endpoint), turn) in late.into_iter().zip(0_u32..) {
                self.push(endpoint, lane, limit.min(now + gap.saturating_mul(turn)));
            }
        }
    }

    /// Pulls the next probe of an endpoint forward to `due`, or makes another follow the one that is
    /// on the way.
    pub(crate) fn ask(&mut self, endpoint: EndpointIndex, due: Instant) {
        let Some(place) = self.places.get_mut(endpoint.at()).filter(|place| place.asked.is_none())
        else {
            return;
        };
        place.asked = Some(place.last_asked.map_or(due, |last| due.max(last + SPACING)));
        if let Some((lane, due)) = place.waits {
            self.lane(lane).due.remove(&(due, endpoint));
            self.push(endpoint, lane, due);
        }
    }

    /// Lets a probe go, if one is due and has a slot.
    pub(crate) fn start(&mut self, now: Instant) -> Option<Probing> {
        let lane = self.next(now)?;
        let waiting = self.lane(lane);
        let (_, endpoint) = waiting.due.pop_first()?;
        waiting.running += 1;
        self.last = lane;
        let asked = self.places[endpoint.at()].start(now);
        Some(Probing { endpoint, began: now, silent: false, lane, asked })
    }

    /// Gives the slot of a probe back and lets its endpoint wait for the next one.
    pub(crate) fn end(&mut self, probing: Probing, lane: Lane, due: Instant) {
        self.release(&probing);
        let place = &mut self.places[probing.endpoint.at()];
        place.in_vain = probing.silent && (probing.asked || place.in_vain);
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
        all.filter(|(due, _)| *due <= now).count()
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
        let reserve = if is_anyone_fit { self.slots.div_ceil(FIT_SHARE + 1) } else { 1 };
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
        self.due.first().map(|(due, _)| *due)
    }

    fn is_due(&self, now: Instant) -> bool {
        self.first().is_some_and(|due| due <= now)
    }
}

impl Place {
    /// Where it waits and until when, if it would wait in `lane` until `due` without being asked for.
    fn next(&self, lane: Lane, due: Instant) -> (Lane, Instant) {
        match (self.asked, lane) {
            (None, _) => (lane, due),
            (Some(asked), Lane::Doubtful) if !self.in_vain => (Lane::Fit, asked),
            (Some(asked), _) => (lane, due.min(asked)),
        }
    }

    /// Its probe begins; tells whether it was asked for.
    fn start(&mut self, now: Instant) -> bool {
        self.waits = None;
        let asked = self.asked.take().is_some();
        if asked {
            self.last_asked = Some(now);
        }
        asked
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
mod tests;
