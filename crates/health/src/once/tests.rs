//! On real sockets: endpoints that answer, refuse or are silent.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use switchback_core::plan::{EndpointPlan, HealthPlan, ProbePlan, StatusSet};
use tokio::net::TcpListener;

use super::*;

/// An address that accepts.
async fn open() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { while listener.accept().await.is_ok() {} });
    address
}

/// An address that nobody listens at.
async fn closed() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    listener.local_addr().expect("an address")
}

fn pool(name: &str, endpoints: &[SocketAddr]) -> PoolPlan {
    PoolPlan::of(name, endpoints.iter().map(|address| EndpointPlan::at(*address)).collect())
}

async fn seen(pools: &[PoolPlan], most: usize) -> Vec<Seen> {
    let mut all = Vec::new();
    once(pools, most, |seen| all.push(seen)).await;
    all.sort_by_key(|seen| (seen.pool.at(), seen.endpoint.at()));
    all
}

#[tokio::test]
async fn each_endpoint_is_told_of_once_and_disabled_ones_are_left_alone() {
    let up = open().await;
    let mut web = pool("web", &[closed().await, up, closed().await]);
    web.endpoints[2].admin = Admin::Disabled;
    web.health = Some(HealthPlan::default());
    let without_probes = pool("api", &[up]);
    let found: Vec<_> = seen(&[web, without_probes], 10)
        .await
        .into_iter()
        .map(|seen| (seen.pool.at(), seen.endpoint.at(), seen.result))
        .collect();
    let refused = Err("connection refused".to_owned());
    assert_eq!(found, [(0, 0, refused), (0, 1, Ok(())), (1, 0, Ok(()))]);
}

#[tokio::test]
async fn neither_a_pools_concurrency_nor_the_bound_over_all_is_passed() {
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = silent.local_addr().expect("an address");
    for (concurrency, most, wanted) in [(3, 100, 3), (64, 2, 2), (1, 1, 1)] {
        let peak = Arc::new(AtomicUsize::new(0));
        let (now, highest) = (Arc::new(AtomicUsize::new(0)), peak.clone());
        // A probe that takes a while: an HTTP request to which nobody answers.
        let probe = ProbePlan::Http {
            path: "/".into(),
            expect: StatusSet::from_ranges(&[(200, 299)]).expect("a range"),
            port: None,
        };
        let health = HealthPlan {
            probe,
            timeout: Duration::from_millis(50),
            concurrency: NonZeroU32::new(concurrency).expect("not zero"),
            ..HealthPlan::default()
        };
        let count = async {
            let mut open = Vec::new();
            while let Ok((stream, _)) = silent.accept().await {
                highest.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                let now = now.clone();
                open.push(tokio::spawn(async move {
                    let mut byte = [0; 512];
                    while stream.readable().await.is_ok()
                        && !matches!(stream.try_read(&mut byte), Ok(0))
                    {}
                    now.fetch_sub(1, Ordering::SeqCst);
                }));
            }
        };
        let pools: Vec<_> = ["a", "b"]
            .map(|name| {
                let endpoints = vec![EndpointPlan::at(address); 6];
                PoolPlan { health: Some(health.clone()), ..PoolPlan::of(name, endpoints) }
            })
            .into();
        let all = tokio::select! {
            () = count => unreachable!("it accepts for ever"),
            all = seen(&pools, most) => all,
        };
        assert_eq!(all.len(), 12);
        assert!(all.iter().all(|seen| seen.result.is_err()));
        // Both pools together; one more may be seen before the end of another is.
        let wanted = (2 * wanted).min(most);
        let peak = peak.load(Ordering::SeqCst);
        assert!((wanted..=wanted + 2).contains(&peak), "{concurrency}, {most}: {peak}");
    }
}

#[tokio::test]
async fn a_thousand_endpoints_in_a_hundred_pools_take_no_time() {
    // Ten of them, because what waits to be accepted is bounded.
    let mut up = Vec::new();
    for _ in 0..10 {
        up.push(open().await);
    }
    let pools: Vec<_> = (0..100).map(|n| pool(&format!("p{n}"), &up)).collect();
    let all = seen(&pools, 256).await;
    assert_eq!(all.len(), 1000);
    let failed: Vec<_> = all.iter().filter(|seen| seen.result.is_err()).collect();
    assert!(failed.is_empty(), "{failed:?}");
    assert!(seen(&[], 256).await.is_empty());
}
