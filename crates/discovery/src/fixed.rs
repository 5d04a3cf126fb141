//! The endpoints that stand in the pool file.

use std::collections::{BTreeSet, HashMap};

use async_trait::async_trait;
use http::Extensions;
use pingora_core::Result;
use pingora_core::protocols::l4::socket::SocketAddr;
use pingora_load_balancing::Backend;
use pingora_load_balancing::discovery::ServiceDiscovery;
use switchback_core::plan::EndpointPlan;

use crate::Extra;

/// A list that does not change.
#[derive(Debug)]
pub struct Fixed {
    backends: BTreeSet<Backend>,
}

impl Fixed {
    /// These endpoints.
    pub fn new(endpoints: &[EndpointPlan]) -> Self {
        let backend = |(order, endpoint): (usize, &EndpointPlan)| {
            let mut ext = Extensions::new();
            ext.insert(Extra { order, plan: endpoint.clone() });
            let addr = SocketAddr::Inet(endpoint.address);
            Backend { addr, weight: usize::from(endpoint.weight.value()), ext }
        };
        Self { backends: endpoints.iter().enumerate().map(backend).collect() }
    }
}

#[async_trait]
impl ServiceDiscovery for Fixed {
    async fn discover(&self) -> Result<(BTreeSet<Backend>, HashMap<u64, bool>)> {
        Ok((self.backends.clone(), HashMap::new()))
    }
}

#[cfg(test)]
mod tests {
    use switchback_core::plan::{Admin, Weight};

    use super::*;

    #[tokio::test]
    async fn what_goes_in_comes_out_in_its_order() {
        let endpoint = |port, weight, tier| EndpointPlan {
            weight: Weight::new(weight).unwrap(),
            tier,
            zone: Some("a".into()),
            admin: Admin::Drain,
            ..EndpointPlan::at(([127, 0, 0, 1], port).into())
        };
        let endpoints = [endpoint(2, 1, 0), endpoint(1, 5, 3)];
        let found = crate::endpoints(&Fixed::new(&endpoints)).await.unwrap();
        assert_eq!(found, endpoints);
    }
}
