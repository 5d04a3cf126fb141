//! One configuration, as it runs.
//!
//! A generation is built beside the running one and swapped in whole. A request holds the generation
//! that it began with until it ends.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use switchback_core::plan::{Plan, PoolPlan, RoutePlan};
use switchback_core::route::RouteTable;
use switchback_core::{PoolIndex, Status};
use switchback_telemetry::{Metrics, RouteMetrics};

use crate::clock::Clock;
use crate::idle::Idle;
use crate::listener_tls::ListenerTls;
use crate::pool::PoolHandle;

/// One configuration, as it runs.
#[derive(Debug)]
pub struct Generation {
    /// Counts the configurations of this process, from 1.
    pub number: u64,
    /// The configuration.
    pub plan: Plan,
    /// The pools, in the order of the plan.
    pub pools: Vec<Arc<PoolHandle>>,
    routes: Vec<RouteHandle>,
    table: RouteTable,
    unrouted: Arc<RouteMetrics>,
    /// Of the listeners with TLS.
    tls: HashMap<SocketAddr, Arc<ListenerTls>>,
}

/// A route, with its metrics.
#[derive(Debug)]
pub struct RouteHandle {
    /// The configuration.
    pub plan: RoutePlan,
    /// The route's metrics.
    pub metrics: Arc<RouteMetrics>,
}

impl Generation {
    /// The route label of requests that no route matched.
    const UNROUTED: &str = "none";

    /// Builds what runs from the first configuration.
    pub(crate) fn first(plan: Plan, metrics: &Metrics, clock: Clock, idle: &Idle) -> Self {
        let pool =
            |pool: &PoolPlan| Arc::new(PoolHandle::new(pool.clone(), metrics, clock, idle.clone()));
        let pools = plan.pools.iter().map(pool).collect();
        Self::with(None, plan, pools, metrics)
    }

    /// Builds what runs from the configuration that follows this one. Pools of the same name go on with
    /// what is known of them; one whose configuration is the same is not touched at all.
    pub(crate) fn next(&self, plan: Plan, metrics: &Metrics, clock: Clock, idle: &Idle) -> Self {
        let running: HashMap<&str, &Arc<PoolHandle>> =
            self.pools.iter().map(|pool| (&*pool.plan.name, pool)).collect();
        let pool = |pool: &PoolPlan| match running.get(&*pool.name) {
            Some(running) if running.plan == *pool => (*running).clone(),
            Some(running) => running.reconfigured(pool.clone(), metrics),
            None => Arc::new(PoolHandle::new(pool.clone(), metrics, clock, idle.clone())),
        };
        let pools = plan.pools.iter().map(pool).collect();
        Self::with(Some(self), plan, pools, metrics)
    }

    fn with(
        previous: Option<&Self>,
        plan: Plan,
        pools: Vec<Arc<PoolHandle>>,
        metrics: &Metrics,
    ) -> Self {
        let route =
            |plan: RoutePlan| RouteHandle { metrics: metrics.route(plan.name.clone()), plan };
        let tls = plan.listeners.iter().filter_map(|listener| {
            let running = previous.and_then(|previous| previous.tls.get(&listener.address));
            let tls = ListenerTls::of(listener.tls.as_ref()?, listener.http2, running);
            Some((listener.address, tls))
        });
        Self {
            number: previous.map_or(0, |previous| previous.number) + 1,
            tls: tls.collect(),
            pools,
            table: RouteTable::new(plan.routes.iter().map(|route| (&route.host, &route.path))),
            routes: plan.routes.iter().cloned().map(route).collect(),
            unrouted: metrics.route(Self::UNROUTED),
            plan,
        }
    }

    /// The position of the most specific route of a request.
    pub fn find_route(&self, host: &str, path: &str) -> Option<usize> {
        self.table.find(host, path)
    }

    /// The route at a position that [`Self::find_route`] gave.
    pub fn route(&self, position: usize) -> &RouteHandle {
        &self.routes[position]
    }

    /// The metrics of a request: its route's, or those of requests that no route matched.
    pub fn route_metrics(&self, route: Option<usize>) -> &RouteMetrics {
        route.map_or(&self.unrouted, |position| &self.routes[position].metrics)
    }

    /// A pool.
    pub fn pool(&self, index: PoolIndex) -> &Arc<PoolHandle> {
        &self.pools[index.at()]
    }

    /// TLS of the listener on an address; `None` where it has none.
    pub fn tls(&self, listener: SocketAddr) -> Option<&Arc<ListenerTls>> {
        self.tls.get(&listener)
    }

    /// Pools with endpoints whose first probe has no result yet.
    pub fn unprobed_pools(&self) -> impl Iterator<Item = &PoolHandle> {
        self.pools
            .iter()
            .map(Arc::as_ref)
            .filter(|pool| pool.plan.health.is_some() && pool.count(Status::Pending) > 0)
    }
}
