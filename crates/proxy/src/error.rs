//! From Pingora's errors to the core's outcomes.
//!
//! Pingora says what failed; whether anything can have reached the endpoint follows from *when* it
//! failed, which the attempt's [`Facts`] know: a request whose header was not written in full cannot
//! have been executed, whatever the error is called.

use pingora_core::{Error, ErrorSource, ErrorType};
use switchback_core::Outcome;
use switchback_core::outcome::Sent;
use switchback_runtime::Facts;

/// What a failed attempt to connect came to.
pub(crate) fn connecting(error: &Error) -> Outcome {
    match error.etype() {
        ErrorType::ConnectRefused => Outcome::ConnectionRefused,
        ErrorType::ConnectTimedout | ErrorType::TLSHandshakeTimedout => Outcome::ConnectTimeout,
        ErrorType::InvalidCert => Outcome::TlsCertificate,
        ErrorType::TLSHandshakeFailure
        | ErrorType::TLSWantX509Lookup
        | ErrorType::HandshakeError => tls(error),
        // Pingora wraps a failed `socket` or `bind` in this: no port or descriptor is left.
        ErrorType::InternalError | ErrorType::BindError | ErrorType::SocketError => {
            Outcome::LocalResources
        }
        _ => Outcome::Unroutable,
    }
}

/// What an attempt came to that failed on a connection.
pub(crate) fn proxying(error: &Error, facts: &Facts) -> Outcome {
    match error.esource() {
        ErrorSource::Downstream => return Outcome::ClientGone,
        ErrorSource::Internal | ErrorSource::Unset => return Outcome::Abandoned,
        ErrorSource::Upstream => {}
    }
    if facts.status.is_some() {
        return Outcome::BodyIncomplete;
    }
    match error.etype() {
        ErrorType::WriteError | ErrorType::WriteTimedout if !facts.header_written => {
            if facts.reused {
                Outcome::DeadBeforeRequest
            } else {
                Outcome::WriteFailed
            }
        }
        ErrorType::ReadTimedout => Outcome::ResponseTimeout,
        ErrorType::WriteTimedout => Outcome::RequestWriteTimeout,
        ErrorType::ConnectionClosed | ErrorType::ReadError | ErrorType::WriteError => {
            if facts.reused && !answer_had_begun(error) {
                Outcome::StaleConnection
            } else {
                Outcome::ClosedBeforeAnswer
            }
        }
        ErrorType::InvalidHTTPHeader if says(error, "larger than") => Outcome::HeaderTooLarge,
        _ => Outcome::InvalidResponse,
    }
}

/// What to show an operator: what the system or the parser said, and while doing what. Pingora puts
/// the endpoint's address into what it says of connecting; the log has that already.
pub(crate) fn detail(error: &Error, outcome: Outcome) -> String {
    let cause = error.root_cause().to_string();
    let context = error.context.as_ref().map(|context| context.as_str());
    match context {
        Some(context) if outcome.meaning().sent != Sent::No => match error.cause {
            Some(_) => format!("{context}: {cause}"),
            None => context.to_owned(),
        },
        _ => cause,
    }
}

fn tls(error: &Error) -> Outcome {
    if says(error, "certificate") {
        Outcome::TlsCertificate
    } else {
        Outcome::TlsFailed
    }
}

/// Whether bytes of an answer were read, which Pingora tells in the error's text alone. A text that
/// says nothing of bytes is of an attempt that had not got to reading.
fn answer_had_begun(error: &Error) -> bool {
    says(error, "bytes already read: ") && !says(error, "bytes already read: 0")
}

/// Whether the error or what caused it says `words`.
fn says(error: &Error, words: &str) -> bool {
    error.to_string().contains(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(etype: ErrorType, context: &'static str, facts: &Facts) -> Outcome {
        let mut error = Error::explain(etype, context);
        error.as_up();
        proxying(&error, facts)
    }

    #[test]
    fn a_header_that_was_not_written_was_not_sent() {
        let facts = |reused| Facts {
            reused,
            ..Facts::default()
        };
        let write = |reused| failed(ErrorType::WriteError, "while writing", &facts(reused));
        assert_eq!(write(true), Outcome::DeadBeforeRequest);
        assert_eq!(write(false), Outcome::WriteFailed);
    }

    #[test]
    fn a_reused_connection_is_stale_only_if_it_gave_no_byte() {
        let facts = |reused| Facts {
            reused,
            header_written: true,
            ..Facts::default()
        };
        let closed = |context, reused| failed(ErrorType::ConnectionClosed, context, &facts(reused));
        let none = "while reading response headers, bytes already read: 0";
        let some = "while reading response headers, bytes already read: 10";
        assert_eq!(closed(none, true), Outcome::StaleConnection);
        assert_eq!(closed(some, true), Outcome::ClosedBeforeAnswer);
        assert_eq!(closed(none, false), Outcome::ClosedBeforeAnswer);
    }

    #[test]
    fn after_the_header_every_failure_is_a_cut_off_body() {
        let facts = Facts {
            status: Some(200),
            header_written: true,
            ..Facts::default()
        };
        for etype in [
            ErrorType::ReadTimedout,
            ErrorType::ConnectionClosed,
            ErrorType::ReadError,
        ] {
            assert_eq!(failed(etype, "", &facts), Outcome::BodyIncomplete);
        }
    }

    #[test]
    fn what_the_client_broke_is_the_clients() {
        let mut error = Error::explain(ErrorType::ReadError, "reset");
        error.as_down();
        assert_eq!(proxying(&error, &Facts::default()), Outcome::ClientGone);
    }
}
