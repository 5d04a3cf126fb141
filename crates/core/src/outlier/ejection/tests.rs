//! Ejection and return, as sentences; and that no order of events leaves an endpoint out for good.

use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::SmallRng;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn at(millis: u64) -> Timestamp {
    Timestamp::from_start(Duration::from_millis(millis))
}

/// An ejection with a clock and a random source of its own.
struct Case {
    ejection: Ejection,
    plan: EjectionPlan,
    now: Timestamp,
    rng: SmallRng,
}

impl Case {
    fn new() -> Self {
        Self {
            ejection: Ejection::new(Timestamp::START),
            plan: EjectionPlan::default(),
            now: Timestamp::START,
            rng: SmallRng::seed_from_u64(7),
        }
    }

    /// Ejected for this, and out of it again: in probation.
    fn in_probation(cause: Cause) -> Self {
        let mut case = Self::new();
        assert!(case.eject(cause));
        case.serve();
        case
    }

    fn eject(&mut self, cause: Cause) -> bool {
        self.ejection.eject(cause, &self.plan, self.now, &mut self.rng)
    }

    fn ended(&mut self, end: TrialEnd, began: Timestamp) -> bool {
        self.ejection.attempt_ended(end, began, &self.plan, self.now, &mut self.rng)
    }

    /// Waits until time ends the ejection.
    fn serve(&mut self) {
        self.now = self.ejection.next_change().unwrap();
        assert!(self.ejection.advance(self.now));
    }

    /// A trial as soon as one is due, which ends at once.
    fn trial(&mut self, end: TrialEnd) -> bool {
        while !self.ejection.trial_due(self.now, true) {
            self.now = self.now + Duration::from_millis(1);
        }
        self.ejection.trial_begun(self.now);
        self.ended(end, self.now)
    }

    fn pass_probation(&mut self) {
        for _ in 0..self.plan.probation.get() {
            self.trial(TrialEnd::Passed);
        }
        assert_eq!(self.ejection.state(), State::In);
    }

    /// How long the ejection that has just begun is to last, in seconds without the jitter.
    fn length(&self) -> u64 {
        let until = self.ejection.next_change().unwrap();
        let seconds = (until - self.now).as_secs_f64();
        let last = self.ejection.last.as_secs_f64();
        assert!((last..last * 1.2).contains(&seconds), "{seconds} s of {last} s");
        self.ejection.last.as_secs()
    }
}

#[test]
fn each_ejection_is_twice_as_long_as_the_one_before_up_to_the_longest() {
    let mut case = Case::new();
    let lengths: Vec<_> = (0..7)
        .map(|_| {
            case.eject(Cause::Consecutive);
            let length = case.length();
            case.serve();
            case.pass_probation();
            length
        })
        .collect();
    assert_eq!(lengths, [10, 20, 40, 80, 160, 300, 300]);
}

#[test]
fn a_step_is_forgiven_for_each_time_it_was_in_as_long_as_it_was_out() {
    // After 10, 20 and 40 s the next is 80 s.
    for (good_for, length) in [(39, 80), (40, 40), (79, 40), (80, 20), (120, 10), (86_400, 10)] {
        let mut case = Case::new();
        for _ in 0..3 {
            case.eject(Cause::SuccessRate);
            case.serve();
            case.pass_probation();
        }
        case.now = case.ejection.since() + SECOND * good_for;
        case.eject(Cause::SuccessRate);
        assert_eq!(case.length(), length, "after {good_for} s");
    }
}

#[test]
fn being_deferred_costs_nothing_of_what_was_earned() {
    let mut case = Case::in_probation(Cause::Consecutive);
    case.pass_probation();
    for _ in 0..2 {
        case.now = case.now + SECOND * 5;
        assert!(case.ejection.defer(case.now + SECOND, case.now));
        case.serve();
        assert_eq!(case.ejection.state(), State::In);
    }
    case.eject(Cause::Consecutive);
    assert_eq!(case.length(), 10);
}

#[test]
fn only_a_failure_to_connect_is_ended_by_a_probe() {
    for cause in [Cause::Connection, Cause::Consecutive, Cause::SuccessRate] {
        let ends = cause == Cause::Connection;
        let mut ejected = Case::new();
        ejected.eject(cause);
        assert_eq!(ejected.ejection.probe_passed(at(100)), ends, "{cause}");
        let mut probation = Case::in_probation(cause);
        assert_eq!(probation.ejection.probe_passed(probation.now), ends, "{cause} in probation");
        assert_eq!(probation.ejection.state() == State::In, ends);
    }
    let mut deferred = Case::new();
    deferred.ejection.defer(at(5_000), at(0));
    assert!(!deferred.ejection.probe_passed(at(100)));
}

#[test]
fn in_probation_a_failure_to_connect_does_not_open_the_way_for_a_probe() {
    for (first, second, kept) in [
        (Cause::Consecutive, Cause::Connection, Cause::Consecutive),
        (Cause::Connection, Cause::SuccessRate, Cause::SuccessRate),
        (Cause::Connection, Cause::Connection, Cause::Connection),
    ] {
        let mut case = Case::in_probation(first);
        assert!(case.eject(second));
        assert_eq!(case.ejection.cause(), Some(kept), "{first}, then {second}");
    }
}

#[test]
fn late_results_change_nothing_while_ejected() {
    let mut case = Case::new();
    case.eject(Cause::Connection);
    let before = case.ejection.state();
    case.now = at(500);
    for cause in [Cause::Consecutive, Cause::SuccessRate, Cause::Connection] {
        assert!(!case.eject(cause));
    }
    for end in [TrialEnd::Passed, TrialEnd::Failed, TrialEnd::Neutral] {
        assert!(!case.ended(end, at(400)));
    }
    assert_eq!(case.ejection.state(), before);
}

#[test]
fn one_trial_at_a_time_and_ten_a_second() {
    let mut case = Case::in_probation(Cause::Consecutive);
    let began = case.now;
    assert!(case.ejection.trial_due(began, true));
    case.ejection.trial_begun(began);
    let after = |millis| began + Duration::from_millis(millis);
    assert!(!case.ejection.trial_due(after(5_000), true), "one is on its way");
    case.now = after(30);
    case.ended(TrialEnd::Passed, began);
    assert!(!case.ejection.trial_due(after(99), true), "too soon");
    assert!(case.ejection.trial_due(after(100), true));
}

#[test]
fn a_request_that_must_not_be_repeated_is_a_trial_only_when_no_other_came_for_a_second() {
    let case = Case::in_probation(Cause::Consecutive);
    let after = |millis| case.now + Duration::from_millis(millis);
    assert!(!case.ejection.trial_due(after(999), false));
    assert!(case.ejection.trial_due(after(1_000), false));
}

#[test]
fn a_trial_that_streams_for_an_hour_does_not_hold_up_the_others() {
    let mut case = Case::in_probation(Cause::Consecutive);
    let stream = case.now;
    case.ejection.trial_begun(stream);
    case.now = case.now + TRIAL_PATIENCE;
    case.pass_probation();
    case.now = case.now + SECOND * 3600;
    assert!(!case.ended(TrialEnd::Passed, stream));
}

#[test]
fn a_trial_whose_client_went_away_frees_its_place_and_counts_for_nothing() {
    let mut case = Case::in_probation(Cause::Consecutive);
    for _ in 0..100 {
        assert!(!case.trial(TrialEnd::Neutral));
    }
    assert!(matches!(case.ejection.state(), State::Probation { passed: 0, .. }));
    case.pass_probation();
}

#[test]
fn one_failure_in_probation_ejects_again_for_longer_and_for_the_same_cause() {
    for cause in [Cause::Connection, Cause::Consecutive, Cause::SuccessRate] {
        let mut case = Case::in_probation(cause);
        for _ in 1..case.plan.probation.get() {
            assert!(!case.trial(TrialEnd::Passed));
        }
        assert!(case.trial(TrialEnd::Failed));
        assert_eq!(case.ejection.cause(), Some(cause));
        assert_eq!(case.length(), 20);
    }
}

#[test]
fn in_probation_counts_what_began_in_it_and_nothing_else() {
    let mut case = Case::in_probation(Cause::Consecutive);
    let before = at(5_000);
    assert!(!case.ended(TrialEnd::Failed, before), "a time-out of long ago");
    for _ in 0..9 {
        assert!(!case.ended(TrialEnd::Passed, before));
    }
    for passed in 1..=5 {
        assert_eq!(case.ended(TrialEnd::Passed, case.now), passed == 5, "picked as the last left");
    }
    let mut failing = Case::in_probation(Cause::Consecutive);
    assert!(failing.ended(TrialEnd::Failed, failing.now));
}

#[test]
fn a_trial_of_an_earlier_probation_neither_counts_nor_frees_anothers_place() {
    let mut case = Case::in_probation(Cause::Consecutive);
    let first = case.now;
    case.ejection.trial_begun(first);
    case.ended(TrialEnd::Failed, first);
    case.serve();
    case.ejection.trial_begun(case.now);
    assert!(!case.ended(TrialEnd::Failed, first));
    assert!(!case.ejection.trial_due(case.now + SECOND, true));
}

#[test]
fn an_endpoint_that_asks_is_left_alone_so_long_and_returns_at_once() {
    let mut case = Case::new();
    assert!(case.ejection.defer(at(3_000), at(0)));
    assert!(!case.ejection.defer(at(1_000), at(0)), "an earlier time shortens nothing");
    assert_eq!(case.ejection.next_change(), Some(at(3_000)));
    assert!(!case.ejection.advance(at(2_999)));
    assert!(case.ejection.advance(at(3_000)));
    assert_eq!(case.ejection.state(), State::In);
    case.now = at(3_000);
    case.eject(Cause::Consecutive);
    assert_eq!(case.length(), 10, "asking is not held against it");
}

#[test]
fn deferring_shortens_no_ejection_and_may_lengthen_one() {
    let mut case = Case::new();
    case.eject(Cause::Consecutive);
    let until = case.ejection.next_change();
    case.ejection.defer(at(1_000), at(0));
    assert_eq!(case.ejection.next_change(), until);
    case.ejection.defer(at(20_000), at(0));
    assert_eq!(
        case.ejection.state(),
        State::Ejected { cause: Cause::Consecutive, until: at(20_000) }
    );
}

#[test]
fn one_that_is_deferred_may_still_be_ejected_and_not_for_shorter() {
    let mut case = Case::new();
    case.ejection.defer(at(60_000), at(0));
    assert!(case.eject(Cause::Connection));
    let expected = State::Ejected { cause: Cause::Connection, until: at(60_000) };
    assert_eq!(case.ejection.state(), expected);
}

#[test]
fn a_deferral_in_probation_postpones_it_and_is_no_failure() {
    let mut case = Case::in_probation(Cause::SuccessRate);
    assert!(case.ejection.defer(case.now + SECOND, case.now));
    case.serve();
    assert!(matches!(case.ejection.state(), State::Probation { passed: 0, .. }));
    assert!(case.trial(TrialEnd::Failed));
    assert_eq!(case.length(), 20);
}

#[test]
fn time_counts_from_when_it_passed_not_from_when_somebody_looked() {
    let mut case = Case::new();
    case.ejection.defer(at(1_000), at(0));
    assert!(case.ejection.advance(at(9_000)));
    assert_eq!(case.ejection.since(), at(1_000));
}

#[test]
fn switched_off_ejects_nobody() {
    let mut case = Case::new();
    case.plan.enabled = false;
    assert!(!case.eject(Cause::Connection));
    assert_eq!(case.ejection.state(), State::In);
}

proptest! {
    #[test]
    fn whatever_happens_time_and_passing_trials_bring_it_back(
        events in prop::collection::vec((0_u8..9, 0_u64..40_000), 0..300),
        seconds in (1_u64..60, 1_u64..1_000),
        seed: u64,
    ) {
        let mut case = Case::new();
        case.rng = SmallRng::seed_from_u64(seed);
        case.plan.time = SECOND * u32::try_from(seconds.0).unwrap();
        case.plan.max_time = SECOND * u32::try_from(seconds.1).unwrap();
        let longest = case.plan.max_time.mul_f64(1.2);
        let mut began = case.now;
        for (event, millis) in events {
            let before = case.ejection.state();
            let wait = Duration::from_millis(millis);
            let changed = match event {
                0 => case.eject(Cause::Connection),
                1 => case.eject(Cause::Consecutive),
                2 => case.eject(Cause::SuccessRate),
                3 => case.ejection.defer(case.now + wait.min(longest), case.now),
                4 => case.ejection.probe_passed(case.now),
                5 => case.ended(TrialEnd::Failed, began),
                6 => case.ended(TrialEnd::Passed, began),
                7 => {
                    began = case.now;
                    case.ejection.trial_begun(began);
                    false
                }
                _ => {
                    case.now = case.now + wait;
                    case.ejection.advance(case.now)
                }
            };
            let kind = std::mem::discriminant::<State>;
            prop_assert!(changed || kind(&before) == kind(&case.ejection.state()));
            prop_assert!(case.ejection.level <= MAX_LEVEL);
            prop_assert!(case.ejection.next_change().is_none_or(|until| until <= case.now + longest));
            prop_assert!(case.ejection.since() <= case.now);
        }
        if case.ejection.next_change().is_some() {
            case.serve();
        }
        for _ in 0..case.plan.probation.get() {
            if case.ejection.state() != State::In {
                case.trial(TrialEnd::Passed);
            }
        }
        prop_assert_eq!(case.ejection.state(), State::In);
    }
}
