//! The Pingora service that carries the proxy, on all listeners. To Pingora all of them are plain, and
//! what comes in is [`crate::edge`]'s.

use std::sync::Arc;

use pingora_core::apps::HttpServerOptions;
use pingora_core::listeners::{L4BufferSettings, ListenerConfig};
use pingora_core::server::configuration::ServerConf;
use pingora_core::services::ServiceWithDependents;
use pingora_core::services::listening::Service;
use pingora_proxy::http_proxy;
use switchback_core::plan::ListenerPlan;
use switchback_runtime::Gateway;

use crate::edge::Edge;
use crate::service::Proxy;
use crate::tls::TlsListeners;

/// The service for clients.
pub fn service(
    gateway: &Arc<Gateway>,
    listeners: &[ListenerPlan],
    conf: &Arc<ServerConf>,
) -> impl ServiceWithDependents + 'static {
    let mut proxy = http_proxy(conf, Proxy::new(gateway.clone()));
    // Pingora would answer CONNECT by itself, without a line in the log. It is refused like what else may
    // not go through.
    let mut options = HttpServerOptions::default();
    options.allow_connect_method_proxying = true;
    proxy.server_options = Some(options);
    let app = Edge::new(proxy, gateway.clone(), TlsListeners::new(gateway, listeners));
    let mut service = Service::new("proxy".to_owned(), app);
    for listener in listeners {
        let config = ListenerConfig::tcp(listener.address.to_string())
            // A connection would have them also while its client is silent: [`crate::edge`] has its own.
            .l4_buffer(L4BufferSettings::unbuffered());
        service.add_listener(config);
    }
    service
}
