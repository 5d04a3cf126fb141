//! The atomics behind the handles: a gauge and a row of counters.
//!
//! Everything is `Relaxed`: a scrape reads numbers that belong to slightly different moments anyway.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// What a name outside the vocabulary is counted as.
pub(super) const OTHER: &str = "other";

/// How many there are now.
#[derive(Clone, Debug, Default)]
pub(super) struct Gauge(Arc<AtomicI64>);

impl Gauge {
    pub(super) fn enter(&self) -> InFlight {
        self.0.fetch_add(1, Ordering::Relaxed);
        InFlight(Arc::clone(&self.0))
    }

    pub(super) fn value(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Counts as one in flight until it is dropped.
#[derive(Debug)]
#[must_use = "what is in flight ends when this is dropped"]
pub struct InFlight(Arc<AtomicI64>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One counter for each name of a list, and one for what is not on it.
#[derive(Debug)]
pub(super) struct Row {
    names: &'static [&'static str],
    /// One longer than `names`.
    counts: Box<[AtomicU64]>,
}

impl Row {
    pub(super) fn new(names: &'static [&'static str]) -> Self {
        Self { names, counts: (0..=names.len()).map(|_| AtomicU64::new(0)).collect() }
    }

    /// Adds one to the name at `index`; beyond the list, to `other`.
    pub(super) fn add(&self, index: usize) {
        if let Some(count) = self.counts.get(index.min(self.names.len())) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Adds one to `name`: a search of a short list, for what does not happen to each request.
    pub(super) fn add_named(&self, name: &str) {
        let position = self.names.iter().position(|known| *known == name);
        self.add(position.unwrap_or(self.names.len()));
    }

    /// Names with their counts, zeros too; `other` comes last.
    pub(super) fn all(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        let counts = self.counts.iter().map(|count| count.load(Ordering::Relaxed));
        self.names.iter().copied().chain([OTHER]).zip(counts)
    }

    /// The same, but `other` only if it was counted.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        let last = self.names.len();
        let all = self.all().enumerate();
        all.filter(move |(index, (_, count))| *index < last || *count > 0).map(|(_, it)| it)
    }

    /// Names that were counted at least once.
    pub(super) fn counted(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        self.iter().filter(|(_, count)| *count > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_outside_the_list_counts_as_other() {
        let row = Row::new(&["a", "b"]);
        assert_eq!(row.iter().collect::<Vec<_>>(), [("a", 0), ("b", 0)]);
        row.add(1);
        row.add_named("b");
        row.add_named("unheard of");
        row.add(usize::MAX);
        assert_eq!(row.iter().collect::<Vec<_>>(), [("a", 0), ("b", 2), ("other", 2)]);
        assert_eq!(row.counted().collect::<Vec<_>>(), [("b", 2), ("other", 2)]);
    }

    #[test]
    fn what_is_dropped_is_no_longer_in_flight() {
        let gauge = Gauge::default();
        let first = gauge.enter();
        let second = gauge.enter();
        assert_eq!(gauge.value(), 2);
        drop(first);
        assert_eq!(gauge.value(), 1);
        drop(second);
        assert_eq!(gauge.value(), 0);
    }
}
