//! What a good configuration becomes.

#![expect(clippy::unwrap_used, reason = "a failing unwrap is a failing test")]

#[path = "schema/validator.rs"]
mod validator;

use std::num::NonZeroU32;
use std::time::Duration;

use switchback_config::{Loaded, parse_str};
use switchback_core::PoolIndex;
use switchback_core::plan::{
    AccessLogPlan, Action, Admin, AdminPlan, Balance, Behind, DrainPlan, EjectionPlan,
    EndpointPlan, HashKey, HashPlan, HealthPlan, LogSink, PoolPlan, ProbePlan, Protocol, QueuePlan,
    Ratio, RetryBudget, RetryPolicy, RoutePlan, SameSite, Secure, SlowStart, StatusSet, Target,
    Timeouts,
};

fn environment(name: &str) -> Option<String> {
    (name == "W").then(|| "7".to_owned())
}

fn loaded(main: &str, pools: &[(&str, &str)]) -> Loaded {
    let loaded = parse_str(("conf/switchback.yaml", main), pools, &environment)
        .unwrap_or_else(|diagnostics| panic!("{diagnostics}"));
    assert!(loaded.warnings.is_empty(), "{}", loaded.warnings);
    validator::accepts(main, pools);
    loaded
}

fn main(rest: &str) -> String {
    format!("listeners: [ 0.0.0.0:8080 ]\npools: pools/*.yaml\n{rest}")
}

const ONE_ROUTE: &str = "routes: [ { pool: web } ]\n";
const ONE_ENDPOINT: &str = "endpoints: [ 10.0.1.11:8080 ]\n";

fn targets(route: &RoutePlan) -> &[Target] {
    match &route.action {
        Action::Forward(targets) => targets,
        Action::Redirect(redirect) => panic!("{redirect:?}"),
    }
}

#[test]
fn what_is_not_said_has_the_defaults_of_core() {
    let plan = loaded(&main(ONE_ROUTE), &[("pools/web.yaml", ONE_ENDPOINT)]).plan;
    assert_eq!(plan.admin, AdminPlan::default());
    assert_eq!(plan.access_log, AccessLogPlan::default());
    assert_eq!(plan.drain, DrainPlan::default());
    assert_eq!((plan.threads, &plan.zone), (None, &None));
    let pool = &plan.pools[0];
    assert_eq!((&*pool.name, pool.balance), ("web", Balance::default()));
    assert_eq!(pool.health, Some(HealthPlan::default()));
    assert_eq!(pool.timeouts, Timeouts::default());
    assert_eq!((&pool.tls, &pool.host), (&None, &None));
    // All of a pool, also what this test does not know of.
    let endpoint = EndpointPlan::at("10.0.1.11:8080".parse().unwrap());
    let default = PoolPlan { health: pool.health.clone(), ..PoolPlan::of("web", vec![endpoint]) };
    assert_eq!(format!("{pool:?}"), format!("{default:?}"));
    let route = &plan.routes[0];
    assert_eq!(&*route.name, "*/");
    let target = &targets(route)[0];
    assert_eq!((target.pool, target.weight.value()), (PoolIndex(0), 1));
    assert_eq!(target.request_timeout, Timeouts::default().request);
    assert_eq!(target.retry, RetryPolicy::default());
}

#[test]
fn what_stands_in_front_sets_what_follows_from_it_unless_a_key_says_otherwise() {
    let seconds = Duration::from_secs;
    let front = |keys: &str| {
        let text = main(&format!("{keys}\n{ONE_ROUTE}"));
        let pools = [("pools/web.yaml", ONE_ENDPOINT)];
        let loaded = parse_str(("switchback.yaml", &text), &pools, &environment);
        let plan = loaded.unwrap_or_else(|said| panic!("{said}")).plan;
        let networks = plan.trusted_proxies.len();
        (plan.behind, plan.client_keepalive, plan.drain.delay, networks)
    };
    for (keys, expected) in [
        ("", (Behind::None, seconds(75), seconds(5), 0)),
        ("behind: none", (Behind::None, seconds(75), seconds(5), 0)),
        ("behind: aws-alb", (Behind::AwsAlb, seconds(75), seconds(60), 0)),
        ("behind: aws-nlb", (Behind::AwsNlb, seconds(75), seconds(60), 0)),
        ("behind: gcp", (Behind::Gcp, seconds(620), seconds(10), 2)),
        ("behind: azure", (Behind::Azure, seconds(260), seconds(90), 0)),
        ("behind: cloudflare", (Behind::Cloudflare, seconds(920), seconds(5), 22)),
        (
            "behind: gcp\ntrusted_proxies: []\nclient_keepalive: 700s\ndrain: { delay: 1s }",
            (Behind::Gcp, seconds(700), seconds(1), 0),
        ),
        ("behind: azure\ndrain: { timeout: 1s }", (Behind::Azure, seconds(260), seconds(90), 0)),
    ] {
        assert_eq!(front(keys), expected, "{keys}");
    }
    let plan = loaded(
        &main(&format!("behind: cloudflare\n{ONE_ROUTE}")),
        &[("pools/web.yaml", ONE_ENDPOINT)],
    )
    .plan;
    assert_eq!(plan.drain.timeout, DrainPlan::default().timeout);
}

#[test]
fn a_route_overrides_its_pool_key_by_key() {
    let routes = main(
        "routes:\n  - { host: Shop.example.com, path: /api, pool: web, timeouts: { request: 10s }, retry: { attempts: 5 } }\n  - pool: web\n",
    );
    let pool = format!(
        "{ONE_ENDPOINT}timeouts: {{ request: 40s }}\nretry: {{ statuses: 503, trust_idempotency_key: true }}\n"
    );
    let plan = loaded(&routes, &[("pools/web.yaml", &pool)]).plan;
    let (api, rest) = (&targets(&plan.routes[0])[0], &targets(&plan.routes[1])[0]);
    assert_eq!(&*plan.routes[0].name, "shop.example.com/api/");
    assert_eq!(api.request_timeout, Duration::from_secs(10));
    assert_eq!(rest.request_timeout, Duration::from_secs(40));
    assert_eq!((api.retry.attempts.get(), rest.retry.attempts.get()), (5, 3));
    for target in [api, rest] {
        assert_eq!(target.retry.statuses, StatusSet::from_ranges(&[(503, 503)]).unwrap());
        assert!(target.retry.trust_idempotency_key);
    }
}

#[test]
fn a_split_names_pools_by_their_position() {
    let routes =
        main("routes: [ { split: [ { pool: b, weight: 95 }, { pool: a, weight: 5 } ] } ]\n");
    let plan =
        loaded(&routes, &[("pools/a.yaml", ONE_ENDPOINT), ("pools/b.yaml", ONE_ENDPOINT)]).plan;
    let shares: Vec<_> =
        targets(&plan.routes[0]).iter().map(|t| (t.pool, t.weight.value())).collect();
    assert_eq!(shares, [(PoolIndex(1), 95), (PoolIndex(0), 5)]);
}

#[test]
fn probes_and_tls_take_what_the_pool_says() {
    let pool = format!(
        "{ONE_ENDPOINT}host: web.internal\ntls: {{ verify: false }}\nhealth:\n  http: {{ path: /ok?full=1, expect: [200, \"300-399\"], port: 9000 }}\n"
    );
    let plan = loaded(&main(ONE_ROUTE), &[("pools/web.yaml", &pool)]).plan;
    let pool = &plan.pools[0];
    let tls = pool.tls.as_ref().unwrap();
    assert_eq!((&*tls.sni, tls.verify), ("web.internal", false));
    let expect = StatusSet::from_ranges(&[(200, 200), (300, 399)]).unwrap();
    let probe = ProbePlan::Http { path: "/ok?full=1".into(), expect, port: Some(9000) };
    assert_eq!(pool.health.as_ref().unwrap().probe, probe);
}

#[test]
fn health_checks_can_be_switched_off() {
    let pool = format!("{ONE_ENDPOINT}health: {{ enabled: false }}\n");
    assert_eq!(loaded(&main(ONE_ROUTE), &[("pools/web.yaml", &pool)]).plan.pools[0].health, None);
}

#[test]
fn variables_may_be_numbers_in_quotes_or_not() {
    let pool = "endpoints:\n  - { address: 10.0.1.11:8080, weight: \"${W}\" }\n  - address: 10.0.1.12:8080\n    weight: ${W}0\n";
    let plan = loaded(&main(ONE_ROUTE), &[("pools/web.yaml", pool)]).plan;
    let weights: Vec<_> = plan.pools[0].endpoints.iter().map(|one| one.weight.value()).collect();
    assert_eq!(weights, [7, 70]);
}

#[test]
fn what_yaml_1_1_would_turn_into_something_else_is_what_was_written() {
    let text = main(
        "access_log: off\nthreads: 4\ndrain: { delay: 0s }\nroutes:\n  - { host: on, pool: no }\n  - { path: /22:22, pool: no }\n",
    );
    let plan = loaded(&text, &[("pools/no.yaml", ONE_ENDPOINT)]).plan;
    assert_eq!(plan.access_log.to, LogSink::Off);
    assert_eq!(plan.drain.delay, Duration::ZERO);
    assert_eq!((&*plan.routes[0].name, &*plan.routes[1].name), ("on/", "*/22:22/"));
}

#[test]
fn a_path_is_relative_to_the_file_that_names_it() {
    let text = main(&format!("access_log: {{ file: logs/access.log }}\n{ONE_ROUTE}"));
    let loaded = loaded(&text, &[("conf/pools/web.yaml", ONE_ENDPOINT)]);
    assert_eq!(loaded.plan.access_log.to, LogSink::File("conf/logs/access.log".into()));
    let files: Vec<_> = loaded.files.iter().map(|path| path.to_string_lossy()).collect();
    assert_eq!(files, ["conf/switchback.yaml", "conf/pools/web.yaml"]);
}

#[test]
fn a_redirect_is_permanent_and_keeps_the_method_unless_it_says_otherwise() {
    let text = main("routes: [ { path: /old/, redirect: { to: /new/ } }, { pool: web } ]\n");
    let plan = loaded(&text, &[("pools/web.yaml", ONE_ENDPOINT)]).plan;
    match &plan.routes[0].action {
        Action::Redirect(redirect) => assert_eq!((&*redirect.to, redirect.status), ("/new/", 308)),
        Action::Forward(targets) => panic!("{targets:?}"),
    }
}

/// The pool of a file with one endpoint and these keys.
fn pool(keys: &str) -> PoolPlan {
    let text = format!("{ONE_ENDPOINT}{keys}\n");
    loaded(&main(ONE_ROUTE), &[("pools/web.yaml", &text)]).plan.pools.remove(0)
}

fn ratio(per_mille: u16) -> Ratio {
    Ratio::per_mille(per_mille).unwrap()
}

fn count(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap()
}

#[test]
fn every_algorithm_has_a_name() {
    for (name, balance) in [
        ("peak_ewma", Balance::PeakEwma),
        ("least_requests", Balance::LeastRequests),
        ("round_robin", Balance::RoundRobin),
        ("random", Balance::Random),
        ("ring_hash", Balance::RingHash),
        ("maglev", Balance::Maglev),
    ] {
        assert_eq!(pool(&format!("balance: {name}")).balance, balance);
    }
}

#[test]
fn a_hash_key_is_a_part_of_the_request() {
    for (text, key) in [
        ("client", HashKey::Client),
        ("path", HashKey::Path),
        ("query", HashKey::Query),
        ("header:X-User", HashKey::Header("x-user".parse().unwrap())),
        ("cookie:Cart", HashKey::Cookie("Cart".into())),
    ] {
        let plan = HashPlan { key, bounded_load: Some(ratio(1250)) };
        assert_eq!(pool(&format!("balance: maglev\nhash: {text}")).hash, plan);
        assert_eq!(pool(&format!("balance: maglev\nhash: {{ key: {text} }}")).hash, plan);
    }
    for (text, bound) in [("off", None), ("150.5%", Some(ratio(1505)))] {
        let plan = pool(&format!("balance: ring_hash\nhash: {{ bounded_load: {text} }}"));
        assert_eq!(plan.hash, HashPlan { key: HashKey::Client, bounded_load: bound });
    }
}

#[test]
fn sessions_stay_by_a_cookie() {
    let least = pool("sticky: { secret: 0123456789abcdef }").sticky.unwrap();
    assert_eq!((&*least.cookie, &*least.secret), ("switchback", "0123456789abcdef"));
    assert_eq!((least.max_age, least.secure, least.same_site), (None, Secure::Auto, SameSite::Lax));
    let full = "sticky: { cookie: sid, secret: a long enough secret, max_age: 1h, secure: always, same_site: none }";
    let full = pool(full).sticky.unwrap();
    assert_eq!((&*full.cookie, full.max_age), ("sid", Some(Duration::from_secs(3600))));
    assert_eq!((full.secure, full.same_site), (Secure::Always, SameSite::None));
}

#[test]
fn slow_start_is_a_duration_or_off() {
    let of =
        |secs, per_mille| SlowStart { duration: Duration::from_secs(secs), from: ratio(per_mille) };
    for (text, plan) in [
        ("30s", of(30, 100)),
        ("{ duration: 1m, from: 25% }", of(60, 250)),
        ("{ from: 1% }", of(10, 10)),
        ("{ enabled: false, from: 25% }", of(0, 100)),
    ] {
        assert_eq!(pool(&format!("slow_start: {text}")).slow_start, plan, "{text}");
    }
}

#[test]
fn an_endpoint_has_the_limits_of_its_pool_or_its_own() {
    let text = "max_requests: 100\nmax_connections: 7\nendpoints: [ 10.0.1.11:8080, { address: 10.0.1.12:8080, max_requests: 5, max_connections: 6 } ]\n";
    let plan = loaded(&main(ONE_ROUTE), &[("pools/web.yaml", text)]).plan;
    let endpoints = plan.pools[0].endpoints.iter();
    let limits: Vec<_> = endpoints.map(|one| (one.max_requests, one.max_connections)).collect();
    assert_eq!(limits, [(Some(count(100)), Some(count(7))), (Some(count(5)), Some(count(6)))]);
}

#[test]
fn an_operator_can_drain_and_disable() {
    let text = "endpoints:\n  - { address: 10.0.1.11:8080, drain: true }\n  - { address: 10.0.1.12:8080, disabled: true, drain: false }\n  - { address: 10.0.1.13:8080, drain: false, disabled: false }\n";
    let plan = loaded(&main(ONE_ROUTE), &[("pools/web.yaml", text)]).plan;
    let admin: Vec<_> = plan.pools[0].endpoints.iter().map(|one| one.admin).collect();
    assert_eq!(admin, [Admin::Drain, Admin::Disabled, Admin::Enabled]);
}

#[test]
fn an_endpoint_is_far_if_both_zones_are_known_and_differ() {
    let text = "endpoints:\n  - { address: 10.0.1.11:8080, zone: a }\n  - { address: 10.0.1.12:8080, zone: b }\n  - 10.0.1.13:8080\n";
    let plan = loaded(&main(&format!("zone: a\n{ONE_ROUTE}")), &[("pools/web.yaml", text)]).plan;
    assert_eq!(plan.zone.as_deref(), Some("a"));
    let endpoints = plan.pools[0].endpoints.iter();
    let far: Vec<_> = endpoints.map(|one| (one.zone.as_deref(), one.far)).collect();
    assert_eq!(far, [(Some("a"), false), (Some("b"), true), (None, false)]);
}

#[test]
fn requests_wait_in_a_queue_or_not_at_all() {
    assert_eq!(pool("queue: 0").queue, QueuePlan { size: 0, ..QueuePlan::default() });
    let plan = QueuePlan { size: 8, timeout: Duration::from_secs(5) };
    assert_eq!(pool("queue: 8\nqueue_timeout: 5s").queue, plan);
}

#[test]
fn ejection_takes_what_the_pool_says() {
    let plan = pool(
        "ejection: { consecutive: 3, statuses: 502, window: 30s, min_requests: 50, tolerance: 12.5%, time: 1s, max_time: 1m, max_ejected: 0%, probation: 1 }",
    );
    let wanted = EjectionPlan {
        enabled: true,
        consecutive: count(3),
        statuses: StatusSet::from_ranges(&[(502, 502)]).unwrap(),
        window: Duration::from_secs(30),
        min_requests: count(50),
        tolerance: ratio(125),
        time: Duration::from_secs(1),
        max_time: Duration::from_secs(60),
        max_ejected: ratio(0),
        probation: count(1),
    };
    assert_eq!(plan.ejection, wanted);
    let off = EjectionPlan { enabled: false, ..EjectionPlan::default() };
    assert_eq!(pool("ejection: { enabled: false }").ejection, off);
}

#[test]
fn a_pool_speaks_what_it_says() {
    assert_eq!(pool("protocol: h2").protocol, Protocol::H2);
    assert_eq!(pool("protocol: http1").protocol, Protocol::Http1);
}

#[test]
fn probes_may_ask_by_grpc_and_faster_in_doubt() {
    let health =
        pool("health: { fast_interval: 200ms, grpc: { service: shop.v1.Cart, port: 9000 } }")
            .health
            .unwrap();
    assert_eq!(health.fast_interval, Duration::from_millis(200));
    assert_eq!(health.probe, ProbePlan::Grpc { service: "shop.v1.Cart".into(), port: Some(9000) });
    let health = pool("health: { grpc: {} }").health.unwrap();
    assert_eq!(health.probe, ProbePlan::Grpc { service: "".into(), port: None });
}

#[test]
fn retries_wait_and_are_budgeted() {
    let pools = format!(
        "{ONE_ENDPOINT}retry: {{ backoff: 50ms, max_backoff: 2s }}\nretry_budget: {{ ratio: 5%, floor: 0 }}\n"
    );
    let routes = "routes:\n  - { path: /a/, pool: web, retry: { backoff: 1s } }\n  - pool: web\n";
    let plan = loaded(&main(routes), &[("pools/web.yaml", &pools)]).plan;
    assert_eq!(plan.pools[0].retry_budget, RetryBudget { ratio: ratio(50), floor: 0 });
    let waits = |route: &RoutePlan| {
        let retry = &targets(route)[0].retry;
        (retry.backoff.as_millis(), retry.max_backoff.as_millis())
    };
    assert_eq!(plan.routes.iter().map(waits).collect::<Vec<_>>(), [(1000, 2000), (50, 2000)]);
}
