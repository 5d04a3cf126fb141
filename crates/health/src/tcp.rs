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
use crate::plain;

pub(crate) struct Tcp {
    /// `None`: a TCP connection is all.
    peer: Option<HttpPeer>,
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
        let peer = (!plain::is_enough(pool)).then(|| peer(pool, plan, pool.protocol));
        Self { peer, rise, fall, connector }
    }
}

#[async_trait]
impl HealthCheck for Tcp {
    async fn check(&self, target: &Backend) -> Result<()> {
        match &self.peer {
            None => plain::connect(target, None).await.map(drop),
            Some(peer) => {
                // Boxed, as most probes are without it.
                Box::pin(self.connector.new_stream(&to(peer, target, None))).await.map(drop)
            }
        }
    }

    fn health_threshold(&self, success: bool) -> usize {
        if success { self.rise } else { self.fall }
    }
}
