//! How many retries the requests of a pool may cause together.
//!
//! When every endpoint fails, each client's request fails as often as its policy allows, and a pool
//! that is down because it is overloaded gets a multiple of the load that broke it. A limit for each
//! request does not bound that; a limit for the pool does. It is Finagle's `RetryBudget`: retries are
//! a share of the requests of the last seconds, and no less than a floor, for pools with so little
//! traffic that the share of it is nothing.
//!
//! Finagle's is a bucket of tokens with an expiry, and adds the floor to the share; here requests and
//! grants are counted, second by second, and a retry is granted where
//!
//! > grants of the window + 1 ≤ the larger of ratio × requests of the window, rounded down, and
//! > floor × 10.
//!
//! That says what the documentation says, in integers and without drift, and it follows a changed
//! plan at once. The window is the second under way and the nine before it, so between nine and ten
//! seconds long.
//!
//! **Over a whole run** the grants are at most ratio × requests + floor × (elapsed + 10), where
//! elapsed is the gateway's time at the last grant, in seconds. Proof: take the window that ends in
//! the last grant's second, then the one that ends in the second of the last grant before it, and so
//! on. These windows share no second, and between them they hold every grant. What each holds is
//! bounded by the rule at its last grant: the ratio parts add up to at most ratio × requests, and the
//! floor part is floor × 10 a window. Their ends are at least 10 s apart and not before 0, so there
//! are at most elapsed / 10 + 1 of them. (Between any two moments, rather than from the start, it
//! is one second more: a window begins on a whole second, and the moment need not.)

use crate::plan::RetryBudget;
use crate::time::Timestamp;

/// The window, in seconds; a bucket for each.
const SECONDS: usize = 10;

/// The requests of a pool's clients and the retries granted to them, over the last ten seconds.
#[derive(Clone, Debug, Default)]
pub struct Budget {
    /// The second under way, since the gateway's start. It never goes back: what is counted at an
    /// earlier time is counted here.
    second: u64,
    /// Each second of the window, at its number modulo [`SECONDS`].
    buckets: [Bucket; SECONDS],
}

/// What was counted in one second. Saturates, although no gateway lives to see it.
#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    requests: u64,
    grants: u64,
}

impl Budget {
    /// Counts a client's request, however many attempts come of it.
    pub fn request(&mut self, now: Timestamp) {
        let bucket = self.bucket(now);
        bucket.requests = bucket.requests.saturating_add(1);
    }

    /// Whether a retry may be made now; counts it if so.
    pub fn grant(&mut self, plan: &RetryBudget, now: Timestamp) -> bool {
        self.bucket(now);
        let (requests, grants) = self.window();
        let allowed = plan.ratio.of(requests).max(u64::from(plan.floor) * SECONDS as u64);
        let granted = grants < allowed;
        if granted {
            self.bucket(now).grants += 1;
        }
        granted
    }

    /// Requests and grants of the window. Summed where a retry asks for it, so that a request, which
    /// always comes, costs one addition.
    fn window(&self) -> (u64, u64) {
        self.buckets.iter().fold((0, 0), |(requests, grants): (u64, u64), bucket| {
            (requests.saturating_add(bucket.requests), grants.saturating_add(bucket.grants))
        })
    }

    /// The bucket of the second under way; what has left the window is forgotten.
    fn bucket(&mut self, now: Timestamp) -> &mut Bucket {
        let second = now.as_nanos() / 1_000_000_000;
        if second > self.second {
            // Each second that has begun since takes the place of the one ten before it.
            let begun = (second - self.second).min(SECONDS as u64);
            for next in 0..begun {
                self.buckets[place(second - next)] = Bucket::default();
            }
            self.second = second;
        }
        &mut self.buckets[place(self.second)]
    }
}

/// Where a second is counted.
fn place(second: u64) -> usize {
    usize::try_from(second % SECONDS as u64).unwrap_or_default()
}

#[cfg(test)]
mod tests;
