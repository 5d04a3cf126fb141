//! From Pingora's errors to the core's outcomes.
//!
//! Pingora says what failed; whether anything can have reached the endpoint follows from *when* it
//! failed, which the attempt's [`Facts`] know: a request whose header was not written in full cannot
//! have been executed, whatever the error is called.

use pingora_core::{Error, ErrorSource, ErrorType};
use switchback_core::Outcome;
use switchback_core::outcome::Sent;
use switchback_runtime::{Facts, tls_words};

const SWITCHING_PROTOCOLS: u16 = 101;

/// The error by which an answer is given up that cannot take the place of one whose header the client
/// has.
pub(crate) const ANSWER_DIFFERS: ErrorType = ErrorType::Custom("answer differs from the one begun");

/// What else is to know of a failure on a connection.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Circumstances {
    /// Whether it was a time limit of ours that ended the wait, on the client's stream.
    pub(crate) expired: bool,
    /// Whether the header of an answer went to the client.
    pub(crate) header_sent: bool,
    /// Whether something of its body did.
    pub(crate) body_sent: bool,
    /// Whether the connection carries other requests, too (HTTP/2).
    pub(crate) shared: bool,
}

/// What a failed attempt to connect came to.
pub(crate) fn connecting(error: &Error) -> Outcome {
    match error.etype() {
        ErrorType::ConnectRefused => Outcome::ConnectionRefused,
        ErrorType::ConnectTimedout | ErrorType::TLSHandshakeTimedout => Outcome::ConnectTimeout,
        ErrorType::InvalidCert => Outcome::TlsCertificate,
        ErrorType::TLSHandshakeFailure
        | ErrorType::TLSWantX509Lookup
        | ErrorType::HandshakeError => tls(error),
        // Pingora wraps a failed `socket` or `bind` in this, because no port or descriptor is left;
        // but also what a packet filter forbids (EPERM, EACCES), which is that endpoint's.
        ErrorType::InternalError | ErrorType::BindError | ErrorType::SocketError => {
            let forbidden = says_os_error(error, 1) || says_os_error(error, 13);
            if forbidden { Outcome::Unroutable } else { Outcome::LocalResources }
        }
        // ECONNRESET: refused at the last moment.
        _ if says_os_error(error, 104) => Outcome::ConnectionRefused,
        _ => Outcome::Unroutable,
    }
}

/// What an attempt came to that failed on a connection.
pub(crate) fn proxying(error: &Error, facts: &Facts, circumstances: Circumstances) -> Outcome {
    if facts.status == Some(SWITCHING_PROTOCOLS) {
        // Upgraded connections end when either side has had enough, or both are silent.
        return Outcome::Completed;
    }
    if *error.etype() == ANSWER_DIFFERS {
        return Outcome::AnswerDiffers;
    }
    let answered = (facts.status.is_some() && circumstances.header_sent).then_some({
        if circumstances.body_sent { Outcome::BodyIncomplete } else { Outcome::BodyNotBegun }
    });
    if circumstances.expired {
        let too_soon = if facts.hurried { Outcome::OutOfTime } else { Outcome::ResponseTimeout };
        return answered.unwrap_or(too_soon);
    }
    match error.esource() {
        ErrorSource::Downstream => return Outcome::ClientGone,
        ErrorSource::Internal | ErrorSource::Unset => return Outcome::Abandoned,
        ErrorSource::Upstream => {}
    }
    if let Some(outcome) = answered {
        return outcome;
    }
    // Who has answered has processed it, whatever he says then.
    let unanswered = !facts.answer_begun && facts.status.is_none();
    if circumstances.shared && unanswered && refused(error) {
        return Outcome::StreamRefused;
    }
    let silent = unanswered && !answer_had_begun(error);
    if !facts.reused && silent && tls_words::refuses_certificate(&cause(error)) {
        // With TLS 1.3 an endpoint looks at our certificate when we may have sent the request already. What
        // comes before the end of its handshake, it does not read.
        return Outcome::TlsAlert;
    }
    if against_the_rules(error) {
        return Outcome::InvalidResponse;
    }
    match error.etype() {
        // Frames are written by the connection's own task: when, nobody tells.
        ErrorType::WriteError | ErrorType::WriteTimedout
            if !facts.header_written && !circumstances.shared =>
        {
            if facts.reused {
                Outcome::DeadBeforeRequest
            } else {
                Outcome::WriteFailed
            }
        }
        ErrorType::ReadTimedout => Outcome::ResponseTimeout,
        ErrorType::WriteTimedout => Outcome::RequestWriteTimeout,
        ErrorType::ConnectionClosed
        | ErrorType::ReadError
        | ErrorType::WriteError
        | ErrorType::H2Error => {
            if facts.reused && silent && (!circumstances.shared || broke(error)) {
                Outcome::StaleConnection
            } else {
                Outcome::ClosedBeforeAnswer
            }
        }
        ErrorType::InvalidHTTPHeader if context(error).starts_with("Response header larger") => {
            Outcome::HeaderTooLarge
        }
        _ => Outcome::InvalidResponse,
    }
}

/// What to show an operator: what the system or the parser said, and while doing what. Left out is what
/// Pingora adds of the endpoint's address, which the log has already, and of the endpoint's answer,
/// which may hold what no log should.
pub(crate) fn detail(error: &Error, outcome: Outcome) -> String {
    let said = cause(error);
    let said = tls_words::explain(&said).unwrap_or(said);
    let context = context(error);
    let plain = outcome.meaning().sent != Sent::No && !context.starts_with("buf: ");
    match error.cause {
        _ if context.is_empty() || !plain => said,
        Some(_) => format!("{context}: {said}"),
        None => context.to_owned(),
    }
}

/// Whether an endpoint says that it has not processed a stream of HTTP/2, and will not (RFC 9113,
/// sections 6.8 and 8.7), or the stream could not even be opened.
fn refused(error: &Error) -> bool {
    if *error.etype() == ErrorType::H2Error && context(error) == "while sending request" {
        return true;
    }
    let Some(h2) = error.root_cause().downcast_ref::<h2::Error>() else { return false };
    let goes_away = h2.is_go_away() && h2.reason() == Some(h2::Reason::NO_ERROR);
    let refuses = h2.is_reset() && h2.reason() == Some(h2::Reason::REFUSED_STREAM);
    h2.is_remote() && (goes_away || refuses)
}

/// Whether it was our side that ended a stream of HTTP/2, or its connection, because of what the endpoint
/// had sent.
fn against_the_rules(error: &Error) -> bool {
    error.root_cause().downcast_ref::<h2::Error>().is_some_and(h2::Error::is_library)
}

/// Whether a connection of HTTP/2 has ended, and not only a stream on it.
fn broke(error: &Error) -> bool {
    error.root_cause().downcast_ref::<h2::Error>().is_some_and(h2::Error::is_io)
}

fn tls(error: &Error) -> Outcome {
    let said = cause(error);
    if tls_words::is_alert(&said) {
        Outcome::TlsAlert
    } else if tls_words::is_about_certificate(&said) {
        Outcome::TlsCertificate
    } else {
        Outcome::TlsFailed
    }
}

/// Whether the system's error has this number (Linux).
fn says_os_error(error: &Error, number: u8) -> bool {
    cause(error).ends_with(&format!("(os error {number})"))
}

/// Whether bytes of an answer were read, which Pingora tells in the error's context alone. A context
/// that says nothing of bytes is of an attempt that had not got to reading.
fn answer_had_begun(error: &Error) -> bool {
    let read = context(error).strip_prefix("while reading response headers, bytes already read: ");
    read.is_some_and(|count| count != "0")
}

/// What the system or a library said: the last of the chain. Pingora's own links hold addresses.
fn cause(error: &Error) -> String {
    let mut link: &dyn std::error::Error = error.root_cause();
    while let Some(next) = link.source() {
        link = next;
    }
    let said = link.to_string();
    // A failed handshake has no cause but our own address; what failed is in its context.
    if said.starts_with("local address ") {
        tls_words::in_context(context(error)).to_owned()
    } else {
        said
    }
}

fn context(error: &Error) -> &str {
    error.context.as_ref().map_or("", |context| context.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(etype: ErrorType, context: &'static str, facts: &Facts) -> Outcome {
        let mut error = Error::explain(etype, context);
        error.as_up();
        let sent = facts.status.is_some();
        let circumstances =
            Circumstances { header_sent: sent, body_sent: sent, ..Circumstances::default() };
        proxying(&error, facts, circumstances)
    }

    #[test]
    fn a_header_that_was_not_written_was_not_sent() {
        let facts = |reused| Facts { reused, ..Facts::default() };
        let write = |reused| failed(ErrorType::WriteError, "while writing", &facts(reused));
        assert_eq!(write(true), Outcome::DeadBeforeRequest);
        assert_eq!(write(false), Outcome::WriteFailed);
    }

    #[test]
    fn a_reused_connection_is_stale_only_if_it_gave_no_byte() {
        let facts = |reused| Facts { reused, header_written: true, ..Facts::default() };
        let closed = |context, reused| failed(ErrorType::ConnectionClosed, context, &facts(reused));
        let none = "while reading response headers, bytes already read: 0";
        let some = "while reading response headers, bytes already read: 10";
        assert_eq!(closed(none, true), Outcome::StaleConnection);
        assert_eq!(closed(some, true), Outcome::ClosedBeforeAnswer);
        assert_eq!(closed(none, false), Outcome::ClosedBeforeAnswer);
    }

    #[test]
    fn after_the_header_every_failure_is_a_cut_off_body() {
        let facts = Facts { status: Some(200), header_written: true, ..Facts::default() };
        for etype in [ErrorType::ReadTimedout, ErrorType::ConnectionClosed, ErrorType::ReadError] {
            assert_eq!(failed(etype, "", &facts), Outcome::BodyIncomplete);
        }
    }

    #[test]
    fn what_the_client_broke_is_the_clients() {
        let mut error = Error::explain(ErrorType::ReadError, "reset");
        error.as_down();
        let none = Circumstances::default();
        assert_eq!(proxying(&error, &Facts::default(), none), Outcome::ClientGone);
    }

    #[test]
    fn a_limit_of_ours_is_the_endpoints_silence() {
        let mut error = Error::explain(ErrorType::ReadError, "timed out");
        error.as_down();
        let ours = Circumstances { expired: true, ..Circumstances::default() };
        assert_eq!(proxying(&error, &Facts::default(), ours), Outcome::ResponseTimeout);
        let facts = Facts { status: Some(200), ..Facts::default() };
        let header = Circumstances { header_sent: true, ..ours };
        assert_eq!(proxying(&error, &facts, header), Outcome::BodyNotBegun);
        let body = Circumstances { body_sent: true, ..header };
        assert_eq!(proxying(&error, &facts, body), Outcome::BodyIncomplete);
    }

    #[test]
    fn what_an_endpoint_answered_stays_out_of_the_log() {
        let cause = std::io::Error::other("invalid header name");
        let context = "buf: HTTP/1.1 200 OK\\r\\nSet-Cookie: secret";
        let error = Error::because(ErrorType::InvalidHTTPHeader, context, cause);
        assert_eq!(detail(&error, Outcome::InvalidResponse), "invalid header name");
    }
}
