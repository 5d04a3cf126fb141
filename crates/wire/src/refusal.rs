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

/// Every [`Refusal::code`] that there is: those of this crate, and those of whoever reads connections.
pub const REFUSALS: &[&str] = &[
    "ambiguous_framing",
    "body_rate",
    "body_timeout",
    "body_too_large",
    "chunk_extensions",
    "connect_not_allowed",
    "folded_field",
    "header_timeout",
    "header_too_large",
    "host_disagrees",
    "invalid_chunk",
    "invalid_connection",
    "invalid_content_length",
    "invalid_field_name",
    "invalid_field_value",
    "invalid_host",
    "invalid_method",
    "invalid_target",
    "invalid_trailer",
    "invalid_transfer_encoding",
    "malformed_http2",
    "malformed_request_line",
    "missing_host",
    "repeated_host",
    "target_too_long",
    "too_many_fields",
    "trace_not_allowed",
    "unknown_transfer_coding",
    "version_not_supported",
];
