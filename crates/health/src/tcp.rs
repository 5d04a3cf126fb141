//! The TCP probe: connects, with TLS where the pool has it, and closes.

use std::sync::Arc;

use async_trait::async_trait;
use pingora_core::Result;
use pingora_core::connectors::TransportConnector;
use pingora_core::upstreams::peer::HttpPeer;
use pingora_load_balancing::Backend;
use pingora_load_balancing::health_check::HealthCheck;
use switchback_core::plan::{HealthPlan, PoolPlan};

use crate::http::{peer, to};

pub(crate) struct Tcp {
    peer: HttpPeer,
    rise: usize,
    fall: usize,
    connector: Arc<TransportConnector>,
}

impl Tcp {
    pub(crate) fn new(
        pool: &PoolPlan,
        plan: &HealthPlan,
        connector: Arc<TransportConnector>,
    ) -> Self {
        let (rise, fall) = (plan.rise.get() as usize, plan.fall.get() as usize);
        Self { peer: peer(pool, plan, pool.protocol), rise, fall, connector }
    }
}

#[async_trait]
impl HealthCheck for Tcp {
    async fn check(&self, target: &Backend) -> Result<()> {
        self.connector.new_stream(&to(&self.peer, target, None)).await.map(drop)
    }

    fn health_threshold(&self, success: bool) -> usize {
        if success { self.rise } else { self.fall }
    }
}
