//! Active health: what a run of probe results makes of an endpoint, and when to probe next.
//!
//! The machine is HAProxy's `rise`/`fall`: `fall` failures in a row turn a healthy endpoint
//! failing, `rise` passes in a row turn it back. The first result after the start decides at once,
//! because an endpoint that has never been probed has no history to weigh it against.

mod schedule;

use std::num::NonZeroU32;

use crate::endpoint::Status;

pub use schedule::{asked_probe_after, first_probe_after, next_probe_after};

/// What the probes of one endpoint said so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probes {
    status: Status,
    /// Results in a row that speak against the status.
    against: u32,
}

impl Probes {
    /// Before the first probe: pending; healthy for good where there are none.
    pub fn new(probed: bool) -> Self {
        let status = if probed { Status::Pending } else { Status::Healthy };
        Self { status, against: 0 }
    }

    /// The status.
    pub fn status(&self) -> Status {
        self.status
    }

    /// Whether the next results may turn the status: the time to look more often.
    pub fn turning(&self) -> bool {
        self.against > 0
    }

    /// Takes a result in; tells the status before, if it changed.
    pub fn observe(&mut self, pass: bool, rise: NonZeroU32, fall: NonZeroU32) -> Option<Status> {
        let before = self.status;
        let (says, needed) =
            if pass { (Status::Healthy, rise.get()) } else { (Status::Failing, fall.get()) };
        if before == says {
            self.against = 0;
            return None;
        }
        self.against = self.against.saturating_add(1);
        let first_result = before == Status::Pending;
        if !first_result && self.against < needed {
            return None;
        }
        *self = Self { status: says, against: 0 };
        Some(before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: NonZeroU32 = NonZeroU32::new(2).unwrap();
    const THREE: NonZeroU32 = NonZeroU32::new(3).unwrap();

    fn run(probes: &mut Probes, results: &str) -> Vec<Status> {
        results
            .chars()
            .map(|result| {
                probes.observe(result == '+', TWO, THREE);
                probes.status()
            })
            .collect()
    }

    #[test]
    fn the_first_result_decides_at_once() {
        assert_eq!(run(&mut Probes::new(true), "+"), [Status::Healthy]);
        assert_eq!(run(&mut Probes::new(true), "-"), [Status::Failing]);
    }

    #[test]
    fn it_takes_fall_in_a_row_to_fall_and_rise_in_a_row_to_rise() {
        use Status::{Failing as F, Healthy as H};
        let mut probes = Probes::new(true);
        assert_eq!(run(&mut probes, "+--+--"), [H, H, H, H, H, H]);
        assert_eq!(run(&mut probes, "-+-++"), [F, F, F, F, H]);
    }

    #[test]
    fn a_change_tells_the_status_before() {
        let mut probes = Probes::new(true);
        assert_eq!(probes.observe(false, TWO, THREE), Some(Status::Pending));
        assert_eq!(probes.observe(false, TWO, THREE), None);
        assert_eq!(probes.observe(true, TWO, THREE), None);
        assert!(probes.turning());
        assert_eq!(probes.observe(true, TWO, THREE), Some(Status::Failing));
        assert!(!probes.turning());
    }
}
