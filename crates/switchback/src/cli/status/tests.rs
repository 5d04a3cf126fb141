//! The picture of fixed JSON.

use std::time::{Duration, UNIX_EPOCH};

use super::super::admin::tests::Canned;
use super::view::View;
use super::*;

fn view(pools: Value, status: Value) -> View {
    View {
        at: "127.0.0.1:9900".to_owned(),
        status: serde_json::from_value(status).unwrap(),
        reasons: Vec::new(),
        pools: serde_json::from_value(pools).unwrap(),
        all: false,
        // 2026-11-22T12:16:30Z
        now: UNIX_EPOCH + Duration::from_secs(1_795_349_790),
    }
}

fn endpoint(address: &str, more: Value) -> Value {
    let mut endpoint = json!({
        "address": address, "status": "healthy", "since": "2026-11-22T10:11:30.000Z",
        "why": "probes pass", "reachable": true, "weight": 1, "tier": 0, "in_flight": 0,
        "attempts": 1204, "failed": 0, "outcomes": [],
    });
    for (name, value) in more.as_object().unwrap() {
        endpoint[name] = value.clone();
    }
    endpoint
}

fn sample() -> Value {
    json!([
        { "name": "web", "healthy": 1, "total": 4, "waiting": 2, "endpoints": [
            endpoint("10.0.1.11:8080", json!({ "in_flight": 3, "latency_ms": 4.123 })),
            endpoint("10.0.1.12:8080", json!({
                "status": "ejected", "since": "2026-11-22T12:16:18.000Z", "failed": 5,
                "ejected_until": "2026-11-22T12:16:38.000Z", "why": "consecutive_failures",
            })),
            endpoint("10.0.1.13:8080", json!({
                "status": "failing", "why": "connection refused", "reachable": false,
            })),
            endpoint("10.0.1.14:8080", json!({
                "status": "draining", "override": { "state": "drain", "weight": 5 }, "weight": 5,
            })),
        ] },
    ])
}

#[test]
fn each_endpoint_is_told_with_why() {
    let reload =
        json!({ "time": "2026-11-22T12:11:30.000Z", "asked_by": "SIGHUP", "applied": true });
    let view =
        view(sample(), json!({ "version": "0.1.0", "generation": 3, "last_reload": reload }));
    assert_eq!(
        view.text(false),
        "\
gateway 0.1.0 at 127.0.0.1:9900: ready, configuration 3 in force
  last reload 5 min ago, asked for by SIGHUP: put in force

pool web: 1 of 4 healthy, 2 requests wait for an endpoint
  endpoint        status    since      weight  in flight  latency      failed  why
  10.0.1.11:8080  healthy   2 h 5 min       1          3   4.1 ms  0 of 1,204  probes pass
  10.0.1.12:8080  ejected   12 s            1          0        –  5 of 1,204  consecutive_failures; out for 8 s more
  10.0.1.13:8080  failing   2 h 5 min       1          0        –  0 of 1,204  connection refused; no connection can be made
  10.0.1.14:8080  draining  2 h 5 min       5          0        –  0 of 1,204  probes pass; overridden: drain, weight 5"
    );
}

#[test]
fn what_is_wrong_with_the_gateway_stands_first() {
    let refused = json!({ "why": "the files have\u{9b} 2 errors", "may_be_forced": false });
    let reload = json!({ "time": 1_795_349_490, "asked_by": "a change of the files", "applied": false, "refused": refused });
    let mut view = view(json!([]), json!({ "generation": 1, "last_reload": reload }));
    view.reasons = vec!["pool web: not all probed yet".to_owned()];
    assert_eq!(
        view.text(false),
        "\
gateway at 127.0.0.1:9900: not ready, configuration 1 in force
  pool web: not all probed yet
  last reload 5 min ago, asked for by a change of the files: refused: the files have\\u{9b} 2 errors"
    );
}

#[test]
fn of_many_endpoints_those_that_are_well_are_counted() {
    let mut pools = sample();
    let many = pools[0]["endpoints"].as_array_mut().unwrap();
    many.extend((0..97).map(|number| endpoint(&format!("10.0.2.{number}:80"), json!({}))));
    pools.as_array_mut().unwrap().push(json!({ "name": "api", "healthy": 1, "total": 1,
        "endpoints": [ endpoint("[2001:db8::1]:80", json!({})) ] }));
    let mut view = view(pools, json!({ "generation": 1 }));
    let text = view.text(false);
    assert!(text.contains("10.0.1.12") && !text.contains("10.0.1.11"), "{text}");
    assert!(text.contains("\n  98 more are well; `--all` shows them\n"), "{text}");
    assert!(text.ends_with("pool api: 1 of 1 healthy\n  1 are well; `--all` shows them"), "{text}");
    view.all = true;
    let text = view.text(false);
    assert_eq!(text.lines().filter(|line| line.contains("10.0.2.")).count(), 97);
    assert!(text.contains("[2001:db8::1]:80") && !text.contains("--all"), "{text}");
}

#[test]
fn colors_are_there_only_if_wanted() {
    let view = view(sample(), json!({ "generation": 1 }));
    assert!(!view.text(false).contains('\u{1b}'));
    assert!(view.text(true).contains("\u{1b}[32mhealthy"));
}

#[test]
fn the_exit_status_tells_whether_somebody_is_ill() {
    let told = |healthy: u32, ready: (u16, &str), arguments: &[&str]| {
        let pool = json!({ "name": "web", "healthy": healthy, "total": 1, "endpoints": [] });
        let canned = Canned::having(&[
            ("/api/v1/status", (200, json!({ "generation": 1, "new": "kept" }).to_string())),
            ("/readyz", (ready.0, ready.1.to_owned())),
            ("/api/v1/pools?endpoints=true", (200, json!({ "pools": [pool] }).to_string())),
            ("/api/v1/pools/web", (200, pool.to_string())),
        ]);
        let arguments = [&["switchback", "status"], arguments].concat();
        let parsed = <super::super::Cli as clap::Parser>::parse_from(arguments);
        let super::super::Command::Status(asked) = parsed.command else {
            panic!("another command")
        };
        ask(&canned.gateway, &asked).unwrap()
    };
    let ready = (200, "ready");
    assert_eq!(told(1, ready, &[]).status, 0);
    assert_eq!(told(0, ready, &[]).status, ILL);
    assert_eq!(told(0, ready, &["web"]).status, ILL);
    let told = told(1, (503, "not ready\nthe gateway is leaving\n"), &["web"]);
    assert_eq!(told.status, ILL);
    let gateway = &told.json["gateway"];
    assert_eq!((&gateway["ready"], &gateway["new"]), (&json!(false), &json!("kept")));
    assert_eq!(gateway["reasons"], json!(["the gateway is leaving"]));
    assert_eq!(told.json["pools"][0]["name"], "web");
}
