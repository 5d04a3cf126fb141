//! What the admin API answers, as far as commands read it.
//!
//! It is written by `switchback_admin::view`. Here it is read leniently: a gateway of another version may
//! have members that nobody here knows, and what is not needed may be missing.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::time;

/// What is in force.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Status {
    /// Of the gateway.
    pub(super) version: Option<String>,
    pub(super) generation: u64,
    pub(super) last_reload: Option<LastReload>,
}

/// How the last reload went.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct LastReload {
    pub(super) time: Time,
    pub(super) asked_by: String,
    pub(super) applied: bool,
    pub(super) refused: Option<Refused>,
}

/// A time: of RFC 3339, or in seconds since 1970, as gateways wrote it at first.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Time {
    Seconds(u64),
    Text(String),
}

impl Time {
    pub(super) fn value(&self) -> Option<SystemTime> {
        match self {
            Self::Seconds(seconds) => UNIX_EPOCH.checked_add(Duration::from_secs(*seconds)),
            Self::Text(text) => time::parse(text),
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Refused {
    pub(super) why: String,
}

/// Every pool.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Pools {
    pub(super) pools: Vec<Pool>,
}

/// A pool.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Pool {
    pub(super) name: String,
    pub(super) healthy: u32,
    pub(super) total: u32,
    #[serde(default)]
    pub(super) waiting: u64,
    #[serde(default)]
    pub(super) endpoints: Vec<Endpoint>,
}

/// An endpoint.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Endpoint {
    pub(super) address: SocketAddr,
    pub(super) status: String,
    pub(super) since: String,
    pub(super) why: String,
    pub(super) ejected_until: Option<String>,
    pub(super) reachable: bool,
    pub(super) weight: u16,
    #[serde(rename = "override", default)]
    pub(super) overridden: Override,
    pub(super) in_flight: u32,
    pub(super) latency_ms: Option<f64>,
    pub(super) attempts: u64,
    pub(super) failed: u64,
}

/// What is overridden of an endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct Override {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) state: Option<State>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) weight: Option<u16>,
}

/// Whether an endpoint serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    Enabled,
    Drain,
    Disabled,
}

impl Override {
    /// In words; `None`: nothing is.
    pub(super) fn words(&self) -> Option<String> {
        let state = self.state.map(|state| match state {
            State::Enabled => "enabled".to_owned(),
            State::Drain => "drain".to_owned(),
            State::Disabled => "disabled".to_owned(),
        });
        let weight = self.weight.map(|weight| format!("weight {weight}"));
        let words: Vec<_> = state.into_iter().chain(weight).collect();
        (!words.is_empty()).then(|| words.join(", "))
    }
}
