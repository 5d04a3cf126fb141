//! Where traces go.

use std::sync::Arc;
use std::time::Duration;

use super::{Ratio, Secret};

/// Spans of requests and attempts, exported by OTLP over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TracingPlan {
    /// The collector's base URL, `http://` or `https://`, as `OTEL_EXPORTER_OTLP_ENDPOINT` has it; `/v1/traces`
    /// is appended.
    pub otlp: Arc<str>,
    /// The share of traces that begin here which are exported. Who sends `traceparent` has decided already.
    pub sample: Ratio,
    /// The resource's `service.name`.
    pub service: Arc<str>,
    /// Header fields of each export, as collectors want them for authorization: name, value.
    pub headers: Vec<(Arc<str>, Secret)>,
}

impl TracingPlan {
    /// Every tenth trace: enough to see what is slow, at a cost that nobody notices.
    pub const SAMPLE: Ratio = Ratio(100);
    /// The name of the service where none is given.
    pub const SERVICE: &str = "switchback";
    /// How long spans are collected before they are sent, as OpenTelemetry's batch processor.
    pub const INTERVAL: Duration = Duration::from_secs(5);
}
