//! What became of a load.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::time::Duration;

use crate::{ClientError, End, Response};

/// One request of a load.
#[derive(Debug, Clone)]
pub struct Sample {
    /// Its `x-test-id`.
    pub id: String,
    /// The method.
    pub method: String,
    /// The status, also of an answer that was cut off.
    pub status: Option<u16>,
    /// Why there was no complete answer.
    pub error: Option<String>,
    /// The backend that answered, by its `x-backend` header; `None` if the gateway did itself.
    pub backend: Option<String>,
    /// From the start (connecting included) to the end of the answer.
    pub latency: Duration,
    /// When it began, counted from the load's start.
    pub at: Duration,
}

/// Requests of one method.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// All of them.
    pub total: usize,
    /// Those that failed.
    pub failed: usize,
}

/// The outcome of a load.
#[derive(Debug, Clone)]
pub struct Report {
    /// All requests.
    pub total: usize,
    /// Those that did not fail.
    pub ok: usize,
    /// Those that did: no complete answer, or a status of 500 or above.
    pub failures: Vec<Sample>,
    /// All of them in order of their start.
    pub samples: Vec<Sample>,
    /// How many answers had which status, complete or not.
    pub by_status: BTreeMap<u16, usize>,
    /// Requests by method.
    pub by_method: BTreeMap<String, Tally>,
    /// Kept connections that were found closed before a request was written.
    pub reconnects: u64,
    /// Clients that left ([`Load::leave_every`](crate::Load::leave_every)); they are in no other count.
    pub left: u64,
    /// Half of all requests took at most this.
    pub p50: Duration,
    /// 99 of 100 requests took at most this.
    pub p99: Duration,
    /// The slowest took this.
    pub max: Duration,
    /// From the first start to the last end.
    pub elapsed: Duration,
}

impl Sample {
    pub(crate) fn of(
        id: String,
        method: &str,
        result: Result<Response, ClientError>,
        latency: Duration,
        at: Duration,
    ) -> Self {
        let backend = result.as_ref().ok().and_then(|answer| answer.header("x-backend"));
        let backend = backend.map(str::to_owned);
        let (status, error) = match result {
            Ok(answer) if answer.complete => (Some(answer.status), None),
            Ok(Response { status, end: End::CutOff, .. }) => (Some(status), Some("cut off".into())),
            Ok(answer) => (Some(answer.status), Some(format!("body: {:?}", answer.end))),
            Err(e) => (None, Some(e.to_string())),
        };
        Self { id, method: method.to_owned(), status, error, backend, latency, at }
    }

    /// No complete answer, or a status of 500 or above.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        self.error.is_some() || self.status.is_some_and(|status| status >= 500)
    }
}

impl Report {
    pub(crate) fn of(samples: Vec<Sample>, elapsed: Duration) -> Self {
        let (mut by_status, mut by_method) = (BTreeMap::new(), BTreeMap::<String, Tally>::new());
        for sample in &samples {
            if let Some(status) = sample.status {
                *by_status.entry(status).or_default() += 1;
            }
            let tally = by_method.entry(sample.method.clone()).or_default();
            tally.total += 1;
            tally.failed += usize::from(sample.is_failure());
        }
        let failures: Vec<_> = samples.iter().filter(|s| s.is_failure()).cloned().collect();
        let mut latencies: Vec<_> = samples.iter().map(|s| s.latency).collect();
        latencies.sort_unstable();
        Self {
            total: samples.len(),
            ok: samples.len() - failures.len(),
            failures,
            by_status,
            by_method,
            reconnects: 0,
            left: 0,
            p50: percentile(&latencies, 50),
            p99: percentile(&latencies, 99),
            max: percentile(&latencies, 100),
            samples,
            elapsed,
        }
    }

    pub(crate) fn with(self, reconnects: u64, left: u64) -> Self {
        Self { reconnects, left, ..self }
    }

    /// The same of those requests that began within this span; reconnects and departures are not
    /// known by time and left out.
    #[must_use]
    pub fn between(&self, span: Range<Duration>) -> Self {
        let samples = self.samples.iter().filter(|sample| span.contains(&sample.at));
        Self::of(samples.cloned().collect(), span.end.min(self.elapsed).saturating_sub(span.start))
    }

    /// Successful answers a second.
    #[must_use]
    pub fn goodput(&self) -> f64 {
        self.ok as f64 / self.elapsed.as_secs_f64()
    }

    /// How many failures meet a condition.
    pub fn failed(&self, condition: impl Fn(&Sample) -> bool) -> usize {
        self.failures.iter().filter(|sample| condition(sample)).count()
    }

    /// Failures of methods that may be repeated (RFC 9110, section 9.2.2).
    #[must_use]
    pub fn failed_idempotent(&self) -> usize {
        let idempotent = ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"];
        self.failed(|sample| idempotent.contains(&&*sample.method))
    }
}

/// The nearest-rank percentile; zero of nothing.
fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

impl fmt::Display for Report {
    /// The counts, and the first failures.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} of {} ok in {:.1?}, p50 {:.1?}, p99 {:.1?}, max {:.1?}, status {:?}, {} reconnects",
            self.ok,
            self.total,
            self.elapsed,
            self.p50,
            self.p99,
            self.max,
            self.by_status,
            self.reconnects
        )?;
        for failure in self.failures.iter().take(10) {
            let (status, error) = (failure.status.unwrap_or(0), failure.error.as_deref());
            let (id, method) = (&failure.id, &failure.method);
            let error = error.unwrap_or("answered");
            writeln!(f, "  {id} {method} at {:.1?}: {status} {error}", failure.at)?;
        }
        Ok(())
    }
}
