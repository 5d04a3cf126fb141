//! What is counted of TLS with clients.

/// Why the TLS handshake of a client failed. Names what an operator would do about it: of most nothing,
/// but `alert` may be an expired certificate of ours, and `bad_certificate` one of the client's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsFailure {
    /// It was not done in time.
    Timeout,
    /// The client went away in the midst of it, or had not begun.
    Closed,
    /// The client spoke HTTP without TLS.
    PlainHttp,
    /// The client has no certificate, and needs one.
    NoCertificate,
    /// The client's certificate was refused.
    BadCertificate,
    /// The client ended it with an alert: it does not trust our certificate, for one.
    Alert,
    /// The two found no version, cipher or protocol in common, or one of them made a mistake.
    Protocol,
}

impl TlsFailure {
    /// Their names, by position.
    pub(super) const NAMES: &[&str] = &[
        "timeout",
        "closed",
        "plain_http",
        "no_certificate",
        "bad_certificate",
        "alert",
        "protocol",
    ];

    /// The word in logs and metrics.
    pub fn as_str(self) -> &'static str {
        Self::NAMES[self as usize]
    }
}
