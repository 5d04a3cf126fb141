//! Caddy, with one thread at a time that runs its code (`GOMAXPROCS=1`); collecting garbage has no other. HTTP/3 is off. A route is
//! a site.

use super::Setup;
use crate::scenario::{Wire, host};
use crate::tls::Certificate;

pub(super) fn main(setup: &Setup) -> String {
    let port = setup.listen.port();
    let (scheme, tls) = match setup.scenario.wire {
        Wire::Plain => ("http", String::new()),
        Wire::Tls | Wire::H2 => {
            let Certificate { cert, key, .. } = setup.certificate;
            ("https", format!("  tls {} {}\n", cert.display(), key.display()))
        }
    };
    let log = if setup.scenario.log { "  log {\n    output file access.log\n  }\n" } else { "" };
    let endpoints = setup.each(|_, endpoint| format!(" {endpoint}"));
    let ip = setup.listen.ip();
    let main = format!(
        "{{
  admin off
  auto_https off
  servers {{
    protocols h1 h2
  }}
}}
(front) {{
  bind {ip}
{tls}{log}  reverse_proxy{endpoints} {{
    lb_policy round_robin
    transport http {{
      keepalive 60s
      keepalive_idle_conns_per_host 64
    }}
  }}
}}
"
    );
    let site = |name: String| format!("{scheme}://{name}:{port} {{\n  import front\n}}\n");
    match setup.scenario.routes {
        1 => main + &site(String::new()),
        routes => (0..routes).map(host).map(site).fold(main, |text, site| text + &site),
    }
}
