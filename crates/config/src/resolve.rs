//! The schema's texts to the plan's values: the part that knows what things mean.
//!
//! Resolving goes on past every error, with the default in the place of what was wrong, so that
//! all errors come at once; the plan that comes of it is thrown away then. Only
//! [`crate::load`] decides, by the count of errors.

mod access_log;
mod admin;
mod balance;
mod dates;
mod ejection;
mod endpoint;
mod error_pages;
mod front;
mod gateway;
mod limits;
mod listener;
mod outside;
mod pair;
mod policy;
mod pool;
mod probe;
mod queue;
mod redirect;
mod route;
mod shadow;
mod sticky;
mod tls;
mod together;
mod tracing;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use switchback_core::PoolIndex;
use switchback_core::plan::{PoolPlan, RetryPolicy};

pub(crate) use access_log::{ACCESS_LOGS, LOG_FORMATS};
pub(crate) use balance::ALGORITHMS;
pub(crate) use gateway::{Context, UNDERSCORES, plan, zone};
pub(crate) use outside::Outside;
pub(crate) use pool::{PROTOCOLS, PROXY_PROTOCOLS, pool};
pub(crate) use route::REDIRECTS;
pub(crate) use sticky::{SAME_SITE, SECURE};
pub(crate) use tls::TLS_VERSIONS;
pub(crate) use together::{Written, warn};

use crate::decode::Given;
use crate::source::Span;
use crate::suggest;

/// A pool, and what routes to it inherit.
#[derive(Debug)]
pub(crate) struct Resolved {
    pub(crate) plan: PoolPlan,
    pub(crate) retry: RetryPolicy,
    pub(crate) places: Places,
}

/// Where things of a pool stand of which something can be said only when the whole is known.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    /// Where to speak of the pool as a whole.
    pub(crate) whole: Span,
    /// Each endpoint, in the order of the plan.
    pub(crate) endpoints: Vec<Span>,
    /// The path that probes ask for, where the file has one.
    pub(crate) probe_path: Option<Span>,
    /// Limits that the file has, and that a route may make pointless.
    pub(crate) limits: Vec<(&'static str, Given<Duration>)>,
}

/// Which pools there are, for the routes that name them.
#[derive(Debug, Default)]
pub(crate) struct Catalog {
    /// Each name's position in the plan.
    pub(crate) positions: HashMap<Arc<str>, PoolIndex>,
    /// Whether all of them were found. If not, that has been reported, and an unknown name may be
    /// a consequence.
    pub(crate) complete: bool,
    /// Where a pool's file would be, with `*` for its name.
    pub(crate) place: Option<String>,
}

impl Catalog {
    fn position(&self, name: &str) -> Option<PoolIndex> {
        self.positions.get(name).copied()
    }

    /// What to say of a name that is not in it.
    fn missing(&self, name: &str, search: bool) -> String {
        let near = if search {
            let mut names: Vec<&str> = self.positions.keys().map(|known| &**known).collect();
            names.sort_unstable();
            suggest::nearest(name, names)
        } else {
            None
        };
        let near = suggest::did_you_mean(near);
        let is_name = name.len() <= 64 && name.bytes().all(is_name_byte);
        match &self.place {
            Some(place) if is_name => format!("there is no {}{near}", place.replace('*', name)),
            _ => format!("no file makes this pool{near}"),
        }
    }
}

/// What the name of a pool is made of: it stands in metrics, in logs and in URLs of the admin API.
pub(crate) fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-')
}
