//! Waiting for something to become true, instead of sleeping until it surely is.
//!
//! A fixed sleep is either too short on a busy machine or too long on every other one. Polling every
//! few milliseconds up to a generous deadline is neither: a passing test takes as long as the thing
//! takes, and only a failing one takes the deadline.

use std::time::{Duration, Instant};

/// How often [`eventually`] and [`until`] look.
const INTERVAL: Duration = Duration::from_millis(5);

/// Waits until `condition` yields true.
///
/// # Panics
/// After `deadline`, naming `what`.
#[track_caller]
pub fn eventually<F, Fut>(
    deadline: Duration,
    what: &str,
    mut condition: F,
) -> impl Future<Output = ()>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = bool>,
{
    let caller = std::panic::Location::caller();
    async move {
        let found = until(deadline, async || condition().await.then_some(())).await;
        assert!(found.is_some(), "{caller}: not within {deadline:?}: {what}");
    }
}

/// Waits until `probe` yields something; `None` when `deadline` has passed first. The probe is
/// called at least once.
pub async fn until<T>(deadline: Duration, mut probe: impl AsyncFnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + deadline;
    loop {
        if let Some(found) = probe().await {
            return Some(found);
        }
        if Instant::now() >= end {
            return None;
        }
        tokio::time::sleep(INTERVAL).await;
    }
}
