//! The largest configurations that are meant to work.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use super::{loaded, told};

const POOLS: usize = 1_000;
const ENDPOINTS: usize = 100;
const ROUTES: usize = 10_000;

/// Far above what it takes; what grows with the square of a size takes longer.
const LIMIT: Duration = Duration::from_secs(60);

/// An effective configuration of full size, put together from the pieces of a small one.
fn text(request: &str, tier: u8) -> String {
    let mut pool = "endpoints:\n".to_owned();
    for at in 0..ENDPOINTS {
        let _ = writeln!(pool, "  - {{ address: 10.0.0.{at}:80, tier: {tier} }}");
    }
    let _ = writeln!(pool, "timeouts: {{ request: {request} }}");
    let main = "listeners: [ 0.0.0.0:80 ]\npools: pools/*.yaml\nroutes: [ { pool: p } ]\n";
    let small = loaded(main, &[("conf/pools/p.yaml", &pool)]).effective();
    let (main, pool) = small.split_once("---\n").unwrap();
    let (top, route) = main.split_once("routes:\n").unwrap();
    let mut text = top.to_owned();
    text = text.replace("- pools/p.yaml\n", "");
    for at in 0..POOLS {
        let _ = writeln!(text, "- pools/p{at}.yaml");
    }
    text.push_str("routes:\n");
    for at in 0..ROUTES {
        let route = route.replace("path: /\n", &format!("path: /{at}/\n"));
        text.push_str(&route.replace("pool: p\n", &format!("pool: p{}\n", at % POOLS)));
    }
    for at in 0..POOLS {
        let _ =
            write!(text, "---\n{}", pool.replacen("pools/p.yaml", &format!("pools/p{at}.yaml"), 1));
    }
    text
}

fn timed(what: &str, running: &str, next: &str) -> (usize, String) {
    let begun = Instant::now();
    let changes = told(running, next);
    let text = changes.to_string();
    let took = begun.elapsed();
    assert!(took < LIMIT, "{what}: {took:?}");
    (changes.len(), text)
}

#[test]
fn a_thousand_pools_and_ten_thousand_routes_are_compared_soon() {
    let running = text("55s", 0);
    assert_eq!(timed("the same", &running, &running).0, 0);

    let one = running.replacen(
        "address: 10.0.0.7:80\n  weight: 1",
        "address: 10.0.0.7:80\n  weight: 2",
        1,
    );
    let (_, said) = timed("one endpoint", &running, &one);
    assert_eq!(said, "pool p0: endpoint 10.0.0.7:80: weight: 1 → 2\n1 change: 1 endpoint");

    let main = running.replacen("delay: 5s", "delay: 6s", 1);
    assert_eq!(timed("the main file", &running, &main).0, 1);

    // Told at the pools: at none of the routes, and once for all endpoints.
    let all = text("30s", 1);
    let (count, said) = timed("everything", &running, &all);
    assert_eq!(count, 2 * POOLS);
    assert_eq!(said.lines().count(), 102);
    assert!(said.contains("pool p0: timeouts.request: 55s → 30s\n"), "{said}");
    assert!(said.ends_with("\n… and 1900 more\n2000 changes: 1000 pools"), "{said}");

    let none = running.replace("10.0.0.", "10.0.1.");
    assert_eq!(timed("other endpoints", &running, &none).0, 2 * POOLS * ENDPOINTS);
}
