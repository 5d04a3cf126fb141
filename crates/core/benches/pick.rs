//! What a pick costs: the same with 3 endpoints and with 10,000.

use std::hint::black_box;
use std::net::SocketAddr;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use rand::SeedableRng;
use rand::rngs::SmallRng;
use switchback_core::balance::Tried;
use switchback_core::plan::{Balance, EndpointPlan, PoolPlan, Timeouts, Weight};
use switchback_core::{Event, Outcome, Pool, Timestamp};

fn pool(count: u32, balance: Balance, weights: &[u16]) -> Pool {
    let endpoints = (0..count)
        .map(|n| EndpointPlan {
            address: SocketAddr::from((n.to_be_bytes(), 8080)),
            weight: Weight::new(weights[n as usize % weights.len()]).unwrap_or_default(),
            tier: 0,
        })
        .collect();
    let plan = PoolPlan {
        name: "bench".into(),
        endpoints,
        balance,
        health: None,
        timeouts: Timeouts::default(),
        tls: None,
        host: None,
    };
    Pool::new(&plan, Timestamp::START)
}

fn pick(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("pick");
    for (name, balance, weights) in [
        ("round_robin", Balance::RoundRobin, &[1][..]),
        ("round_robin_weighted", Balance::RoundRobin, &[1, 2, 5][..]),
        ("least_requests", Balance::LeastRequests, &[1][..]),
        ("least_requests_weighted", Balance::LeastRequests, &[1, 2, 5][..]),
    ] {
        for count in [3, 10_000] {
            let mut pool = pool(count, balance, weights);
            let mut rng = SmallRng::seed_from_u64(1);
            let tried = Tried::default();
            group.bench_function(BenchmarkId::new(name, count), |bencher| {
                bencher.iter(|| {
                    let Some(endpoint) = pool.pick(black_box(&tried), &mut rng) else { return };
                    let ended = Event::Ended { endpoint, outcome: Outcome::Completed };
                    let _ = pool.apply(ended, Timestamp::START);
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, pick);
criterion_main!(benches);
