//! A line of the access log, as far as it is explained.
//!
//! Another version's may have more, or less: what is missing is not told.

use serde::Deserialize;

/// A request.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Record {
    pub(super) time: String,
    pub(super) id: String,
    pub(super) client: String,
    pub(super) method: String,
    pub(super) host: Option<String>,
    pub(super) path: String,
    pub(super) status: Option<u16>,
    pub(super) bytes_out: u64,
    pub(super) duration_ms: f64,
    pub(super) queued_ms: Option<f64>,
    pub(super) route: Option<String>,
    pub(super) pool: Option<String>,
    pub(super) protocol: Option<String>,
    pub(super) trace_id: Option<String>,
    pub(super) attempts: Vec<Attempt>,
    /// Those that came before the last and are not there.
    pub(super) attempts_omitted: u64,
    /// Present exactly when it failed.
    pub(super) reason: Option<String>,
    pub(super) detail: Option<String>,
    pub(super) origin: Option<String>,
    pub(super) decision: Option<String>,
    pub(super) healthy: Option<u32>,
    pub(super) total: Option<u32>,
}

/// An attempt.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Attempt {
    pub(super) endpoint: String,
    pub(super) reused: bool,
    /// Absent: at the very beginning.
    pub(super) start_ms: f64,
    pub(super) duration_ms: Option<f64>,
    pub(super) connect_ms: Option<f64>,
    pub(super) first_byte_ms: Option<f64>,
    pub(super) outcome: String,
    /// Absent: `yes`.
    pub(super) sent: Option<String>,
    pub(super) status: Option<u16>,
    pub(super) decision: Option<String>,
    pub(super) detail: Option<String>,
}
