//! What a good configuration says of clients: limits, listeners, and who they are.

#![expect(clippy::unwrap_used, reason = "a failing unwrap is a failing test")]

#[path = "schema/validator.rs"]
mod validator;

use std::num::NonZeroU32;
use std::time::Duration;

use switchback_config::{Loaded, parse_str};
use switchback_core::plan::{LimitsPlan, ListenerPlan, Plan, PoolPlan, ProxyProtocol};

const WEB: &str = "endpoints: [ 10.0.1.11:8080 ]\n";

fn read(main: &str, pool: &str) -> Loaded {
    let pools = [("pools/web.yaml", pool)];
    let loaded = parse_str(("switchback.yaml", main), &pools, &|_: &str| None)
        .unwrap_or_else(|said| panic!("{said}"));
    validator::accepts(main, &pools);
    loaded
}

fn plan(main: &str, pool: &str) -> Plan {
    let loaded = read(main, pool);
    assert!(loaded.warnings.is_empty(), "{}", loaded.warnings);
    loaded.plan
}

fn main(keys: &str) -> Plan {
    let text = format!(
        "listeners: [ 0.0.0.0:8080 ]\npools: pools/*.yaml\nroutes: [ {{ pool: web }} ]\n{keys}\n"
    );
    plan(&text, WEB)
}

fn pool(keys: &str) -> PoolPlan {
    let main = "listeners: [ 0.0.0.0:8080 ]\npools: pools/*.yaml\nroutes: [ { pool: web } ]\n";
    plan(main, &format!("{WEB}{keys}\n")).pools.remove(0)
}

fn listener(keys: &str) -> ListenerPlan {
    let main = format!(
        "listeners: [ {{ address: 0.0.0.0:8080, {keys} }} ]\npools: pools/*.yaml\ntrusted_proxies: [ 10.0.0.0/8 ]\nroutes: [ {{ pool: web }} ]\n"
    );
    plan(&main, WEB).listeners.remove(0)
}

#[test]
fn what_is_not_said_has_the_defaults_of_core() {
    let plan = main("");
    let default = Plan::of(Vec::new());
    assert_eq!(plan.limits, default.limits);
    assert_eq!(plan.startup_timeout, default.startup_timeout);
    assert_eq!((plan.forwarded, plan.underscores), (default.forwarded, default.underscores));
    assert_eq!(plan.listeners, [ListenerPlan::plain("0.0.0.0:8080".parse().unwrap())]);
    assert_eq!(plan.routes[0].max_body, None);
    assert_eq!(main("limits: {}").limits, LimitsPlan::default());
}

#[test]
fn every_limit_is_taken() {
    let seconds = Duration::from_secs;
    let plan = main(
        "limits: { connections: 20000, connections_per_client: 100, requests_per_connection: 1000, header_size: 64KiB, header_fields: 250, target_size: 16KiB, header_timeout: 5s, handshake_timeout: 6s, body_timeout: 7s, body_rate: 0B, send_timeout: 8s, http2_streams: 250, http2_resets: 0 }",
    );
    let wanted = LimitsPlan {
        connections: NonZeroU32::new(20_000),
        connections_per_client: NonZeroU32::new(100),
        requests_per_connection: NonZeroU32::new(1000),
        header_size: 65_536,
        header_fields: 250,
        target_size: 16_384,
        header_timeout: seconds(5),
        handshake_timeout: seconds(6),
        body_timeout: seconds(7),
        body_rate: 0,
        send_timeout: seconds(8),
        http2_streams: 250,
        http2_resets: 0,
    };
    assert_eq!(plan.limits, wanted);
}

/// Or whoever makes the head smaller would have to know of the target.
#[test]
fn the_default_of_a_target_is_never_larger_than_the_head() {
    let sizes = |keys: &str| {
        let limits = main(&format!("limits: {{ {keys} }}")).limits;
        (limits.header_size, limits.target_size)
    };
    assert_eq!(sizes("header_size: 4KiB"), (4096, 4096));
    assert_eq!(sizes("header_size: 8193B"), (8193, 8192));
    assert_eq!(sizes("header_size: 4KiB, target_size: 4KiB"), (4096, 4096));
    assert_eq!(sizes("target_size: 32KiB"), (32_768, 32_768));
}

#[test]
fn a_route_bounds_its_bodies() {
    let main = "listeners: [ 0.0.0.0:8080 ]\npools: pools/*.yaml\nroutes:\n  - { path: /upload/, pool: web, max_body: 1TiB }\n  - { pool: web, max_body: 10MiB }\n";
    let bounds: Vec<_> = plan(main, WEB).routes.iter().map(|route| route.max_body).collect();
    assert_eq!(bounds, [Some(1 << 40), Some(10 << 20)]);
}

#[test]
fn a_listener_takes_what_it_says() {
    let address = "0.0.0.0:8080".parse().unwrap();
    let plain = ListenerPlan::plain(address);
    assert_eq!(listener("http2: false"), ListenerPlan { http2: false, ..plain.clone() });
    let readiness = Some("/readyz".into());
    let wanted = ListenerPlan { proxy_protocol: true, readiness, ..plain };
    assert_eq!(listener("proxy_protocol: true, readiness: /readyz"), wanted);
}

#[test]
fn what_is_sent_on_is_as_the_file_says() {
    let plan = main("forwarded: true\nunderscores: keep\nstartup_timeout: 30s");
    assert!(plan.forwarded && plan.underscores);
    assert_eq!(plan.startup_timeout, Duration::from_secs(30));
    assert!(!main("underscores: drop").underscores);
}

#[test]
fn a_pool_says_who_asks_and_that_it_must_be_there() {
    assert_eq!(pool("proxy_protocol: v1").proxy_protocol, Some(ProxyProtocol::V1));
    assert_eq!(pool("proxy_protocol: v2").proxy_protocol, Some(ProxyProtocol::V2));
    assert!(pool("required: true").required);
}

/// A network balancer shows its own address or its clients'; who has said which hears nothing.
#[test]
fn behind_a_network_balancer_each_listener_says_whose_address_it_sees() {
    let said = |listeners: &str| {
        let main = format!(
            "listeners: {listeners}\nbehind: aws-nlb\ntrusted_proxies: [ 10.0.0.0/8 ]\npools: pools/*.yaml\nroutes: [ {{ pool: web }} ]\n"
        );
        read(&main, WEB).warnings.warnings()
    };
    assert_eq!(said("[ { address: 0.0.0.0:80, proxy_protocol: true } ]"), 0);
    assert_eq!(said("[ { address: 0.0.0.0:80, proxy_protocol: false } ]"), 0);
    assert_eq!(said("[ 0.0.0.0:80, 0.0.0.0:81 ]"), 1);
}
