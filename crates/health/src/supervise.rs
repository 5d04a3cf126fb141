//! The schedules of all pools, which must not end: one that does is a bug, is logged, and is started
//! again.
//!
//! A schedule that is gone looks like a pool in which nothing ever changes, so neither may it end
//! unnoticed nor take those of other pools along. A reload gives each what it needs of the new
//! configuration; only those whose pool is gone end.

use std::collections::HashMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use tokio::time::sleep;

/// Before a task that ended is started again: a bug that strikes at once must not fill the log.
const REST: Duration = Duration::from_secs(1);

type Task = Pin<Box<dyn Future<Output = Infallible> + Send>>;

/// A task for each pool, which is given a `J` and each that follows it.
pub(crate) struct Supervisor<J> {
    start: Box<dyn Fn(watch::Receiver<J>) -> Task + Send + Sync>,
    tasks: JoinSet<Infallible>,
    jobs: HashMap<Arc<str>, Job<J>>,
    whose: HashMap<Id, Arc<str>>,
}

struct Job<J> {
    given: watch::Sender<J>,
    task: AbortHandle,
}

impl<J: PartialEq + Send + Sync + 'static> Supervisor<J> {
    /// No task yet; each will be begun with `start`.
    pub(crate) fn new<F>(start: impl Fn(watch::Receiver<J>) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Infallible> + Send + 'static,
    {
        Self {
            start: Box::new(move |given| Box::pin(start(given))),
            tasks: JoinSet::new(),
            jobs: HashMap::new(),
            whose: HashMap::new(),
        }
    }

    /// Lets the tasks of these pools run, and no others. One that is at work on the same is not disturbed.
    pub(crate) fn supervise(&mut self, mut jobs: HashMap<Arc<str>, J>) {
        self.jobs.retain(|pool, running| {
            let Some(job) = jobs.remove(pool) else {
                self.whose.remove(&running.task.id());
                running.task.abort();
                return false;
            };
            running.given.send_if_modified(|given| {
                let differs = *given != job;
                *given = job;
                differs
            });
            true
        });
        for (pool, job) in jobs {
            let given = watch::Sender::new(job);
            let task = self.tasks.spawn((self.start)(given.subscribe()));
            self.whose.insert(task.id(), pool.clone());
            self.jobs.insert(pool, Job { given, task });
        }
    }

    /// Waits until a task has ended that should not have, and starts it again after a rest. May be
    /// cancelled.
    pub(crate) async fn ended(&mut self) {
        let error = loop {
            match self.tasks.join_next().await {
                Some(Err(error)) if self.whose.contains_key(&error.id()) => break error,
                Some(_) => {}
                None => std::future::pending().await,
            }
        };
        self.start_again(&error);
    }

    fn start_again(&mut self, error: &JoinError) {
        let Some(pool) = self.whose.remove(&error.id()) else { return };
        log::error!(
            "pool {pool}: its probes ended, which is a bug, and are started again: {error}"
        );
        let Some(job) = self.jobs.get_mut(&pool) else { return };
        let task = (self.start)(job.given.subscribe());
        job.task = self.tasks.spawn(async move {
            sleep(REST).await;
            task.await
        });
        self.whose.insert(job.task.id(), pool);
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::sync::Mutex;

    use tokio::time::timeout;

    use super::*;

    /// What each task was given, in order.
    type Seen = Arc<Mutex<Vec<u32>>>;

    fn supervisor(bugs: usize) -> (Supervisor<u32>, Seen) {
        let seen = Seen::default();
        let starts = Arc::new(Mutex::new(0));
        let supervisor = Supervisor::new({
            let seen = seen.clone();
            move |mut given: watch::Receiver<u32>| {
                let (seen, starts) = (seen.clone(), starts.clone());
                async move {
                    let earlier = std::mem::replace(&mut *starts.lock().unwrap(), usize::MAX);
                    *starts.lock().unwrap() = earlier.wrapping_add(1);
                    assert!(earlier >= bugs, "a bug");
                    loop {
                        let now = *given.borrow_and_update();
                        seen.lock().unwrap().push(now);
                        if given.changed().await.is_err() {
                            pending::<()>().await;
                        }
                    }
                }
            }
        });
        (supervisor, seen)
    }

    fn jobs(jobs: &[(&str, u32)]) -> HashMap<Arc<str>, u32> {
        jobs.iter().map(|(pool, job)| (Arc::from(*pool), *job)).collect()
    }

    async fn rest(supervisor: &mut Supervisor<u32>, time: Duration) {
        let ended = async {
            loop {
                supervisor.ended().await;
            }
        };
        timeout(time, ended).await.unwrap_err();
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_panics_is_started_again_after_a_rest() {
        let (mut supervisor, seen) = supervisor(3);
        supervisor.supervise(jobs(&[("web", 7)]));
        rest(&mut supervisor, REST * 5 / 2).await;
        assert_eq!(*seen.lock().unwrap(), []);
        rest(&mut supervisor, REST).await;
        assert_eq!(*seen.lock().unwrap(), [7]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_reload_gives_on_what_is_new_and_disturbs_nobody_else() {
        let (mut supervisor, seen) = supervisor(0);
        supervisor.supervise(jobs(&[("web", 1), ("api", 2)]));
        rest(&mut supervisor, REST).await;
        supervisor.supervise(jobs(&[("web", 3), ("api", 2), ("new", 4)]));
        rest(&mut supervisor, REST).await;
        supervisor.supervise(jobs(&[("new", 5)]));
        rest(&mut supervisor, REST).await;
        let mut seen = seen.lock().unwrap().clone();
        seen.sort_unstable();
        assert_eq!(seen, [1, 2, 3, 4, 5]);
        assert_eq!((supervisor.tasks.len(), supervisor.whose.len()), (1, 1));
    }
}
