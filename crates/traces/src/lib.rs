//! Spans of finished requests, exported by OTLP over HTTP to an OpenTelemetry collector.
//!
//! The request path makes ids and no spans: it moves the finished record into the queue of
//! [`Traces`](switchback_telemetry::Traces). All that is here runs on a thread of its own, as the writer of the
//! access log does: spans are made, encoded and sent without a worker's time, and the last of them after the
//! workers have ended, when the requests that were cut off have told their end.
//!
//! **By which library.** The messages are eleven, frozen by the stability promise of OTLP 1.0, so they are written
//! down here for `prost` ([`message`]) and compared with `opentelemetry-proto` in the tests. To *use* that
//! crate would link OpenTelemetry's API and SDK (its dependencies, without a feature to leave them out),
//! which change incompatibly every few months, for nothing but these messages. Rejected too: the SDK itself,
//! whose spans begin and end on the request path and are sampled, counted and dropped by its own rules; a
//! protobuf writer by hand, which would be the only one here that nobody else tests; `reqwest`, for one POST to one
//! host: hyper is linked already.
//!
//! **What is not sent**: the query of a URL, as it is not logged; gzip, which saves a few kilobytes a second
//! and costs a compressor.

mod batch;
mod collector;
mod export;
mod message;
mod notice;
mod span;
mod start;

pub use start::{Guard, StartError, start};

#[cfg(test)]
mod testing;
