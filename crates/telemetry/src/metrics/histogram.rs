//! A histogram of durations that is two atomic additions for each observation.
//!
//! The sum is kept in whole microseconds, rounded to the nearest: an integer can be added to without a
//! loop, and 64 bits hold 58 years of ten thousand one-second requests each second. The count is the sum
//! of the buckets, so it can never disagree with them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds in seconds, inclusive: 1-2.5-5 from a millisecond to ten seconds, then the usual timeouts.
pub(super) const BOUNDS: [f64; 15] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

/// [`BOUNDS`] in microseconds.
const BOUNDS_MICROS: [u64; 15] = [
    1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
    5_000_000, 10_000_000, 30_000_000, 60_000_000,
];

/// Durations by [`BOUNDS`].
#[derive(Debug, Default)]
pub(super) struct Histogram {
    /// The last is for what is longer than every bound.
    buckets: [AtomicU64; BOUNDS.len() + 1],
    sum_micros: AtomicU64,
}

impl Histogram {
    pub(super) fn observe(&self, duration: Duration) {
        let micros = duration.saturating_add(Duration::from_nanos(500)).as_micros();
        let micros = u64::try_from(micros).unwrap_or(u64::MAX);
        let index = BOUNDS_MICROS.partition_point(|&bound| bound < micros);
        self.buckets[index].fetch_add(1, Ordering::Relaxed);
        self.sum_micros.fetch_add(micros, Ordering::Relaxed);
    }

    /// The sum in seconds.
    pub(super) fn sum(&self) -> f64 {
        self.sum_micros.load(Ordering::Relaxed) as f64 / 1e6
    }

    /// Upper bounds in seconds, each with the observations of its bucket alone; the last is infinite.
    pub(super) fn buckets(&self) -> Vec<(f64, u64)> {
        let bounds = BOUNDS.into_iter().chain([f64::INFINITY]);
        bounds.zip(self.buckets.iter().map(|count| count.load(Ordering::Relaxed))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_tables_of_bounds_are_the_same() {
        let micros = BOUNDS.map(|bound| (bound * 1e6).round() as u64);
        assert_eq!(micros, BOUNDS_MICROS);
        assert!(BOUNDS_MICROS.is_sorted());
    }

    #[test]
    fn a_bound_belongs_to_its_bucket() {
        let histogram = Histogram::default();
        for micros in [0, 1_000, 1_001, 60_000_000, 60_000_001] {
            histogram.observe(Duration::from_micros(micros));
        }
        let counts: Vec<u64> = histogram.buckets().into_iter().map(|(_, count)| count).collect();
        assert_eq!(counts, [2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1]);
        assert!((histogram.sum() - 120.002_002).abs() < 1e-9);
    }

    #[test]
    fn the_longest_duration_does_not_panic() {
        let histogram = Histogram::default();
        histogram.observe(Duration::MAX);
        assert_eq!(histogram.buckets().last(), Some(&(f64::INFINITY, 1)));
    }
}
