//! A record in the form that the configuration asks for.
//!
//! JSON is [`super::line`]'s. The combined format is nginx's to the byte, so that what reads nginx's logs reads
//! these, with what we do otherwise: queries are not there, neither the request's nor the Referer's (see
//! [`super`]), there is no user name, and the time is UTC. A template has single fields of the record between the operator's own text.
//!
//! The status of a client that was sent none is nginx's: 499 where the client has gone, else 000.

use switchback_core::plan::{LogField, LogFormat, LogPart};

use super::address::{push_ip, push_socket};
use super::escape::{push_escaped, push_or_dash};
use super::json::{push_millis, push_u64};
use super::line::Formatter;
use super::record::AccessRecord;
use super::text::Text;
use super::time::Clockface;
use crate::origin::Origin;

/// Formats records as lines; keeps what can be kept from one to the next.
#[derive(Debug)]
pub(super) struct Lines {
    format: LogFormat,
    json: Formatter,
    rfc3339: Clockface,
    combined: Clockface,
}

impl Lines {
    pub(super) fn new(format: LogFormat) -> Self {
        let (rfc3339, combined) = (Clockface::new(), Clockface::combined());
        Self { format, json: Formatter::new(), rfc3339, combined }
    }

    /// Appends the record as one line, line feed included.
    pub(super) fn push(&mut self, out: &mut Vec<u8>, record: &AccessRecord) {
        match &self.format {
            LogFormat::Json => return self.json.push(out, record),
            LogFormat::Combined => push_combined(out, record, &mut self.combined),
            LogFormat::Template(template) => {
                for part in template.parts() {
                    match part {
                        LogPart::Text(text) => out.extend_from_slice(text.as_bytes()),
                        LogPart::Field(LogField::Time) => self.rfc3339.push(out, record.time),
                        LogPart::Field(LogField::TimeLocal) => {
                            self.combined.push_whole(out, record.time);
                        }
                        LogPart::Field(field) => push_field(out, *field, record),
                    }
                }
            }
        }
        out.push(b'\n');
    }
}

/// `CLIENT - - [TIME] "METHOD PATH PROTOCOL" STATUS BYTES "REFERER" "USER AGENT"`
fn push_combined(out: &mut Vec<u8>, record: &AccessRecord, clockface: &mut Clockface) {
    push_ip(out, record.client);
    out.extend_from_slice(b" - - [");
    clockface.push_whole(out, record.time);
    out.extend_from_slice(b"] \"");
    let (method, path) = (record.method.as_bytes(), record.path.as_bytes());
    if method.is_empty() && path.is_empty() {
        out.push(b'-');
    } else {
        push_escaped(out, method);
        out.push(b' ');
        push_escaped(out, path);
        out.push(b' ');
        let protocol = if record.protocol == "h2" { "HTTP/2.0" } else { record.protocol };
        push_escaped(out, protocol.as_bytes());
    }
    out.extend_from_slice(b"\" ");
    match (record.status, &record.failure) {
        (Some(status), _) => push_u64(out, status.into()),
        (None, Some(failure)) if failure.origin == Origin::Client => out.extend_from_slice(b"499"),
        (None, _) => out.extend_from_slice(b"000"),
    }
    out.push(b' ');
    push_u64(out, record.bytes_out);
    out.extend_from_slice(b" \"");
    push_or_dash(out, referer(record));
    out.extend_from_slice(b"\" \"");
    push_or_dash(out, record.user_agent.as_ref().map(Text::as_bytes));
    out.push(b'"');
}

/// The page that the request came from, without its query: it may be one of ours.
fn referer(record: &AccessRecord) -> Option<&[u8]> {
    record.referer.as_ref()?.as_bytes().split(|&byte| byte == b'?').next()
}

/// Appends one field; `-` where there is none. Times are [`Lines::push`]'s.
fn push_field(out: &mut Vec<u8>, field: LogField, record: &AccessRecord) {
    let last = record.attempts.last();
    let failure = record.failure.as_ref();
    let text = match field {
        LogField::Time | LogField::TimeLocal => return,
        LogField::Client => return push_ip(out, record.client),
        LogField::BytesIn => return push_u64(out, record.bytes_in),
        LogField::BytesOut => return push_u64(out, record.bytes_out),
        LogField::Duration => return push_millis(out, record.duration),
        LogField::Queued => return push_millis(out, record.queued),
        LogField::Attempts => {
            let omitted = u64::from(record.attempts_omitted);
            return push_u64(out, record.attempts.len() as u64 + omitted);
        }
        LogField::Status => match record.status {
            Some(status) => return push_u64(out, status.into()),
            None => None,
        },
        LogField::Endpoint => match last {
            Some(attempt) => return push_socket(out, attempt.endpoint),
            None => None,
        },
        LogField::Id => Some(record.id.as_bytes()),
        LogField::Method => Some(record.method.as_bytes()),
        LogField::Host => record.host.as_ref().map(Text::as_bytes),
        LogField::Path => Some(record.path.as_bytes()),
        LogField::Protocol => Some(record.protocol.as_bytes()),
        LogField::Route => record.route.as_deref().map(str::as_bytes),
        LogField::Pool => record.pool.as_deref().map(str::as_bytes),
        LogField::Outcome => last.map(|attempt| attempt.outcome.as_bytes()),
        LogField::Reason => failure.map(|failure| failure.reason.as_bytes()),
        LogField::Origin => failure.map(|failure| failure.origin.as_str().as_bytes()),
        LogField::Referer => referer(record),
        LogField::UserAgent => record.user_agent.as_ref().map(Text::as_bytes),
    };
    push_or_dash(out, text.filter(|text| !text.is_empty()));
}

#[cfg(test)]
mod tests;
