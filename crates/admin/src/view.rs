//! What the API shows of the running gateway, as it is written.
//!
//! Times are RFC 3339 in UTC, durations milliseconds. What is not known has no member.

use std::net::SocketAddr;
use std::sync::Arc;

use serde::Serialize;

use crate::api::Change;

/// A pool.
#[derive(Clone, Debug, Serialize)]
pub struct Pool {
    /// Its name.
    pub name: Arc<str>,
    /// `http/1.1` or `h2`.
    pub protocol: &'static str,
    /// Whether its endpoints are probed.
    pub probed: bool,
    /// How many endpoints are healthy.
    pub healthy: u32,
    /// How many there are.
    pub total: u32,
    /// How many endpoints have each status that any has, in the order of the ladder.
    pub statuses: Vec<StatusCount>,
    /// Requests that wait for an endpoint.
    pub waiting: usize,
    /// Attempts that were made since the gateway runs.
    pub attempts: u64,
    /// Of these, how many did not come to an answer, or to one that counts as a failure.
    pub failed: u64,
    /// Its endpoints; absent where they were not asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoints: Option<Vec<Endpoint>>,
}

/// How many endpoints have a status.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct StatusCount {
    /// The status.
    pub status: &'static str,
    /// How many have it.
    pub count: u32,
}

/// An endpoint.
#[derive(Clone, Debug, Serialize)]
pub struct Endpoint {
    /// Where it is.
    pub address: SocketAddr,
    /// How it stands: `healthy`, `pending`, `draining`, `probation`, `ejected`, `failing` or `disabled`.
    pub status: &'static str,
    /// Since when.
    pub since: String,
    /// Why.
    pub why: Arc<str>,
    /// Until when live traffic keeps it out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ejected_until: Option<String>,
    /// Whether connections to it can be made, as far as is known.
    pub reachable: bool,
    /// Its share, as it counts now.
    pub weight: u16,
    /// Its tier.
    pub tier: u8,
    /// Its zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<Arc<str>>,
    /// What is overridden.
    #[serde(rename = "override", skip_serializing_if = "Option::is_none")]
    pub overridden: Option<Change>,
    /// Attempts there that have begun and not ended.
    pub in_flight: u32,
    /// How long it takes to answer, lately.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<f64>,
    /// Its last probe.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_probe: Option<Probe>,
    /// Attempts that have ended there.
    pub attempts: u64,
    /// Of these, how many did not come to an answer, or to one that counts as a failure.
    pub failed: u64,
    /// How attempts have ended, of each outcome that there was.
    pub outcomes: Vec<OutcomeCount>,
}

/// How often attempts have ended so.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct OutcomeCount {
    /// The outcome.
    pub outcome: &'static str,
    /// How often.
    pub count: u64,
}

/// A probe.
#[derive(Clone, Debug, Serialize)]
pub struct Probe {
    /// When it ended.
    pub time: String,
    /// Whether it passed.
    pub passed: bool,
    /// How long it took.
    pub took_ms: f64,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Arc<str>>,
}

/// What happened lately, in steps of the same length.
#[derive(Clone, Debug, Serialize)]
pub struct History {
    /// How long a step is, in seconds.
    pub step_s: u64,
    /// The steps, the oldest first.
    pub steps: Vec<Step>,
}

/// What happened in a step.
#[derive(Clone, Debug, Serialize)]
pub struct Step {
    /// Its end.
    pub time: String,
    /// Requests that ended.
    pub requests: u64,
    /// Of these, how many the gateway or an endpoint failed.
    pub failed: u64,
    /// Of these, how many were rescued by a retry.
    pub rescued: u64,
    /// Retries.
    pub retries: u64,
    /// Requests in flight at its end.
    pub in_flight: u64,
}
