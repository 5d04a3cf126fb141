//! Configurations that follow each other.

use std::collections::BTreeSet;
use std::time::Duration;

use switchback_core::plan::{Admin, Balance, EndpointPlan, LogFormat, PoolPlan, SlowStart, Weight};
use switchback_core::pool::PickRequest;
use switchback_telemetry::Sink;
use switchback_telemetry::metrics::{Format, Limit};

use super::*;
use crate::{Attempt, Begin, PoolHandle};

fn address(port: u16) -> SocketAddr {
    ([10, 0, 0, 1], port).into()
}

/// A pool of these ports, without probes.
fn pool(name: &str, ports: &[u16]) -> PoolPlan {
    let endpoints = ports.iter().map(|port| EndpointPlan::at(address(*port))).collect();
    let balance = Balance::RoundRobin;
    let slow_start = SlowStart { duration: Duration::ZERO, ..SlowStart::default() };
    PoolPlan { health: None, balance, slow_start, ..PoolPlan::of(name, endpoints) }
}

fn gateway(pools: Vec<PoolPlan>) -> Arc<Gateway> {
    let (log, _guard) = AccessLog::start(&Sink::Off, &LogFormat::Json).unwrap();
    Gateway::new(Plan::of(pools), log, "1.2.3")
}

fn running(gateway: &Gateway, at: usize) -> Arc<PoolHandle> {
    gateway.current().pools[at].clone()
}

fn attempt(pool: &Arc<PoolHandle>) -> Attempt {
    match pool.begin(&PickRequest::default(), true, pool.clock().now()) {
        Begin::Attempt(attempt) => attempt,
        other => panic!("{other:?}"),
    }
}

fn ports(pool: &Arc<PoolHandle>) -> BTreeSet<u16> {
    (0..100).map(|_| attempt(pool).address().port()).collect()
}

#[test]
fn a_pool_that_is_configured_the_same_is_not_touched() {
    let gateway = gateway(vec![pool("api", &[1]), pool("web", &[2])]);
    let (api, web) = (running(&gateway, 0), running(&gateway, 1));
    assert_eq!(gateway.reload(Plan::of(vec![pool("web", &[2]), pool("api", &[1, 3])])), 2);
    assert!(Arc::ptr_eq(&running(&gateway, 0), &web));
    assert!(!Arc::ptr_eq(&running(&gateway, 1), &api));
    assert_eq!(ports(&running(&gateway, 1)), [1, 3].into());
}

/// The last request of a configuration freed it, thousands of endpoints and all, while others waited.
#[test]
fn what_was_in_force_is_freed_by_who_has_time_and_not_by_its_last_request() {
    let gateway = gateway(vec![pool("web", &[1])]);
    let (first, request) = (Arc::downgrade(&gateway.current()), gateway.current());
    assert!(!gateway.free_retired());
    gateway.reload(Plan::of(vec![pool("web", &[2])]));
    assert!(gateway.free_retired(), "a request has it");
    drop(request);
    assert_eq!(first.strong_count(), 1);
    assert!(!gateway.free_retired());
    assert_eq!(first.strong_count(), 0);
}

#[test]
fn an_attempt_ends_where_it_began_though_its_endpoint_has_gone() {
    let gateway = gateway(vec![pool("web", &[1])]);
    let before = running(&gateway, 0);
    let old = attempt(&before);
    gateway.reload(Plan::of(vec![pool("web", &[2])]));
    let after = running(&gateway, 0);
    // A request of the configuration before gets who is there now.
    assert_eq!((ports(&before), ports(&after)), ([2].into(), [2].into()));
    assert_eq!(old.address(), address(1));
    let now = gateway.clock.now();
    let record = old.end(Outcome::Completed, None, switchback_core::Timestamp::START, now);
    assert_eq!(record.endpoint, address(1));
    // Its place is free now, and the next one takes it.
    gateway.reload(Plan::of(vec![pool("web", &[2, 3])]));
    assert_eq!(ports(&running(&gateway, 0)), [2, 3].into());
    let places: Vec<_> = running(&gateway, 0).endpoints().iter().map(|it| it.place.0).collect();
    assert_eq!(places, [0, 1]);
}

#[test]
fn the_series_of_who_has_gone_are_gone() {
    let gateway = gateway(vec![pool("web", &[1, 2])]);
    let old = attempt(&running(&gateway, 0));
    gateway.reload(Plan::of(vec![pool("web", &[3])]));
    let shown = gateway.metrics.render(Format::OpenMetrics);
    assert!(shown.contains("10.0.0.1:3") && !shown.contains("10.0.0.1:1"), "{shown}");
    drop(old);
    gateway.reload(Plan::of(Vec::new()));
    assert!(!gateway.metrics.render(Format::OpenMetrics).contains("10.0.0.1:"));
}

#[test]
fn a_probe_that_was_on_its_way_says_nothing_of_who_has_the_place_now() {
    let probed = |ports| PoolPlan { health: Some(Default::default()), ..pool("web", ports) };
    let gateway = gateway(vec![probed(&[1])]);
    let before = running(&gateway, 0);
    let old = before.endpoints()[0];
    gateway.reload(Plan::of(vec![probed(&[2])]));
    gateway.reload(Plan::of(vec![probed(&[3])]));
    let after = running(&gateway, 0);
    for _ in 0..5 {
        after.probed(old.place, old.address, Ok(()), Duration::ZERO);
    }
    assert_eq!(after.count(Status::Healthy), 0);
    let new = after.endpoints()[0];
    assert_eq!((new.address, new.status), (address(3), Status::Pending));
    after.probed(new.place, new.address, Ok(()), Duration::ZERO);
    assert_eq!(after.count(Status::Healthy), 1);
}

#[test]
fn an_override_holds_over_reloads_until_it_is_cleared_or_has_nobody() {
    let gateway = gateway(vec![pool("web", &[1, 2])]);
    let off = Override { admin: Some(Admin::Disabled), weight: None };
    assert_eq!(gateway.override_endpoint("api", address(1), off), Err(Unknown::Pool));
    assert_eq!(gateway.override_endpoint("web", address(9), off), Err(Unknown::Endpoint));
    gateway.override_endpoint("web", address(1), off).unwrap();
    assert_eq!(ports(&running(&gateway, 0)), [2].into());
    gateway.reload(Plan::of(vec![pool("web", &[1, 2, 3])]));
    assert_eq!(ports(&running(&gateway, 0)), [2, 3].into());
    assert_eq!(running(&gateway, 0).overrides(), [(address(1), off)]);
    gateway.override_endpoint("web", address(1), Override::default()).unwrap();
    assert_eq!(ports(&running(&gateway, 0)), [1, 2, 3].into());

    let heavy = Override { admin: None, weight: Weight::new(1000) };
    gateway.override_endpoint("web", address(1), heavy).unwrap();
    gateway.reload(Plan::of(vec![pool("web", &[2])]));
    gateway.reload(Plan::of(vec![pool("web", &[1, 2])]));
    assert_eq!(running(&gateway, 0).overrides(), []);
}

#[tokio::test]
async fn who_waits_is_served_by_whoever_comes_with_the_reload() {
    let narrow = |ports| {
        let mut pool = pool("web", ports);
        for endpoint in &mut pool.endpoints {
            endpoint.max_requests = 1.try_into().ok();
        }
        pool
    };
    let gateway = gateway(vec![narrow(&[1])]);
    let before = running(&gateway, 0);
    let _busy = attempt(&before);
    let now = gateway.clock.now();
    assert!(matches!(before.begin(&PickRequest::default(), true, now), Begin::Wait));
    let mut waiting = before.wait(&PickRequest::default()).unwrap();
    gateway.reload(Plan::of(vec![narrow(&[1, 2])]));
    let granted = tokio::time::timeout(Duration::from_secs(5), waiting.attempt()).await.unwrap();
    assert_eq!(granted.address(), address(2));
}

#[tokio::test]
async fn services_hear_of_each_configuration() {
    let gateway = gateway(vec![pool("web", &[1])]);
    let mut generations = gateway.generations();
    gateway.reload(Plan::of(Vec::new()));
    generations.changed().await.unwrap();
    assert_eq!((*generations.borrow(), gateway.current().number), (2, 2));
}

#[test]
fn what_is_refused_for_a_limit_is_among_what_is_refused() {
    let refusals = switchback_wire::REFUSALS.iter();
    let limits = refusals.filter_map(|code| Some((*code, Limit::behind(code)?.as_str())));
    assert_eq!(
        limits.collect::<Vec<_>>(),
        [
            ("body_rate", "body_rate"),
            ("body_timeout", "body_timeout"),
            ("body_too_large", "max_body"),
            ("header_timeout", "header_timeout"),
            ("header_too_large", "header_size"),
            ("target_too_long", "target_size"),
            ("too_many_fields", "header_fields"),
        ]
    );
}

#[test]
fn latency_weight_and_connections_of_an_endpoint_are_shown() {
    let mut plan = pool("web", &[1]);
    plan.endpoints[0].weight = Weight::new(7).unwrap();
    let gateway = gateway(vec![plan]);
    let web = running(&gateway, 0);
    let shown = |name: &str| {
        let series = format!("switchback_endpoint_{name}{{pool=\"web\",endpoint=\"10.0.0.1:1\"}} ");
        let text = gateway.metrics.render(Format::Text);
        text.lines().find_map(|line| line.strip_prefix(&series)?.parse::<f64>().ok())
    };
    assert_eq!((shown("weight"), shown("latency_seconds")), (Some(7.0), None));
    let mut one = attempt(&web);
    one.goes_over(false);
    let now = gateway.clock.now();
    one.answered(200, false, now);
    one.end(Outcome::Completed, None, switchback_core::Timestamp::START, now);
    assert!(shown("latency_seconds").is_some_and(|it| (0.0..5.0).contains(&it)));
    assert_eq!(shown("connections_opened_total"), Some(1.0));
    assert_eq!(shown("connections_reused_total"), Some(0.0));
    let light = Override { admin: None, weight: Weight::new(2) };
    gateway.override_endpoint("web", address(1), light).unwrap();
    assert_eq!(shown("weight"), Some(2.0));
}

#[test]
fn an_ejection_is_shown_with_its_cause() {
    let gateway = gateway(vec![pool("web", &[1, 2])]);
    let web = running(&gateway, 0);
    for _ in 0..40 {
        let one = attempt(&web);
        let well = one.address() == address(2);
        let outcome = if well { Outcome::Completed } else { Outcome::ClosedBeforeAnswer };
        one.end(outcome, None, switchback_core::Timestamp::START, gateway.clock.now());
    }
    let shown = gateway.metrics.render(Format::Text);
    let series = "switchback_ejections_total{pool=\"web\",endpoint=\"10.0.0.1:1\",cause=\"consecutive_failures\"} 1";
    assert!(shown.contains(series), "{shown}");
    assert_eq!(shown.matches("switchback_ejections_total{").count(), 1);
}
