//! Whether an endpoint does worse than the rest of its pool, or they all have a bad day.
//!
//! Two questions, asked after each failure:
//!
//! **Would the rest have failed so often in a row?** `consecutive` failures eject where nobody else
//! fails. Where the rest fails too, as many are needed as would happen to the rest by chance once in a
//! hundred million times: 5 at up to 2 %, 12 at 20 %, 17 at a third. From one half on, a run says
//! nothing that the rate does not say better. The share is the larger of two: over the window, which
//! has the numbers, and since the run began, which sees an outage of everything in its first
//! milliseconds, while the window is still full of successes. And since then somebody else must have
//! succeeded, unless nobody else was asked for as long as the window is.
//!
//! **Is its rate further below the rest's than `tolerance` and than chance?** For each part of the
//! window from the newest bucket back, because in the whole of it a good past would hide a bad
//! present: ten good seconds at 30 requests a second cost 190 requests more before 30 % of errors are 20
//! points. Chance is ruled out by the likelihood ratio of two binomials (Wilks, 1938; Dunning,
//! "Accurate Methods for the Statistics of Surprise and Coincidence", 1993): once with one rate for
//! both, once with a rate for each. Twice its logarithm is the square of a normal deviate, also for the
//! few and lopsided counts there are here. The usual z-test of two proportions is not: 7 failures of
//! 20 beside 13 of 270 are 5.1 deviations to it and 3.9 in truth.
//!
//! [`DEVIATION`] is 5, passed once in three million times. It is asked at each failure and for each
//! part of the window: where all of two, three or ten endpoints have 20 % errors, a good one is ejected
//! less than once in a million requests from 10 a second on. 4 did so every hour at that rate, and finds
//! a bad endpoint out only some ten to twenty of its requests sooner.
//!
//! A burst decides nothing: failures in two buckets at least are a rate.

use crate::outlier::{Cause, Counts, Window};
use crate::plan::EjectionPlan;
use crate::time::Timestamp;

/// How unlikely a run must be, were the endpoint no worse than the rest.
const RUN_ODDS: f64 = 1e-8;
/// The failure share of the rest from which on a run is no reason.
const ALIKE: f64 = 0.5;
/// How many standard deviations make a difference no accident.
const DEVIATION: f64 = 5.0;
/// In how many buckets an endpoint must have failed.
const BUCKETS_WITH_FAILURES: usize = 2;

/// Failures in a row of one endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Run {
    /// How many.
    pub failures: u32,
    /// What the rest of the pool has done since the first of them.
    pub rest: Counts,
}

/// Why an endpoint should be ejected, if it should. `pool` holds what `own` holds, and the rest's.
pub fn verdict(
    plan: &EjectionPlan,
    run: Run,
    own: &Window,
    pool: &Window,
    now: Timestamp,
) -> Option<Cause> {
    if run.failures >= plan.consecutive.get() {
        let rest = pool.totals(now) - own.totals(now);
        let share = rest.failure_share().max(run.rest.failure_share());
        let length = i32::try_from(run.failures).unwrap_or(i32::MAX);
        let others_do_better = run.rest.ok > 0 || rest.attempts() == 0;
        if others_do_better && share < ALIKE && share.powi(length) <= RUN_ODDS {
            return Some(Cause::Consecutive);
        }
    }
    let (mut mine, mut rest, mut with_failures) = (Counts::default(), Counts::default(), 0);
    for (own, all) in own.beside(pool, now) {
        mine += own;
        rest += all - own;
        with_failures += usize::from(own.failed > 0);
        if with_failures >= BUCKETS_WITH_FAILURES && falls_short(plan, mine, rest) {
            return Some(Cause::SuccessRate);
        }
    }
    None
}

fn falls_short(plan: &EjectionPlan, own: Counts, rest: Counts) -> bool {
    let enough = u64::from(plan.min_requests.get());
    own.attempts() >= enough
        && rest.attempts() >= enough
        && own.failure_share() - rest.failure_share() > plan.tolerance.factor()
        && deviation(own, rest) >= DEVIATION
}

/// How many standard deviations lie between the two rates, if they are one: the signed root of the
/// likelihood ratio, without its sign.
fn deviation(one: Counts, other: Counts) -> f64 {
    let mut both = one;
    both += other;
    let gain = log_likelihood(one, one.failure_share())
        + log_likelihood(other, other.failure_share())
        - log_likelihood(one, both.failure_share())
        - log_likelihood(other, both.failure_share());
    (2.0 * gain.max(0.0)).sqrt()
}

fn log_likelihood(counts: Counts, failure_share: f64) -> f64 {
    let term = |count: u32, share: f64| match count {
        0 => 0.0,
        count => f64::from(count) * share.ln(),
    };
    term(counts.failed, failure_share) + term(counts.ok, 1.0 - failure_share)
}

#[cfg(test)]
mod tests;
