//! A request's line of the access log, told.
//!
//! First what the client saw, then each attempt, then how the pool stood, and last what can be done. Words of
//! the log stand behind the sentences that they are told by, so that one can be searched for by the other.
//! Whatever came from a client or an endpoint is escaped.

use std::time::Duration;

use switchback_core::Outcome;
use switchback_core::outcome::{Sent, refusal};
use switchback_core::retry::Decision;

use super::super::admin::plain;
use super::record::{Attempt, Record};
use super::words::{self, Words};
use crate::text::{counted, latency};

/// The story, in lines, without the last break.
pub(super) fn story(record: &Record) -> String {
    let mut lines = head(record);
    lines.push(String::new());
    lines.push(ending(record));
    let cause = cause(record);
    lines.extend(cause.into_iter().flat_map(|it| sentences(it.happened, it.means)));
    let before_last = record.attempts.len().saturating_sub(1);
    for (position, attempt) in record.attempts.iter().enumerate() {
        lines.push(String::new());
        let mut number = position as u64 + 1;
        if position == before_last && record.attempts_omitted > 0 {
            let left_out = counted(record.attempts_omitted, "more attempt", "more attempts");
            lines.push(format!("({left_out} of which nothing was noted)"));
            lines.push(String::new());
            number = number.saturating_add(record.attempts_omitted);
        }
        lines.extend(self::attempt(number, attempt));
    }
    if let (Some(healthy), Some(total)) = (record.healthy, record.total) {
        lines.push(String::new());
        let pool = record.pool.as_deref().map(plain).unwrap_or_default();
        lines.push(format!("Then {healthy} of {total} endpoints of pool {pool} were healthy."));
    }
    let advice = advice(record, cause);
    if !advice.is_empty() {
        lines.push(String::new());
        lines.push("What can be done:".to_owned());
        lines.extend(advice.into_iter().map(|advice| format!("  - {advice}")));
    }
    lines.join("\n")
}

/// Which request it is.
fn head(record: &Record) -> Vec<String> {
    let host = record.host.as_deref().map(plain).unwrap_or_default();
    let what = format!("{} {host}{}", plain(&record.method), plain(&record.path));
    let mut facts = vec![format!("request {}", plain(&record.id))];
    let named = |name: &str, value: &Option<String>| {
        value.as_deref().map(|value| format!("{name} {}", plain(value)))
    };
    facts.push(format!("at {}", plain(&record.time)));
    facts.push(format!("from {}", plain(&record.client)));
    facts.extend(named("over", &record.protocol));
    facts.extend(named("route", &record.route));
    facts.extend(named("pool", &record.pool));
    facts.extend(named("trace", &record.trace_id));
    vec![what, facts.join(", ")]
}

/// What the client saw.
fn ending(record: &Record) -> String {
    let took = millis(record.duration_ms);
    let queued = match record.queued_ms {
        Some(queued) => format!(", {} of it waiting for an endpoint", millis(queued)),
        None => String::new(),
    };
    let after = format!("after {took}{queued}");
    let Some(reason) = &record.reason else {
        let status = status(record.status);
        return match record.attempts.len() {
            0 => format!("It was answered by the gateway itself: {status} {after}."),
            1 => format!("It went through: the client got {status} {after}."),
            tries => format!(
                "It was rescued: the client got {status} {after}, from attempt {}.",
                record.attempts_omitted.saturating_add(tries as u64)
            ),
        };
    };
    let origin = record.origin.as_deref().unwrap_or_default();
    let detail = record.detail.as_deref().map(|it| format!(", {}", plain(it))).unwrap_or_default();
    let reason = format!("({}{detail})", plain(reason));
    let got = match record.status {
        None => "nothing was answered".to_owned(),
        Some(status) => format!("the client got {status}"),
    };
    match origin {
        "client" if record.reason.as_deref() == Some(refusal::BAD_REQUEST) => {
            format!("It was refused {reason}: {got}, {after}.")
        }
        "client" => format!("Its client ended it {reason}: {got}, {after}."),
        "endpoint" => {
            format!("It failed {reason}: {got}, which is the endpoint's own answer, {after}.")
        }
        _ if is_cut_off(record) => format!(
            "It failed {reason}: {got} and {} of the body, and saw it cut off, {after}.",
            counted(record.bytes_out, "byte", "bytes")
        ),
        _ => format!("It failed {reason}: {got}, made by the gateway, {after}."),
    }
}

/// Whether the status is an endpoint's, and its answer did not come to its end.
fn is_cut_off(record: &Record) -> bool {
    let answered = record.attempts.iter().any(|attempt| {
        let outcome = known_outcome(&attempt.outcome);
        let began = matches!(
            outcome,
            Some(Outcome::BodyNotBegun | Outcome::BodyIncomplete | Outcome::AnswerDiffers)
        );
        began && attempt.status == record.status
    });
    answered && record.status.is_some()
}

fn status(status: Option<u16>) -> String {
    status.map_or_else(|| "no status".to_owned(), |status| status.to_string())
}

/// Why it failed, where that is not what the last attempt came to.
fn cause(record: &Record) -> Option<Words> {
    let reason = record.reason.as_deref()?;
    if record.decision.is_some() {
        return None;
    }
    let ended_by = |attempt: &Attempt| {
        known_outcome(&attempt.outcome).is_some_and(|it| it.meaning().reason == reason)
    };
    let last = record.attempts.last();
    if last.is_some_and(|last| ended_by(last) && last.decision.as_deref() != Some("retry")) {
        return None;
    }
    words::refused(reason).or_else(|| {
        let outcome = Outcome::ALL.into_iter().find(|it| it.meaning().reason == reason)?;
        Some(words::outcome(outcome))
    })
}

fn attempt(number: u64, attempt: &Attempt) -> Vec<String> {
    let connection = match (attempt.reused, attempt.connect_ms) {
        (true, _) => ", on a kept connection".to_owned(),
        (false, Some(took)) => format!(", on a new connection ({})", millis(took)),
        (false, None) => String::new(),
    };
    let begun = match attempt.start_ms {
        start if start > 0.0 => format!("after {}", millis(start)),
        _ => "at once".to_owned(),
    };
    let took = attempt.duration_ms.map(|took| format!(", for {}", millis(took)));
    let took = took.unwrap_or_default();
    let endpoint = plain(&attempt.endpoint);
    let mut lines = vec![format!("Attempt {number} to {endpoint}, {begun}{took}{connection}:")];
    let mut say = |text: String| lines.push(format!("  {text}"));
    match known_outcome(&attempt.outcome) {
        None => {
            say(format!("It ended as `{}`, a word of another version.", plain(&attempt.outcome)));
        }
        Some(outcome) => {
            let words = words::outcome(outcome);
            say(format!("{} ({})", words.happened, outcome.as_str()));
            let answered = attempt.status.map(|status| format!("The status was {status}"));
            let first =
                attempt.first_byte_ms.map(|took| format!(", {} after it began", millis(took)));
            if let Some(answered) = answered {
                say(format!("{answered}{}.", first.unwrap_or_default()));
            }
            if let Some(detail) = &attempt.detail {
                say(format!("What was said: {}", plain(detail)));
            }
            if !words.means.is_empty() {
                say(words.means.to_owned());
            }
            if outcome != Outcome::Completed {
                say(words::sent(sent(attempt)).to_owned());
            }
        }
    }
    if let Some(decision) = &attempt.decision {
        say(match known_decision(decision) {
            Some(known) => format!("{} ({decision})", words::decision(known).happened),
            None => format!("What followed: {}", plain(decision)),
        });
    }
    lines
}

fn sentences(happened: &str, means: &str) -> Vec<String> {
    [happened, means].into_iter().filter(|it| !it.is_empty()).map(str::to_owned).collect()
}

/// What can be done about everything that went wrong, each once.
fn advice(record: &Record, cause: Option<Words>) -> Vec<&'static str> {
    let mut all: Vec<_> = cause.into_iter().map(|it| it.advice).collect();
    for attempt in &record.attempts {
        all.extend(known_outcome(&attempt.outcome).map(|it| words::outcome(it).advice));
    }
    for attempt in &record.attempts {
        let decision = attempt.decision.as_deref().and_then(known_decision);
        all.extend(decision.map(|it| words::decision(it).advice));
    }
    let mut each: Vec<&str> = Vec::new();
    for advice in all {
        if !advice.is_empty() && !each.contains(&advice) {
            each.push(advice);
        }
    }
    each
}

fn known_outcome(word: &str) -> Option<Outcome> {
    Outcome::ALL.into_iter().find(|outcome| outcome.as_str() == word)
}

fn known_decision(words: &str) -> Option<Decision> {
    Decision::ALL.into_iter().find(|decision| decision.as_str() == words)
}

/// How much the endpoint may have seen; not written: all.
fn sent(attempt: &Attempt) -> Sent {
    let all = [Sent::No, Sent::Maybe, Sent::Yes];
    let word = attempt.sent.as_deref().unwrap_or_default();
    all.into_iter().find(|sent| sent.as_str() == word).unwrap_or(Sent::Yes)
}

fn millis(ms: f64) -> String {
    latency(Duration::try_from_secs_f64(ms / 1e3).unwrap_or_default())
}

#[cfg(test)]
mod tests;
