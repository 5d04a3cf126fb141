//! The gateway: everything that it does by default, but for the access log and the pace of probes.

use std::fmt::Write;

use super::Setup;
use crate::scenario::{Wire, host};
use crate::tls::Certificate;

pub(super) fn main(setup: &Setup) -> String {
    let tls = match setup.scenario.wire {
        Wire::Plain => String::new(),
        Wire::Tls | Wire::H2 => {
            let Certificate { cert, key, .. } = setup.certificate;
            let (cert, key) = (cert.display(), key.display());
            format!(", tls: {{ certificates: [ {{ cert: {cert}, key: {key} }} ] }}")
        }
    };
    let log = if setup.scenario.log { "{ file: access.log }" } else { "\"off\"" };
    let mut text = format!(
        "listeners: [ {{ address: {}{tls} }} ]\n\
         admin: {{ socket: admin.sock }}\n\
         access_log: {log}\n\
         threads: 1\n\
         client_keepalive: 10m\n\
         limits: {{ connections: 12000 }}\n\
         pools: pools/*.yaml\n\
         routes:\n",
        setup.listen
    );
    for route in 0..setup.scenario.routes {
        // Writing to a string does not fail.
        let _ = writeln!(text, "  - {{ host: {}, pool: web }}", host(route));
    }
    text
}

pub(super) fn pool(setup: &Setup) -> String {
    let endpoints = setup.each(|_, endpoint| format!("  - {endpoint}\n"));
    format!(
        "health: {{ tcp: {{}}, interval: 60s }}\ntimeouts: {{ keepalive: 60s }}\nendpoints:\n{endpoints}"
    )
}
