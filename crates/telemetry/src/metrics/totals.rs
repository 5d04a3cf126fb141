//! What all requests came to together: sums over what the series tell apart, for a plot.
//!
//! Added up when they are asked for, so that the path of a request pays nothing for them: some thousand
//! atomics, each read once.

use super::Metrics;
use crate::origin::Origin;

/// What a decision for another attempt is called.
const RETRY: &str = "retry";

/// Sums since the process began. All but `in_flight` grow, unless a route or a pool is no longer
/// configured: then what was counted for it is gone from them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Requests that ended.
    pub requests: u64,
    /// Of these, those that the gateway or an endpoint failed.
    pub failed: u64,
    /// Of these, those that were rescued by a retry.
    pub rescued: u64,
    /// Retries.
    pub retries: u64,
    /// Requests in flight now.
    pub in_flight: u64,
}

impl Metrics {
    /// What all requests came to together.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let families = &self.families;
        let mut totals = Totals {
            in_flight: u64::try_from(families.requests_in_flight.value()).unwrap_or(0),
            ..Totals::default()
        };
        for (_, route) in families.routes.living() {
            totals.requests += route.requests().map(|(_, count)| count).sum::<u64>();
            totals.rescued += route.rescued();
        }
        for (_, pool) in families.pools.living() {
            let mut decisions = pool.decisions.iter();
            totals.retries += decisions.find(|(name, _)| *name == RETRY).map_or(0, |it| it.1);
        }
        let ours = families.client_errors.series();
        let ours = ours.filter(|series| series.origin != Origin::Client.as_str());
        totals.failed = ours.map(|series| series.count).sum();
        totals
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::Vocabulary;

    #[test]
    fn they_are_the_sums_of_what_is_told_apart() {
        let vocabulary = Vocabulary {
            outcomes: &[],
            statuses: &[],
            decisions: &["retry", "stop: off"],
            reasons: &["refused"],
            refusals: &[],
            causes: &[],
        };
        let metrics = Metrics::new(vocabulary, "1.2.3", SystemTime::UNIX_EPOCH);
        assert_eq!(metrics.totals(), Totals::default());
        let routes = [metrics.route("a"), metrics.route("b")];
        for route in &routes {
            route.request_finished(Some(200), Duration::ZERO);
            route.request_finished(None, Duration::ZERO);
            route.request_rescued();
        }
        let pool = metrics.pool("web");
        for decision in ["retry", "retry", "stop: off"] {
            pool.retry_decided(decision);
        }
        for origin in Origin::ALL {
            metrics.client_error(origin, false, "refused");
            metrics.client_error(origin, true, "unheard of");
        }
        let _in_flight = metrics.request_started();
        let totals = Totals { requests: 4, failed: 4, rescued: 2, retries: 2, in_flight: 1 };
        assert_eq!(metrics.totals(), totals);
        let [_kept, gone] = routes;
        drop(gone);
        assert_eq!(metrics.totals().requests, 2);
    }
}
