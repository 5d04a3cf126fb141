//! Who gets how much, seen from the endpoints.

use std::path::Path;
use std::time::Duration;

use switchback_testkit::{Answer, Backend, Behavior, Gateway, Load};

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_switchback"))
}

async fn gateway(backends: &[Backend], weights: &[u16], balance: &str) -> Gateway {
    let endpoints: Vec<_> = backends
        .iter()
        .zip(weights)
        .map(|(backend, weight)| format!("{{ address: '{}', weight: {weight} }}", backend.addr()))
        .collect();
    Gateway::builder()
        .pool_of("web", &endpoints)
        .pool_yaml(&format!("balance: {balance}"))
        .start(binary())
        .await
}

#[tokio::test]
async fn round_robin_gives_each_exactly_its_weight() {
    let backends = Backend::start_many(3).await;
    let gateway = gateway(&backends, &[5, 2, 1], "round_robin").await;
    let report = Load::new(gateway.addr()).clients(1).count(160).run().await;
    assert_eq!(report.ok, 160, "{report}");
    let got: Vec<_> = backends.iter().map(Backend::requests).collect();
    assert_eq!(got, [100, 40, 20]);
}

#[tokio::test]
async fn least_requests_keeps_away_from_the_slow() {
    let backends = Backend::start_many(3).await;
    for (backend, delay) in backends.iter().zip([100, 5, 5]) {
        let delay = Duration::from_millis(delay);
        backend.set(Behavior::Answer(Answer::ok("x").delay(delay)));
    }
    let gateway = gateway(&backends, &[1, 1, 1], "least_requests").await;
    let report = Load::new(gateway.addr()).clients(12).count(900).run().await;
    assert_eq!(report.ok, 900, "{report}");
    let slow = backends[0].requests();
    assert!((1..150).contains(&slow), "the slow one got {slow} of 900");
}
