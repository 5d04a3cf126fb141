//! The Pingora service that carries the proxy, on all listeners.

use std::sync::Arc;

use pingora_core::server::configuration::ServerConf;
use pingora_core::services::Service;
use pingora_proxy::http_proxy_service_with_name;
use switchback_core::plan::ListenerPlan;
use switchback_runtime::Gateway;

use crate::service::Proxy;

/// The service for clients.
pub fn services(
    gateway: &Arc<Gateway>,
    listeners: &[ListenerPlan],
    conf: &Arc<ServerConf>,
) -> impl Service + 'static {
    let mut service = http_proxy_service_with_name(conf, Proxy::new(gateway.clone()), "proxy");
    for listener in listeners {
        service.add_tcp(&listener.address.to_string());
    }
    service
}
