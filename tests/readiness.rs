//! Ready or not, and why: what `/readyz` says. That a gateway that leaves is not ready: `drain.rs`.

use std::path::Path;
use std::time::{Duration, Instant};

use switchback_testkit::{Backend, Gateway, GatewayBuilder, Health, eventually};

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_switchback"))
}

const SOON: Duration = Duration::from_secs(10);
const PROBES: &str = "health: { http: { path: /healthz }, interval: 1s, timeout: 30s }";

/// A gateway with a pool `web` of this backend.
fn described(backend: &Backend, yaml: &str) -> GatewayBuilder {
    Gateway::builder().pool("web", &[backend.addr()]).pool_yaml(PROBES).pool_yaml(yaml)
}

async fn readiness(gateway: &Gateway) -> (u16, String) {
    let answer = gateway.admin("GET", "/readyz").await.expect("an answer");
    (answer.status, answer.text())
}

async fn comes_up(gateway: &Gateway) {
    eventually(SOON, "alive", async || gateway.admin("GET", "/livez").await.is_ok()).await;
}

#[tokio::test]
async fn until_its_endpoints_were_probed_a_gateway_is_not_ready() {
    let backend = Backend::start().await;
    backend.set_health(Health::Hang);
    let gateway = described(&backend, "").without_waiting().start(binary()).await;
    comes_up(&gateway).await;
    let missing = "not ready\npool web: not all probed yet\n".to_owned();
    assert_eq!(readiness(&gateway).await, (503, missing));
    // Alive it is, and it serves whoever comes all the same.
    assert_eq!(gateway.admin("GET", "/livez").await.expect("an answer").status, 200);
    assert_eq!(gateway.get("/").await.expect("an answer").status, 200);
}

#[tokio::test]
async fn a_silent_endpoint_does_not_keep_it_out_for_ever() {
    let backend = Backend::start().await;
    backend.set_health(Health::Hang);
    let begun = Instant::now();
    let gateway = described(&backend, "").main_yaml("startup_timeout: 2s").start(binary()).await;
    assert_eq!(readiness(&gateway).await, (200, "ready".to_owned()));
    assert!(begun.elapsed() >= Duration::from_secs(2), "after {:?}", begun.elapsed());
}

#[tokio::test]
async fn without_a_required_pool_it_is_not_ready_and_without_another_it_is() {
    let (web, api) = (Backend::start().await, Backend::start().await);
    let soon = PROBES.replace("30s", "500ms");
    let gateway = Gateway::builder()
        .pool("web", &[web.addr()])
        .pool_yaml(&soon)
        .pool_yaml("required: true")
        .pool("api", &[api.addr()])
        .pool_yaml(&soon)
        .route_yaml("{ path: /api, pool: api }")
        .route_yaml("{ pool: web }")
        .start(binary())
        .await;
    api.set_health(Health::Status(500));
    let failing = async || gateway.stderr().contains("pool api: endpoint");
    eventually(SOON, "api fails", failing).await;
    assert_eq!(readiness(&gateway).await, (200, "ready".to_owned()));
    web.set_health(Health::Status(500));
    eventually(SOON, "not ready", async || !gateway.is_ready().await).await;
    let missing = "not ready\npool web: required, and no endpoint can serve\n".to_owned();
    assert_eq!(readiness(&gateway).await, (503, missing));
    web.set_health(Health::Healthy);
    eventually(SOON, "ready again", async || gateway.is_ready().await).await;
}
