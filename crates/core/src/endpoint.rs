//! What a pool knows of one endpoint while it runs.

use crate::health::Probes;
use crate::plan::EndpointPlan;
use crate::time::Timestamp;

/// The one status of an endpoint, and with it its rung on the [ladder](crate::ladder).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// Probes pass, or none are configured.
    Healthy,
    /// Not probed yet.
    Pending,
    /// Probes fail.
    Failing,
}

impl Status {
    /// All of them, best first.
    pub const ALL: [Self; 3] = [Self::Healthy, Self::Pending, Self::Failing];

    /// Its position in [`Self::ALL`].
    pub fn position(self) -> usize {
        self as usize
    }

    /// The word in logs, metrics and the admin API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Pending => "pending",
            Self::Failing => "failing",
        }
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One endpoint of a running pool.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// What the configuration says.
    pub plan: EndpointPlan,
    /// Attempts begun and not ended.
    pub in_flight: u32,
    /// When it came to its status.
    pub since: Timestamp,
    /// What its probes said.
    pub(crate) probes: Probes,
}

impl Endpoint {
    pub(crate) fn new(plan: EndpointPlan, probed: bool, now: Timestamp) -> Self {
        Self { plan, in_flight: 0, since: now, probes: Probes::new(probed) }
    }

    /// The status.
    pub fn status(&self) -> Status {
        self.probes.status()
    }
}
