//! Who the endpoints of a pool are.
//!
//! Every source is Pingora's [`ServiceDiscovery`] trait and gives Pingora's [`Backend`]s, so that any
//! implementation of it fits. What a `Backend` has no field for — tier and order — travels as its
//! extension. For now there is one source, the list in the pool file.
//!
//! [`ServiceDiscovery`]: pingora_load_balancing::discovery::ServiceDiscovery
//! [`Backend`]: pingora_load_balancing::Backend

mod fixed;

use std::net::SocketAddr;

use pingora_core::Result;
use pingora_load_balancing::Backend;
use pingora_load_balancing::discovery::ServiceDiscovery;
use switchback_core::plan::{EndpointPlan, Weight};

pub use fixed::Fixed;

/// The endpoints that a source knows now: in the order that it gives them, or else of their addresses.
/// Backends that are no network addresses are left out.
///
/// # Errors
///
/// Those of the source.
pub async fn endpoints(source: &dyn ServiceDiscovery) -> Result<Vec<EndpointPlan>> {
    let (backends, _enabled) = source.discover().await?;
    let mut found: Vec<_> = backends.iter().filter_map(endpoint).collect();
    found.sort_by_key(|(order, _)| *order);
    Ok(found.into_iter().map(|(_, endpoint)| endpoint).collect())
}

fn endpoint(backend: &Backend) -> Option<(usize, EndpointPlan)> {
    let address: SocketAddr = *backend.addr.as_inet()?;
    let weight = u16::try_from(backend.weight).ok().and_then(Weight::new).unwrap_or_default();
    let extra = backend.ext.get::<Extra>();
    let order = extra.map_or(0, |extra| extra.order);
    let plan = extra.map_or_else(|| EndpointPlan::at(address), |extra| extra.plan.clone());
    Some((order, EndpointPlan { address, weight, ..plan }))
}

/// What a `Backend` has no field for, as its extension.
#[derive(Clone, Debug)]
struct Extra {
    /// Pingora keeps backends in the order of their addresses; this is that of the source.
    order: usize,
    /// The rest of the plan.
    plan: EndpointPlan,
}
