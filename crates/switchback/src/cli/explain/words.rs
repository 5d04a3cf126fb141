//! Every word of the access log in a sentence: what happened, what that means, what can be done.
//!
//! The one place that has them. The matches are complete, so an outcome or a decision that is added must be
//! explained here before anything compiles; what is only a text in the log ([`refused`]) is held by a test.

use switchback_core::Outcome;
use switchback_core::outcome::{Sent, refusal};
use switchback_core::retry::{Decision, Stop};

/// What there is to say of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Words {
    /// What happened.
    pub(super) happened: &'static str,
    /// What that means; may be empty.
    pub(super) means: &'static str,
    /// What an operator can do; empty: nothing has to be done.
    pub(super) advice: &'static str,
}

const fn words(happened: &'static str, means: &'static str, advice: &'static str) -> Words {
    Words { happened, means, advice }
}

/// What came of an attempt.
pub(super) fn outcome(outcome: Outcome) -> Words {
    match outcome {
        Outcome::ConnectionRefused => words(
            "The endpoint refused the connection.",
            "Nothing listens at its address: the process does not run, or is just restarting.",
            "See whether the application runs and listens at this address.",
        ),
        Outcome::ConnectTimeout => words(
            "No connection came about in time.",
            "The machine is gone, or something on the way drops what is sent to it.",
            "Look at the machine and at firewalls on the way; `timeouts.connect` is how long is waited.",
        ),
        Outcome::Unroutable => words(
            "The endpoint could not be reached.",
            "The network said so: there is no route, or the connection failed before it stood.",
            "Look at routes and firewalls between the gateway and the endpoint.",
        ),
        Outcome::TlsFailed => words(
            "The TLS handshake with the endpoint failed.",
            "It speaks no TLS at this port, or none that the gateway can agree on.",
            "Compare the pool's `tls` with what listens there; `switchback check --probe` tries it.",
        ),
        Outcome::TlsCertificate => words(
            "The endpoint's certificate was not accepted.",
            "It has ended, is for another name, or is signed by somebody whom the gateway does not know.",
            "Renew it, or correct the pool's `tls.sni` (the name that is expected) or `tls.ca` (who signs).",
        ),
        Outcome::TlsAlert => words(
            "The endpoint ended the TLS handshake with an alert.",
            "It refuses the gateway: usually it wants a certificate, or another one.",
            "See the endpoint's log; `tls.certificate` of the pool is what the gateway shows.",
        ),
        Outcome::LocalResources => words(
            "The gateway could not open a connection: it had no port or file descriptor left.",
            "That is the gateway's own shortage; nothing is said of the endpoint.",
            "Raise the limit of descriptors, or bound what is open by `max_connections` and `limits.connections`.",
        ),
        Outcome::DeadBeforeRequest => words(
            "The kept connection was dead before the request was written.",
            "The endpoint had closed it while it was idle, as it may; it is nobody's fault.",
            "",
        ),
        Outcome::StreamRefused => words(
            "The endpoint said over HTTP/2 that it had not processed the request.",
            "It is leaving, or has as many streams as it takes.",
            "If it was not restarting, give it less at once: `max_requests` of the pool.",
        ),
        Outcome::WriteFailed => words(
            "The new connection died while the header of the request was being written.",
            "The endpoint accepts and closes at once, as a process does that is going down.",
            "See the endpoint's log at that time.",
        ),
        Outcome::StaleConnection => words(
            "The endpoint closed a kept connection just as the request went out on it.",
            "Either side may close an idle connection, and it crossed the request; it is nobody's fault.",
            "It becomes rarer with `timeouts.keepalive` of the pool below the time for which the endpoint keeps connections.",
        ),
        Outcome::ClosedBeforeAnswer => words(
            "The endpoint took the request and closed the connection before it answered.",
            "Its process crashed or was ended, or it gave the request up.",
            "See the endpoint's log at that time: a crash, a restart, a time limit of its own.",
        ),
        Outcome::ResponseTimeout => words(
            "The endpoint did not begin to answer in time.",
            "It hangs, is overloaded, or needs longer for this request than it is given.",
            "See what the endpoint was waiting for; `timeouts.first_byte` is how long an answer may take to begin.",
        ),
        Outcome::RequestWriteTimeout => words(
            "The endpoint stopped taking the request.",
            "It did not read on: it hangs, or is overloaded.",
            "See what the endpoint was waiting for; `timeouts.write` is how long it may take nothing.",
        ),
        Outcome::InvalidResponse => words(
            "What the endpoint answered is no valid HTTP.",
            "Something else listens there, another protocol is spoken, or its answer can be read in two ways.",
            "Ask the endpoint directly and look at the answer; `protocol` of the pool must be what it speaks.",
        ),
        Outcome::HeaderTooLarge => words(
            "The header of the endpoint's answer was larger than the gateway takes.",
            "It grows without bounds, as cookies do that are set again and again.",
            "Have the application send less in the header of its answers.",
        ),
        Outcome::FailureStatus => words(
            "The endpoint answered with a status that counts as a failure.",
            "It says itself that it cannot serve: `retry.statuses` has this status.",
            "See the endpoint's log for why it answered so.",
        ),
        Outcome::BodyNotBegun => words(
            "The endpoint sent the header of its answer, and then nothing of the body.",
            "Its process ended or hung between the two.",
            "See the endpoint's log at that time.",
        ),
        Outcome::BodyIncomplete => words(
            "The endpoint's answer was cut off, or stalled, after its beginning.",
            "The client has a part of it, which no other endpoint's answer can continue.",
            "See the endpoint's log at that time; `timeouts.idle` is how long an answer may stand still.",
        ),
        Outcome::AnswerDiffers => words(
            "The answer was not the one that the client has the header of.",
            "Another endpoint had sent that header and no body, and this answer could not take its place.",
            "The failure is that of the attempt before.",
        ),
        Outcome::OutOfTime => words(
            "The time of the request was over soon after this attempt began.",
            "That says nothing of the endpoint: what came before had taken the time.",
            "`timeouts.request` is the time for everything, waiting and all attempts included.",
        ),
        Outcome::ClientGone => words(
            "The client went away, or broke its request off.",
            "It did not wait, or its own time limit, or that of what stands in front, was over.",
            "If there are many, compare how long they waited with the time limits of clients and of what stands in front.",
        ),
        Outcome::Abandoned => words(
            "The gateway gave the attempt up.",
            "It does so with what is still under way when it ends.",
            "If the gateway was not being stopped at that time, please report it as a bug.",
        ),
        Outcome::Completed => words("The answer went through to its end.", "", ""),
    }
}

/// Whether anything can have been executed.
pub(super) fn sent(sent: Sent) -> &'static str {
    match sent {
        Sent::No => "Nothing of it can have been executed there: not all of its header was sent.",
        Sent::Maybe => {
            "It may have been executed there: it was sent, and no answer says what came of it."
        }
        Sent::Yes => "It was received there: the endpoint answered.",
    }
}

/// Why another attempt followed, or none.
pub(super) fn decision(decision: Decision) -> Words {
    let Decision::Stop(stop) = decision else {
        return words("So it was tried once more.", "", "");
    };
    match stop {
        Stop::Off => words(
            "It was not tried again: retries are switched off here.",
            "",
            "With `retry.enabled: true` such a request goes to another endpoint.",
        ),
        Stop::Final => words("It was not tried again: such an end is final.", "", ""),
        Stop::AnswerBegun => {
            words("It was not tried again: the client already had something of the answer.", "", "")
        }
        Stop::NotIdempotent => words(
            "It was not tried again: what may have been executed must not be executed twice, with this method.",
            "",
            "If the application recognises repeated requests: `retry.trust_idempotency_key`, and an Idempotency-Key from the client; if executing one twice does no harm: `retry.non_idempotent`.",
        ),
        Stop::BodyNotReplayable => words(
            "It was not tried again: its body was too large to be kept for another attempt.",
            "",
            "",
        ),
        Stop::AttemptsUsedUp => words(
            "It was not tried again: it had had as many attempts as it may.",
            "",
            "`retry.attempts` allows more; but first see why so many endpoints failed at once: `switchback status`.",
        ),
        Stop::NoEndpointLeft => words(
            "It was not tried again: it had been to every endpoint of the pool that can serve.",
            "",
            "The pool as a whole was down for it: `switchback status` shows who is ill, and why.",
        ),
        Stop::Deadline => words(
            "It was not tried again: its time was over.",
            "",
            "`timeouts.request` is the time for everything; a shorter `timeouts.first_byte` leaves some for another attempt.",
        ),
        Stop::Budget => words(
            "It was not tried again: the pool's requests had caused as many retries as they may.",
            "",
            "So many retries at once mean that most of the pool failed: `switchback status`. `retry_budget` is how many there may be.",
        ),
    }
}

/// Why a request failed that no attempt explains.
pub(super) fn refused(reason: &str) -> Option<Words> {
    Some(match reason {
        refusal::DESTINATION_UNAVAILABLE => words(
            "No endpoint of the pool could be asked.",
            "Each of them is disabled, by configuration or by an operator.",
            "`switchback status` shows who is; `switchback enable POOL/ENDPOINT` lets one serve again.",
        ),
        refusal::OVERLOADED => words(
            "Every endpoint of the pool was full, and it waited in vain, or could not even wait.",
            "More requests come than the endpoints take at once.",
            "See what the endpoints can bear: `max_requests`; how many may wait, and for how long: `queue`, `queue_timeout`.",
        ),
        refusal::DEADLINE => words(
            "Its time was over before an answer began.",
            "Waiting for an endpoint, and the attempts before, took all of it.",
            "`timeouts.request` is the time for everything.",
        ),
        refusal::NO_ROUTE => words(
            "No route matches its host and path.",
            "",
            "If one should: compare `routes` with the host and the path above.",
        ),
        refusal::BAD_REQUEST => words(
            "The gateway refused the request itself, before any endpoint heard of it.",
            "It can be read in two ways, breaks the protocol, or goes beyond a limit.",
            "What is refused, and each limit, stands in docs/SECURITY.md.",
        ),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_outcome_decision_or_refusal_lacks_its_sentence() {
        for one in Outcome::ALL {
            let words = outcome(one);
            assert!(words.happened.ends_with('.'), "{one:?}");
            let is_fine = matches!(one, Outcome::Completed);
            assert_eq!(words.means.is_empty(), is_fine, "{one:?}: what it means");
            let nothing_to_do = is_fine || one == Outcome::DeadBeforeRequest;
            assert_eq!(words.advice.is_empty(), nothing_to_do, "{one:?}: what can be done");
        }
        for one in Decision::ALL {
            assert!(decision(one).happened.ends_with('.'), "{one:?}");
            assert!(
                !one.is_by_a_limit() || !decision(one).advice.is_empty(),
                "{one:?}: which limit"
            );
        }
        for reason in refusal::ALL {
            let words = refused(reason).unwrap_or_else(|| panic!("{reason} has no words"));
            assert!(words.happened.ends_with('.') && !words.advice.is_empty(), "{reason}");
        }
        assert_eq!(refused("completed"), None);
    }

    #[test]
    fn each_says_something_of_its_own() {
        let of_outcomes = Outcome::ALL.into_iter().map(|one| outcome(one).happened);
        let of_decisions = Decision::ALL.into_iter().map(|one| decision(one).happened);
        let said: Vec<_> = of_outcomes.chain(of_decisions).collect();
        let different: std::collections::BTreeSet<_> = said.iter().collect();
        assert_eq!(different.len(), said.len());
    }
}
