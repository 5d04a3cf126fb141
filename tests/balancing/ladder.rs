//! Whose turn it is at all: tiers, zones, endpoints that are drained or switched off.

use std::time::Instant;

use switchback_testkit::{Backend, Gateway, GatewayBuilder, Load};

use super::{NIMBLE, binary, endpoint, has_status, ms, requests};

/// A gateway over these endpoints, each with its keys; ready when all that may serve are known.
async fn gateway(backends: &[Backend], keys: &[&str], main: &str) -> Gateway {
    let gateway = builder(backends, keys).main_yaml(main).start(binary()).await;
    for (backend, keys) in backends.iter().zip(keys) {
        if !keys.contains("drain") && !keys.contains("disabled") {
            has_status(&gateway, backend, "healthy", 1).await;
        }
    }
    gateway
}

fn builder(backends: &[Backend], keys: &[&str]) -> GatewayBuilder {
    let keyed = backends.iter().zip(keys);
    let endpoints: Vec<_> = keyed.map(|(backend, keys)| endpoint(backend, keys)).collect();
    Gateway::builder().pool_of("web", &endpoints).pool_yaml(NIMBLE)
}

/// Who gets how many of so many requests, none of which fails. One after the other: an endpoint that
/// was out of reach takes one request at first, and what comes beside it goes elsewhere.
async fn shares(gateway: &Gateway, backends: &[Backend], count: u64) -> Vec<u64> {
    backends.iter().for_each(Backend::clear);
    let report = Load::new(gateway.addr()).clients(1).count(count).run().await;
    assert_eq!(report.ok as u64, count, "{report}");
    requests(backends)
}

#[tokio::test]
async fn a_higher_tier_serves_while_no_lower_one_can() {
    let backends = Backend::start_many(3).await;
    let gateway = gateway(&backends, &["tier: 0", "tier: 0", "tier: 1"], "").await;
    assert_eq!(shares(&gateway, &backends, 40).await, [20, 20, 0]);
    backends[0].kill().await;
    has_status(&gateway, &backends[0], "failing", 1).await;
    assert_eq!(shares(&gateway, &backends, 40).await, [0, 40, 0]);
    backends[1].kill().await;
    // Nobody waits for a probe: the first request finds it refused, and its next attempt is above.
    assert_eq!(shares(&gateway, &backends, 40).await, [0, 0, 40]);
    backends[0].restart();
    has_status(&gateway, &backends[0], "healthy", 1).await;
    assert_eq!(shares(&gateway, &backends, 40).await, [40, 0, 0]);
}

#[tokio::test]
async fn a_drained_endpoint_keeps_its_sessions_and_serves_when_it_is_alone() {
    let sticky = "sticky: { secret: 0123456789abcdef }";
    let backends = Backend::start_many(2).await;
    let cookie = {
        let before = builder(&backends[..1], &[""]).pool_yaml(sticky).start(binary()).await;
        let answer = before.get("/").await.expect("an answer");
        let cookie = answer.header("set-cookie").expect("a session");
        cookie.split(';').next().unwrap_or_default().to_owned()
    };
    let drained = builder(&backends, &["drain: true", ""]).pool_yaml(sticky);
    let gateway = drained.start(binary()).await;
    has_status(&gateway, &backends[0], "draining", 1).await;
    has_status(&gateway, &backends[1], "healthy", 1).await;

    assert_eq!(shares(&gateway, &backends, 40).await, [0, 40], "everything new goes elsewhere");
    let (drained, addr) = (&backends[0], backends[0].addr().to_string());
    for _ in 0..10 {
        let mut client = gateway.client().await;
        let answer = client.request("GET", "/", &[("cookie", &*cookie)], b"").await;
        let answer = answer.expect("an answer");
        assert_eq!(answer.header("x-backend"), Some(&*addr), "the session stays");
        assert_eq!(answer.header("set-cookie"), None);
    }
    backends[1].kill().await;
    drained.clear();
    assert_eq!(shares(&gateway, &backends, 40).await, [40, 0], "there is no elsewhere");
    backends[1].restart();
    has_status(&gateway, &backends[1], "healthy", 1).await;
    assert_eq!(shares(&gateway, &backends, 40).await, [0, 40]);
}

#[tokio::test]
async fn a_disabled_endpoint_gets_nothing_not_even_as_the_last_one() {
    for keys in ["disabled: true", "disabled: true, drain: true"] {
        let backends = Backend::start_many(2).await;
        let gateway = gateway(&backends, &[keys, ""], "").await;
        assert_eq!(shares(&gateway, &backends, 40).await, [0, 40]);
        backends[1].kill().await;
        let answer = gateway.get("/").await.expect("an answer");
        assert!(answer.status >= 500, "{}", answer.status);
        assert_eq!(requests(&backends), [0, 40]);
        assert_eq!(backends[0].connections(), 0, "nor is it probed");
    }
}

#[tokio::test]
async fn a_pool_without_an_enabled_endpoint_says_so_at_once() {
    let backends = Backend::start_many(2).await;
    let disabled = builder(&backends, &["disabled: true", "disabled: true"]);
    let gateway = disabled.start(binary()).await;
    let begin = Instant::now();
    let answer = gateway.get("/").await.expect("an answer");
    // The queue would have kept it for a second.
    assert!(begin.elapsed() < ms(500), "{:?}", begin.elapsed());
    assert_eq!(answer.status, 503);
    let said = answer.header("proxy-status");
    assert_eq!(said, Some("switchback; error=destination_unavailable"));
    assert_eq!(requests(&backends), [0, 0]);
}

const ZONES: [&str; 4] = ["zone: a", "", "zone: b", "zone: b"];

#[tokio::test]
async fn the_near_serve_while_they_can_bear_it_and_the_rest_spills_over() {
    let backends = Backend::start_many(4).await;
    let gateway = gateway(&backends, &ZONES, "zone: a").await;
    assert_eq!(shares(&gateway, &backends, 80).await, [40, 40, 0, 0]);
    backends[0].kill().await;
    has_status(&gateway, &backends[0], "failing", 1).await;
    // One of two bears 1.4 halves of the load: 30 % spill. Six standard deviations of 600.
    let got = shares(&gateway, &backends, 600).await;
    assert!((113..247).contains(&(got[2] + got[3])), "{got:?}");
    assert!(got[2].abs_diff(got[3]) <= 2, "{got:?}");
    backends[1].kill().await;
    has_status(&gateway, &backends[1], "failing", 1).await;
    assert_eq!(shares(&gateway, &backends, 80).await, [0, 0, 40, 40]);
    backends[0].restart();
    backends[1].restart();
    has_status(&gateway, &backends[0], "healthy", 1).await;
    has_status(&gateway, &backends[1], "healthy", 1).await;
    assert_eq!(shares(&gateway, &backends, 80).await, [40, 40, 0, 0]);
}

#[tokio::test]
async fn zones_mean_nothing_to_a_gateway_without_one() {
    let backends = Backend::start_many(4).await;
    let gateway = gateway(&backends, &ZONES, "").await;
    assert_eq!(shares(&gateway, &backends, 80).await, [20, 20, 20, 20]);
}
