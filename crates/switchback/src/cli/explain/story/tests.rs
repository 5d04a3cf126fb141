//! Whole stories, of lines as the access log has them.

use serde_json::{Value, json};

use super::*;

fn told(line: Value) -> String {
    story(&serde_json::from_value(line).unwrap())
}

#[test]
fn a_post_that_was_not_repeated_is_told_with_why() {
    let text = told(json!({
        "time": "2026-11-22T10:11:12.123Z", "id": "01JD", "client": "203.0.113.9", "method": "POST",
        "host": "shop.example.com", "path": "/pay", "status": 502, "bytes_in": 10, "bytes_out": 90,
        "duration_ms": 38.1, "route": "shop.example.com/", "pool": "api", "protocol": "h2",
        "attempts": [{
            "endpoint": "10.0.1.11:8080", "reused": true, "duration_ms": 37.9, "connect_ms": 0,
            "outcome": "closed_before_answer", "sent": "maybe", "decision": "stop: not idempotent",
            "detail": "connection reset\u{1b}[2J",
        }],
        "reason": "connection_terminated", "origin": "gateway", "decision": "stop: not idempotent",
        "healthy": 3, "total": 3,
    }));
    assert_eq!(
        text,
        "\
POST shop.example.com/pay
request 01JD, at 2026-11-22T10:11:12.123Z, from 203.0.113.9, over h2, route shop.example.com/, pool api

It failed (connection_terminated): the client got 502, made by the gateway, after 38 ms.

Attempt 1 to 10.0.1.11:8080, at once, for 38 ms, on a kept connection:
  The endpoint took the request and closed the connection before it answered. (closed_before_answer)
  What was said: connection reset\\u{1b}[2J
  Its process crashed or was ended, or it gave the request up.
  It may have been executed there: it was sent, and no answer says what came of it.
  It was not tried again: what may have been executed must not be executed twice, with this method. (stop: not idempotent)

Then 3 of 3 endpoints of pool api were healthy.

What can be done:
  - See the endpoint's log at that time: a crash, a restart, a time limit of its own.
  - If the application recognises repeated requests: `retry.trust_idempotency_key`, and an Idempotency-Key from the client; if executing one twice does no harm: `retry.non_idempotent`."
    );
}

#[test]
fn a_rescue_is_told_attempt_by_attempt() {
    let text = told(json!({
        "time": "2026-11-22T10:11:12.123Z", "id": "01JD", "client": "203.0.113.9", "method": "GET",
        "host": "shop.example.com", "path": "/", "status": 200, "duration_ms": 14.0, "queued_ms": 2.0,
        "pool": "api", "protocol": "HTTP/1.1", "attempts_omitted": 40,
        "attempts": [
            { "endpoint": "10.0.1.11:8080", "reused": false, "duration_ms": 0.4, "sent": "no",
              "outcome": "connection_refused", "decision": "retry" },
            { "endpoint": "10.0.1.12:8080", "reused": false, "start_ms": 0.5, "duration_ms": 13.4,
              "connect_ms": 0.4, "first_byte_ms": 12.0, "outcome": "completed", "status": 200 },
        ],
    }));
    assert_eq!(
        text,
        "\
GET shop.example.com/
request 01JD, at 2026-11-22T10:11:12.123Z, from 203.0.113.9, over HTTP/1.1, pool api

It was rescued: the client got 200 after 14 ms, 2.0 ms of it waiting for an endpoint, from attempt 42.

Attempt 1 to 10.0.1.11:8080, at once, for 0.4 ms:
  The endpoint refused the connection. (connection_refused)
  Nothing listens at its address: the process does not run, or is just restarting.
  Nothing of it can have been executed there: not all of its header was sent.
  So it was tried once more. (retry)

(40 more attempts of which nothing was noted)

Attempt 42 to 10.0.1.12:8080, after 0.5 ms, for 13 ms, on a new connection (0.4 ms):
  The answer went through to its end. (completed)
  The status was 200, 12 ms after it began.

What can be done:
  - See whether the application runs and listens at this address."
    );
}

#[test]
fn a_request_without_an_attempt_is_told_by_its_reason() {
    let line = |status: u16, reason: &str, origin: &str| {
        json!({ "id": "01JD", "method": "GET", "path": "/x", "status": status, "duration_ms": 1000.0,
            "attempts": [], "reason": reason, "origin": origin, "pool": "web", "healthy": 0, "total": 2 })
    };
    let text = told(line(503, "connection_limit_reached", "gateway"));
    assert!(text.contains("It failed (connection_limit_reached): the client got 503, made by the gateway, after 1.0 s.\nEvery endpoint of the pool was full"), "{text}");
    assert!(text.contains("\nThen 0 of 2 endpoints of pool web were healthy.\n"), "{text}");
    let mut refused = line(413, "http_request_error", "client");
    refused["detail"] = "body_too_large".into();
    let text = told(refused);
    assert!(
        text.contains("It was refused (http_request_error, body_too_large): the client got 413"),
        "{text}"
    );
    let mut gone = line(0, "client_gone", "client");
    gone["status"] = Value::Null;
    let text = told(gone);
    assert!(text.contains("Its client ended it (client_gone): nothing was answered, after 1.0 s.\nThe client went away"), "{text}");
}

#[test]
fn a_request_whose_time_ends_after_a_retry_was_decided_is_told_by_its_reason() {
    let text = told(
        json!({ "id": "01JD", "method": "GET", "path": "/x", "status": 504, "duration_ms": 5000.0,
        "attempts": [{ "endpoint": "10.0.1.11:80", "outcome": "http_response_timeout", "sent": "maybe",
            "decision": "retry" }],
        "reason": "http_response_timeout", "origin": "gateway" }),
    );
    assert!(text.contains(".\nIts time was over before an answer began.\n"), "{text}");
}

#[test]
fn an_answer_that_was_cut_off_is_told_as_the_client_saw_it() {
    let text = told(
        json!({ "id": "01JD", "method": "GET", "path": "/x", "status": 200, "bytes_out": 1500,
        "duration_ms": 50.0, "attempts": [{ "endpoint": "10.0.1.11:80", "status": 200,
            "outcome": "http_response_incomplete", "decision": "stop: the outcome is final" }],
        "reason": "http_response_incomplete", "origin": "gateway", "decision": "stop: the outcome is final" }),
    );
    assert!(
        text.contains(
            "the client got 200 and 1,500 bytes of the body, and saw it cut off, after 50 ms."
        ),
        "{text}"
    );
    let text = told(
        json!({ "id": "01JD", "method": "POST", "path": "/x", "status": 503, "duration_ms": 50.0,
        "attempts": [{ "endpoint": "10.0.1.11:80", "status": 503, "outcome": "failure_status",
            "decision": "stop: not idempotent" }],
        "reason": "failure_status", "origin": "endpoint", "decision": "stop: not idempotent" }),
    );
    assert!(
        text.contains("the client got 503, which is the endpoint's own answer, after 50 ms."),
        "{text}"
    );
}

#[test]
fn every_outcome_and_decision_has_its_sentence_in_the_story() {
    for outcome in Outcome::ALL {
        for decision in Decision::ALL {
            let text = told(json!({ "attempts": [{ "endpoint": "10.0.1.11:80",
                "outcome": outcome.as_str(), "sent": outcome.meaning().sent.as_str(),
                "decision": decision.as_str() }] }));
            let words = words::outcome(outcome);
            for sentence in [words.happened, words.means, words::decision(decision).happened] {
                assert!(text.contains(sentence), "{outcome:?}, {decision:?}: {text}");
            }
            assert!(text.contains(words.advice), "{outcome:?}: {text}");
        }
    }
    let text =
        told(json!({ "attempts": [{ "outcome": "struck_by_lightning", "decision": "pray" }] }));
    assert!(
        text.contains("It ended as `struck_by_lightning`, a word of another version."),
        "{text}"
    );
    assert!(text.contains("What followed: pray"), "{text}");
}

#[test]
fn a_line_that_nobody_of_us_wrote_does_no_harm() {
    let attempt = json!({ "endpoint": "\u{1b}[2J", "outcome": "\u{9b}2J", "start_ms": -1, "duration_ms": 1e308 });
    for reason in [json!(null), json!("\u{202e}")] {
        let text = told(json!({
            "id": "\u{1b}]0;", "status": 200, "duration_ms": -1.0, "attempts": [attempt, attempt],
            "attempts_omitted": u64::MAX, "reason": reason, "healthy": 5, "total": 0,
        }));
        let drives = |it| it != '\n' && crate::cli::json::drives_a_terminal(it);
        assert!(!text.contains(drives), "{text:?}");
    }
}
