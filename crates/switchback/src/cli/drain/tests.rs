//! The course of a drain, against a gateway that answers as it is told.

use serde_json::json;

use super::super::admin::tests::{Canned, problem};
use super::*;

const ENDPOINT: &str = "/api/v1/pools/web/endpoints/10.0.1.11:8080/override";

/// A pool with one endpoint of which so much is in flight.
fn pool(overridden: &serde_json::Value, in_flight: u32) -> String {
    let endpoint = json!({
        "address": "10.0.1.11:8080", "status": "draining", "since": "2026-11-22T10:11:12.123Z",
        "why": "the configuration says so", "reachable": true, "weight": 1, "tier": 0,
        "override": overridden, "in_flight": in_flight, "attempts": 0, "failed": 0, "outcomes": [],
    });
    json!({ "name": "web", "healthy": 1, "total": 1, "waiting": 0, "endpoints": [endpoint] })
        .to_string()
}

/// A gateway where, look by look, so much is in flight, and what was overridden is this.
fn gateway(overridden: serde_json::Value, in_flight: &'static [u32]) -> Canned {
    let (mut overridden, mut looks) = (overridden, in_flight.iter().copied().cycle());
    Canned::start(move |line, body| {
        if line.starts_with("GET /api/v1/pools/web") {
            return (200, pool(&overridden, looks.next().unwrap()));
        }
        overridden = serde_json::from_str(body).unwrap_or_default();
        (204, String::new())
    })
}

fn drain(wait: bool, timeout: Duration) -> Drain {
    let arguments: &[&str] = if wait { &["--wait"] } else { &[] };
    let arguments = [&["switchback", "drain", "web/10.0.1.11:8080"], arguments].concat();
    let parsed = <super::super::Cli as clap::Parser>::parse_from(arguments);
    let super::super::Command::Drain(drain) = parsed.command else { panic!("another command") };
    Drain { timeout, ..drain }
}

#[test]
fn a_drain_keeps_the_weight_that_is_overridden() {
    let canned = gateway(json!({ "weight": 5 }), &[3]);
    let told = drained(&canned.gateway, &drain(false, Duration::ZERO)).unwrap();
    assert_eq!(told.text, "web/10.0.1.11:8080: draining; 3 requests are in flight there");
    assert_eq!(
        (told.status, &told.json["override"]),
        (0, &json!({ "state": "drain", "weight": 5 }))
    );
    let put = format!("PUT {ENDPOINT} {}", r#"{"state":"drain","weight":5}"#);
    assert!(canned.asked().contains(&put), "{:?}", canned.asked());
}

#[test]
fn it_waits_until_nothing_is_in_flight() {
    let canned = gateway(json!({}), &[3, 3, 1, 0]);
    let told = drained(&canned.gateway, &drain(true, Duration::from_secs(30))).unwrap();
    assert_eq!(told.text, "web/10.0.1.11:8080: drained; nothing is in flight there any more");
    assert_eq!((told.status, &told.json["in_flight"]), (0, &json!(0)));
}

#[test]
fn the_time_that_is_over_tells_how_many_are_left() {
    let canned = gateway(json!({}), &[2]);
    let told = drained(&canned.gateway, &drain(true, Duration::from_secs(1))).unwrap();
    let wanted = "web/10.0.1.11:8080: 2 requests are in flight there still, after 1 s";
    assert_eq!((told.text.as_str(), told.status), (wanted, STILL));
}

#[test]
fn a_drain_that_somebody_else_ends_is_no_drain() {
    let mut looks = 0;
    let canned = Canned::start(move |line, _| {
        looks += u32::from(line.starts_with("GET"));
        let overridden = if looks < 4 { json!({ "state": "drain" }) } else { json!({}) };
        (200, pool(&overridden, 1))
    });
    let why = drained(&canned.gateway, &drain(true, Duration::from_secs(30))).err().unwrap();
    assert!(why.contains("somebody else has ended its drain"), "{why}");
}

#[test]
fn an_unknown_pool_or_endpoint_is_told_with_those_that_there_are() {
    let canned = Canned::start(|line, _| match line {
        "GET /api/v1/pools?endpoints=false" => {
            (200, json!({ "pools": [{ "name": "webb", "healthy": 1, "total": 1 }] }).to_string())
        }
        _ => problem(404, "there is no pool web"),
    });
    let why = drained(&canned.gateway, &drain(false, Duration::ZERO)).err().unwrap();
    assert!(why.ends_with(": there is no pool `web`; did you mean `webb`?\nknown: webb"), "{why}");
    let other = pool(&json!({}), 0).replace("10.0.1.11", "10.0.1.12");
    let canned = Canned::having(&[("/api/v1/pools/web", (200, other))]);
    let why = drained(&canned.gateway, &drain(false, Duration::ZERO)).err().unwrap();
    assert!(why.contains("pool web has no endpoint `10.0.1.11:8080`; did you mean"), "{why}");
    assert!(canned.asked().iter().all(|asked| asked.starts_with("GET ")), "nothing was changed");
}
