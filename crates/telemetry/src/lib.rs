//! What the gateway tells about itself: the access log and the metrics.
//!
//! Both are written from the path of every request, so both are built so that the request pays as
//! little as can be: a record is moved into a queue and formatted elsewhere, a metric is resolved
//! once when a configuration is loaded and is an atomic addition from then on.
//!
//! This crate knows strings and numbers, not the load balancer: outcomes, statuses and reasons come
//! in as names ([`metrics::Vocabulary`]) from the one table that defines them. So a new outcome in
//! `core` needs no line here, and telemetry can be tested without a pool.

pub mod access;
pub mod metrics;
mod origin;
pub mod trace;

pub use access::{
    AccessLog, AccessRecord, AttemptRecord, Failure, Failures, Filter, Guard, PoolState, Sink, Text,
};
pub use metrics::{EndpointMetrics, Metrics, PoolMetrics, RouteMetrics, Vocabulary};
pub use origin::Origin;
pub use trace::{TraceContext, Traced, Traces};
