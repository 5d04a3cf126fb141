//! The schedules of all pools, which must not end: one that does is a bug, is logged, and is started
//! again.
//!
//! A schedule that is gone looks like a pool in which nothing ever changes, so neither may it end
//! unnoticed nor take those of other pools along.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::sleep;

/// Before a task that ended is started again: a bug that strikes at once must not fill the log.
const REST: Duration = Duration::from_secs(1);

/// Runs a task for each of `jobs`, of the named pool, until this is dropped, which takes the tasks along. Ends by itself
/// only if there are none.
pub(crate) async fn forever<J, F>(
    jobs: &[J],
    pool: impl Fn(&J) -> Arc<str>,
    start: impl Fn(&J) -> F,
) where
    F: Future<Output = Infallible> + Send + 'static,
{
    let mut tasks = JoinSet::new();
    let mut whose = HashMap::new();
    for job in jobs {
        whose.insert(tasks.spawn(start(job)).id(), job);
    }
    while let Some(ended) = tasks.join_next().await {
        let Err(error) = ended;
        let Some(job) = whose.remove(&error.id()) else { continue };
        log::error!(
            "pool {}: its probes ended, which is a bug, and are started again: {error}",
            pool(job)
        );
        let task = start(job);
        let again = tasks.spawn(async move {
            sleep(REST).await;
            task.await
        });
        whose.insert(again.id(), job);
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::time::timeout;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_task_that_panics_is_started_again_and_the_others_go_on() {
        // How often each has been started; the first panics the first three times.
        let starts: [Arc<AtomicU32>; 2] = Default::default();
        let ticks = Arc::new(AtomicU32::new(0));
        let start = |job: &usize| {
            let (job, started, ticks) = (*job, starts[*job].clone(), ticks.clone());
            async move {
                let earlier = started.fetch_add(1, Ordering::Relaxed);
                assert!(job == 1 || earlier >= 3, "a bug");
                if job == 0 {
                    return pending().await;
                }
                loop {
                    sleep(REST).await;
                    ticks.fetch_add(1, Ordering::Relaxed);
                }
            }
        };
        let running = forever(&[0, 1], |_| "web".into(), start);
        timeout(10 * REST + REST / 2, running).await.unwrap_err();
        let counts = starts.each_ref().map(|count| count.load(Ordering::Relaxed));
        assert_eq!((counts, ticks.load(Ordering::Relaxed)), ([4, 1], 10));
    }

    #[tokio::test]
    async fn nothing_to_run_is_over_at_once() {
        forever(&[(); 0], |()| "web".into(), |()| pending()).await;
    }
}
