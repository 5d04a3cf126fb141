//! Requests that wait until an endpoint has room for them, or is back.
//!
//! First come, first served: whoever becomes free is given to the first who can use it, under the same
//! lock that frees it, so nobody who comes later gets in between. What a waiting request cannot use
//! (it was there before), the next ones may. How long each waits is the caller's to see to.

use rand_core::RngCore;

use crate::balance::Tried;

use super::{Effects, Pick, PickRequest, Picked, Pool};
use crate::time::Timestamp;

/// A request's place in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WaiterId(u64);

/// A request whose waiting is over: its attempt has begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Granted {
    /// Who.
    pub waiter: WaiterId,
    /// What it got.
    pub picked: Picked,
}

#[derive(Debug)]
pub(super) struct Waiter {
    id: WaiterId,
    request: PickRequest,
}

impl Pool {
    /// How many may be passed over because they cannot use what has become free: a bound on the work of
    /// one event. Those behind them are asked at the next.
    const PASSED_OVER: usize = 32;

    /// Puts a request in line for which [`Pool::pick`] found nobody now; `None`: the line is full.
    pub fn wait(&mut self, request: &PickRequest) -> Option<WaiterId> {
        let size = usize::try_from(self.plan.queue.size).unwrap_or(usize::MAX);
        if self.waiting.len() >= size {
            return None;
        }
        self.waiters += 1;
        let id = WaiterId(self.waiters);
        self.waiting.push_back(Waiter { id, request: request.clone() });
        // Whoever stands before it has been asked; it has not, and since its pick somebody may have
        // become free.
        if !std::mem::replace(&mut self.stirred, true) {
            self.asked = self.waiting.len() - 1;
        }
        Some(id)
    }

    /// Takes a request out of the line; `false`: it is not there any more, because its waiting was
    /// over.
    pub fn leave(&mut self, waiter: WaiterId) -> bool {
        // They stand in the order of their numbers.
        let at = self.waiting.binary_search_by_key(&waiter, |waiting| waiting.id);
        let Ok(at) = at else { return false };
        self.asked -= usize::from(at < self.asked);
        self.waiting.remove(at).is_some()
    }

    /// Gives the waiting what has become free.
    pub(super) fn serve_waiting(
        &mut self,
        now: Timestamp,
        rng: &mut impl RngCore,
        effects: &mut Effects,
    ) {
        if !std::mem::take(&mut self.stirred) {
            return;
        }
        let mut waiting = std::mem::take(&mut self.waiting);
        let (mut at, mut passed_over) = (self.asked.min(waiting.len()), 0);
        while let Some(next) = waiting.get(at) {
            if passed_over == Self::PASSED_OVER {
                // The others are asked at the next event.
                self.stirred = true;
                break;
            }
            // Whoever was left to a request may have been taken out since: then all count again.
            let anew = (!self.is_any_left(&next.request.tried))
                .then(|| PickRequest { tried: Tried::default(), ..next.request.clone() });
            match self.pick(anew.as_ref().unwrap_or(&next.request), now, rng) {
                Pick::Endpoint(picked) => {
                    effects.granted.push(Granted { waiter: next.id, picked });
                    waiting.remove(at);
                }
                Pick::Wait | Pick::Nobody => {
                    at += 1;
                    passed_over += 1;
                }
            }
        }
        self.asked = if self.stirred { at } else { 0 };
        self.waiting = waiting;
    }
}
