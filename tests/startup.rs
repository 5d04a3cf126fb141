//! Starting, checking and asking: what the commands say, and their exit statuses.

use std::path::Path;
use std::process::{Command, Output};

use switchback_testkit::{Backend, Gateway};

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_switchback"))
}

fn switchback(arguments: &[&str]) -> Output {
    Command::new(binary()).args(arguments).output().expect("the binary runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A configuration in a folder of its own.
fn written(main: &str, pool: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("pools")).expect("a folder");
    std::fs::write(folder.path().join("switchback.yaml"), main).expect("written");
    std::fs::write(folder.path().join("pools/web.yaml"), pool).expect("written");
    folder
}

fn check(main: &str, pool: &str) -> Output {
    let folder = written(main, pool);
    let path = folder.path().join("switchback.yaml");
    switchback(&["check", "-c", path.to_str().expect("UTF-8")])
}

#[test]
fn every_example_passes_the_check() {
    let conf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../conf");
    for file in ["switchback.yaml", "minimal/switchback.yaml"] {
        let path = conf.join(file);
        let output = switchback(&["check", "-c", path.to_str().expect("UTF-8")]);
        assert!(output.status.success(), "{}", text(&output.stdout));
        assert!(text(&output.stdout).contains("no errors"), "{}", text(&output.stdout));
    }
}

#[test]
fn an_error_has_its_place_and_the_check_fails() {
    let main = "listeners: [ 127.0.0.1:8080 ]\npools: pools/*.yaml\nroutes:\n  - pool: webb\n";
    let output = check(main, "endpoints: [ 127.0.0.1:9000 ]\n");
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stdout);
    assert!(said.contains("error: unknown pool `webb`"), "{said}");
    assert!(said.contains("switchback.yaml:4:11"), "{said}");
    assert!(said.contains("did you mean `web`?"), "{said}");
}

#[test]
fn a_gateway_does_not_start_on_a_broken_configuration() {
    let main = "listeners: [ 127.0.0.1:8080 ]\npools: pools/*.yaml\nroutes: [ { pool: web } ]\n";
    let folder = written(main, "endpoints: []\n");
    let path = folder.path().join("switchback.yaml");
    let output = switchback(&["run", "-c", path.to_str().expect("UTF-8")]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("nothing was started"), "{}", text(&output.stderr));
}

#[test]
fn an_address_in_use_is_told_and_nothing_panics() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address");
    let main =
        format!("listeners: [ {address} ]\npools: pools/*.yaml\nroutes: [ {{ pool: web }} ]\n");
    let folder = written(&main, "endpoints: [ 127.0.0.1:9000 ]\n");
    let path = folder.path().join("switchback.yaml");
    let output = switchback(&["run", "-c", path.to_str().expect("UTF-8")]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(&format!("listener {address}")) && said.contains("in use"), "{said}");
    assert!(!said.contains("panicked"), "{said}");
}

#[tokio::test]
async fn health_asks_the_running_gateway() {
    let backend = Backend::start().await;
    let gateway = Gateway::builder().pool("web", &[backend.addr()]).start(binary()).await;
    let admin = gateway.admin_addr().to_string();
    let config = gateway.dir().join("switchback.yaml");
    let by_address = switchback(&["health", "--admin", &admin]);
    let by_config = switchback(&["health", "-c", config.to_str().expect("UTF-8")]);
    for output in [by_address, by_config] {
        assert!(output.status.success(), "{}", text(&output.stdout));
    }
    drop(gateway);
    assert_eq!(switchback(&["health", "--admin", &admin]).status.code(), Some(1));
}

#[test]
fn what_is_printed_is_the_configuration_in_full() {
    use serde::Deserialize;
    use serde_yaml::Value;

    let main = "listeners: [ 127.0.0.1:8080 ]\npools: pools/*.yaml\ndrain: { delay: 2m }\nroutes: [ { pool: web } ]\n";
    let folder = written(main, "endpoints: [ 127.0.0.1:9000 ]\n");
    let path = folder.path().join("switchback.yaml");
    let print = || switchback(&["check", "--print", "-c", path.to_str().expect("UTF-8")]);

    let output = print();
    let (printed, said) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{said}");
    assert!(said.contains("`delay` is longer than a minute"), "{said}");
    assert!(printed.starts_with(&format!("# {}\n", path.display())), "{printed}");
    let documents = serde_yaml::Deserializer::from_str(&printed);
    let documents: Vec<Value> =
        documents.map(|document| Value::deserialize(document).expect("YAML")).collect();
    let [gateway, pool] = documents.as_slice() else {
        panic!("{printed}");
    };
    assert_eq!(gateway["drain"]["delay"], "2m");
    assert_eq!(gateway["pools"][0], "pools/web.yaml");
    assert_eq!(gateway["routes"][0]["timeouts"]["request"], "55s");
    assert_eq!(pool["endpoints"][0]["address"], "127.0.0.1:9000");
    assert_eq!(pool["timeouts"]["keepalive"], "4s");

    std::fs::write(folder.path().join("pools/web.yaml"), "endpoints: []\n").expect("written");
    let output = print();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stdout), "");
    assert!(text(&output.stderr).contains("error: the pool has no endpoints"));
}

#[test]
fn editors_get_a_schema_for_each_file() {
    let schema = |arguments: &[&str]| -> serde_json::Value {
        let output = switchback(arguments);
        assert!(output.status.success(), "{}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("JSON")
    };
    let (gateway, pool) = (schema(&["schema"]), schema(&["schema", "pool"]));
    assert_eq!(gateway, schema(&["schema", "gateway"]));
    assert_eq!(gateway["required"], serde_json::json!(["listeners", "pools", "routes"]));
    assert_eq!(pool["required"], serde_json::json!(["endpoints"]));
    assert_eq!(switchback(&["schema", "pools"]).status.code(), Some(2));
}

/// How often threads of this process have gone to sleep.
fn sleeps(pid: u32) -> u64 {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).expect("the process runs");
    let of = |thread: std::fs::DirEntry| -> Option<u64> {
        let status = std::fs::read_to_string(thread.path().join("status")).ok()?;
        let line = status.lines().find_map(|it| it.strip_prefix("voluntary_ctxt_switches:"))?;
        line.trim().parse().ok()
    };
    threads.flatten().filter_map(of).sum()
}

/// A thread for timers of Pingora's woke a hundred times a second.
#[tokio::test]
async fn an_idle_gateway_sleeps() {
    let backend = Backend::start().await;
    let health = "health: { tcp: {}, interval: 60s }";
    // Those of less than a second are still that thread's, which starts with the first of them.
    let timeouts = "timeouts: { connect: 1s, first_byte: 2s, idle: 2s, write: 1s, request: 5s }";
    let gateway = Gateway::builder().pool("web", &[backend.addr()]);
    let gateway = gateway.pool_yaml(health).pool_yaml(timeouts);
    let gateway = gateway.start(binary()).await;
    // One connection is idle, its endpoint's as well: both have timers.
    let mut client = gateway.client().await;
    assert_eq!(client.get("/").await.expect("an answer").status, 200);
    let window = std::time::Duration::from_secs(2);
    let before = sleeps(gateway.pid());
    tokio::time::sleep(window).await;
    let slept = sleeps(gateway.pid()) - before;
    assert!(slept < 60, "{slept} times in {window:?}");
}
