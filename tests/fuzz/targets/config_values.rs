//! Any text as the value of each key: the first byte says of which, the second how it is written.

#![no_main]

use libfuzzer_sys::fuzz_target;

/// `@` is the value. Those with `endpoints` are pools.
const PLACES: &[&str] = &[
    "listeners: [ @ ]\npools: p/*.yaml\nroutes: [ { pool: web } ]\n",
    "listeners: [ 0.0.0.0:80 ]\npools: @\nroutes: [ { pool: web } ]\n",
    "listeners: [ 0.0.0.0:80 ]\npools: p/*.yaml\nadmin: { address: @ }\nroutes: [ { pool: web } ]\n",
    "listeners: [ 0.0.0.0:80 ]\npools: p/*.yaml\ntrusted_proxies: [ @ ]\nroutes: [ { pool: web } ]\n",
    "listeners: [ 0.0.0.0:80 ]\npools: p/*.yaml\naccess_log: @\nroutes: [ { pool: web } ]\n",
    "listeners: [ 0.0.0.0:80 ]\npools: p/*.yaml\ndrain: { delay: @, timeout: @ }\nroutes: [ { pool: web } ]\n",
    "listeners: [ 0.0.0.0:80 ]\npools: p/*.yaml\nthreads: @\nzone: @\nroutes: [ { pool: web } ]\n",
    "listeners: [ 0.0.0.0:80 ]\npools: p/*.yaml\nroutes: [ { pool: @ } ]\n",
    "listeners: [ 0.0.0.0:80 ]\npools: p/*.yaml\nroutes: [ { host: @, pool: web }, { path: @, redirect: { to: @, status: 301 } }, { path: { exact: @ }, redirect: { to: @ } } ]\n",
    "listeners: [ 0.0.0.0:80 ]\npools: p/*.yaml\nroutes: [ { path: { regex: @ }, pool: web }, { path: /a/b, pool: web }, { path: { exact: @ }, pool: web } ]\n",
    "listeners: [ 0.0.0.0:80 ]\npools: p/*.yaml\nroutes: [ { split: [ { pool: web, weight: @ } ], timeouts: { request: @ }, retry: { attempts: @, statuses: @, backoff: @, max_backoff: @ } } ]\n",
    "listeners: [ { address: 0.0.0.0:80, http2: @, proxy_protocol: @, readiness: @ } ]\npools: p/*.yaml\nroutes: [ { pool: web, max_body: @ } ]\n",
    "listeners: [ { address: 0.0.0.0:443, tls: { certificates: [ { cert: @, key: @ } ], min_version: @, client_certificates: { ca: @, required: @ } } } ]\npools: p/*.yaml\nroutes: [ { pool: web } ]\n",
    "listeners: [ 0.0.0.0:80 ]\npools: p/*.yaml\nforwarded: @\nunderscores: @\nstartup_timeout: @\nlimits: { connections: @, header_size: @, target_size: @, header_timeout: @, body_rate: @, http2_resets: @ }\nroutes: [ { pool: web } ]\n",
    "endpoints: [ @ ]\n",
    "endpoints: [ { address: 10.0.0.1:80, weight: @, tier: @, zone: @, max_requests: @, drain: @ } ]\n",
    "endpoints: [ 10.0.0.1:80 ]\nbalance: ring_hash\nhash: @\nslow_start: @\n",
    "endpoints: [ 10.0.0.1:80 ]\nbalance: @\nhash: { key: @, bounded_load: @ }\nslow_start: { duration: @, from: @ }\n",
    "endpoints: [ 10.0.0.1:80 ]\nsticky: { cookie: @, secret: @, max_age: @, secure: @, same_site: @ }\n",
    "endpoints: [ 10.0.0.1:80 ]\nhost: @\ntls: { sni: @, verify: @, ca: @, certificate: { cert: @, key: @ } }\nprotocol: @\nproxy_protocol: @\nrequired: @\n",
    "endpoints: [ 10.0.0.1:80 ]\nhealth: { http: { path: @, expect: @, port: @ } }\n",
    "endpoints: [ 10.0.0.1:80 ]\nhealth: { grpc: { service: @ }, interval: @, fast_interval: @, timeout: @, rise: @, fall: @ }\n",
    "endpoints: [ 10.0.0.1:80 ]\nejection: { consecutive: @, statuses: @, window: @, tolerance: @, time: @, max_time: @ }\n",
    "endpoints: [ 10.0.0.1:80 ]\ntimeouts: { connect: @, first_byte: @, idle: @, request: @ }\nqueue: @\nqueue_timeout: @\n",
    "endpoints: [ 10.0.0.1:80 ]\nretry_budget: { ratio: @, floor: @ }\nretry: { enabled: @, backoff: @ }\n",
];

const MAIN: &str = "listeners: [ 0.0.0.0:80 ]\npools: p/*.yaml\nroutes: [ { pool: web } ]\n";

fuzz_target!(|bytes: &[u8]| {
    let [place, style, value @ ..] = bytes else { return };
    let value = String::from_utf8_lossy(value);
    let value = match style % 3 {
        0 => value.into_owned(),
        1 => format!("'{}'", value.replace('\'', "''")),
        _ => format!("{value:?}"),
    };
    let place = PLACES[usize::from(*place) % PLACES.len()];
    let text = place.replace('@', &value);
    match place.starts_with("endpoints") {
        true => switchback_fuzz::answers(MAIN, &[("p/web.yaml", &text)]),
        false => switchback_fuzz::answers(&text, &[("p/web.yaml", "endpoints: [ 10.0.0.1:80 ]\n")]),
    }
});
