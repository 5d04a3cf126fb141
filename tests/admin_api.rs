//! The admin API of the real gateway: what it tells of pools and requests, what it changes, and who may.
//!
//! `crates/admin` holds the API against its document with a gateway that is made up; here schemathesis does,
//! with the real one, as whoever wants to see it fail.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use switchback_testkit::{
    Answer, Backend, Behavior, Client, Ending, Gateway, Response, eventually,
};

const SOON: Duration = Duration::from_secs(10);

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_switchback"))
}

async fn ask(gateway: &Gateway, method: &str, path: &str, body: &str) -> Response {
    let mut client = Client::connect(gateway.admin_addr()).await.expect("the admin listener");
    let fields = [("connection", "close"), ("content-type", "application/json")];
    let answer = client.request(method, &format!("/api/v1{path}"), &fields, body.as_bytes()).await;
    answer.unwrap_or_else(|error| panic!("{method} {path}: {error}"))
}

async fn told(gateway: &Gateway, path: &str) -> Value {
    let answer = ask(gateway, "GET", path, "").await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer.json()
}

/// A gateway with a good endpoint and one that closes each connection before it answers.
async fn half_broken() -> (Gateway, Backend, Backend) {
    let good = Backend::with(Behavior::Answer(Answer::ok("good"))).await;
    let bad = Backend::with(Behavior::CloseBeforeAnswer(Ending::Fin)).await;
    let gateway = Gateway::builder().pool("web", &[good.addr(), bad.addr()]).start(binary()).await;
    (gateway, good, bad)
}

#[tokio::test]
async fn a_rescued_request_is_told_with_its_attempts_and_found_by_its_id() {
    let (gateway, _good, bad) = half_broken().await;
    for _ in 0..4 {
        assert_eq!(gateway.get("/a").await.expect("an answer").status, 200);
    }
    let failures = async || {
        let told = told(&gateway, "/failures?pool=web&limit=1").await;
        !told["failures"].as_array().expect("an array").is_empty()
    };
    eventually(SOON, "a request was rescued", failures).await;
    let failures = told(&gateway, "/failures").await;
    let rescued = &failures["failures"][0];
    assert_eq!((&rescued["status"], &rescued["path"]), (&200.into(), &"/a".into()), "{failures}");
    let first = &rescued["attempts"][0];
    assert_eq!(first["endpoint"], bad.addr().to_string(), "{failures}");
    assert_eq!(first["decision"], "retry", "{failures}");
    let id = rescued["id"].as_str().expect("an id");
    assert_eq!(told(&gateway, &format!("/requests/{id}")).await, *rescued);
    assert_eq!(gateway.log_line_for(id).await, *rescued, "the access log has the same");
    assert_eq!(told(&gateway, "/failures?pool=other").await, json!({ "failures": [] }));
    assert_eq!(told(&gateway, "/failures?by_clients=true").await, json!({ "failures": [] }));
    assert_eq!(ask(&gateway, "GET", "/requests/unheard-of", "").await.status, 404);
}

#[tokio::test]
async fn pools_and_history_tell_what_has_happened() {
    let (gateway, good, bad) = half_broken().await;
    let steps = async || !told(&gateway, "/history").await["steps"].as_array().unwrap().is_empty();
    eventually(SOON, "a first step", steps).await;
    let rescued = async || {
        assert_eq!(gateway.get("/").await.expect("an answer").status, 200);
        let history = told(&gateway, "/history").await;
        let steps = history["steps"].as_array().expect("an array");
        let sum = |of: &str| steps.iter().map(|it| it[of].as_u64().expect("a number")).sum::<u64>();
        assert_eq!((history["step_s"].as_u64(), sum("failed")), (Some(2), 0), "{history}");
        sum("rescued") > 0 && sum("retries") > 0 && sum("requests") > 0
    };
    eventually(SOON, "it is in a step", rescued).await;
    let pool = told(&gateway, "/pools/web").await;
    assert_eq!(
        (&pool["name"], &pool["total"], &pool["probed"]),
        (&"web".into(), &2.into(), &false.into())
    );
    let endpoint = |of: &Backend| {
        let endpoints = pool["endpoints"].as_array().expect("an array");
        let address = of.addr().to_string();
        endpoints.iter().find(|it| it["address"] == address).expect("the endpoint").clone()
    };
    assert_eq!(endpoint(&good)["failed"], 0, "{pool}");
    assert!(endpoint(&bad)["failed"].as_u64() > Some(0), "{pool}");
    assert!(endpoint(&good)["attempts"].as_u64() >= Some(1), "{pool}");
    let few = told(&gateway, "/pools?endpoints=false").await;
    assert_eq!(few["pools"][0].get("endpoints"), None);
    assert_eq!(ask(&gateway, "GET", "/pools/none", "").await.status, 404);
}

#[tokio::test]
async fn the_status_tells_what_runs() {
    let backend = Backend::start().await;
    let gateway = Gateway::builder().pool("web", &[backend.addr()]).start(binary()).await;
    let mut client = gateway.client().await;
    assert_eq!(client.get("/").await.expect("an answer").status, 200);
    let status = told(&gateway, "/status").await;
    assert_eq!(status["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(status["listeners"], json!([gateway.addr().to_string()]));
    assert_eq!((&status["ready"], &status["reasons"]), (&true.into(), &json!([])));
    assert_eq!((&status["connections"], &status["generation"]), (&1.into(), &1.into()));
    assert_eq!(status["last_reload"], Value::Null);
    assert_eq!(ask(&gateway, "POST", "/reload", "").await.status, 200);
    let status = told(&gateway, "/status").await;
    let time = status["last_reload"]["time"].as_str().expect("a time");
    assert!(time.ends_with('Z') && time > status["started"].as_str().expect("a time"), "{status}");
}

#[tokio::test]
async fn the_last_endpoint_of_a_pool_is_taken_out_only_by_force() {
    let backends = [Backend::start().await, Backend::start().await];
    let addresses = [backends[0].addr(), backends[1].addr()];
    let gateway = Gateway::builder().pool("web", &addresses).start(binary()).await;
    let [first, last] = addresses.map(|address| format!("/pools/web/endpoints/{address}/override"));
    let off = r#"{"state": "disabled"}"#;
    assert_eq!(ask(&gateway, "PUT", &first, off).await.status, 204);
    let refused = ask(&gateway, "PUT", &last, off).await;
    assert_eq!((refused.status, &refused.json()["may_be_forced"]), (409, &true.into()));
    assert_eq!(ask(&gateway, "PUT", &last, r#"{"state": "drain"}"#).await.status, 204, "it serves");
    assert_eq!(gateway.get("/").await.expect("an answer").status, 200);
    assert_eq!(ask(&gateway, "PUT", &format!("{last}?force=true"), off).await.status, 204);
    assert_eq!(gateway.get("/").await.expect("an answer").status, 503);
    assert_eq!(ask(&gateway, "PUT", &first, off).await.status, 204, "nobody was left before");
    assert_eq!(ask(&gateway, "DELETE", &first, "").await.status, 204);
    assert_eq!(gateway.get("/").await.expect("an answer").status, 200);

    // What an override had enabled is taken out by clearing it.
    let endpoint = format!("{{ address: {}, disabled: true }}", addresses[0]);
    let gateway = Gateway::builder().pool_of("web", &[endpoint]).start(binary()).await;
    let on = r#"{"state": "enabled"}"#;
    assert_eq!(ask(&gateway, "PUT", &first, on).await.status, 204);
    assert_eq!(ask(&gateway, "DELETE", &first, "").await.status, 409);
    assert_eq!(ask(&gateway, "DELETE", &format!("{first}?force=true"), "").await.status, 204);
}

#[tokio::test]
async fn two_who_each_take_out_one_of_the_last_two_are_not_both_obeyed() {
    let backends = [Backend::start().await, Backend::start().await];
    let addresses = [backends[0].addr(), backends[1].addr()];
    let gateway = Gateway::builder().pool("web", &addresses).start(binary()).await;
    let targets = addresses.map(|address| format!("/pools/web/endpoints/{address}/override"));
    for _ in 0..20 {
        let off = r#"{"state": "disabled"}"#;
        let (one, other) = tokio::join!(
            ask(&gateway, "PUT", &targets[0], off),
            ask(&gateway, "PUT", &targets[1], off),
        );
        let mut statuses = [one.status, other.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [204, 409]);
        for target in &targets {
            assert_eq!(ask(&gateway, "DELETE", target, "").await.status, 204);
        }
    }
}

#[tokio::test]
async fn a_page_of_another_origin_reads_nothing() {
    let backend = Backend::start().await;
    let gateway = Gateway::builder().pool("web", &[backend.addr()]).start(binary()).await;
    for path in ["/api/v1/config", "/api/v1/pools", "/metrics", "/readyz"] {
        for field in [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")] {
            let mut client = Client::connect(gateway.admin_addr()).await.expect("the listener");
            let fields = [field, ("connection", "close")];
            for method in ["GET", "OPTIONS"] {
                let answer = client.request(method, path, &fields, b"").await.expect("an answer");
                assert_eq!(answer.status, 403, "{method} {path} {field:?}");
                assert_eq!(answer.header("access-control-allow-origin"), None);
                client = Client::connect(gateway.admin_addr()).await.expect("the listener");
            }
        }
    }
}

/// Where `.ci/run` installs what comes from PyPI; `SWITCHBACK_SCHEMATHESIS` names another.
fn schemathesis() -> String {
    let given = std::env::var("SWITCHBACK_SCHEMATHESIS").ok();
    let ours = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/python/bin/schemathesis");
    given.unwrap_or_else(|| ours.to_owned())
}

#[expect(clippy::print_stderr, reason = "a test that did not run says so")]
fn is_there(program: &str) -> bool {
    let tried = Command::new(program).arg("--version").stderr(Stdio::null()).output();
    if tried.is_ok_and(|output| output.status.success()) {
        return true;
    }
    assert!(std::env::var_os("CI").is_none(), "{program} is missing: .ci/run installs it");
    eprintln!(
        "skipped: {program} is missing (python3 -m venv target/python, pip install schemathesis)"
    );
    false
}

const HOOKS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/admin_api/hooks.py");

/// Whether an entry of an archive is a request of this operation that was answered with 2xx.
fn is_well(entry: &Value, method: &str, pattern: &str) -> bool {
    let url = entry["request"]["url"].as_str().expect("a URL");
    let path =
        url.split("/api/v1").nth(1).unwrap_or_default().split('?').next().unwrap_or_default();
    let parts: (Vec<_>, Vec<_>) = (path.split('/').collect(), pattern.split('/').collect());
    let mut pairs = parts.0.iter().zip(&parts.1);
    entry["request"]["method"].as_str().is_some_and(|it| it.eq_ignore_ascii_case(method))
        && entry["response"]["status"].as_u64().is_some_and(|it| (200..300).contains(&it))
        && parts.0.len() == parts.1.len()
        && pairs.all(|(part, wanted)| wanted.starts_with('{') || part == wanted)
}

#[tokio::test(flavor = "multi_thread")]
async fn schemathesis_finds_nothing_that_the_document_does_not_say() {
    let program = schemathesis();
    if !is_there(&program) {
        return;
    }
    let (gateway, _good, bad) = half_broken().await;
    for _ in 0..4 {
        assert_eq!(gateway.get("/a").await.expect("an answer").status, 200);
    }
    let failures = told(&gateway, "/failures").await;
    let id = failures["failures"][0]["id"].as_str().expect("an id").to_owned();
    // What exists, or every path would only be asked for what does not.
    let known = format!(
        "[parameters]\n\"path.pool\" = \"web\"\n\"path.endpoint\" = \"{}\"\n\"path.id\" = \"{id}\"\n",
        bad.addr()
    );
    gateway.write("known.toml", &known);
    gateway.write("unknown.toml", "");
    let at = format!("http://{}/api/v1/openapi.json", gateway.admin_addr());
    for config in ["known.toml", "unknown.toml"] {
        let mut command = Command::new(&program);
        command
            .args(["--config-file", config, "run", &at, "--checks", "all"])
            .args(["--max-examples", "40", "--seed", "1", "--continue-on-failure", "--no-color"])
            .args(["--report", "har", "--report-har-path", &format!("{config}.har")])
            .env("SCHEMATHESIS_HOOKS", HOOKS)
            .current_dir(gateway.dir());
        let output = tokio::task::spawn_blocking(move || command.output()).await;
        let output = output.expect("no panic").expect("it runs");
        let said =
            [output.stdout, output.stderr].map(|it| String::from_utf8_lossy(&it).into_owned());
        assert!(output.status.success(), "{config}: {}\n{}", said[0], said[1]);
        // A thread of its own that fails goes unnoticed by it.
        assert!(!said[1].contains("Traceback"), "{config}: {}", said[1]);
    }
    let document = told(&gateway, "/openapi.json").await;
    let answered: Value =
        serde_json::from_str(&gateway.read("known.toml.har")).expect("an archive of requests");
    let answered = answered["log"]["entries"].as_array().expect("requests");
    for (path, operations) in document["paths"].as_object().expect("paths") {
        let operations = operations.as_object().expect("operations");
        for method in operations.keys().filter(|method| *method != "parameters") {
            // Where it has the document from it does not ask again.
            let well =
                path == "/openapi.json" || answered.iter().any(|it| is_well(it, method, path));
            assert!(well, "{method} {path} was never answered well");
        }
    }
    assert!(gateway.is_running());
    assert!(gateway.is_ready().await);
}
