//! HAProxy, one thread. Where there are many routes, a map finds them, as its documentation advises. It would close idle
//! connections to endpoints beyond a quarter of its descriptors, which ten thousand endpoints are.

use super::Setup;
use crate::scenario::{Wire, host};

pub(super) fn main(setup: &Setup) -> String {
    let bind = match setup.scenario.wire {
        Wire::Plain => String::new(),
        Wire::Tls => format!(" ssl crt {} alpn http/1.1", setup.certificate.both.display()),
        Wire::H2 => format!(" ssl crt {} alpn h2,http/1.1", setup.certificate.both.display()),
    };
    // Standard output is a file.
    let log =
        if setup.scenario.log { "  log stdout format raw local0\n  option httplog\n" } else { "" };
    let chosen = match setup.scenario.routes {
        1 => "default_backend web".to_owned(),
        _ => {
            let map = setup.folder.join("hosts.map");
            format!("use_backend %[req.hdr(host),lower,map({})]", map.display())
        }
    };
    let servers = setup.each(|n, endpoint| format!("  server s{n} {endpoint}\n"));
    format!(
        "global
  nbthread 1
  no strict-limits
  maxconn 12000
  tune.pool-low-fd-ratio 80
  tune.pool-high-fd-ratio 90
defaults
  mode http
  timeout connect 5s
  timeout client 600s
  timeout server 600s
  timeout http-keep-alive 600s
{log}frontend front
  bind {}{bind}
  {chosen}
backend web
  balance roundrobin
  http-reuse always
{servers}",
        setup.listen
    )
}

pub(super) fn map(setup: &Setup) -> String {
    (0..setup.scenario.routes).map(|route| format!("{} web\n", host(route))).collect()
}
