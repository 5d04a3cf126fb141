//! What is known of one request when it has ended.
//!
//! Plain data with public fields: the caller fills it from its own context, the writer prints it. Texts
//! from the client are [`Text`], names that the configuration gave are shared `Arc<str>`, names that the
//! program gave are `&'static str`; so a record of one attempt costs the record's own box and a small
//! allocation for each of id, host and path.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use smallvec::SmallVec;

use super::text::Text;
use crate::origin::Origin;

/// The attempts of one request, in order. Most requests need one, which is held in place.
pub type Attempts = SmallVec<[AttemptRecord; 1]>;

/// One line of the access log.
#[derive(Clone, Debug, PartialEq)]
pub struct AccessRecord {
    /// When the request was read.
    pub time: SystemTime,
    /// The request id, as sent to the endpoint and to the client.
    pub id: Text,
    /// The client's address, after PROXY protocol and trusted forwarding headers.
    pub client: IpAddr,
    /// The method as the client wrote it.
    pub method: Text,
    /// The authority as the client wrote it; none if it sent none.
    pub host: Option<Text>,
    /// The path without the query.
    pub path: Text,
    /// Referer, where the log's format has it.
    pub referer: Option<Text>,
    /// User-Agent, where the log's format has it.
    pub user_agent: Option<Text>,
    /// The trace that the request belongs to (W3C Trace Context), if it belongs to one.
    pub trace_id: Option<[u8; 16]>,
    /// The status that the client was sent; none (written as `null`) if it was sent none.
    pub status: Option<u16>,
    /// Bytes of the request body that were read.
    pub bytes_in: u64,
    /// Bytes of the response body that were sent.
    pub bytes_out: u64,
    /// From the request's first byte to the end of the response.
    pub duration: Duration,
    /// How long it waited in its pool's queue; zero, and not written, if it did not.
    pub queued: Duration,
    /// The route's name; none if no route matched.
    pub route: Option<Arc<str>>,
    /// The pool's name; none if the request needed none.
    pub pool: Option<Arc<str>>,
    /// The client's protocol: `HTTP/1.1`, `h2`.
    pub protocol: &'static str,
    /// Every attempt, in order; empty if none was made.
    pub attempts: Attempts,
    /// Attempts in the middle that are not among them, because a request went round a large pool.
    pub attempts_omitted: u32,
    /// Present exactly when the request failed.
    pub failure: Option<Failure>,
}

/// One attempt of a request at one endpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct AttemptRecord {
    /// Where it went.
    pub endpoint: SocketAddr,
    /// Whether it went out on a pooled connection.
    pub reused: bool,
    /// When it began, counted from the request's beginning.
    pub start: Duration,
    /// How long it took in all.
    pub duration: Duration,
    /// Time to an established connection, TLS included; zero for a reused one, none if it failed.
    pub connect: Option<Duration>,
    /// Time from the start of the attempt to the response header; none if there was none.
    pub first_byte: Option<Duration>,
    /// The outcome's name.
    pub outcome: &'static str,
    /// How much of the request the endpoint may have seen: `no`, `maybe` or `yes`. `yes` is the usual
    /// case and is not written.
    pub sent: &'static str,
    /// The status that the endpoint answered.
    pub status: Option<u16>,
    /// What was decided after it: `retry` or `stop: …`; none if nothing had to be.
    pub decision: Option<&'static str>,
    /// What the operating system, the TLS library or the parser said.
    pub detail: Option<Text>,
}

/// Why a request failed.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// The stable reason, an error token of RFC 9209 where one exists.
    pub reason: &'static str,
    /// What it was just, where a reason has kinds.
    pub detail: Option<&'static str>,
    /// Whose doing it was.
    pub origin: Origin,
    /// The rule that stopped another attempt.
    pub decision: Option<&'static str>,
    /// The pool when the request failed; none if it never came to one.
    pub pool: Option<PoolState>,
}

/// How a pool stood at one moment, in endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolState {
    /// Endpoints on the best rung.
    pub healthy: u32,
    /// All endpoints.
    pub total: u32,
}
