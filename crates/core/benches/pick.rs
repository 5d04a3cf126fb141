//! What a pick and the end of its attempt cost: the same with 3 endpoints and with 10,000. And what a pool
//! costs to make: in proportion to them.

use std::hint::black_box;
use std::net::SocketAddr;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use rand::rngs::SmallRng;
use rand::{RngCore, SeedableRng};
use switchback_core::plan::{Balance, EndpointPlan, PoolPlan, Weight};
use switchback_core::pool::{End, Pick, PickRequest};
use switchback_core::{Event, Outcome, Pool, Timestamp};

fn pool(count: u32, balance: Balance, weights: &[u16]) -> Pool {
    Pool::new(&plan(count, balance, weights), Timestamp::START)
}

fn plan(count: u32, balance: Balance, weights: &[u16]) -> PoolPlan {
    let endpoints = (0..count)
        .map(|n| EndpointPlan {
            weight: Weight::new(weights[n as usize % weights.len()]).unwrap_or_default(),
            ..EndpointPlan::at(SocketAddr::from((n.to_be_bytes(), 8080)))
        })
        .collect();
    let mut plan = PoolPlan::of("bench", endpoints);
    plan.balance = balance;
    plan
}

fn pick(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("pick");
    for (name, balance, weights) in [
        ("peak_ewma", Balance::PeakEwma, &[1][..]),
        ("peak_ewma_weighted", Balance::PeakEwma, &[1, 2, 5][..]),
        ("least_requests", Balance::LeastRequests, &[1][..]),
        ("least_requests_weighted", Balance::LeastRequests, &[1, 2, 5][..]),
        ("round_robin", Balance::RoundRobin, &[1][..]),
        ("round_robin_weighted", Balance::RoundRobin, &[1, 2, 5][..]),
        ("random", Balance::Random, &[1][..]),
        ("ring_hash", Balance::RingHash, &[1][..]),
        ("maglev", Balance::Maglev, &[1][..]),
    ] {
        for count in [3, 10_000] {
            let mut pool = pool(count, balance, weights);
            let mut rng = SmallRng::seed_from_u64(1);
            let (mut request, mut now) = (PickRequest::default(), Timestamp::START);
            group.bench_function(BenchmarkId::new(name, count), |bencher| {
                bencher.iter(|| {
                    now = now + Duration::from_micros(10);
                    request.hash = Some(rng.next_u64());
                    let pick = pool.pick(black_box(&request), now, &mut rng);
                    let Pick::Endpoint(picked) = pick else { return };
                    let waited = Some(Duration::from_millis(1));
                    let end = End { waited, ..End::of(Outcome::Completed) };
                    let _ = pool.apply(Event::Ended(picked, end), now, &mut rng);
                });
            });
        }
    }
    group.finish();
}

/// What it costs to begin with a pool, and to take over a configuration of it that says the same.
fn make(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("pool");
    let algorithms = [
        ("peak_ewma", Balance::PeakEwma),
        ("ring_hash", Balance::RingHash),
        ("maglev", Balance::Maglev),
    ];
    for ((name, balance), count) in
        algorithms.into_iter().flat_map(|one| [100, 10_000].map(|count| (one, count)))
    {
        let plan = plan(count, balance, &[1]);
        group.bench_function(BenchmarkId::new(format!("new/{name}"), count), |bencher| {
            bencher.iter(|| Pool::new(black_box(&plan), Timestamp::START));
        });
        let mut pool = Pool::new(&plan, Timestamp::START);
        group.bench_function(BenchmarkId::new(format!("reconfigure/{name}"), count), |bencher| {
            bencher.iter(|| pool.reconfigure(black_box(&plan), Timestamp::START));
        });
    }
    group.finish();
}

criterion_group!(benches, pick, make);
criterion_main!(benches);
