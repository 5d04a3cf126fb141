//! A thousand pools of a hundred endpoints and ten thousand routes: it starts, and a request does not
//! notice.
//!
//! The bounds are for a debug build on a busy machine. What a release does is in docs/TESTING.md.

use std::path::Path;
use std::time::{Duration, Instant};

use switchback_testkit::{Answer, Backend, Behavior, Client, Gateway, Scale};

/// For the start of a debug build; a release takes half a second.
const SOON: Duration = Duration::from_secs(60);

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_switchback"))
}

/// A gateway whose first and last pools have a backend each, and the others endpoints that are never
/// asked.
async fn gateway(scale: Scale, first: &Backend, last: &Backend) -> Gateway {
    let mut builder = Gateway::builder().main_yaml("access_log: off").deadline(SOON);
    for pool in 0..scale.pools {
        let endpoints = match pool {
            0 => vec![first.addr().to_string()],
            _ if pool + 1 == scale.pools => vec![last.addr().to_string()],
            _ => scale.endpoints_of(pool),
        };
        builder = builder
            .pool_of(&scale.pool_name(pool), &endpoints)
            .pool_yaml(&format!("balance: {}", scale.balance_of(pool)));
    }
    for route in 0..scale.routes {
        builder = builder.route_yaml(&scale.route(route));
    }
    builder.start(binary()).await
}

/// Asks for what a route leads to; how long it took.
async fn ask(client: &mut Client, scale: Scale, route: usize, wanted: &str) -> Duration {
    let (host, path) = scale.request(route);
    let began = Instant::now();
    let answer = client.request("GET", path, &[("Host", &host)], b"").await.expect("an answer");
    let took = began.elapsed();
    assert_eq!((answer.status, &*answer.body), (200, wanted.as_bytes()), "{host}{path}");
    took
}

fn median(mut samples: Vec<Duration>) -> Duration {
    samples.sort_unstable();
    samples[samples.len() / 2]
}

#[tokio::test]
async fn ten_thousand_routes_cost_a_request_what_ten_do() {
    let answering = |body| Backend::with(Behavior::Answer(Answer::ok(body)));
    let (first, last) = (answering("first").await, answering("last").await);
    let scales = [Scale { pools: 10, endpoints: 1, routes: 10 }, Scale::FULL];
    let began = Instant::now();
    let gateways =
        [gateway(scales[0], &first, &last).await, gateway(scales[1], &first, &last).await];
    eprintln!("both written and started in {:.1?}", began.elapsed());

    let mut clients = [gateways[0].client().await, gateways[1].client().await];
    let mut samples = [Vec::new(), Vec::new()];
    for round in 0..500 {
        for at in 0..scales.len() {
            let (client, scale) = (&mut clients[at], scales[at]);
            let took = [
                ask(client, scale, 0, "first").await,
                ask(client, scale, scale.routes - 1, "last").await,
            ];
            // Connections and caches are made by the first ones.
            if round >= 50 {
                samples[at].extend(took);
            }
        }
    }
    let [ten, many] = samples.map(median);
    eprintln!("median of a request with 10 routes: {ten:.1?}, with 10,000: {many:.1?}");
    assert!(2 * many <= 3 * ten, "with 10 routes {ten:?}, with 10,000 {many:?}");
}
