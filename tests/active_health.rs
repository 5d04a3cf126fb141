//! Active health checks: who fails its probes gets no traffic, and why is told.

use std::path::Path;
use std::time::{Duration, Instant};

use switchback_testkit::{
    Backend, Behavior, Ending, Gateway, GatewayBuilder, Health, Load, eventually,
};

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_switchback"))
}

const HTTP: &str = "health: { http: { path: /healthz }, interval: 100ms, timeout: 80ms, \
    rise: 2, fall: 3 }";
const SOON: Duration = Duration::from_secs(5);

fn builder(backends: &[Backend]) -> GatewayBuilder {
    let addresses: Vec<_> = backends.iter().map(Backend::addr).collect();
    Gateway::builder().pool("web", &addresses)
}

async fn status_of(gateway: &Gateway, backend: &Backend) -> String {
    let endpoint = backend.addr().to_string();
    for status in ["healthy", "pending", "probation", "ejected", "failing"] {
        let labels = [("endpoint", endpoint.as_str()), ("status", status)];
        if gateway.metric("switchback_endpoint_status", &labels).await == 1.0 {
            return status.to_owned();
        }
    }
    "unknown".to_owned()
}

async fn becomes(gateway: &Gateway, backend: &Backend, status: &str) {
    eventually(SOON, status, async || status_of(gateway, backend).await == status).await;
}

#[tokio::test]
async fn who_fails_its_probes_gets_no_traffic_until_it_passes_again() {
    let backends = Backend::start_many(3).await;
    let gateway = builder(&backends).pool_yaml(HTTP).start(binary()).await;
    for health in [Health::Status(500), Health::Hang] {
        backends[0].set_health(health);
        becomes(&gateway, &backends[0], "failing").await;
        let before = backends[0].requests();
        let report = Load::new(gateway.addr()).clients(4).count(100).run().await;
        assert_eq!((report.ok, backends[0].requests()), (100, before), "{health:?}");
        backends[0].set_health(Health::Healthy);
        becomes(&gateway, &backends[0], "healthy").await;
        Load::new(gateway.addr()).clients(4).count(100).run().await;
        assert!(backends[0].requests() > before, "it gets traffic again");
    }
    let log = gateway.stderr();
    assert!(log.contains("healthy → failing"), "{log}");
    assert!(log.contains("answered 500, expected 200-299 (2 of 3 healthy)"), "{log}");
    assert!(log.contains("no answer within 80ms") || log.contains("no answer in time"), "{log}");
    assert!(log.contains("failing → healthy"), "{log}");
}

#[tokio::test]
async fn a_refused_request_has_the_endpoint_probed_at_once() {
    let backends = Backend::start_many(2).await;
    let health = "health: { http: { path: /healthz }, interval: 1h, fast_interval: 100ms }";
    let gateway = builder(&backends)
        .pool_yaml(health)
        .pool_yaml("balance: round_robin")
        .start(binary())
        .await;
    becomes(&gateway, &backends[0], "healthy").await;
    becomes(&gateway, &backends[1], "healthy").await;
    backends[0].set(Behavior::RefuseConnections);
    let before = backends[0].health_requests();
    for _ in 0..2 {
        assert_eq!(gateway.get("/").await.expect("an answer").status, 200);
    }
    let refused = Instant::now();
    backends[0].set(Behavior::ok());
    eventually(SOON, "a probe", async || backends[0].health_requests() > before).await;
    // The first may still have been refused.
    assert!(refused.elapsed() < Duration::from_millis(350), "{:?}", refused.elapsed());
    becomes(&gateway, &backends[0], "healthy").await;
    let log = gateway.stderr();
    assert!(log.contains("healthy → ejected") && log.contains("ejected → healthy"), "{log}");
}

#[tokio::test]
async fn the_tcp_probe_sees_a_closed_port_and_its_return() {
    let backends = Backend::start_many(2).await;
    let health = "health: { tcp: {}, interval: 100ms, timeout: 80ms }";
    let gateway = builder(&backends).pool_yaml(health).start(binary()).await;
    becomes(&gateway, &backends[0], "healthy").await;
    backends[0].kill().await;
    becomes(&gateway, &backends[0], "failing").await;
    assert!(gateway.stderr().contains("connection refused"), "{}", gateway.stderr());
    backends[0].restart();
    becomes(&gateway, &backends[0], "healthy").await;
}

#[tokio::test]
async fn the_first_result_decides() {
    let backends = Backend::start_many(2).await;
    backends[0].set_health(Health::Status(503));
    let health =
        "health: { http: { path: /healthz }, interval: 60s, timeout: 1s, rise: 5, fall: 5 }";
    let gateway = builder(&backends).pool_yaml(health).start(binary()).await;
    assert_eq!(status_of(&gateway, &backends[0]).await, "failing");
    assert_eq!(status_of(&gateway, &backends[1]).await, "healthy");
    assert_eq!(backends[0].health_requests() + backends[1].health_requests(), 2);
}

#[tokio::test]
async fn readiness_waits_for_the_first_round() {
    let backends = Backend::start_many(2).await;
    backends[1].set_health(Health::Hang);
    let health = "health: { http: { path: /healthz }, interval: 1s, timeout: 900ms }";
    let gateway = builder(&backends).pool_yaml(health).without_waiting().start(binary()).await;
    let answer =
        switchback_testkit::until(SOON, async || gateway.admin("GET", "/readyz").await.ok());
    let answer = answer.await.expect("an answer");
    assert_eq!(answer.status, 503);
    let why = String::from_utf8_lossy(&answer.body).into_owned();
    assert!(why.contains("pool web: not all probed yet"), "{why}");
    eventually(SOON, "ready", async || gateway.is_ready().await).await;
    becomes(&gateway, &backends[1], "failing").await;
}

#[tokio::test]
async fn the_pending_get_traffic_only_if_nobody_is_healthy() {
    let backends = Backend::start_many(2).await;
    backends[1].set_health(Health::Hang);
    let health = "health: { http: { path: /healthz }, interval: 5s, timeout: 4s }";
    let gateway = builder(&backends).pool_yaml(health).without_waiting().start(binary()).await;
    eventually(SOON, "admin", async || gateway.admin("GET", "/livez").await.is_ok()).await;
    becomes(&gateway, &backends[0], "healthy").await;
    let report = Load::new(gateway.addr()).clients(4).count(50).run().await;
    assert_eq!((report.ok, backends[1].requests()), (50, 0));
    assert_eq!(status_of(&gateway, &backends[1]).await, "pending");
}

#[tokio::test]
async fn when_all_fail_their_probes_the_request_is_still_tried() {
    let backends = Backend::start_many(2).await;
    for backend in &backends {
        backend.set_health(Health::Status(500));
    }
    let gateway = builder(&backends).pool_yaml(HTTP).start(binary()).await;
    let report = Load::new(gateway.addr()).clients(4).count(50).run().await;
    assert_eq!(report.ok, 50, "{report}");
}

#[tokio::test]
async fn a_failover_tier_serves_while_the_first_cannot() {
    let backends = Backend::start_many(2).await;
    let endpoint =
        |n: usize, tier: u8| format!("{{ address: '{}', tier: {tier} }}", backends[n].addr());
    let gateway = Gateway::builder()
        .pool_of("web", &[endpoint(0, 0), endpoint(1, 1)])
        .pool_yaml(HTTP)
        .start(binary())
        .await;
    Load::new(gateway.addr()).clients(2).count(30).run().await;
    assert_eq!((backends[0].requests(), backends[1].requests()), (30, 0));
    backends[0].set_health(Health::Status(500));
    becomes(&gateway, &backends[0], "failing").await;
    Load::new(gateway.addr()).clients(2).count(30).run().await;
    assert_eq!((backends[0].requests(), backends[1].requests()), (30, 30));
}

#[tokio::test]
async fn probes_carry_the_pools_host_and_come_at_their_interval() {
    let backend = Backend::start().await;
    let gateway = builder(std::slice::from_ref(&backend))
        .pool_yaml("health: { http: { path: '/healthz?deep=1' }, interval: 100ms, timeout: 80ms }")
        .pool_yaml("host: shop.internal")
        .start(binary())
        .await;
    let began = Instant::now();
    let first = backend.health_requests();
    eventually(SOON, "probes", async || backend.health_requests() >= first + 20).await;
    let each = began.elapsed().as_secs_f64() / 20.0;
    assert!((0.08..0.2).contains(&each), "one probe each {each} s");
    let probe = &backend.recorded_health()[0];
    assert_eq!(probe.header("host"), Some("shop.internal"));
    assert_eq!(probe.target, "/healthz?deep=1");
    assert!(probe.header("user-agent").is_some_and(|agent| agent.starts_with("switchback")));
    drop(gateway);
}

#[tokio::test]
async fn probes_at_once_are_bounded() {
    let backends = Backend::start_many(12).await;
    for backend in &backends {
        backend.set_health(Health::Hang);
    }
    let health = "health: { http: { path: /healthz }, interval: 200ms, timeout: 190ms, \
        concurrency: 2 }";
    let gateway = builder(&backends).pool_yaml(health).without_waiting().start(binary()).await;
    let open = || backends.iter().map(Backend::open_connections).sum::<usize>();
    let end = Instant::now() + Duration::from_millis(1_500);
    let mut most = 0;
    while Instant::now() < end {
        most = most.max(open());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // A connection that the gateway has closed may be seen open for a moment longer.
    assert!((1..=4).contains(&most), "{most} at once");
    // Twelve that are silent for 190 ms each, two at a time, cannot all be asked every 200 ms.
    let lag = gateway.metric("switchback_probe_lag_seconds", &[("pool", "web")]).await;
    assert!((0.2..3.0).contains(&lag), "{lag} s late");
    let log = gateway.stderr();
    let told = "pool web: probes cannot keep their interval of 200ms";
    assert_eq!(log.matches(told).count(), 1, "{log}");
    assert!(log.contains("Raise health.concurrency (2; 16 would do"), "{log}");
}

#[tokio::test]
async fn one_that_drops_probes_is_told_apart_from_one_that_answers() {
    let backends = Backend::start_many(2).await;
    let gateway = builder(&backends).pool_yaml(HTTP).start(binary()).await;
    backends[0].set_health(Health::SameAsTraffic);
    backends[0].set(Behavior::CloseBeforeAnswer(Ending::Fin));
    becomes(&gateway, &backends[0], "failing").await;
    assert!(gateway.stderr().contains("closed without an answer"), "{}", gateway.stderr());
}
