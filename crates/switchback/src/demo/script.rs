//! What happens when: the faults in turn, with time between them for things to settle.

use std::time::Duration;

use super::backend::Behavior;

/// Which backend, and how it behaves.
pub(super) type Fault = (usize, Behavior);

/// A stretch of the demo.
#[derive(Clone, Copy, Debug)]
pub(super) struct Phase {
    /// Where it ends, from the start of the demo.
    pub(super) ends: Duration,
    /// What lasts as long as the phase; everyone else serves.
    pub(super) fault: Option<Fault>,
    /// What happens, in a sentence.
    pub(super) title: &'static str,
}

/// Shares of the whole, what happens, and in a sentence. Backend 0 is `a`.
const SCRIPT: [(u32, Option<Fault>, &str); 9] = [
    (4, None, "all three backends serve"),
    (8, Some((1, Behavior::Killed)), "b is killed: its connections are reset, its port is closed"),
    (5, None, "b is started again"),
    (8, Some((2, Behavior::Hanging)), "c hangs: it takes requests and never answers"),
    (5, None, "c answers again"),
    (8, Some((0, Behavior::Answering503)), "a answers 503 to everything"),
    (5, None, "a serves again"),
    (8, Some((1, Behavior::Dropping)), "b drops connections: it reads a request and hangs up"),
    (5, None, "b serves again"),
];

/// How many faults there are.
pub(super) const FAULTS: usize = 4;

/// The phases of a demo of this length, in order; the last ends with it.
pub(super) fn phases(length: Duration) -> Vec<Phase> {
    let whole: u32 = SCRIPT.iter().map(|(share, ..)| share).sum();
    let mut passed = 0;
    let mut phases = Vec::with_capacity(SCRIPT.len());
    for (share, fault, title) in SCRIPT {
        passed += share;
        phases.push(Phase { ends: length * passed / whole, fault, title });
    }
    phases
}

/// The position of the phase at this time; past the end, of the last.
pub(super) fn at(phases: &[Phase], elapsed: Duration) -> usize {
    let passed = phases.partition_point(|phase| phase.ends <= elapsed);
    passed.min(phases.len().saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_phases_fill_the_time_and_each_fault_is_followed_by_rest() {
        let length = Duration::from_secs(30);
        let phases = phases(length);
        assert!(phases.is_sorted_by_key(|phase| phase.ends));
        assert_eq!(phases.last().unwrap().ends, length);
        let faults = phases.iter().filter(|phase| phase.fault.is_some());
        assert_eq!(faults.count(), FAULTS);
        for pair in phases.windows(2) {
            assert!(pair[0].fault.is_none() || pair[1].fault.is_none());
        }
    }

    #[test]
    fn a_phase_begins_where_the_one_before_it_ends() {
        let phases = phases(Duration::from_secs(56));
        assert_eq!(at(&phases, Duration::ZERO), 0);
        assert_eq!(at(&phases, Duration::from_secs(4)), 1);
        assert_eq!(at(&phases, Duration::from_secs(3_600)), phases.len() - 1);
    }
}
