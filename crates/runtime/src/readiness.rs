//! Whether the gateway should be sent traffic: what a load balancer in front and an orchestrator ask.
//!
//! Ready is a gateway that knows its endpoints, is not leaving, and can serve what it was told must be
//! served. Pools that are not `required` do not count: a load balancer that takes the gateway out for one
//! broken application takes all the others out with it.

use std::fmt;
use std::sync::Arc;

use switchback_core::{Status, Timestamp};

use crate::gateway::Gateway;
use crate::pool::PoolHandle;

/// Why the gateway should get no traffic now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotReady {
    /// It is on its way out.
    Leaving,
    /// The first round of probes of a pool has not ended.
    Probing {
        /// The pool.
        pool: Arc<str>,
    },
    /// A pool that is required has no endpoint that could serve.
    Unserved {
        /// The pool.
        pool: Arc<str>,
    },
}

impl fmt::Display for NotReady {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Leaving => f.write_str("the gateway is leaving"),
            Self::Probing { pool } => write!(f, "pool {pool}: not all probed yet"),
            Self::Unserved { pool } => {
                write!(f, "pool {pool}: required, and no endpoint can serve")
            }
        }
    }
}

impl Gateway {
    /// Whether the gateway should be sent traffic.
    ///
    /// # Errors
    ///
    /// Why not: each condition that is missing, once.
    pub fn readiness(&self) -> Result<(), Vec<NotReady>> {
        let mut missing = Vec::new();
        if self.drain.leaving() && !self.drain.handed_over() {
            missing.push(NotReady::Leaving);
        }
        let generation = self.current();
        let name = |pool: &PoolHandle| pool.plan.name.clone();
        if !self.knows_its_endpoints() {
            let unprobed = generation.unprobed_pools();
            missing.extend(unprobed.map(|pool| NotReady::Probing { pool: name(pool) }));
        }
        let required = generation.pools.iter().filter(|pool| pool.plan.required);
        let unserved = required.filter(|pool| !pool.can_serve());
        missing.extend(unserved.map(|pool| NotReady::Unserved { pool: name(pool) }));
        if missing.is_empty() { Ok(()) } else { Err(missing) }
    }

    /// Whether the first round of probes has ended, or is not waited for any longer: an endpoint that
    /// neither answers nor refuses must not keep the gateway out for ever.
    pub fn knows_its_endpoints(&self) -> bool {
        let generation = self.current();
        self.clock.now() - Timestamp::START >= generation.plan.startup_timeout
            || generation.unprobed_pools().next().is_none()
    }
}

impl PoolHandle {
    /// Whether there is an endpoint that a request would be sent to without despair: none that fails, is
    /// ejected or is switched off.
    pub fn can_serve(&self) -> bool {
        use Status::{Draining, Healthy, Pending, Probation};
        [Healthy, Pending, Draining, Probation].into_iter().any(|status| self.count(status) > 0)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use switchback_core::plan::{Admin, EndpointPlan, HealthPlan, LogFormat, Plan, PoolPlan};
    use switchback_telemetry::{AccessLog, Sink};

    use super::*;
    use crate::Override;

    fn gateway(startup_timeout: Duration, pools: Vec<PoolPlan>) -> Arc<Gateway> {
        let (log, _guard) = AccessLog::start(&Sink::Off, &LogFormat::Json).unwrap();
        Gateway::new(Plan { startup_timeout, ..Plan::of(pools) }, log, "1.2.3")
    }

    fn pool(name: &str, required: bool, health: Option<HealthPlan>) -> PoolPlan {
        let endpoints = vec![EndpointPlan::at(([10, 0, 0, 1], 80).into())];
        PoolPlan { required, health, ..PoolPlan::of(name, endpoints) }
    }

    fn missing(gateway: &Gateway) -> Vec<String> {
        let missing = gateway.readiness().err().unwrap_or_default();
        missing.iter().map(NotReady::to_string).collect()
    }

    const LONG: Duration = Duration::from_secs(3_600);

    #[test]
    fn it_waits_for_the_first_probes_but_not_for_ever() {
        let pools = || vec![pool("web", false, Some(HealthPlan::default())), pool("x", true, None)];
        assert_eq!(missing(&gateway(LONG, pools())), ["pool web: not all probed yet"]);
        assert_eq!(missing(&gateway(Duration::ZERO, pools())), [""; 0]);
        let gateway = gateway(LONG, pools());
        let pool = &gateway.current().pools[0];
        let endpoint = pool.endpoints()[0];
        for _ in 0..3 {
            let failed = Err("refused".to_owned());
            pool.probed(endpoint.place, endpoint.address, failed, Duration::ZERO);
        }
        assert_eq!(missing(&gateway), [""; 0], "a pool that is not required may be dead");
    }

    #[test]
    fn a_required_pool_must_have_somebody_who_serves() {
        let gateway = gateway(LONG, vec![pool("web", true, None), pool("api", false, None)]);
        assert_eq!(gateway.readiness(), Ok(()));
        let off = Override { admin: Some(Admin::Disabled), weight: None };
        for pool in ["web", "api"] {
            gateway.override_endpoint(pool, ([10, 0, 0, 1], 80).into(), off).unwrap();
        }
        assert_eq!(missing(&gateway), ["pool web: required, and no endpoint can serve"]);
        gateway.drain.leave();
        assert_eq!(missing(&gateway)[0], "the gateway is leaving");
    }

    #[test]
    fn who_was_handed_over_is_as_ready_as_before() {
        let gateway = gateway(LONG, vec![pool("web", false, None)]);
        gateway.drain.hand_over();
        assert!(gateway.drain.leaving());
        assert_eq!(gateway.readiness(), Ok(()));
    }
}
