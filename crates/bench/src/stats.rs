//! What is made of the numbers.
//!
//! Medians, because a busy machine errs in one direction only, and rarely. Ratios within each round, and of those the
//! median: what slows the machine for some seconds slows both sides of a ratio. A percentile is the nearest rank: a value that was measured, never one between two.

/// The middle of the values, or between the two in the middle; `None` of none.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let upper = sorted.get(middle)?;
    Some(if sorted.len() % 2 == 1 { *upper } else { (sorted.get(middle - 1)? + upper) / 2.0 })
}

/// From the least to the greatest, relative to the median; 0 of none.
pub(crate) fn spread(values: &[f64]) -> f64 {
    let Some(median) = median(values).filter(|&median| median > 0.0) else { return 0.0 };
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let greatest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    (greatest - least) / median
}

/// The value that this part (in per mille) of all does not exceed: the nearest rank of `sorted`; `None` of none.
pub(crate) fn percentile(sorted: &[u64], per_mille: usize) -> Option<u64> {
    let rank = (sorted.len() * per_mille).div_ceil(1_000).max(1);
    sorted.get(rank - 1).copied()
}

/// How many times as much as theirs ours are: the median of the rounds' ratios; `None` where there is nothing to compare with.
pub(crate) fn paired(ours: &[f64], theirs: &[f64]) -> Option<f64> {
    let ratios: Vec<_> = ours
        .iter()
        .zip(theirs)
        .filter(|&(_, &theirs)| theirs > 0.0)
        .map(|(ours, theirs)| ours / theirs)
        .collect();
    median(&ratios)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bad_round_of_five_does_not_move_the_median() {
        assert_eq!(median(&[10.0, 11.0, 90.0, 9.0, 10.5]), Some(10.5));
        assert_eq!(median(&[1.0, 3.0]), Some(2.0));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn the_spread_is_from_least_to_greatest() {
        assert!((spread(&[9.0, 10.0, 12.0]) - 0.3).abs() < 1e-9);
        assert!(spread(&[7.0]).abs() < 1e-9 && spread(&[]).abs() < 1e-9);
    }

    #[test]
    fn a_percentile_is_a_value_that_was_measured() {
        let values: Vec<u64> = (1..=1_000).collect();
        assert_eq!(percentile(&values, 500), Some(500));
        assert_eq!(percentile(&values, 990), Some(990));
        assert_eq!(percentile(&values, 999), Some(999));
        assert_eq!(percentile(&[7], 999), Some(7));
        assert_eq!(percentile(&[], 500), None);
    }

    #[test]
    fn a_slow_minute_leaves_the_ratio_as_it_is() {
        let (ours, theirs) = ([6.0, 6.0, 12.0, 12.0, 6.0], [4.0, 4.0, 8.0, 8.0, 4.0]);
        assert_eq!(paired(&ours, &theirs), Some(1.5));
        assert_eq!(paired(&ours, &[]), None);
        assert_eq!(paired(&[6.0], &[0.0]), None);
    }
}
