//! The retry rules, as sentences.

use http::Method;

use super::*;

fn failed(outcome: Outcome) -> Situation {
    Situation {
        outcome,
        answer_begun: false,
        repeatable: true,
        body_replayable: true,
        attempts_sent: 1,
        endpoint_left: true,
        may_wait: true,
        time_left: true,
    }
}

fn decided(situation: Situation) -> Decision {
    decide(&RetryPolicy::default(), &situation)
}

#[test]
fn every_failure_of_an_endpoint_before_its_answer_is_repeated() {
    for outcome in Outcome::ALL {
        let expected = match outcome {
            Outcome::BodyIncomplete
            | Outcome::AnswerDiffers
            | Outcome::OutOfTime
            | Outcome::ClientGone
            | Outcome::Abandoned
            | Outcome::Completed => Decision::Stop(Stop::Final),
            _ => Decision::Retry,
        };
        assert_eq!(decided(failed(outcome)), expected, "{outcome:?}");
    }
}

#[test]
fn a_post_that_may_have_been_sent_is_never_repeated() {
    for outcome in Outcome::ALL {
        let decision = decided(Situation { repeatable: false, ..failed(outcome) });
        let sent = outcome.meaning().sent != Sent::No;
        assert_eq!(decision == Decision::Retry, !sent, "{outcome:?}");
    }
}

#[test]
fn what_was_never_sent_goes_round_the_whole_pool() {
    let refused = Situation { attempts_sent: 99, ..failed(Outcome::ConnectionRefused) };
    assert_eq!(decided(refused), Decision::Retry);
}

#[test]
fn each_rule_stops() {
    let closed = failed(Outcome::ClosedBeforeAnswer);
    for (situation, stop) in [
        (Situation { answer_begun: true, ..closed }, Stop::AnswerBegun),
        (Situation { repeatable: false, ..closed }, Stop::NotIdempotent),
        (Situation { body_replayable: false, ..closed }, Stop::BodyNotReplayable),
        (Situation { attempts_sent: 3, ..closed }, Stop::AttemptsUsedUp),
        (Situation { endpoint_left: false, may_wait: false, ..closed }, Stop::NoEndpointLeft),
        (Situation { time_left: false, ..closed }, Stop::Deadline),
    ] {
        assert_eq!(decided(situation), Decision::Stop(stop));
    }
}

#[test]
fn switched_off_means_not_even_what_was_never_sent() {
    let policy = RetryPolicy { enabled: false, ..RetryPolicy::default() };
    let decision = decide(&policy, &failed(Outcome::ConnectionRefused));
    assert_eq!(decision, Decision::Stop(Stop::Off));
}

#[test]
fn only_the_routes_word_makes_a_post_repeatable() {
    let default = RetryPolicy::default();
    let trusting = RetryPolicy { trust_idempotency_key: true, ..RetryPolicy::default() };
    let all = RetryPolicy { non_idempotent: true, ..RetryPolicy::default() };
    assert!(!repeatable(&Method::POST, true, &default));
    assert!(!repeatable(&Method::POST, false, &trusting));
    assert!(repeatable(&Method::POST, true, &trusting));
    assert!(repeatable(&Method::PATCH, false, &all));
    assert!(repeatable(&Method::PUT, false, &default));
}

#[test]
fn nobodys_fault_keeps_nobody_away() {
    assert!(!excludes_endpoint(Outcome::StaleConnection));
    assert!(!excludes_endpoint(Outcome::DeadBeforeRequest));
    assert!(excludes_endpoint(Outcome::ConnectionRefused));
    assert!(excludes_endpoint(Outcome::FailureStatus));
}

#[test]
fn the_words_of_decisions_are_all_different() {
    let words: std::collections::BTreeSet<_> =
        Decision::ALL.iter().map(|decision| decision.as_str()).collect();
    assert_eq!(words.len(), Decision::ALL.len());
}

#[test]
fn only_the_first_retry_of_what_burdened_nobody_is_free() {
    use Outcome::{DeadBeforeRequest, LocalResources, StreamRefused, WriteFailed};
    for outcome in Outcome::ALL {
        let free =
            outcome.is_unreachable() || [DeadBeforeRequest, LocalResources].contains(&outcome);
        assert_eq!(draws_on_budget(outcome, false), !free, "{outcome:?}");
        let sent = outcome.meaning().sent != Sent::No;
        assert_eq!(free, !sent && ![StreamRefused, WriteFailed].contains(&outcome), "{outcome:?}");
        assert!(draws_on_budget(outcome, true), "{outcome:?}");
    }
}

#[test]
fn who_has_been_everywhere_may_wait_for_what_was_lost_to_come_back() {
    let everywhere = |outcome| Situation { endpoint_left: false, ..failed(outcome) };
    let none = Decision::Stop(Stop::NoEndpointLeft);
    for outcome in [Outcome::ConnectionRefused, Outcome::ClosedBeforeAnswer] {
        assert_eq!(decided(everywhere(outcome)), Decision::Retry);
        let impatient = Situation { may_wait: false, ..everywhere(outcome) };
        assert_eq!(decided(impatient), none);
    }
    for outcome in [Outcome::FailureStatus, Outcome::ResponseTimeout, Outcome::InvalidResponse] {
        assert_eq!(decided(everywhere(outcome)), none, "{outcome:?} would come again");
    }
}
