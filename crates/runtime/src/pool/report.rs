//! A pool as operators are shown it: where each endpoint stands, since when and why.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use switchback_core::Status;
use switchback_core::plan::{Admin, Weight};

use super::telling::Telling;
use super::{Override, PoolHandle};

/// An endpoint, and all that is known of it.
#[derive(Clone, Debug)]
pub struct EndpointReport {
    /// Where it is.
    pub address: SocketAddr,
    /// How it stands.
    pub status: Status,
    /// Since when.
    pub since: SystemTime,
    /// Why: what was said in the log when it came to stand so.
    pub why: Arc<str>,
    /// Until when live traffic keeps it out.
    pub ejected_until: Option<SystemTime>,
    /// Whether connections to it can be made, as far as is known.
    pub reachable: bool,
    /// Its share, as it counts now.
    pub weight: Weight,
    /// Its tier: those of a higher one are for when the lower ones cannot serve.
    pub tier: u8,
    /// Its zone.
    pub zone: Option<Arc<str>>,
    /// What the operator has decided about it, as it counts now.
    pub admin: Admin,
    /// What is overridden.
    pub overridden: Override,
    /// Attempts there that have begun and not ended.
    pub in_flight: u32,
    /// How long it takes to answer, lately.
    pub latency: Option<Duration>,
    /// Its last probe.
    pub last_probe: Option<ProbeReport>,
    /// How attempts have ended: outcome, how often.
    pub outcomes: Vec<(&'static str, u64)>,
}

/// A probe that has a result.
#[derive(Clone, Debug)]
pub struct ProbeReport {
    /// When it ended.
    pub time: SystemTime,
    /// How long it took.
    pub took: Duration,
    /// What went wrong; `None`: nothing.
    pub error: Option<Arc<str>>,
}

/// What is remembered of an endpoint for those who ask.
#[derive(Debug, Default)]
pub(super) struct Story {
    /// What changed its status last; `None`: nothing has.
    pub(super) why: Option<Arc<str>>,
    pub(super) last_probe: Option<ProbeReport>,
    pub(super) telling: Telling,
}

impl PoolHandle {
    /// How many requests wait for an endpoint.
    pub fn waiting(&self) -> usize {
        self.shared.state.lock().pool.waiting()
    }

    /// Shows how long the endpoints take to answer: an average that decays, so it is not shown as it changes.
    pub(crate) fn show_latencies(&self) {
        let now = self.shared.clock.now();
        self.for_each(|state, place, seat| {
            seat.metrics.set_latency(state.pool.endpoints()[place.at()].latency(now));
        });
    }

    /// The endpoints that are configured now, with all that is known of them. Requests wait for the pool's lock,
    /// so under it is only copied what it guards.
    pub fn report(&self) -> Vec<EndpointReport> {
        let (now, wall) = (self.shared.clock.now(), self.shared.clock.wall());
        let untold: Arc<str> = "".into();
        let mut guarded = Vec::with_capacity(self.plan.endpoints.len());
        self.for_each(|state, place, seat| {
            let endpoint = &state.pool.endpoints()[place.at()];
            let report = EndpointReport {
                address: seat.address,
                status: endpoint.status(),
                since: wall - (now - endpoint.since),
                why: untold.clone(),
                ejected_until: endpoint.ejected_until().map(|until| wall + (until - now)),
                reachable: endpoint.is_reachable(),
                weight: endpoint.plan.weight,
                tier: endpoint.plan.tier,
                zone: endpoint.plan.zone.clone(),
                admin: endpoint.plan.admin,
                overridden: state.overrides.get(&seat.address).copied().unwrap_or_default(),
                in_flight: endpoint.in_flight,
                latency: endpoint.latency(now),
                last_probe: None,
                outcomes: Vec::new(),
            };
            guarded.push((seat.clone(), report));
        });
        guarded.into_iter().map(|(seat, report)| self.told(&seat, report)).collect()
    }

    /// With what is remembered of the endpoint.
    fn told(&self, seat: &super::Seat, report: EndpointReport) -> EndpointReport {
        let story = seat.story.lock();
        let why = story.why.clone();
        EndpointReport {
            why: why.unwrap_or_else(|| self.unchanged(report.status).into()),
            last_probe: story.last_probe.clone(),
            outcomes: seat.metrics.outcomes().collect(),
            ..report
        }
    }

    /// Why an endpoint stands as it does that has always stood so.
    fn unchanged(&self, status: Status) -> &'static str {
        match status {
            Status::Healthy if self.plan.health.is_none() => {
                "no probes are configured, and traffic goes well"
            }
            Status::Pending => "its first probe has no result yet",
            _ => "the configuration says so",
        }
    }
}
