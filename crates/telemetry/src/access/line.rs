//! From a record to its line of JSON.
//!
//! Keys stand in one order and an absent thing has no key, `status` excepted, which is `null`: a line
//! without a status is one that somebody will search for.

use super::address::{push_ip, push_socket};
use super::json::{push_hex, push_millis, push_string, push_u64};
use super::record::{AccessRecord, AttemptRecord, Failure};
use super::time::Clockface;

/// Formats records; keeps what can be kept from one to the next.
#[derive(Debug)]
pub(super) struct Formatter {
    clockface: Clockface,
}

impl Formatter {
    pub(super) fn new() -> Self {
        Self { clockface: Clockface::new() }
    }

    /// Appends the record as one line, line feed included.
    pub(super) fn push(&mut self, out: &mut Vec<u8>, record: &AccessRecord) {
        out.extend_from_slice(b"{\"time\":\"");
        self.clockface.push(out, record.time);
        out.extend_from_slice(b"\",\"id\":");
        push_string(out, record.id.as_bytes());
        out.extend_from_slice(b",\"client\":\"");
        push_ip(out, record.client);
        out.extend_from_slice(b"\",\"method\":");
        push_string(out, record.method.as_bytes());
        if let Some(host) = &record.host {
            out.extend_from_slice(b",\"host\":");
            push_string(out, host.as_bytes());
        }
        out.extend_from_slice(b",\"path\":");
        push_string(out, record.path.as_bytes());
        out.extend_from_slice(b",\"status\":");
        match record.status {
            Some(status) => push_u64(out, status.into()),
            None => out.extend_from_slice(b"null"),
        }
        out.extend_from_slice(b",\"bytes_in\":");
        push_u64(out, record.bytes_in);
        out.extend_from_slice(b",\"bytes_out\":");
        push_u64(out, record.bytes_out);
        out.extend_from_slice(b",\"duration_ms\":");
        push_millis(out, record.duration);
        if !record.queued.is_zero() {
            out.extend_from_slice(b",\"queued_ms\":");
            push_millis(out, record.queued);
        }
        push_name(out, "route", record.route.as_deref());
        push_name(out, "pool", record.pool.as_deref());
        push_name(out, "protocol", Some(record.protocol));
        if let Some(trace) = &record.trace_id {
            out.extend_from_slice(b",\"trace_id\":\"");
            push_hex(out, trace);
            out.push(b'"');
        }
        out.extend_from_slice(b",\"attempts\":[");
        for (index, attempt) in record.attempts.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            push_attempt(out, attempt);
        }
        out.push(b']');
        if record.attempts_omitted > 0 {
            out.extend_from_slice(b",\"attempts_omitted\":");
            push_u64(out, record.attempts_omitted.into());
        }
        if let Some(failure) = &record.failure {
            push_failure(out, failure);
        }
        out.extend_from_slice(b"}\n");
    }
}

fn push_attempt(out: &mut Vec<u8>, attempt: &AttemptRecord) {
    out.extend_from_slice(b"{\"endpoint\":\"");
    push_socket(out, attempt.endpoint);
    out.extend_from_slice(b"\",\"reused\":");
    out.extend_from_slice(if attempt.reused { b"true" } else { b"false" });
    if !attempt.start.is_zero() {
        out.extend_from_slice(b",\"start_ms\":");
        push_millis(out, attempt.start);
    }
    out.extend_from_slice(b",\"duration_ms\":");
    push_millis(out, attempt.duration);
    if let Some(connect) = attempt.connect {
        out.extend_from_slice(b",\"connect_ms\":");
        push_millis(out, connect);
    }
    if let Some(first_byte) = attempt.first_byte {
        out.extend_from_slice(b",\"first_byte_ms\":");
        push_millis(out, first_byte);
    }
    push_name(out, "outcome", Some(attempt.outcome));
    push_name(out, "sent", Some(attempt.sent).filter(|sent| *sent != "yes"));
    if let Some(status) = attempt.status {
        out.extend_from_slice(b",\"status\":");
        push_u64(out, status.into());
    }
    push_name(out, "decision", attempt.decision);
    if let Some(detail) = &attempt.detail {
        out.extend_from_slice(b",\"detail\":");
        push_string(out, detail.as_bytes());
    }
    out.push(b'}');
}

fn push_failure(out: &mut Vec<u8>, failure: &Failure) {
    push_name(out, "reason", Some(failure.reason));
    push_name(out, "detail", failure.detail);
    push_name(out, "origin", Some(failure.origin.as_str()));
    push_name(out, "decision", failure.decision);
    if let Some(pool) = failure.pool {
        out.extend_from_slice(b",\"healthy\":");
        push_u64(out, pool.healthy.into());
        out.extend_from_slice(b",\"total\":");
        push_u64(out, pool.total.into());
    }
}

/// Appends `,"key":"value"`, or nothing. The key must need no escaping.
fn push_name(out: &mut Vec<u8>, key: &'static str, value: Option<&str>) {
    if let Some(value) = value {
        out.extend_from_slice(b",\"");
        out.extend_from_slice(key.as_bytes());
        out.extend_from_slice(b"\":");
        push_string(out, value.as_bytes());
    }
}

#[cfg(test)]
mod tests;
