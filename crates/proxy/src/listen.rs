//! The Pingora service that carries the proxy, on all listeners. To Pingora all of them are plain: TLS
//! is [`crate::tls`]'s.

use std::sync::Arc;

use pingora_core::server::configuration::ServerConf;
use pingora_core::services::ServiceWithDependents;
use pingora_core::services::listening::Service;
use pingora_proxy::http_proxy;
use switchback_core::plan::ListenerPlan;
use switchback_runtime::Gateway;

use crate::guard::GuardedApp;
use crate::service::Proxy;
use crate::tls::TlsListeners;

/// The service for clients.
pub fn service(
    gateway: &Arc<Gateway>,
    listeners: &[ListenerPlan],
    conf: &Arc<ServerConf>,
) -> impl ServiceWithDependents + 'static {
    let proxy = http_proxy(conf, Proxy::new(gateway.clone()));
    let app = GuardedApp::new(proxy, gateway.clock, TlsListeners::new(gateway, listeners));
    let mut service = Service::new("proxy".to_owned(), app);
    for listener in listeners {
        service.add_tcp(&listener.address.to_string());
    }
    service
}
