//! The promise as a metric: requests that failed, by whether something else could have been tried.
//!
//! Every combination is exposed from the start, with zero, also that of a reason which nobody has named. An
//! alert on `increase()` does not see a series appear with one: the first failure, which is the one that
//! matters, would go unnoticed.

use super::counters::Row;
use crate::origin::Origin;

/// Label values of `alternatives`, by index.
const ALTERNATIVES: [&str; 2] = ["0", "1+"];

/// Failed requests by origin, alternatives and reason.
#[derive(Debug)]
pub(super) struct ClientErrors {
    /// By position in [`Origin::ALL`], then in [`ALTERNATIVES`].
    rows: [[Row; ALTERNATIVES.len()]; Origin::ALL.len()],
}

/// One series.
pub(super) struct Series {
    pub(super) origin: &'static str,
    pub(super) alternatives: &'static str,
    pub(super) reason: &'static str,
    pub(super) count: u64,
}

impl ClientErrors {
    pub(super) fn new(reasons: &'static [&'static str]) -> Self {
        Self { rows: Origin::ALL.map(|_| ALTERNATIVES.map(|_| Row::new(reasons))) }
    }

    pub(super) fn add(&self, origin: Origin, alternatives: bool, reason: &'static str) {
        self.rows[origin as usize][usize::from(alternatives)].add_named(reason);
    }

    pub(super) fn series(&self) -> impl Iterator<Item = Series> + '_ {
        Origin::ALL.into_iter().zip(&self.rows).flat_map(|(origin, by_alternatives)| {
            ALTERNATIVES.into_iter().zip(by_alternatives).flat_map(move |(alternatives, row)| {
                row.all().map(move |(reason, count)| Series {
                    origin: origin.as_str(),
                    alternatives,
                    reason,
                    count,
                })
            })
        })
    }
}
