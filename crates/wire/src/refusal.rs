//! Why a request is refused before anybody has looked at what it wants.

/// A request that is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The status that the client gets.
    pub status: u16,
    /// What is wrong, in one word of lower case and underscores: for logs, metrics and alerts.
    pub code: &'static str,
    /// The same for whoever sent it; a `details` of RFC 9209, so without quotes, backslashes and what
    /// is not printable ASCII.
    pub details: &'static str,
}

impl Refusal {
    /// Refused with 400 (Bad Request).
    #[must_use]
    pub const fn bad(code: &'static str, details: &'static str) -> Self {
        Self { status: 400, code, details }
    }
}
