//! What must hold after every step, whatever happened; the simulation asks it each time.

#![cfg(any(test, debug_assertions))]

use super::{Candidacy, Pool};
use crate::endpoint::Status;
use crate::id::EndpointIndex;
use crate::ladder::Rung;

impl Pool {
    /// Looks whether the pool is as it must be.
    ///
    /// # Errors
    ///
    /// Says what does not hold.
    pub fn check_invariants(&self) -> Result<(), String> {
        let mut seen = vec![0; self.endpoints.len()];
        for Candidacy { step, candidates, in_flight } in &self.steps {
            if candidates.is_empty() {
                return Err(format!("{step:?} is empty and yet there"));
            }
            let mut have = 0;
            for member in candidates.members() {
                seen[member.at()] += 1;
                have += u64::from(self.endpoints[member.at()].in_flight);
                if self.endpoints[member.at()].step != Some(*step) {
                    return Err(format!("{member:?} stands on {step:?}, not where it belongs"));
                }
            }
            if have != *in_flight {
                return Err(format!("{have} in flight at {step:?}, counted {in_flight}"));
            }
        }
        if !self.steps.is_sorted_by_key(|place| place.step) {
            return Err("the steps are not in order".to_owned());
        }
        for (index, it) in (0..).map(EndpointIndex).zip(&self.endpoints) {
            let can_be_picked =
                Rung::of(it.status()).is_some() && it.has_room() && it.reach.may_go();
            if seen[index.at()] != usize::from(can_be_picked) {
                return Err(format!("{index:?} can be picked in {} places", seen[index.at()]));
            }
            if it.status() != it.standing() {
                return Err(format!(
                    "{index:?} is {} and should be {}",
                    it.status(),
                    it.standing()
                ));
            }
            if (it.status() == Status::Probation) != self.probation.contains(&index) {
                return Err(format!("{index:?} is {} and not listed so", it.status()));
            }
        }
        for status in Status::ALL {
            let have = self.endpoints.iter().filter(|it| it.status() == status).count();
            if have != self.count(status) {
                return Err(format!("{have} are {status}, counted {}", self.count(status)));
            }
        }
        let timed = (0..).map(EndpointIndex).zip(&self.endpoints);
        let timed: Vec<_> =
            timed.filter_map(|(index, it)| it.timer.map(|timer| (timer, index))).collect();
        if timed.len() != self.timers.len() || !timed.iter().all(|it| self.timers.contains(it)) {
            return Err(format!("timers are {:?} and should be {timed:?}", self.timers));
        }
        if self.asked > self.waiting.len() {
            return Err(format!("{} of {} were asked", self.asked, self.waiting.len()));
        }
        Ok(())
    }
}
