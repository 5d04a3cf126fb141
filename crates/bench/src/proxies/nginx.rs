//! nginx, one process of one thread. Its shared memory zones, logs and rewriting are left out.

use std::fmt::Write;

use super::Setup;
use crate::scenario::{Wire, host};
use crate::tls::Certificate;

pub(super) fn main(setup: &Setup) -> String {
    let servers = setup.each(|_, endpoint| format!("    server {endpoint};\n"));
    let Certificate { cert, key, .. } = setup.certificate;
    let (tls, kind) = match setup.scenario.wire {
        Wire::Plain => (String::new(), ""),
        // Up to 1.23 TLS 1.3 is not among its defaults.
        Wire::Tls | Wire::H2 => (
            format!(
                "ssl_protocols TLSv1.2 TLSv1.3; ssl_certificate {}; ssl_certificate_key {};",
                cert.display(),
                key.display()
            ),
            if setup.scenario.wire == Wire::H2 { " ssl http2" } else { " ssl" },
        ),
    };
    let log = if setup.scenario.log { "access.log" } else { "off" };
    let mut text = format!(
        "daemon off; master_process off; pid nginx.pid;
worker_rlimit_nofile 20000;
events {{ worker_connections 20000; }}
http {{
  access_log {log};
  keepalive_requests 1000000000; keepalive_timeout 600s;
  client_body_buffer_size 32k;
  server_names_hash_max_size 65536; server_names_hash_bucket_size 128;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  {tls}
  proxy_http_version 1.1; proxy_set_header Connection \"\"; proxy_set_header Host $host;
  upstream web {{
{servers}    keepalive 16384; keepalive_requests 1000000000; keepalive_timeout 60s;
  }}
"
    );
    for route in 0..setup.scenario.routes {
        let name = host(route);
        let _ = writeln!(
            text,
            "  server {{ listen {}{kind}; server_name {name}; location / {{ proxy_pass http://web; }} }}",
            setup.listen
        );
    }
    text + "}\n"
}
