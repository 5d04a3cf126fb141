//! What the exporter does: it collects a batch, sends it until it is taken or too old, and begins anew.
//!
//! One export is under way at a time, and what ends meanwhile waits in the queue: so the queue bounds the memory that a
//! collector which is down can cost, and the collector's own pace what a client can make us send. Spans are
//! dropped where the queue is full, where a batch has been refused for good, and where it has been tried for a
//! minute; each is counted.
//!
//! The exporter looks into the queue ten times a second, which costs nothing to speak of, and lets two
//! thousand requests end between two looks. Rejected: being woken, for which every request would pay.

use std::time::Duration;

use switchback_telemetry::Traces;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout};

use crate::batch::Batch;
use crate::collector::{Collector, Refusal};
use crate::message::Resource;
use crate::notice::Notice;

/// Between two looks into the queue.
const TICK: Duration = Duration::from_millis(100);

/// How patient the exporter is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// The first pause after an export that was not taken; each further one is twice as long.
    pub(crate) pause: Duration,
    /// The longest of them.
    pub(crate) longest: Duration,
    /// The longest that a collector may ask for. It is believed no further: a wrong clock, or a
    /// proxy in between, would end the export for the day.
    pub(crate) asked: Duration,
    /// How long one batch is tried.
    pub(crate) patience: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            pause: Duration::from_secs(1),
            longest: Duration::from_secs(30),
            asked: Duration::from_secs(60),
            patience: Duration::from_secs(60),
        }
    }
}

/// Takes requests from the queue to the collector.
pub(crate) struct Exporter {
    traces: Traces,
    collector: Collector,
    resource: Resource,
    pace: Pace,
    /// By how much its pauses are shorter, in per mille, so that gateways do not come back all at once.
    jitter: u32,
    /// Exports in a row that were not taken.
    failures: u32,
    down: Notice,
    rejected: Notice,
}

impl Exporter {
    /// `instance`: random bits.
    pub(crate) fn new(
        traces: Traces,
        collector: Collector,
        resource: Resource,
        pace: Pace,
        instance: u128,
    ) -> Self {
        let jitter = (instance % 250) as u32;
        let (down, rejected) = Default::default();
        Self { traces, collector, resource, pace, jitter, failures: 0, down, rejected }
    }

    /// Works until told to stop, and then for as long as it is told; whether everything was taken.
    pub(crate) async fn run(mut self, mut stop: oneshot::Receiver<Duration>) -> bool {
        let mut batch = Batch::default();
        loop {
            let work = async {
                self.collect(&mut batch).await;
                self.deliver(&mut batch).await;
            };
            tokio::select! {
                deadline = &mut stop => {
                    return match deadline {
                        Ok(deadline) => self.leave(batch, deadline).await,
                        Err(_) => false,
                    };
                }
                () = work => {}
            }
        }
    }

    /// Waits until a batch is due.
    async fn collect(&self, batch: &mut Batch) {
        loop {
            self.fill(batch);
            if batch.is_due() {
                return;
            }
            sleep(TICK).await;
        }
    }

    /// Takes what is queued, as far as there is room for it.
    fn fill(&self, batch: &mut Batch) {
        while !batch.is_full()
            && let Some(traced) = self.traces.take()
        {
            batch.add(&traced);
        }
    }

    /// Sends a batch until it is taken, refused, or too old. It is empty then.
    async fn deliver(&mut self, batch: &mut Batch) {
        let body = batch.encode(&self.resource);
        let since = Instant::now();
        loop {
            let pause = match self.collector.export(body.clone()).await {
                Ok(partial) => {
                    let rejected = u64::try_from(partial.rejected_spans).unwrap_or(0);
                    return self.taken(batch, rejected, &partial.error_message);
                }
                Err(Refusal::Never(why)) => {
                    self.failed(&why);
                    return self.lose(batch);
                }
                Err(Refusal::Later(asked, why)) => {
                    self.failed(&why);
                    self.pause(asked)
                }
            };
            // Too old already: it only pauses for those behind it.
            let too_old = since.elapsed() >= self.pace.patience;
            sleep(pause).await;
            if too_old {
                return self.lose(batch);
            }
        }
    }

    /// Sends all that is queued, each batch once, until one fails.
    async fn leave(mut self, mut batch: Batch, deadline: Duration) -> bool {
        let send = async {
            loop {
                self.fill(&mut batch);
                if batch.is_empty() {
                    return true;
                }
                let body = batch.encode(&self.resource);
                if self.collector.export(body).await.is_err() {
                    return false;
                }
                self.traces.count_exported(batch.len());
                batch = Batch::default();
            }
        };
        timeout(deadline, send).await.unwrap_or(false)
    }

    fn taken(&mut self, batch: &mut Batch, rejected: u64, why: &str) {
        let all = std::mem::take(batch).len();
        let rejected = rejected.min(all);
        self.traces.count_exported(all - rejected);
        self.traces.count_dropped(rejected);
        self.failures = 0;
        if self.down.ends() {
            let (to, dropped) = (&self.collector, self.traces.dropped());
            log::info!("traces: {to} takes spans again; {dropped} dropped since the start");
        }
        if rejected == 0 {
            self.rejected.ends();
        } else if self.rejected.begins() {
            let (to, why) = (&self.collector, why.escape_debug());
            log::warn!("traces: {to} rejects {rejected} of {all} spans: {why}");
        }
    }

    fn failed(&mut self, why: &str) {
        self.failures = self.failures.saturating_add(1);
        if self.down.begins() {
            let (to, most) = (&self.collector, Traces::CAPACITY);
            log::warn!("traces: {to}: {why}; up to {most} requests wait, others are dropped");
        }
    }

    fn lose(&self, batch: &mut Batch) {
        self.traces.count_dropped(std::mem::take(batch).len());
    }

    /// How long to wait before the next export.
    fn pause(&self, asked: Option<Duration>) -> Duration {
        if let Some(asked) = asked {
            return asked.min(self.pace.asked).max(self.pace.pause);
        }
        let doublings = self.failures.saturating_sub(1).min(16);
        let pause = self.pace.pause.saturating_mul(1 << doublings).min(self.pace.longest);
        pause * (1000 - self.jitter) / 1000
    }
}

#[cfg(test)]
impl Exporter {
    /// The pauses after so many failures in a row.
    pub(crate) fn pauses(mut self, failures: u32) -> Vec<Duration> {
        (1..=failures)
            .map(|failures| {
                self.failures = failures;
                self.pause(None)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests;
