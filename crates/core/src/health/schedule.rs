//! When an endpoint is probed next.
//!
//! Starts are spread over the first interval, so that a thousand endpoints are not asked in one
//! burst, and each interval is jittered by ±20 %, so that they never fall into step, nor two
//! gateways with each other. While a status is about to turn, the next probe comes sooner: a dead
//! endpoint is found, and a recovered one used, in a fraction of `fall` or `rise` intervals. Where
//! traffic was refused it comes at once, or nearly: a hundred gateways whose requests fail at the
//! same moment must not ask at the same moment too.

use std::time::Duration;

use rand_core::RngCore;

/// The share of an interval by which it may be longer or shorter, in per mille.
const JITTER_PER_MILLE: u64 = 200;
/// The longest wait of a probe that traffic asked for: with what it waits before it is heard of, less
/// than the 100 ms within which it is promised.
const WIDEST_DELAY: Duration = Duration::from_millis(50);

/// The widest gap between the first probes of two endpoints: a small pool is known at once, and
/// only one that would be a burst takes the whole interval.
const WIDEST_GAP: Duration = Duration::from_millis(20);

/// How long after the start the first probe of the endpoint at `position` of `count` begins.
pub fn first_probe_after(position: usize, count: usize, interval: Duration) -> Duration {
    let position = u32::try_from(position).unwrap_or(u32::MAX);
    let count = u32::try_from(count.max(1)).unwrap_or(u32::MAX);
    (interval / count).min(WIDEST_GAP).saturating_mul(position)
}

/// How long after the start of one probe the next begins: `interval`, and while the status is about
/// to turn `fast_interval`, if that is shorter.
pub fn next_probe_after(
    interval: Duration,
    fast_interval: Duration,
    turning: bool,
    rng: &mut impl RngCore,
) -> Duration {
    let base = if turning { interval.min(fast_interval) } else { interval };
    let nanos = u64::try_from(base.as_nanos()).unwrap_or(u64::MAX);
    let span = nanos / 1000 * JITTER_PER_MILLE;
    let jitter = rng.next_u64() % (2 * span).max(1);
    Duration::from_nanos(nanos.saturating_sub(span).saturating_add(jitter))
}

/// How long after traffic asked for a probe it begins: up to 50 ms, evenly spread.
pub fn asked_probe_after(rng: &mut impl RngCore) -> Duration {
    WIDEST_DELAY / 1000 * (rng.next_u32() % 1001)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::SmallRng;

    use super::*;

    const INTERVAL: Duration = Duration::from_secs(2);
    const FAST: Duration = Duration::from_millis(300);

    #[test]
    fn a_small_pool_is_known_at_once() {
        let starts: Vec<_> =
            (0..3).map(|n| first_probe_after(n, 3, Duration::from_secs(2)).as_millis()).collect();
        assert_eq!(starts, [0, 20, 40]);
    }

    #[test]
    fn a_large_pool_is_spread_evenly_over_the_interval() {
        let interval = Duration::from_secs(2);
        let starts: Vec<_> = (0..10_000).map(|n| first_probe_after(n, 10_000, interval)).collect();
        assert!(starts.windows(2).all(|pair| pair[1] - pair[0] == Duration::from_micros(200)));
        assert!(starts[9_999] < interval);
    }

    #[test]
    fn jitter_stays_within_a_fifth_and_is_centred() {
        let mut rng = SmallRng::seed_from_u64(7);
        let waits: Vec<_> =
            (0..10_000).map(|_| next_probe_after(INTERVAL, FAST, false, &mut rng)).collect();
        assert!(waits.iter().all(|wait| (1.6..2.4).contains(&wait.as_secs_f64())));
        let mean = waits.iter().map(Duration::as_secs_f64).sum::<f64>() / 10_000.0;
        assert!((mean - 2.0).abs() < 0.01, "{mean}");
    }

    #[test]
    fn a_turning_status_is_probed_sooner() {
        let mut rng = SmallRng::seed_from_u64(7);
        for _ in 0..1_000 {
            let wait = next_probe_after(INTERVAL, FAST, true, &mut rng);
            assert!((240..=360).contains(&wait.as_millis()), "{wait:?}");
            let wait = next_probe_after(FAST, INTERVAL, true, &mut rng);
            assert!((240..=360).contains(&wait.as_millis()), "never later than usual: {wait:?}");
        }
    }

    #[test]
    fn a_probe_that_traffic_asked_for_comes_within_50_ms_and_not_always_at_once() {
        let mut rng = SmallRng::seed_from_u64(7);
        let waits: Vec<_> = (0..10_000).map(|_| asked_probe_after(&mut rng)).collect();
        assert!(waits.iter().all(|wait| *wait <= WIDEST_DELAY));
        let mean = waits.iter().map(Duration::as_secs_f64).sum::<f64>() / 10_000.0;
        assert!((mean - 0.025).abs() < 0.001, "{mean}");
    }
}
