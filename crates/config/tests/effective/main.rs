//! What is printed is what runs: the effective configuration, read again, gives the same plan.

#![expect(clippy::unwrap_used, reason = "a failing unwrap is a failing test")]

mod strategy;

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use serde::Deserialize;
use switchback_config::{Loaded, load, parse_str};

fn unset(_: &str) -> Option<String> {
    None
}

/// The documents of a stream, each with the file that its head names.
fn documents(stream: &str) -> Vec<(&str, &str)> {
    let name = |text: &str| text.lines().next().unwrap().len();
    let documents = stream.split("\n---\n");
    documents.map(|text| (text[..name(text)].strip_prefix("# ").unwrap(), text)).collect()
}

fn again(stream: &str) -> Loaded {
    let documents = documents(stream);
    parse_str(documents[0], &documents[1..], &unset)
        .unwrap_or_else(|diagnostics| panic!("{stream}\n{diagnostics}"))
}

/// The same plan, the same text, and nothing that `serde_yaml` would read otherwise.
fn holds(loaded: &Loaded) {
    let printed = loaded.effective();
    let reloaded = again(&printed);
    assert_eq!(format!("{:#?}", reloaded.plan), format!("{:#?}", loaded.plan), "{printed}");
    assert_eq!(reloaded.effective(), printed);
    // What `Debug` says of it leaves the secrets out.
    let sticky = |loaded: &Loaded| -> Vec<_> {
        loaded.plan.pools.iter().map(|pool| pool.sticky.clone()).collect()
    };
    assert!(sticky(&reloaded) == sticky(loaded), "{printed}");
    assert!(reloaded.plan.admin == loaded.plan.admin, "{printed}");
    assert!(reloaded.plan.tracing == loaded.plan.tracing, "{printed}");
    let documents =
        serde_yaml::Deserializer::from_str(&printed).map(serde_yaml::Value::deserialize);
    let documents: Result<Vec<_>, _> = documents.collect();
    assert_eq!(documents.unwrap().len(), loaded.files.len(), "{printed}");
}

fn conf(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../conf").join(file)
}

#[test]
fn every_example_is_told_in_full_and_stays_the_same() {
    for file in ["switchback.yaml", "minimal/switchback.yaml"] {
        holds(&load(&conf(file), &unset).unwrap_or_else(|diagnostics| panic!("{diagnostics}")));
    }
}

#[test]
fn written_over_its_files_it_loads_the_same() {
    let example = load(&conf("switchback.yaml"), &unset).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in documents(&example.effective()) {
        let inside = Path::new(name).strip_prefix(conf("")).unwrap();
        let path = folder.path().join(inside);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let written = load(&folder.path().join("switchback.yaml"), &unset).unwrap();
    assert_eq!(format!("{:?}", written.plan), format!("{:?}", example.plan));
}

#[test]
fn the_least_configuration_is_told_with_every_default() {
    let main = "listeners: [ 0.0.0.0:8080 ]\npools: pools/*.yaml\nroutes: [ { pool: web } ]\n";
    let pools = [("conf/pools/web.yaml", "endpoints: [ 127.0.0.1:9001 ]\n")];
    let loaded = parse_str(("conf/switchback.yaml", main), &pools, &unset).unwrap();
    assert_eq!(
        loaded.effective(),
        "# conf/switchback.yaml
listeners:
- address: 0.0.0.0:8080
  http2: true
  proxy_protocol: false
admin:
  address: 127.0.0.1:9900
behind: none
client_keepalive: 1m15s
trusted_proxies: []
forwarded: false
underscores: drop
limits:
  header_size: 32KiB
  header_fields: 100
  target_size: 8KiB
  header_timeout: 10s
  handshake_timeout: 10s
  body_timeout: 30s
  body_rate: 500B
  send_timeout: 1m
  http2_streams: 100
  http2_resets: 20
startup_timeout: 10s
access_log: stdout
drain:
  delay: 5s
  timeout: 25s
pools:
- pools/web.yaml
routes:
- host: '*'
  path: /
  pool: web
  timeouts:
    request: 55s
  retry:
    enabled: true
    attempts: 3
    statuses:
    - 502-504
    backoff: 25ms
    max_backoff: 250ms
    trust_idempotency_key: false
    non_idempotent: false
---
# conf/pools/web.yaml
endpoints:
- address: 127.0.0.1:9001
  weight: 1
  tier: 0
  drain: false
  disabled: false
balance: peak_ewma
slow_start:
  enabled: true
  duration: 10s
  from: 10%
queue: 1024
queue_timeout: 1s
protocol: http1
required: false
health:
  enabled: true
  tcp: {}
  interval: 2s
  fast_interval: 500ms
  timeout: 1s
  rise: 2
  fall: 3
  concurrency: 64
ejection:
  enabled: true
  consecutive: 5
  statuses:
  - 500-599
  window: 10s
  min_requests: 20
  tolerance: 20%
  time: 10s
  max_time: 5m
  max_ejected: 50%
  probation: 5
timeouts:
  connect: 2s
  first_byte: 30s
  idle: 1m
  tunnel: 1h
  write: 30s
  keepalive: 4s
  request: 55s
retry:
  enabled: true
  attempts: 3
  statuses:
  - 502-504
  backoff: 25ms
  max_backoff: 250ms
  trust_idempotency_key: false
  non_idempotent: false
retry_budget:
  ratio: 20%
  floor: 10
"
    );
}

/// Pools that disagree leave the key of a route that goes to both to themselves.
#[test]
fn shares_that_disagree_keep_their_pools_values() {
    let main = "listeners: [ 0.0.0.0:8080 ]\npools: pools/*.yaml\nroutes:\n  - split: [ { pool: a, weight: 1 }, { pool: b, weight: 1 } ]\n    retry: { statuses: 503 }\n";
    let pools = [
        (
            "pools/a.yaml",
            "endpoints: [ 10.0.0.1:80 ]\ntimeouts: { request: 10s, first_byte: 5s }\nretry: { attempts: 2 }\n",
        ),
        ("pools/b.yaml", "endpoints: [ 10.0.0.2:80 ]\n"),
    ];
    let loaded = parse_str(("switchback.yaml", main), &pools, &unset).unwrap();
    holds(&loaded);
    let printed = loaded.effective();
    let route = documents(&printed)[0].1.split("routes:").nth(1).unwrap();
    assert!(!route.contains("request:") && !route.contains("attempts:"), "{route}");
    assert!(route.contains("- '503'"), "{route}");
}

/// Writers of YAML like to fold such lines.
const LONG: &str = "'a long text a long text a long text a long text a long text a long text a long text a long text a long text'";

/// The pool's limits stand where they take effect, and so do a secret and a zone that variables brought.
#[test]
fn what_a_pool_says_for_its_endpoints_is_told_at_each() {
    let main = "listeners: [ 0.0.0.0:8080 ]\npools: pools/*.yaml\nzone: ${ZONE}\nroutes: [ { pool: web } ]\n";
    let pool = "endpoints: [ 10.0.0.1:80, { address: 10.0.0.2:80, max_requests: 5, zone: b } ]\nmax_requests: 50\nmax_connections: 60\nsticky: { secret: '${SECRET}' }\n";
    let environment = |name: &str| match name {
        "ZONE" => Some("a".to_owned()),
        "SECRET" => Some("${not} a variable: #$$".to_owned()),
        _ => None,
    };
    let loaded = parse_str(("switchback.yaml", main), &[("pools/web.yaml", pool)], &environment);
    let loaded = loaded.unwrap_or_else(|diagnostics| panic!("{diagnostics}"));
    holds(&loaded);
    let printed = loaded.effective();
    let count = |line: &str| printed.lines().filter(|one| one.trim() == line).count();
    let told = ["max_requests: 50", "max_requests: 5", "max_connections: 60", "zone: a", "zone: b"];
    assert_eq!(told.map(count), [1, 1, 2, 1, 1], "{printed}");
}

/// What YAML or variables would read as something else.
#[test]
fn texts_that_look_like_something_else_stay_texts() {
    let texts = [
        "'[$${A}]$'",
        "'$$$$'",
        "'a b: #c'",
        "'null'",
        "'[a-c]'",
        "'  '",
        "'1e3'",
        "'~'",
        r#""'\"""#,
        r#""\n \n\tx\n""#,
        r#""\n---\n# x\n""#,
        r#""\x85\r""#,
        LONG,
        r#""\e[2J]\uFEFF""#,
    ];
    for text in texts {
        let main = format!(
            "listeners: [ \"[::1]:8080\" ]\npools: pools/*.yaml\naccess_log: {{ file: {text} }}\nroutes:\n  - {{ host: 'off', path: {{ regex: {text} }}, pool: 'null' }}\n"
        );
        let pools = [("pools/null.yaml", "endpoints: [ 127.0.0.1:9001 ]\nhost: '010'\n")];
        holds(
            &parse_str(("switchback.yaml", &main), &pools, &unset)
                .unwrap_or_else(|d| panic!("{d}")),
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn every_configuration_is_told_as_it_runs(main in strategy::main(), a in strategy::pool(), b in strategy::pool()) {
        let pools = [("conf/pools/b.yaml", b.as_str()), ("conf/pools/a.yaml", a.as_str())];
        let loaded = parse_str(("conf/switchback.yaml", &main), &pools, &unset)
            .unwrap_or_else(|diagnostics| panic!("{main}\n{diagnostics}"));
        holds(&loaded);
    }
}
