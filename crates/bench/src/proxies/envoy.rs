//! Envoy, one worker (`--concurrency 1`). Its limits of connections and requests are raised, for 1,024 are less than there
//! are endpoints; nothing else that it does by default is changed, its request ids and statistics included.

use super::Setup;
use crate::scenario::{Wire, host};
use crate::tls::Certificate;

pub(super) fn main(setup: &Setup) -> String {
    let domain = |route| match setup.scenario.routes {
        1 => "\"*\"".to_owned(),
        _ => host(route),
    };
    let routes = |route: usize| {
        format!(
            "              - {{ name: r{route}, domains: [ {} ], routes: [ {{ match: {{ prefix: / }}, route: {{ cluster: web }} }} ] }}\n",
            domain(route)
        )
    };
    let routes: String = (0..setup.scenario.routes).map(routes).collect();
    let endpoints = setup
        .each(|_, endpoint| format!("        - endpoint: {{ address: {} }}\n", address(endpoint)));
    let log = if setup.scenario.log { LOG } else { "" };
    format!(
        "static_resources:
  listeners:
  - name: front
    address: {listen}
    filter_chains:
    - filters:
      - name: http
        typed_config:
          \"@type\": {TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: front
{log}          route_config:
            virtual_hosts:
{routes}          http_filters:
          - name: router
            typed_config: {{ \"@type\": {TYPES}.filters.http.router.v3.Router }}
{tls}  clusters:
  - name: web
    type: STATIC
    lb_policy: ROUND_ROBIN
    circuit_breakers:
      thresholds: [ {{ max_connections: 100000, max_pending_requests: 100000, max_requests: 100000 }} ]
    load_assignment:
      cluster_name: web
      endpoints:
      - lb_endpoints:
{endpoints}",
        listen = address(&setup.listen),
        tls = tls(setup),
    )
}

/// Where the types of extensions are.
const TYPES: &str = "type.googleapis.com/envoy.extensions";

const LOG: &str = "          access_log:
          - name: file
            typed_config: { \"@type\": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog, path: access.log }
";

fn address(of: &std::net::SocketAddr) -> String {
    format!("{{ socket_address: {{ address: {}, port_value: {} }} }}", of.ip(), of.port())
}

fn tls(setup: &Setup) -> String {
    let protocols = match setup.scenario.wire {
        Wire::Plain => return String::new(),
        Wire::Tls => "http/1.1",
        Wire::H2 => "h2, http/1.1",
    };
    let Certificate { cert, key, .. } = setup.certificate;
    let (cert, key) = (cert.display(), key.display());
    format!(
        "      transport_socket:
        name: tls
        typed_config:
          \"@type\": {TYPES}.transport_sockets.tls.v3.DownstreamTlsContext
          common_tls_context:
            alpn_protocols: [ {protocols} ]
            tls_certificates: [ {{ certificate_chain: {{ filename: {cert} }}, private_key: {{ filename: {key} }} }} ]
"
    )
}
