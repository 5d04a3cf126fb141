//! What it costs to find the route of a request: the same with 10 routes and with 10,000, but for
//! regular expressions of one host, which are tried one after another.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use rand::SeedableRng;
use rand::rngs::SmallRng;
use rand::seq::SliceRandom;
use switchback_core::route::{HostPattern, PathPattern, RouteTable};

/// A route, and a request that takes it.
struct Route {
    host: String,
    path: Result<PathPattern, switchback_core::route::PathPatternError>,
    request: (String, String),
}

/// Five routes a host: everything, a prefix, an exact path, an expression, and a wildcard.
fn many_hosts(n: usize) -> Route {
    let host = format!("h{}.example.com", n / 5);
    let (path, asks) = match n % 5 {
        0 => (PathPattern::prefix("/"), "/cart/items/7"),
        1 => (PathPattern::prefix("/api/"), "/api/users/7"),
        2 => (PathPattern::exact("/login"), "/login"),
        3 => (PathPattern::regex("^/v[0-9]+/items/[a-z]+"), "/v2/items/shoes"),
        _ => (PathPattern::prefix("/w/"), "/w/x"),
    };
    let wild = n % 5 == 4;
    let asked = if wild { format!("a.{host}") } else { host.clone() };
    let host = if wild { format!("*.{host}") } else { host };
    Route { host, path, request: (asked, asks.to_owned()) }
}

/// All under one host, or under every one.
fn many_prefixes(host: &str, n: usize) -> Route {
    let request = ("shop.example.com".to_owned(), format!("/service-{n}/v1/users/7"));
    Route {
        host: host.to_owned(),
        path: PathPattern::prefix(&format!("/service-{n}/v1/")),
        request,
    }
}

fn many_expressions(n: usize) -> Route {
    let path = PathPattern::regex(&format!("^/service-{n}/v[0-9]+/"));
    let request = ("shop.example.com".to_owned(), format!("/service-{n}/v1/users/7"));
    Route { host: "shop.example.com".to_owned(), path, request }
}

fn find(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("route");
    type Make = fn(usize) -> Route;
    let kinds: [(&str, Make, &[usize]); 4] = [
        ("hosts", many_hosts, &[10, 100, 10_000]),
        ("prefixes_of_one_host", |n| many_prefixes("shop.example.com", n), &[10, 100, 10_000]),
        ("prefixes_of_any_host", |n| many_prefixes("*", n), &[10, 100, 10_000]),
        ("expressions_of_one_host", many_expressions, &[1, 10, 100, 1000]),
    ];
    for (name, make, counts) in kinds {
        for &count in counts {
            let routes: Vec<Route> = (0..count).map(make).collect();
            let patterns = routes.iter().filter_map(|route| {
                Some((HostPattern::parse(&route.host).ok()?, route.path.as_ref().ok()?))
            });
            let patterns: Vec<_> = patterns.collect();
            let table = RouteTable::new(patterns.iter().map(|(host, path)| (host, *path)));
            // Of as many routes as a busy moment asks for, wherever they stand.
            let mut rng = SmallRng::seed_from_u64(1);
            let mut asked: Vec<usize> = (0..count).collect();
            asked.shuffle(&mut rng);
            asked.truncate(100);
            let mut at = 0;
            group.bench_function(BenchmarkId::new(name, count), |bencher| {
                bencher.iter(|| {
                    at = if at + 1 < asked.len() { at + 1 } else { 0 };
                    let (host, path) = &routes[asked[at]].request;
                    let found = table.find(black_box(host), black_box(path));
                    assert!(found == Some(asked[at]), "{host}{path}");
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, find);
criterion_main!(benches);
