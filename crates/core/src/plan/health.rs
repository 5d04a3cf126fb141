//! Active health checks.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use super::StatusSet;

/// Active health checks of a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthPlan {
    /// What a probe does.
    pub probe: ProbePlan,
    /// Between the starts of two probes of one endpoint.
    pub interval: Duration,
    /// The longest interval while the status is about to turn.
    pub fast_interval: Duration,
    /// For a whole probe, connecting included.
    pub timeout: Duration,
    /// Passing probes in a row that make a failing endpoint healthy.
    pub rise: NonZeroU32,
    /// Failing probes in a row that make a healthy endpoint failing.
    pub fall: NonZeroU32,
    /// Probes on the way at once, over the whole pool.
    pub concurrency: NonZeroU32,
}

impl Default for HealthPlan {
    /// TCP, because only the operator knows a path to ask for. An interval of 2 s, then two of 500 ms,
    /// find an endpoint that refuses in 1 to 3 s and one that hangs in 3 to 5 s; two passes to return
    /// keep a flapping one out. 64 at once bound the burst on a large pool.
    fn default() -> Self {
        let count = |n: u32| NonZeroU32::MIN.saturating_add(n - 1);
        Self {
            probe: ProbePlan::Tcp,
            interval: Duration::from_secs(2),
            fast_interval: Duration::from_millis(500),
            timeout: Duration::from_secs(1),
            rise: count(2),
            fall: count(3),
            concurrency: count(64),
        }
    }
}

/// What a probe does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbePlan {
    /// Connects (with TLS, where the pool has it), and closes.
    Tcp,
    /// Sends `GET path` and looks at the status.
    Http {
        /// The path, with its query; begins with `/`.
        path: Arc<str>,
        /// The statuses that pass.
        expect: StatusSet,
        /// The port to probe, where it is not the endpoint's own.
        port: Option<u16>,
    },
    /// Asks the gRPC health service (`grpc.health.v1.Health/Check`), over HTTP/2 whatever the pool
    /// speaks; `SERVING` passes.
    Grpc {
        /// The service asked about; empty: the server as a whole.
        service: Arc<str>,
        /// The port to probe, where it is not the endpoint's own.
        port: Option<u16>,
    },
}
