//! Requests whose spans are exported: the handle that they are given to, and the queue behind it.
//!
//! As with the access log, the request path moves what it knows, boxed, into a bounded lock-free ring, and
//! wakes nobody. Spans are made of it and sent elsewhere (`switchback-traces`), which looks by itself.
//! Here is only what the request path needs, so that it depends neither on protobuf nor on an HTTP
//! client.
//!
//! The bound is a promise to the request path, and to whoever runs the gateway: a client that asks for
//! every one of its requests to be traced can take the place of others in the queue, and no more than
//! that. What had no place is counted.

mod context;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_queue::ArrayQueue;
use switchback_core::plan::{Ratio, TracingPlan};

pub use context::{SpanId, TraceContext, TraceId};

use crate::access::AccessRecord;

/// A handle on the export of traces; clones share one queue.
#[derive(Clone, Debug)]
pub struct Traces(Option<Arc<Shared>>);

/// A request that has ended and whose spans are to be exported.
#[derive(Clone, Debug)]
pub struct Traced {
    /// Which trace it belongs to, and what its spans are called.
    pub context: TraceContext,
    /// Its line of the access log.
    pub record: AccessRecord,
    /// Who connected: the client, or a proxy before us.
    pub peer: IpAddr,
    /// Whether the client came over TLS.
    pub over_tls: bool,
    /// Whether it went to its endpoints over TLS.
    pub endpoint_over_tls: bool,
    /// Whether it went to its endpoints over HTTP/2.
    pub endpoint_over_h2: bool,
}

#[derive(Debug)]
struct Shared {
    queue: ArrayQueue<Box<Traced>>,
    /// A trace is sampled if its number is below.
    bound: u64,
    dropped: AtomicU64,
    exported: AtomicU64,
}

impl Traced {
    /// How many spans it has: its own, and one for each attempt.
    #[must_use]
    pub fn spans(&self) -> u64 {
        1 + self.record.attempts.len() as u64
    }
}

impl Traces {
    /// Requests that may wait to be exported.
    pub const CAPACITY: usize = 2048;

    /// The export by this plan; without one, nothing is traced. Somebody has to take what is queued.
    #[must_use]
    pub fn new(plan: Option<&TracingPlan>) -> Self {
        Self(plan.map(|plan| {
            Arc::new(Shared {
                queue: ArrayQueue::new(Self::CAPACITY),
                bound: bound(plan.sample),
                dropped: AtomicU64::new(0),
                exported: AtomicU64::new(0),
            })
        }))
    }

    /// Whether nothing is traced.
    #[must_use]
    pub fn is_off(&self) -> bool {
        self.0.is_none()
    }

    /// Whether a trace that begins here is exported: always the same for one id, as OpenTelemetry's
    /// `TraceIdRatioBased` sampler has it.
    #[must_use]
    pub fn samples(&self, trace: TraceId) -> bool {
        let [.., a, b, c, d, e, f, g, h] = trace;
        let number = u64::from_be_bytes([a, b, c, d, e, f, g, h]) >> 1;
        self.0.as_ref().is_some_and(|shared| number < shared.bound)
    }

    /// Queues a request. Never blocks: if the queue is full, it is dropped and its spans are counted.
    pub fn export(&self, traced: Box<Traced>) {
        let Some(shared) = &self.0 else { return };
        if let Err(traced) = shared.queue.push(traced) {
            shared.dropped.fetch_add(traced.spans(), Ordering::Relaxed);
        }
    }

    /// The next request that waits to be exported.
    #[must_use]
    pub fn take(&self) -> Option<Box<Traced>> {
        self.0.as_ref()?.queue.pop()
    }

    /// Counts spans that were lost behind the queue.
    pub fn count_dropped(&self, spans: u64) {
        if let Some(shared) = &self.0 {
            shared.dropped.fetch_add(spans, Ordering::Relaxed);
        }
    }

    /// Counts spans that a collector has taken.
    pub fn count_exported(&self, spans: u64) {
        if let Some(shared) = &self.0 {
            shared.exported.fetch_add(spans, Ordering::Relaxed);
        }
    }

    /// Spans that were lost: the queue was full, or the collector would not have them.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.0.as_ref().map_or(0, |shared| shared.dropped.load(Ordering::Relaxed))
    }

    /// Spans that a collector has taken.
    #[must_use]
    pub fn exported(&self) -> u64 {
        self.0.as_ref().map_or(0, |shared| shared.exported.load(Ordering::Relaxed))
    }
}

/// The share of the 63-bit numbers that is sampled.
fn bound(sample: Ratio) -> u64 {
    sample.of(1 << 63)
}

#[cfg(test)]
mod tests;
