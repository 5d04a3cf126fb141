//! Spans that go out together.

use bytes::Bytes;
use prost::Message;
use switchback_core::plan::TracingPlan;
use switchback_telemetry::Traced;
use tokio::time::Instant;

use crate::message::{ExportRequest, KeyValue, Resource, ResourceSpans, Scope, ScopeSpans, Span};
use crate::span;

/// Spans with which a batch is full, as OpenTelemetry's batch processor has it. Those of one request stay
/// together, so it may be a few more.
const FULL: u64 = 512;

/// Spans on their way.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    spans: Vec<Span>,
    /// When its first request was taken.
    since: Option<Instant>,
}

impl Batch {
    /// Adds a request.
    pub(crate) fn add(&mut self, traced: &Traced) {
        self.since.get_or_insert_with(Instant::now);
        span::push(&mut self.spans, traced);
    }

    /// How many spans it has.
    pub(crate) fn len(&self) -> u64 {
        self.spans.len() as u64
    }

    /// Whether it has none.
    pub(crate) fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Whether it has as many as go out together.
    pub(crate) fn is_full(&self) -> bool {
        self.len() >= FULL
    }

    /// Whether it is to go out.
    pub(crate) fn is_due(&self) -> bool {
        self.is_full() || self.since.is_some_and(|since| since.elapsed() >= TracingPlan::INTERVAL)
    }

    /// As it is sent.
    pub(crate) fn encode(&self, resource: &Resource) -> Bytes {
        let scope = Scope {
            name: env!("CARGO_PKG_NAME").to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let scope_spans = ScopeSpans { scope: Some(scope), spans: self.spans.clone() };
        let resource_spans = ResourceSpans {
            resource: Some(resource.clone()),
            scope_spans: vec![scope_spans],
            schema_url: span::SCHEMA_URL.to_owned(),
        };
        ExportRequest { resource_spans: vec![resource_spans] }.encode_to_vec().into()
    }
}

/// Who exports. `instance` is a number that no other process has.
pub(crate) fn resource(service: &str, instance: u128) -> Resource {
    let attribute = |key, value: String| KeyValue::new(key, value.into());
    Resource {
        attributes: vec![
            attribute("service.name", service.to_owned()),
            attribute("service.version", env!("CARGO_PKG_VERSION").to_owned()),
            attribute("service.instance.id", uuid(instance)),
        ],
    }
}

/// A random number as a UUID of version 4 (RFC 9562, section 5.4), as the conventions want an instance's id.
fn uuid(random: u128) -> String {
    let versioned = random & !(0xf << 76) & !(0b11 << 62) | 0x4 << 76 | 0b10 << 62;
    let hex = format!("{versioned:032x}");
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_has_a_uuid_of_version_4() {
        assert_eq!(uuid(0), "00000000-0000-4000-8000-000000000000");
        assert_eq!(uuid(u128::MAX), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    }
}
