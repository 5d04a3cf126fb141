//! One moment of the demo, as both ways of showing it need it.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use switchback_core::Status;
use switchback_core::plan::AdminAddress;

use super::backend::{Backend, Behavior};
use super::events::Event;
use super::script::Phase;
use super::tally::Counts;

/// One moment.
pub(super) struct View<'a> {
    pub(super) elapsed: Duration,
    pub(super) length: Duration,
    pub(super) phases: &'a [Phase],
    /// Which of the phases it is.
    pub(super) phase: usize,
    /// Where clients connect.
    pub(super) gateway: SocketAddr,
    /// Where its operators do.
    pub(super) dashboard: &'a AdminAddress,
    /// What was switched off.
    pub(super) without: Option<&'static str>,
    pub(super) backends: Vec<Row>,
    pub(super) clients: u32,
    pub(super) counts: Counts,
    /// Requests of all clients, each second's.
    pub(super) rate: u64,
    pub(super) rescued: u64,
    pub(super) executed_twice: u64,
    /// The last events, oldest first.
    pub(super) events: Vec<Event>,
}

/// One backend.
pub(super) struct Row {
    pub(super) name: char,
    pub(super) address: SocketAddr,
    pub(super) behavior: Behavior,
    /// How the gateway sees it; `None`: it does not look.
    pub(super) status: Option<Status>,
    pub(super) rate: Rate,
}

/// What comes in a second, sampled twice a second.
#[derive(Clone, Default)]
pub(super) struct Rate {
    seen: u64,
    /// For each sample what came since the one before, latest last.
    pub(super) samples: VecDeque<u64>,
}

/// Between two samples.
pub(super) const SAMPLE: Duration = Duration::from_millis(500);

impl Rate {
    /// Samples that are kept: the width of the widest sparkline.
    const KEPT: usize = 40;

    /// Takes a sample of a counter.
    pub(super) fn sample(&mut self, total: u64) {
        if self.samples.len() == Self::KEPT {
            self.samples.pop_front();
        }
        self.samples.push_back(total.saturating_sub(self.seen));
        self.seen = total;
    }

    /// In the last second.
    pub(super) fn per_second(&self) -> u64 {
        let last: Vec<u64> = self.samples.iter().rev().take(2).copied().collect();
        let doubled = last.iter().sum::<u64>() * 2;
        doubled / (last.len() as u64).max(1)
    }

    /// The last samples, at most so many.
    pub(super) fn last(&self, count: usize) -> impl Iterator<Item = u64> + '_ {
        let skip = self.samples.len().saturating_sub(count);
        self.samples.iter().skip(skip).copied()
    }
}

impl Row {
    pub(super) fn new(backend: &Backend, status: Option<Status>, rate: &Rate) -> Self {
        Self {
            name: backend.name,
            address: backend.address,
            behavior: backend.behavior(),
            status,
            rate: rate.clone(),
        }
    }

    /// The gateway's view in a word.
    pub(super) fn status(&self) -> &'static str {
        self.status.map_or("not probed", Status::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_of_the_last_second() {
        let mut rate = Rate::default();
        assert_eq!(rate.per_second(), 0);
        rate.sample(10);
        assert_eq!(rate.per_second(), 20);
        rate.sample(40);
        assert_eq!(rate.per_second(), 40);
        rate.sample(40);
        assert_eq!(rate.per_second(), 30);
        assert_eq!(rate.last(2).collect::<Vec<_>>(), [30, 0]);
    }
}
