//! How long a retry waits.
//!
//! The first does not wait: it goes to another endpoint, which has done nothing to deserve it, and a
//! client is waiting. A second failure says that the trouble may be the pool's, and from there waits
//! double, so that whatever has to recover has time to.
//!
//! Each wait is drawn between half of it and all of it, so that clients which failed together do not
//! come back together: "equal jitter" of Marc Brooker, "Exponential Backoff And Jitter", AWS
//! Architecture Blog, 2015. His "full jitter", which draws from zero, spreads a crowd a little
//! better; but here the budget bounds the crowd, and what the wait is for is time, of which full
//! jitter may give none.

use std::time::Duration;

use rand_core::RngCore;

use crate::plan::RetryPolicy;

/// The wait before a request's retry number `retry`, counted from 1: none before the first. In
/// nanoseconds, so that nothing is longer than 584 years.
pub fn wait_before(retry: u32, policy: &RetryPolicy, rng: &mut impl RngCore) -> Duration {
    let Some(doublings) = retry.checked_sub(2) else { return Duration::ZERO };
    let factor = 1_u128.checked_shl(doublings).unwrap_or(u128::MAX);
    let whole = policy.backoff.as_nanos().saturating_mul(factor).min(policy.max_backoff.as_nanos());
    let whole = u64::try_from(whole).unwrap_or(u64::MAX);
    let least = whole / 2;
    Duration::from_nanos(least + up_to(whole - least, rng))
}

/// A number from 0 to `most`, uniform but for a bias below 2⁻⁶⁴ of all there are (Lemire, "Fast Random
/// Integer Generation in an Interval", 2019, without its rejection step).
fn up_to(most: u64, rng: &mut impl RngCore) -> u64 {
    let product = u128::from(rng.next_u64()) * (u128::from(most) + 1);
    u64::try_from(product >> 64).unwrap_or(most)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::SmallRng;

    use super::*;

    fn waits(retry: u32, policy: &RetryPolicy) -> Vec<f64> {
        let mut rng = SmallRng::seed_from_u64(11);
        (0..10_000).map(|_| wait_before(retry, policy, &mut rng).as_secs_f64() * 1e3).collect()
    }

    #[test]
    fn the_first_retry_does_not_wait() {
        assert!(waits(1, &RetryPolicy::default()).iter().all(|&wait| wait == 0.0));
        assert!(waits(0, &RetryPolicy::default()).iter().all(|&wait| wait == 0.0));
    }

    #[test]
    fn waits_double_up_to_the_longest_and_are_uniform_between_half_and_all() {
        for (retry, whole) in [(2, 25.0), (3, 50.0), (4, 100.0), (5, 200.0), (6, 250.0), (7, 250.0)]
        {
            let waits = waits(retry, &RetryPolicy::default());
            assert!(waits.iter().all(|wait| (whole / 2.0..=whole).contains(wait)), "{retry}");
            let mut deciles = [0_u32; 10];
            for wait in &waits {
                let decile = ((wait / whole - 0.5) * 20.0).clamp(0.0, 9.0);
                deciles[decile as usize] += 1;
            }
            // 1000 each, and 5 standard deviations of 30.
            assert!(deciles.iter().all(|count| (850..1150).contains(count)), "{deciles:?}");
        }
    }

    #[test]
    fn no_number_is_too_large() {
        let mut rng = SmallRng::seed_from_u64(11);
        for (backoff, max_backoff) in [
            (Duration::from_millis(25), Duration::from_millis(250)),
            (Duration::ZERO, Duration::from_secs(1)),
            (Duration::from_secs(1), Duration::ZERO),
            (Duration::from_nanos(1), Duration::MAX),
            (Duration::MAX, Duration::MAX),
        ] {
            let policy = RetryPolicy { backoff, max_backoff, ..RetryPolicy::default() };
            for retry in (0..70).chain([u32::MAX - 1, u32::MAX]) {
                assert!(wait_before(retry, &policy, &mut rng) <= max_backoff, "{retry}");
            }
        }
    }

    #[test]
    fn every_nanosecond_between_the_ends_can_be_drawn() {
        let wait = Duration::from_nanos(7);
        let policy = RetryPolicy { backoff: wait, max_backoff: wait, ..RetryPolicy::default() };
        let mut rng = SmallRng::seed_from_u64(11);
        let drawn: std::collections::BTreeSet<_> =
            (0..1000).map(|_| wait_before(2, &policy, &mut rng).as_nanos()).collect();
        assert!(drawn.iter().eq(&[3, 4, 5, 6, 7]), "{drawn:?}");
    }

    #[test]
    fn doubling_is_exact_however_often() {
        let mut rng = SmallRng::seed_from_u64(11);
        let backoff = Duration::from_nanos(1);
        let policy = RetryPolicy { backoff, max_backoff: Duration::MAX, ..RetryPolicy::default() };
        for retry in 2..66 {
            let wait = wait_before(retry, &policy, &mut rng).as_nanos();
            let whole = 1_u128 << (retry - 2);
            assert!((whole / 2..=whole).contains(&wait), "{retry}: {wait}");
        }
    }
}
