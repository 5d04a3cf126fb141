//! The verdict on counts that are written down; what it does with traffic stands in `outlier/tests.rs`.

use std::time::Duration;

use super::*;

fn at(millis: u64) -> Timestamp {
    Timestamp::from_start(Duration::from_millis(millis))
}

fn counts(ok: u32, failed: u32) -> Counts {
    Counts { ok, failed }
}

/// A window of ten seconds with these buckets, the oldest first.
fn window(buckets: &[Counts]) -> Window {
    let mut window = Window::new(Duration::from_secs(1));
    for (second, bucket) in (0..).zip(buckets) {
        (0..bucket.ok).for_each(|_| window.record(true, at(second * 1_000)));
        (0..bucket.failed).for_each(|_| window.record(false, at(second * 1_000)));
    }
    window
}

/// The verdict on an endpoint and the rest of its pool, bucket by bucket.
fn of(run: Run, own: &[Counts], rest: &[Counts]) -> Option<Cause> {
    let both: Vec<_> = own
        .iter()
        .zip(rest)
        .map(|(&own, &rest)| {
            let mut both = own;
            both += rest;
            both
        })
        .collect();
    let now = at(own.len() as u64 * 1_000 - 1);
    verdict(&EjectionPlan::default(), run, &window(own), &window(&both), now)
}

#[test]
fn a_run_needs_to_be_longer_the_more_the_rest_fails() {
    for (rest, needed) in [
        (counts(0, 0), Some(5)),
        (counts(1, 0), Some(5)),
        (counts(100, 0), Some(5)),
        (counts(98, 2), Some(5)),
        (counts(88, 12), Some(9)),
        (counts(80, 20), Some(12)),
        (counts(67, 33), Some(17)),
        (counts(51, 49), Some(26)),
        (counts(50, 50), None),
        (counts(0, 100), None),
    ] {
        let ejects = |failures| {
            of(Run { failures, rest }, &[counts(0, failures.min(5))], &[rest])
                == Some(Cause::Consecutive)
        };
        assert_eq!((1..100).find(|&failures| ejects(failures)), needed, "{rest:?}");
    }
}

#[test]
fn an_outage_of_everything_is_seen_before_the_window_shows_it() {
    let good_so_far = [counts(500, 10)];
    let run = |rest| Run { failures: 5, rest };
    let own = [counts(250, 5)];
    assert_eq!(of(run(counts(10, 0)), &own, &good_so_far), Some(Cause::Consecutive));
    assert_eq!(of(run(counts(0, 10)), &own, &good_so_far), None);
    assert_eq!(of(run(counts(0, 0)), &own, &good_so_far), None, "nobody else has shown anything");
}

#[test]
fn the_rate_needs_numbers_distance_and_more_than_one_bucket() {
    use Cause::SuccessRate as Out;
    let good = [counts(20, 0), counts(20, 0)];
    for (why, own, rest, expected) in [
        ("half of 40 fail", [counts(10, 10), counts(10, 10)], good, Some(Out)),
        ("in one bucket", [counts(20, 0), counts(0, 20)], good, None),
        ("too few", [counts(4, 5), counts(5, 5)], good, None),
        ("too few to compare with", [counts(10, 10), counts(10, 10)], [counts(9, 0); 2], None),
        ("all fail so", [counts(10, 10), counts(10, 10)], [counts(20, 20); 2], None),
        ("19 points", [counts(810, 190); 2], [counts(1_000, 0); 2], None),
        ("21 points", [counts(790, 210); 2], [counts(1_000, 0); 2], Some(Out)),
        ("21 points, chance", [counts(15, 4), counts(15, 4)], good, None),
    ] {
        assert_eq!(of(Run::default(), &own, &rest), expected, "{why}");
    }
}

#[test]
fn a_good_past_does_not_hide_a_bad_present() {
    let mut own = [counts(100, 0); 10];
    own[8] = counts(70, 30);
    own[9] = counts(70, 30);
    let rest = [counts(200, 0); 10];
    assert_eq!(of(Run::default(), &own, &rest), Some(Cause::SuccessRate));
}

#[test]
fn the_deviation_is_that_of_the_likelihood_ratio() {
    for (one, other, expected) in [
        (counts(13, 7), counts(257, 13), 3.93),
        (counts(28, 12), counts(80, 0), 5.40),
        (counts(10, 10), counts(10, 10), 0.0),
        (counts(0, 20), counts(0, 40), 0.0),
        (counts(0, 20), counts(20, 0), 7.45),
    ] {
        let found = deviation(one, other);
        assert!((found - expected).abs() < 0.01, "{one:?} {other:?}: {found}");
    }
}

#[test]
fn one_that_has_just_returned_is_not_compared_with_times_that_it_did_not_see() {
    let mut own = [counts(0, 0); 10];
    let mut rest = [counts(200, 0); 10];
    for second in 8..10 {
        own[second] = counts(40, 60);
        rest[second] = counts(80, 120);
    }
    assert_eq!(of(Run::default(), &own, &rest), None, "as bad as the rest since");
    rest[9] = counts(200, 0);
    own[7] = counts(1, 1);
    assert_eq!(of(Run::default(), &own, &rest), Some(Cause::SuccessRate), "worse");
}
