//! Who reads slowly, or asks for much, is in nobody's way.

use std::sync::atomic::Ordering;
use std::time::Instant;

use super::*;

const FULL: (usize, usize) = (1_000, 100);

/// Sends the request and leaves the answer where it is.
async fn begun(admin: &Admin) -> TcpStream {
    let mut stream = TcpStream::connect(admin.address).await.unwrap();
    stream.write_all(b"GET /api/v1/pools HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    stream
}

async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < end, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_hundred_thousand_endpoints_are_told_while_others_are_answered() {
    let operator = Fake::new(FULL.0, FULL.1);
    let admin = Admin::of(&operator).await;
    let address = admin.address;
    let reading = tokio::task::spawn_blocking(move || {
        fetch(
            &Address::Tcp(address),
            &Request::get("/api/v1/pools"),
            1 << 30,
            Duration::from_secs(60),
        )
    });
    until("it has begun", || operator.told.load(Ordering::Relaxed) > 0).await;
    let mut during = 0;
    while !reading.is_finished() {
        let asked = Instant::now();
        assert!(admin.get("/livez").await.0.starts_with("http/1.1 200"));
        assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
        during += 1;
    }
    assert!(during > 0);
    let answer = reading.await.unwrap().unwrap();
    let told: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    let pools = told["pools"].as_array().unwrap();
    let endpoints = pools.iter().map(|pool| pool["endpoints"].as_array().unwrap().len());
    assert_eq!(endpoints.sum::<usize>(), FULL.0 * FULL.1);
}

#[tokio::test]
async fn what_nobody_reads_is_not_written() {
    let operator = Fake::new(FULL.0, FULL.1);
    let admin = Admin::of(&operator).await;
    let readers = [begun(&admin).await, begun(&admin).await];
    // What fits into the kernel's buffers, and a piece.
    let mut before = usize::MAX;
    for _ in 0..200 {
        let told = operator.told.load(Ordering::Relaxed);
        if told > 0 && told == before {
            break;
        }
        before = told;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let told = operator.told.load(Ordering::Relaxed);
    assert!(told < FULL.0, "{told} pools were told to two who read nothing");
    assert_eq!(operator.ended.load(Ordering::Relaxed), 0);
    assert!(admin.get("/livez").await.0.starts_with("http/1.1 200"));
    drop(readers);
    until("it ends with its reader", || operator.ended.load(Ordering::Relaxed) == 2).await;
    assert!(operator.told.load(Ordering::Relaxed) < 2 * FULL.0);
}
