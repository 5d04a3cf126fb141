//! What came of an attempt: one table, and the only place that says what each outcome means.
//!
//! For every outcome: whether anything of the request can have reached the endpoint, whose fault it
//! was, what the client gets when no other attempt follows, and the stable reason. The reasons are
//! the error tokens of RFC 9209 (`Proxy-Status`), where it has one.
//!
//! An outcome is about one attempt. Whether another follows is decided in [`crate::retry`].

/// What came of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The endpoint refused the connection.
    ConnectionRefused,
    /// The connection was not established in time.
    ConnectTimeout,
    /// No route to the endpoint, or the connection failed in another way before it stood.
    Unroutable,
    /// The TLS handshake failed.
    TlsFailed,
    /// The endpoint's certificate was not accepted.
    TlsCertificate,
    /// The endpoint ended the TLS handshake with an alert: it refuses the gateway, or its certificate.
    TlsAlert,
    /// The gateway could not open a socket: no port or file descriptor was left.
    LocalResources,
    /// A pooled connection was dead before the request was written.
    DeadBeforeRequest,
    /// The endpoint said that it had not processed the stream and would not: REFUSED_STREAM, or GOAWAY
    /// below it (RFC 9113, sections 8.7 and 6.8).
    StreamRefused,
    /// A fresh connection died while the request's header was being written.
    WriteFailed,
    /// A reused connection closed before any byte of an answer: the keep-alive race.
    StaleConnection,
    /// A fresh connection closed before any byte of an answer.
    ClosedBeforeAnswer,
    /// The answer's header did not come in time.
    ResponseTimeout,
    /// The endpoint stopped taking the request.
    RequestWriteTimeout,
    /// The answer was no valid HTTP.
    InvalidResponse,
    /// The answer's header was larger than the gateway holds.
    HeaderTooLarge,
    /// The answer has a status that counts as a failure of the endpoint.
    FailureStatus,
    /// The answer's header went to the client, and no byte of its body came.
    BodyNotBegun,
    /// The answer's body was cut off, or stalled, after its beginning.
    BodyIncomplete,
    /// The client has the header of an answer whose body never came, and this one's is another.
    AnswerDiffers,
    /// The request's time ended too soon after the attempt's begin to say anything of the endpoint.
    OutOfTime,
    /// The client went away, or broke its own request.
    ClientGone,
    /// The gateway gave the attempt up: it was dropped without another outcome.
    Abandoned,
    /// The answer went through to its end.
    Completed,
}

/// Whether anything of the request can have reached the endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sent {
    /// Certainly not all of its header: it cannot have been executed.
    No,
    /// It may have been executed.
    Maybe,
    /// It was: there is an answer.
    Yes,
}

/// Whose fault an outcome is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// Nobody's: it counts against no one.
    Nobody,
    /// The endpoint's.
    Endpoint,
    /// The gateway's.
    Gateway,
    /// The client's.
    Client,
}

/// What an outcome means: a row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meaning {
    /// Whether anything of the request can have reached the endpoint.
    pub sent: Sent,
    /// Whose fault it is.
    pub fault: Fault,
    /// Whether another attempt may follow at all.
    pub retryable: bool,
    /// The status that the client gets if this was the last attempt; `None`: the endpoint's own
    /// answer, or nothing.
    pub status: Option<u16>,
    /// The stable name: an RFC 9209 error token where there is one.
    pub reason: &'static str,
}

impl Outcome {
    /// Every outcome, in the order of the table.
    pub const ALL: [Self; 24] = [
        Self::ConnectionRefused,
        Self::ConnectTimeout,
        Self::Unroutable,
        Self::TlsFailed,
        Self::TlsCertificate,
        Self::TlsAlert,
        Self::LocalResources,
        Self::DeadBeforeRequest,
        Self::StreamRefused,
        Self::WriteFailed,
        Self::StaleConnection,
        Self::ClosedBeforeAnswer,
        Self::ResponseTimeout,
        Self::RequestWriteTimeout,
        Self::InvalidResponse,
        Self::HeaderTooLarge,
        Self::FailureStatus,
        Self::BodyNotBegun,
        Self::BodyIncomplete,
        Self::AnswerDiffers,
        Self::OutOfTime,
        Self::ClientGone,
        Self::Abandoned,
        Self::Completed,
    ];

    /// Its position in [`Self::ALL`].
    pub fn position(self) -> usize {
        self as usize
    }

    /// What it means.
    pub fn meaning(self) -> Meaning {
        use Fault::{Client, Endpoint, Gateway, Nobody};
        use Sent::{Maybe, No, Yes};
        let row = |sent, fault, retryable, status, reason| Meaning {
            sent,
            fault,
            retryable,
            status,
            reason,
        };
        match self {
            Self::ConnectionRefused => row(No, Endpoint, true, Some(502), "connection_refused"),
            Self::ConnectTimeout => row(No, Endpoint, true, Some(504), "connection_timeout"),
            Self::Unroutable => row(No, Endpoint, true, Some(502), "destination_ip_unroutable"),
            Self::TlsFailed => row(No, Endpoint, true, Some(502), "tls_protocol_error"),
            Self::TlsCertificate => row(No, Endpoint, true, Some(502), "tls_certificate_error"),
            Self::TlsAlert => row(No, Endpoint, true, Some(502), "tls_alert_received"),
            Self::LocalResources => row(No, Gateway, true, Some(503), "proxy_internal_error"),
            Self::DeadBeforeRequest => row(No, Nobody, true, Some(502), "connection_terminated"),
            Self::StreamRefused => row(No, Endpoint, true, Some(502), "connection_terminated"),
            Self::WriteFailed => row(No, Endpoint, true, Some(502), "connection_terminated"),
            Self::StaleConnection => row(Maybe, Nobody, true, Some(502), "connection_terminated"),
            Self::ClosedBeforeAnswer => {
                row(Maybe, Endpoint, true, Some(502), "connection_terminated")
            }
            Self::ResponseTimeout => row(Maybe, Endpoint, true, Some(504), "http_response_timeout"),
            Self::RequestWriteTimeout => {
                row(Maybe, Endpoint, true, Some(504), "connection_write_timeout")
            }
            Self::InvalidResponse => row(Maybe, Endpoint, true, Some(502), "http_protocol_error"),
            Self::HeaderTooLarge => {
                row(Maybe, Endpoint, true, Some(502), "http_response_header_section_size")
            }
            Self::FailureStatus => row(Yes, Endpoint, true, None, "failure_status"),
            Self::BodyNotBegun => row(Yes, Endpoint, true, None, "http_response_incomplete"),
            Self::BodyIncomplete => row(Yes, Endpoint, false, None, "http_response_incomplete"),
            Self::AnswerDiffers => row(Yes, Nobody, false, None, "http_response_incomplete"),
            Self::OutOfTime => row(Maybe, Nobody, false, Some(504), "http_response_timeout"),
            Self::ClientGone => row(Maybe, Client, false, None, "client_gone"),
            Self::Abandoned => row(Maybe, Gateway, false, Some(500), "proxy_internal_error"),
            Self::Completed => row(Yes, Nobody, false, None, "completed"),
        }
    }

    /// Whether no connection to the endpoint could be made.
    pub fn is_unreachable(self) -> bool {
        matches!(
            self,
            Self::ConnectionRefused
                | Self::ConnectTimeout
                | Self::Unroutable
                | Self::TlsFailed
                | Self::TlsCertificate
                | Self::TlsAlert
        )
    }

    /// Whether the endpoint was lost, as when its process ends, before the client had anything of an
    /// answer's body: one that comes back could serve the request.
    pub fn is_lost(self) -> bool {
        self.is_unreachable()
            || matches!(
                self,
                Self::WriteFailed
                    | Self::StreamRefused
                    | Self::ClosedBeforeAnswer
                    | Self::BodyNotBegun
            )
    }

    /// The word in logs and metrics. Unlike the reason it is the outcome's own: a stale connection
    /// and a crash both end in `connection_terminated`, and an operator wants to tell them apart.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ConnectionRefused => "connection_refused",
            Self::ConnectTimeout => "connection_timeout",
            Self::Unroutable => "destination_ip_unroutable",
            Self::TlsFailed => "tls_protocol_error",
            Self::TlsCertificate => "tls_certificate_error",
            Self::TlsAlert => "tls_alert_received",
            Self::LocalResources => "local_resources",
            Self::DeadBeforeRequest => "dead_before_request",
            Self::StreamRefused => "stream_refused",
            Self::WriteFailed => "write_failed",
            Self::StaleConnection => "stale_connection",
            Self::ClosedBeforeAnswer => "closed_before_answer",
            Self::ResponseTimeout => "http_response_timeout",
            Self::RequestWriteTimeout => "connection_write_timeout",
            Self::InvalidResponse => "http_protocol_error",
            Self::HeaderTooLarge => "http_response_header_section_size",
            Self::FailureStatus => "failure_status",
            Self::BodyNotBegun => "body_not_begun",
            Self::BodyIncomplete => "http_response_incomplete",
            Self::AnswerDiffers => "answer_differs",
            Self::OutOfTime => "out_of_time",
            Self::ClientGone => "client_gone",
            Self::Abandoned => "abandoned",
            Self::Completed => "completed",
        }
    }
}

impl Sent {
    /// The word in logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::No => "no",
            Self::Maybe => "maybe",
            Self::Yes => "yes",
        }
    }
}

/// Why a request was answered without an attempt, or after the last: there is no [`Outcome`] to name
/// it. Error tokens of RFC 9209, section 2.3.
pub mod refusal {
    /// No endpoint could be picked; the client gets 503.
    pub const DESTINATION_UNAVAILABLE: &str = "destination_unavailable";
    /// Everybody was full, and the queue, too, or for longer than a request may wait; the client gets
    /// 503 with `Retry-After`.
    pub const OVERLOADED: &str = "connection_limit_reached";
    /// The request's time ended before an answer began; the client gets 504.
    pub const DEADLINE: &str = "http_response_timeout";
    /// No route matches; the client gets 404.
    pub const NO_ROUTE: &str = "destination_not_found";
    /// The request itself is wrong; the client gets a 4xx.
    pub const BAD_REQUEST: &str = "http_request_error";

    /// All of them.
    pub const ALL: [&str; 5] =
        [DESTINATION_UNAVAILABLE, OVERLOADED, DEADLINE, NO_ROUTE, BAD_REQUEST];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_the_order_of_the_table() {
        for (position, outcome) in Outcome::ALL.into_iter().enumerate() {
            assert_eq!(outcome.position(), position, "{outcome:?}");
        }
    }

    #[test]
    fn the_words_are_all_different() {
        let words: std::collections::BTreeSet<_> =
            Outcome::ALL.iter().map(|outcome| outcome.as_str()).collect();
        assert_eq!(words.len(), Outcome::ALL.len());
    }

    #[test]
    fn what_was_never_sent_is_no_answer_and_may_be_repeated() {
        for outcome in Outcome::ALL {
            let meaning = outcome.meaning();
            if meaning.sent == Sent::No {
                assert!(meaning.retryable && meaning.status.is_some(), "{outcome:?}");
            }
        }
    }
}
