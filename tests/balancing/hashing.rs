//! Keys have a home: always the same, and only those of an endpoint that fails move.

use std::collections::BTreeMap;

use switchback_testkit::{Answer, Backend, Behavior, Client, Gateway, Load, Response};

use super::{NIMBLE, binary, has_status, most_at_once, ms, requests};

const ALGORITHMS: [&str; 2] = ["ring_hash", "maglev"];
const KEYS: [&str; 5] = ["header:X-User", "cookie:user", "path", "query", "client"];
const VALUES: u32 = 120;
/// Of 120 keys each of four endpoints is home to 30; fewer than this is five standard deviations off,
/// the unevenness of the ring included.
const AT_LEAST: usize = 5;

/// A request with this key, and with something in the other places that must not matter.
async fn ask(client: &mut Client, host: &str, key: &str, value: u32, other: u32) -> Response {
    let at = |place: &str| if key.starts_with(place) { value } else { 1_000 + other };
    let target = format!("/{}?page={}", at("path"), at("query"));
    let user = format!("user-{}", at("header"));
    let cookie = format!("theme=dark-{other}; user={}", at("cookie"));
    let forwarded = match key {
        "client" => format!("198.51.100.{}, 203.0.113.{value}", other % 200),
        _ => format!("203.0.113.{}", other % 200),
    };
    let headers = [
        ("host", host),
        ("x-user", &*user),
        ("cookie", &*cookie),
        ("x-forwarded-for", &*forwarded),
    ];
    client.request("GET", &target, &headers, b"").await.expect("an answer")
}

/// Where each value of the key goes.
async fn homes(gateway: &Gateway, host: &str, key: &str, other: u32) -> BTreeMap<u32, String> {
    let mut client = gateway.client().await;
    let mut homes = BTreeMap::new();
    for value in 0..VALUES {
        let answer = ask(&mut client, host, key, value, other + value).await;
        assert_eq!(answer.status, 200, "{host} {key} {value}");
        homes.insert(value, answer.header("x-backend").expect("a backend").to_owned());
    }
    homes
}

#[tokio::test]
async fn a_key_stays_at_home_and_comes_back_to_it() {
    let backends = Backend::start_many(4).await;
    let addresses: Vec<_> = backends.iter().map(Backend::addr).collect();
    let mut builder = Gateway::builder().main_yaml("trusted_proxies: [ 127.0.0.0/8 ]");
    let mut pools = Vec::new();
    for (balance, key) in ALGORITHMS.iter().flat_map(|b| KEYS.map(|key| (*b, key))) {
        let name = format!("p{}", pools.len());
        builder = builder
            .pool(&name, &addresses)
            .pool_yaml(&format!("balance: {balance}\nhash: {key}\n{NIMBLE}"))
            .route_yaml(&format!("{{ host: {name}.example, pool: {name} }}"));
        pools.push((format!("{name}.example"), balance, key));
    }
    let gateway = builder.start(binary()).await;
    for backend in &backends {
        has_status(&gateway, backend, "healthy", pools.len()).await;
    }

    let mut before = Vec::new();
    for (host, balance, key) in &pools {
        let found = homes(&gateway, host, key, 0).await;
        assert_eq!(homes(&gateway, host, key, 500).await, found, "{balance} by {key}");
        for backend in &backends {
            let at_home =
                found.values().filter(|home| **home == backend.addr().to_string()).count();
            assert!(at_home >= AT_LEAST, "{balance} by {key}: {at_home} of {VALUES}");
        }
        before.push(found);
    }

    backends[1].kill().await;
    has_status(&gateway, &backends[1], "failing", pools.len()).await;
    let dead = backends[1].addr().to_string();
    for ((host, balance, key), before) in pools.iter().zip(&before) {
        let moved = homes(&gateway, host, key, 900).await;
        let mut refuges: Vec<_> = Vec::new();
        for (value, home) in before {
            if *home == dead {
                refuges.push(&moved[value]);
            } else {
                assert_eq!(
                    moved[value], *home,
                    "{balance} by {key}: {value} had no reason to move"
                );
            }
        }
        refuges.sort();
        refuges.dedup();
        assert!(refuges.len() > 1, "{balance} by {key}: all keys moved to {refuges:?}");
    }

    backends[1].restart();
    has_status(&gateway, &backends[1], "healthy", pools.len()).await;
    for ((host, balance, key), before) in pools.iter().zip(&before) {
        assert_eq!(homes(&gateway, host, key, 1_300).await, *before, "{balance} by {key}");
    }
}

#[tokio::test]
async fn a_request_without_the_key_goes_anywhere() {
    for balance in ALGORITHMS {
        for key in ["header:X-User", "cookie:user", "query"] {
            let backends = Backend::start_many(3).await;
            let addresses: Vec<_> = backends.iter().map(Backend::addr).collect();
            let gateway = Gateway::builder()
                .pool("web", &addresses)
                .pool_yaml(&format!("balance: {balance}\nhash: {key}"))
                .start(binary())
                .await;
            let report = Load::new(gateway.addr()).clients(1).count(60).run().await;
            assert_eq!(report.ok, 60, "{report}");
            // That one gets none of sixty: once in ten thousand million runs.
            let got = requests(&backends);
            assert!(got.iter().all(|got| *got > 0), "{balance} without {key}: {got:?}");
        }
    }
}

#[tokio::test]
async fn a_client_that_nobody_trusts_cannot_choose_its_key() {
    let backends = Backend::start_many(3).await;
    let addresses: Vec<_> = backends.iter().map(Backend::addr).collect();
    let gateway = Gateway::builder()
        .pool("web", &addresses)
        .pool_yaml("balance: ring_hash\nhash: client")
        .start(binary())
        .await;
    let mut homes: Vec<_> = homes(&gateway, "a.example", "client", 0).await.into_values().collect();
    homes.sort();
    homes.dedup();
    assert_eq!(homes.len(), 1, "it is one client, whatever it says");
}

/// Twelve clients ask for one thing at once; what each endpoint had at most, and in all.
async fn hot(balance: &str, bounded_load: &str) -> Vec<(usize, u64)> {
    let work = ms(150);
    let backends = Backend::start_many(4).await;
    for backend in &backends {
        backend.set(Behavior::Answer(Answer::ok("x").delay(work)));
    }
    let addresses: Vec<_> = backends.iter().map(Backend::addr).collect();
    let gateway = Gateway::builder()
        .pool("web", &addresses)
        .pool_yaml(&format!("balance: {balance}"))
        .pool_yaml(&format!("hash: {{ key: path, bounded_load: {bounded_load} }}"))
        .start(binary())
        .await;
    let report = Load::new(gateway.addr()).clients(12).count(96).target("/hot").run().await;
    assert_eq!(report.ok, 96, "{report}");
    backends.iter().map(|backend| (most_at_once(backend, work), backend.requests())).collect()
}

#[tokio::test]
async fn a_hot_key_overloads_nobody() {
    for balance in ALGORITHMS {
        let got = hot(balance, "125%").await;
        // ⌈1.25 · 12 / 4⌉ of twelve in flight.
        let most = got.iter().map(|(at_once, _)| *at_once).max();
        assert_eq!(most, Some(4), "{balance}: at once and in all {got:?}");
        let used = got.iter().filter(|(_, all)| *all > 0).count();
        assert!(used >= 3, "{balance}: at once and in all {got:?}");
    }
}

#[tokio::test]
async fn without_a_bound_a_hot_key_stays_at_home() {
    for balance in ALGORITHMS {
        let mut got = hot(balance, "off").await;
        got.sort_unstable();
        assert_eq!(got.last().map(|(_, all)| *all), Some(96), "{balance}: {got:?}");
    }
}
