//! What clients saw, counted.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use parking_lot::Mutex;

use super::request::Verdict;

/// What clients saw so far; they share it.
#[derive(Default)]
pub(super) struct Tally {
    counts: Mutex<Counts>,
    /// Kinds of failures since somebody last asked.
    unheard: Mutex<BTreeSet<String>>,
}

/// The numbers at one moment.
#[derive(Clone, Default)]
pub(super) struct Counts {
    pub(super) requests: u64,
    pub(super) answered: u64,
    /// Failures that could not have been prevented.
    pub(super) necessary: u64,
    /// Failures that should not have been seen, by how they looked.
    pub(super) broken: BTreeMap<String, u64>,
    pub(super) latency: Latency,
    /// What the last requests took, in microseconds.
    pub(super) recent: VecDeque<u32>,
}

/// How long requests took, in microseconds, by bucket: 16 buckets for each power of two, so that a
/// quantile is at most 6 % too small, in 8 KiB for a run of any length.
#[derive(Clone)]
pub(super) struct Latency {
    buckets: Vec<u64>,
    pub(super) max: Duration,
}

/// Enough of the last requests for a p99 that moves with what happens.
const RECENT: usize = 1_000;
const BUCKETS: usize = 16 * 29;

impl Tally {
    pub(super) fn note(&self, verdict: Verdict, took: Duration) {
        let mut counts = self.counts.lock();
        counts.requests += 1;
        match verdict {
            Verdict::Answered => counts.answered += 1,
            Verdict::Necessary => counts.necessary += 1,
            Verdict::Broken(how) => {
                self.unheard.lock().insert(how.clone());
                *counts.broken.entry(how).or_default() += 1;
            }
        }
        counts.latency.note(took);
        if counts.recent.len() == RECENT {
            counts.recent.pop_front();
        }
        counts.recent.push_back(micros(took));
    }

    /// How failures looked that came since the last call and should not have been seen.
    pub(super) fn unheard(&self) -> BTreeSet<String> {
        std::mem::take(&mut self.unheard.lock())
    }

    pub(super) fn counts(&self) -> Counts {
        self.counts.lock().clone()
    }
}

impl Counts {
    /// Failures that should not have been seen.
    pub(super) fn broken(&self) -> u64 {
        self.broken.values().sum()
    }

    /// A quantile of the last thousand requests, in per cent.
    pub(super) fn recent_quantile(&self, percent: usize) -> Duration {
        let mut sorted: Vec<u32> = self.recent.iter().copied().collect();
        sorted.sort_unstable();
        let at = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
        Duration::from_micros(sorted.get(at).copied().unwrap_or(0).into())
    }
}

impl Default for Latency {
    fn default() -> Self {
        Self { buckets: vec![0; BUCKETS], max: Duration::ZERO }
    }
}

impl Latency {
    fn note(&mut self, took: Duration) {
        self.buckets[bucket(micros(took))] += 1;
        self.max = self.max.max(took);
    }

    /// A quantile, in per cent; zero if nothing was noted.
    pub(super) fn quantile(&self, percent: u64) -> Duration {
        let total: u64 = self.buckets.iter().sum();
        let mut left = (total * percent).div_ceil(100);
        for (index, count) in self.buckets.iter().enumerate() {
            if left <= *count {
                return Duration::from_micros(lower_bound(index));
            }
            left -= count;
        }
        self.max
    }
}

fn micros(took: Duration) -> u32 {
    u32::try_from(took.as_micros()).unwrap_or(u32::MAX)
}

fn bucket(micros: u32) -> usize {
    match micros.checked_ilog2() {
        Some(power @ 4..) => (power as usize - 3) * 16 + ((micros >> (power - 4)) & 15) as usize,
        _ => micros as usize,
    }
}

fn lower_bound(bucket: usize) -> u64 {
    let (power, part) = (bucket / 16, (bucket % 16) as u64);
    match power {
        0 => part,
        _ => (16 + part) << (power - 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_begins_at_most_6_percent_below_its_values() {
        for micros in [0, 1, 15, 16, 17, 31, 32, 1_000, 123_456, u32::MAX] {
            let at = bucket(micros);
            assert!(at < BUCKETS, "{micros}");
            let low = lower_bound(at) as f64;
            let value = f64::from(micros);
            assert!(low <= value && low >= value * 15.0 / 16.0 - 1.0, "{micros}");
        }
    }

    #[test]
    fn quantiles_are_of_what_was_noted() {
        let tally = Tally::default();
        for millis in 1..=100 {
            tally.note(Verdict::Answered, Duration::from_millis(millis));
        }
        let counts = tally.counts();
        let p50 = counts.latency.quantile(50).as_secs_f64();
        assert!((0.046..=0.050).contains(&p50), "{p50}");
        assert_eq!(counts.latency.max, Duration::from_millis(100));
        assert_eq!(counts.recent_quantile(99), Duration::from_millis(100));
        assert_eq!(Latency::default().quantile(99), Duration::ZERO);
    }
}
