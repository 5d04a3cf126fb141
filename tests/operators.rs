//! `status`, `drain`, `enable`, `disable`, `weight` and `explain` against a running gateway, as an operator
//! uses them: arguments in, lines and an exit status out.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use switchback_testkit::{Answer, Backend, Behavior, Ending, Gateway, eventually, until};

const SOON: Duration = Duration::from_secs(10);

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_switchback"))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs a command, with something on its standard input.
async fn run_with(arguments: &[&str], input: String, token: Option<&str>) -> Output {
    let mut command = Command::new(binary());
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.env_remove("SWITCHBACK_ADMIN_TOKEN").env_remove("SWITCHBACK_CONFIG");
    command.envs(token.map(|token| ("SWITCHBACK_ADMIN_TOKEN", token)));
    let run = move || {
        let mut child = command.spawn().expect("the binary runs");
        let mut stdin = child.stdin.take().expect("its input");
        // Who reads nothing of it has exited already.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        child.wait_with_output().expect("its output")
    };
    tokio::task::spawn_blocking(run).await.expect("no panic")
}

/// Runs a command on a gateway; gives its exit status and what it said.
async fn run(gateway: &Gateway, arguments: &[&str]) -> (Option<i32>, String) {
    let at = gateway.admin_addr().to_string();
    let output = run_with(&[arguments, &["--admin", &at]].concat(), String::new(), None).await;
    (output.status.code(), text(&output.stdout) + &text(&output.stderr))
}

/// The same, for programs.
async fn run_json(gateway: &Gateway, arguments: &[&str]) -> (Option<i32>, Value) {
    let (status, said) = run(gateway, &[arguments, &["--format", "json"]].concat()).await;
    (status, serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}")))
}

async fn two() -> (Vec<Backend>, Gateway) {
    let backends = Backend::start_many(2).await;
    let addresses: Vec<_> = backends.iter().map(Backend::addr).collect();
    let gateway = Gateway::builder().pool("web", &addresses).start(binary()).await;
    (backends, gateway)
}

#[tokio::test]
async fn status_shows_every_endpoint_and_says_whether_all_is_well() {
    let (backends, gateway) = two().await;
    let (status, said) = run(&gateway, &["status"]).await;
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains(": ready, configuration 1 in force\n"), "{said}");
    assert!(said.contains("\npool web: 2 of 2 healthy\n"), "{said}");
    for backend in &backends {
        assert!(said.contains(&format!("  {}  healthy  ", backend.addr())), "{said}");
    }
    assert!(!said.contains('\u{1b}'), "no escapes where no terminal is: {said}");

    let (status, json) = run_json(&gateway, &["status", "web"]).await;
    assert_eq!((status, &json["gateway"]["ready"]), (Some(0), &json!(true)));
    assert_eq!(json["pools"][0]["endpoints"].as_array().map(Vec::len), Some(2), "{json}");

    let (status, said) = run(&gateway, &["status", "wbe"]).await;
    assert_eq!(status, Some(2), "{said}");
    assert!(said.contains("there is no pool `wbe`; did you mean `web`?\nknown: web"), "{said}");
}

#[tokio::test]
async fn a_pool_without_a_healthy_endpoint_is_status_1() {
    let (web, api) = (Backend::start().await, Backend::start().await);
    let gateway = Gateway::builder()
        .pool("web", &[web.addr()])
        .pool_of("api", &[format!("{{ address: {}, drain: true }}", api.addr())])
        .start(binary())
        .await;
    let (status, said) = run(&gateway, &["status"]).await;
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("\npool api: 0 of 1 healthy\n"), "{said}");
    assert_eq!(run(&gateway, &["status", "web"]).await.0, Some(0));

    let endpoint = format!("api/{}", api.addr());
    let (status, said) = run(&gateway, &["enable", &endpoint]).await;
    assert_eq!(status, Some(0), "{said}");
    let wanted = format!(
        "{endpoint}: enabled, though the configuration says `drain: true`; it is healthy: "
    );
    assert!(said.starts_with(&wanted), "{said}");
    assert_eq!(run(&gateway, &["status"]).await.0, Some(0));
}

#[tokio::test]
async fn drain_waits_for_what_is_in_flight() {
    let (backends, gateway) = two().await;
    let slow = Behavior::Answer(Answer::ok("late").delay(Duration::from_millis(800)));
    backends.iter().for_each(|backend| backend.set(slow.clone()));
    let mut client = gateway.client().await;
    let asked = tokio::spawn(async move { client.get("/").await.map(|answer| answer.status) });
    let busy = async || backends.iter().position(|backend| backend.requests() > 0);
    let busy = until(SOON, busy).await.expect("a request at one of them");
    let endpoint = format!("web/{}", backends[busy].addr());

    let (status, said) = run(&gateway, &["drain", &endpoint, "--wait", "--timeout", "100ms"]).await;
    assert_eq!(status, Some(1), "{said}");
    assert!(said.starts_with(&format!("{endpoint}: 1 request is in flight there still")), "{said}");

    let (status, said) = run(&gateway, &["drain", &endpoint, "--wait"]).await;
    assert_eq!(said, format!("{endpoint}: drained; nothing is in flight there any more\n"));
    assert_eq!(status, Some(0));
    assert_eq!(asked.await.expect("no panic").expect("an answer"), 200);

    let before = backends[busy].requests();
    backends.iter().for_each(|backend| backend.set(Behavior::ok()));
    for _ in 0..10 {
        assert_eq!(gateway.get("/").await.expect("an answer").status, 200);
    }
    assert_eq!(backends[busy].requests(), before, "it gets nothing new");
}

#[tokio::test]
async fn who_is_disabled_gets_nothing_until_it_is_enabled() {
    let (backends, gateway) = two().await;
    let endpoint = format!("web/{}", backends[0].addr());
    let (status, json) = run_json(&gateway, &["weight", &endpoint, "5"]).await;
    assert_eq!((status, &json["weight"]), (Some(0), &json!(5)), "{json}");
    let (status, json) = run_json(&gateway, &["disable", &endpoint]).await;
    assert_eq!(status, Some(0), "{json}");
    assert_eq!(json["override"], json!({ "state": "disabled", "weight": 5 }));
    assert_eq!(json["status"], "disabled");
    for _ in 0..10 {
        assert_eq!(gateway.get("/").await.expect("an answer").status, 200);
    }
    assert_eq!(backends[0].requests(), 0);
    let (_, said) = run(&gateway, &["status"]).await;
    assert!(said.contains("; overridden: disabled, weight 5"), "{said}");

    let (status, said) = run(&gateway, &["enable", &endpoint]).await;
    assert_eq!(status, Some(0), "{said}");
    assert!(
        said.starts_with(&format!("{endpoint}: enabled, as configured; it is healthy: ")),
        "{said}"
    );
    let (_, json) = run_json(&gateway, &["weight", &endpoint, "default"]).await;
    assert_eq!((&json["override"], &json["weight"]), (&json!({}), &json!(1)), "{json}");
    let serves = async || gateway.get("/").await.is_ok() && backends[0].requests() > 0;
    eventually(SOON, "it serves again", serves).await;
}

#[tokio::test]
async fn nobody_left_in_a_pool_is_refused_unless_it_is_forced() {
    let (backends, gateway) = two().await;
    let [one, other] = [0, 1].map(|at| format!("web/{}", backends[at].addr()));
    assert_eq!(run(&gateway, &["disable", &one]).await.0, Some(0));
    let (status, said) = run(&gateway, &["disable", &other]).await;
    assert_eq!(status, Some(2), "{said}");
    assert!(said.ends_with("\n`--force` does it all the same\n"), "{said}");
    // Drained it serves on, as nobody else does.
    assert_eq!(run(&gateway, &["drain", &other]).await.0, Some(0));
    assert_eq!(gateway.get("/").await.expect("an answer").status, 200);
    let (status, said) = run(&gateway, &["disable", &other, "--force"]).await;
    assert_eq!(status, Some(0), "{said}");
    assert_eq!(run(&gateway, &["status"]).await.0, Some(1));
}

#[tokio::test]
async fn a_slip_changes_nothing_and_says_what_was_meant() {
    let (backends, gateway) = two().await;
    let address = backends[0].addr();
    let wrong = format!("web/127.0.0.1:{}0", address.port());
    let (status, said) = run(&gateway, &["disable", &wrong]).await;
    assert_eq!(status, Some(2), "{said}");
    assert!(said.contains(&format!("; did you mean `{address}`?")), "{said}");
    assert_eq!(run(&gateway, &["disable", "web"]).await.0, Some(2));
    assert_eq!(run(&gateway, &["weight", &format!("web/{address}"), "0"]).await.0, Some(2));
    let status = gateway.admin("GET", "/api/v1/status").await.expect("an answer").json();
    assert_eq!(status["overrides"], json!([]));
}

#[tokio::test]
async fn a_failed_request_is_explained_by_the_gateway_and_by_the_log() {
    let (backends, gateway) = two().await;
    backends.iter().for_each(|it| it.set(Behavior::CloseBeforeAnswer(Ending::Fin)));
    let mut client = gateway.client().await;
    let answer = client.request("POST", "/pay", &[], b"all of it").await.expect("an answer");
    assert_eq!(answer.status, 502);
    let line = gateway.log_line_for("/pay").await;
    let id = line["id"].as_str().expect("an id");

    let (status, said) = run(&gateway, &["explain", id]).await;
    assert_eq!(status, Some(0), "{said}");
    for wanted in [
        "It failed (connection_terminated): the client got 502, made by the gateway, after ",
        "The endpoint took the request and closed the connection before it answered. (closed_before_answer)",
        "It may have been executed there",
        "(stop: not idempotent)",
        "endpoints of pool web were healthy.",
        "What can be done:\n",
    ] {
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
    let (_, json) = run_json(&gateway, &["explain", id]).await;
    assert_eq!(json, line, "it is what the log has");

    let output = run_with(&["explain", id, "--log", "-"], gateway.stdout(), None).await;
    assert_eq!(text(&output.stdout), said, "{}", text(&output.stderr));
}

#[tokio::test]
async fn a_request_that_was_rescued_is_explained_and_one_that_went_through_by_the_log_alone() {
    let (backends, gateway) = two().await;
    backends[0].set(Behavior::RefuseConnections);
    let rescued = async || {
        gateway.get("/rescued").await.ok()?;
        gateway
            .log()
            .into_iter()
            .find(|line| line["attempts"].as_array().is_some_and(|it| it.len() > 1))
    };
    let rescued = until(SOON, rescued).await.expect("a request that was rescued");
    let id = rescued["id"].as_str().expect("an id");
    let (status, said) = run(&gateway, &["explain", id]).await;
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains("It was rescued: the client got 200 after "), "{said}");
    assert!(said.contains("The endpoint refused the connection. (connection_refused)"), "{said}");
    assert!(said.contains("So it was tried once more. (retry)"), "{said}");

    gateway.get("/well").await.expect("an answer");
    let well = gateway.log_line_for("/well").await;
    let id = well["id"].as_str().expect("an id");
    let (status, said) = run(&gateway, &["explain", id]).await;
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains(&format!("switchback explain {id} --log FILE")), "{said}");
    let new = gateway.dir().join("access.log");
    let old = gateway.dir().join("access.log.1");
    std::fs::write(&new, "{\"id\":\"another\"}\n").expect("written");
    std::fs::write(&old, gateway.stdout()).expect("written");
    let [new, old] = [new, old].map(|path| path.to_str().expect("UTF-8").to_owned());
    let arguments = ["explain", id, "--log", &new, "--log", &old];
    let output = run_with(&arguments, String::new(), None).await;
    let said = text(&output.stdout);
    assert!(said.contains("It went through: the client got 200 after "), "{said}");
    assert_eq!(output.status.code(), Some(0));
    let output = run_with(&arguments[..4], String::new(), None).await;
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stdout));
}

#[tokio::test]
async fn the_token_comes_from_the_configuration_a_file_or_the_environment() {
    const TOKEN: &str = "0123456789abcdef";
    let backend = Backend::start().await;
    let gateway = Gateway::builder()
        .pool("web", &[backend.addr()])
        .main_yaml(&format!("admin: {{ address: $ADMIN, token: {TOKEN} }}"))
        .file("token", format!("{TOKEN}\n"))
        .file("other", "fedcba9876543210")
        .start(binary())
        .await;
    let path = |name: &str| gateway.dir().join(name).to_str().expect("UTF-8").to_owned();
    let (at, file, other) = (gateway.admin_addr().to_string(), path("token"), path("other"));
    let main = path("switchback.yaml");
    for (arguments, token, wanted) in [
        (vec!["-c", &main], None, Some(0)),
        (vec!["--admin", &at, "--token-file", &file], None, Some(0)),
        (vec!["--admin", &at], Some(TOKEN), Some(0)),
        (vec!["--admin", &at], None, Some(2)),
        (vec!["--admin", &at, "--token-file", &other], Some(TOKEN), Some(2)),
    ] {
        let output = run_with(&[&["status"], &arguments[..]].concat(), String::new(), token).await;
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), wanted, "{arguments:?}: {said}");
        if wanted == Some(2) {
            assert!(said.contains("token") && said.contains("(status 401)"), "{said}");
        }
        assert!(!(text(&output.stdout) + &said).contains(TOKEN), "{said}");
    }
}

#[tokio::test]
async fn a_gateway_on_a_unix_socket_is_asked_there() {
    let backend = Backend::start().await;
    let gateway = Gateway::builder()
        .pool("web", &[backend.addr()])
        .main_yaml("admin: { socket: admin.sock }")
        .without_waiting()
        .start(binary())
        .await;
    let path = |name: &str| gateway.dir().join(name).to_str().expect("UTF-8").to_owned();
    let (main, socket) = (path("switchback.yaml"), path("admin.sock"));
    let endpoint = format!("web/{}", backend.addr());
    for place in [["-c", &main], ["--admin", &socket]] {
        let is_ready = async || {
            let arguments = [&["health"], &place[..]].concat();
            run_with(&arguments, String::new(), None).await.status.success()
        };
        eventually(SOON, "it is ready", is_ready).await;
        for arguments in [
            &["status"][..],
            &["diff"],
            &["weight", &endpoint, "5"],
            &["weight", &endpoint, "default"],
        ] {
            let arguments = if arguments == ["diff"] {
                ["diff", "-c", &main].to_vec()
            } else {
                [arguments, &place[..]].concat()
            };
            let output = run_with(&arguments, String::new(), None).await;
            assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", text(&output.stderr));
        }
    }
}
