//! What a good configuration becomes.

use std::time::Duration;

use switchback_config::{Loaded, parse_str};
use switchback_core::PoolIndex;
use switchback_core::plan::{
    AccessLogPlan, Action, AdminPlan, Balance, DrainPlan, HealthPlan, ProbePlan, RetryPolicy,
    RoutePlan, StatusSet, Target, Timeouts,
};

fn environment(name: &str) -> Option<String> {
    (name == "W").then(|| "7".to_owned())
}

fn loaded(main: &str, pools: &[(&str, &str)]) -> Loaded {
    let loaded = parse_str(("conf/switchback.yaml", main), pools, &environment)
        .unwrap_or_else(|diagnostics| panic!("{diagnostics}"));
    assert!(loaded.warnings.is_empty(), "{}", loaded.warnings);
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
    assert_eq!(plan.threads, None);
    let pool = &plan.pools[0];
    assert_eq!((&*pool.name, pool.balance), ("web", Balance::default()));
    assert_eq!(pool.health, Some(HealthPlan::default()));
    assert_eq!(pool.timeouts, Timeouts::default());
    assert_eq!((&pool.tls, &pool.host), (&None, &None));
    let route = &plan.routes[0];
    assert_eq!(&*route.name, "*/");
    let target = &targets(route)[0];
    assert_eq!((target.pool, target.weight.value()), (PoolIndex(0), 1));
    assert_eq!(target.request_timeout, Timeouts::default().request);
    assert_eq!(target.retry, RetryPolicy::default());
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
    assert_eq!(plan.access_log, AccessLogPlan::Off);
    assert_eq!(plan.drain.delay, Duration::ZERO);
    assert_eq!((&*plan.routes[0].name, &*plan.routes[1].name), ("on/", "*/22:22/"));
}

#[test]
fn a_path_is_relative_to_the_file_that_names_it() {
    let text = main(&format!("access_log: {{ file: logs/access.log }}\n{ONE_ROUTE}"));
    let loaded = loaded(&text, &[("conf/pools/web.yaml", ONE_ENDPOINT)]);
    assert_eq!(loaded.plan.access_log, AccessLogPlan::File("conf/logs/access.log".into()));
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
