//! A changed configuration is taken on while the gateway runs: as a whole or not at all, and without
//! forgetting what is known of endpoints that stay.

use std::path::Path;
use std::time::Duration;

use switchback_testkit::{
    Answer, Backend, Behavior, Client, Gateway, Health, Response, Signal, eventually,
};

const SOON: Duration = Duration::from_secs(10);

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_switchback"))
}

async fn gateway(backends: &[&Backend]) -> Gateway {
    let addresses: Vec<_> = backends.iter().map(|backend| backend.addr()).collect();
    Gateway::builder().pool("web", &addresses).start(binary()).await
}

async fn reload(gateway: &Gateway) {
    let before = reloads(gateway, "applied").await;
    gateway.signal(Signal::HUP);
    let applied = async || reloads(gateway, "applied").await > before;
    eventually(SOON, "the reload is applied", applied).await;
}

async fn reloads(gateway: &Gateway, result: &str) -> f64 {
    gateway.metric("switchback_config_reloads_total", &[("result", result)]).await
}

async fn ask(gateway: &Gateway, method: &str, target: &str, body: &str) -> Response {
    let mut client = Client::connect(gateway.admin_addr()).await.expect("the admin listener");
    let fields = [("connection", "close"), ("content-type", "application/json")];
    let answer = client.request(method, target, &fields, body.as_bytes()).await;
    answer.unwrap_or_else(|error| panic!("{method} {target}: {error}"))
}

async fn status_of(gateway: &Gateway, backend: &Backend) -> String {
    let address = backend.addr().to_string();
    for status in ["healthy", "pending", "failing", "ejected", "probation", "draining", "disabled"]
    {
        let labels = [("endpoint", address.as_str()), ("status", status)];
        if gateway.metric("switchback_endpoint_status", &labels).await == 1.0 {
            return status.to_owned();
        }
    }
    "unknown".to_owned()
}

#[tokio::test]
async fn endpoints_come_and_go_and_the_log_says_so() {
    let [old, stays, new] =
        [Backend::start().await, Backend::start().await, Backend::start().await];
    let gateway = gateway(&[&old, &stays]).await;
    gateway.write_pool("web", &[stays.addr(), new.addr()]);
    reload(&gateway).await;
    old.clear();
    // The new one begins with a tenth of its share.
    let served = async || {
        assert_eq!(gateway.get("/").await.expect("an answer").status, 200);
        stays.requests() > 0 && new.requests() > 0
    };
    eventually(SOON, "both serve", served).await;
    assert_eq!(old.requests(), 0);
    let said = gateway.stderr();
    for address in [old.addr(), new.addr()] {
        assert!(said.contains(&format!("pool web: endpoint {address}: ")), "{said}");
    }
    assert_eq!(gateway.metric("switchback_config_generation", &[]).await, 2.0);
    assert_eq!(status_of(&gateway, &old).await, "unknown", "its series are gone");
}

#[tokio::test]
async fn a_broken_file_changes_nothing_and_is_shown_until_it_is_mended() {
    let backend = Backend::start().await;
    let gateway = gateway(&[&backend]).await;
    let good = gateway.read("pools/web.yaml");
    gateway.write("pools/web.yaml", &good.replace("round_robin", "round_robbin"));
    let refused = async || reloads(&gateway, "refused").await >= 1.0;
    eventually(SOON, "the change is noticed, and refused", refused).await;
    assert_eq!(gateway.get("/").await.expect("an answer").status, 200);
    let metric = "switchback_config_last_reload_successful";
    assert_eq!(gateway.metric(metric, &[]).await, 0.0);
    let shown = ask(&gateway, "GET", "/api/v1/status", "").await.json();
    assert_eq!(
        (&shown["generation"], &shown["last_reload"]["applied"]),
        (&1.into(), &false.into())
    );
    let found = shown["last_reload"]["refused"]["diagnostics"].to_string();
    for part in ["unknown", "round_robbin", "pools/web.yaml"] {
        assert!(found.contains(part), "{shown}");
    }
    assert!(gateway.stderr().contains("did you mean `round_robin`?"), "{}", gateway.stderr());

    gateway.write("pools/web.yaml", &good);
    let applied = async || gateway.metric(metric, &[]).await == 1.0;
    eventually(SOON, "the mended file is taken on without being asked", applied).await;
}

#[tokio::test]
async fn what_needs_a_restart_is_refused_and_says_so() {
    let backend = Backend::start().await;
    let gateway = gateway(&[&backend]).await;
    let main = gateway.read("switchback.yaml");
    gateway.write("switchback.yaml", &format!("{main}threads: 7\n"));
    let answer = ask(&gateway, "POST", "/api/v1/reload", "").await;
    assert_eq!(answer.status, 422, "{}", answer.text());
    let told = answer.json();
    assert!(told["detail"].as_str().unwrap_or_default().contains("restart"), "{told}");
    assert!(told["changes"].to_string().contains("threads"), "{told}");
    assert_eq!(gateway.metric("switchback_config_generation", &[]).await, 1.0);
}

#[tokio::test]
async fn what_is_known_of_an_endpoint_stays_and_a_new_one_must_prove_itself() {
    let [good, sick, new] =
        [Backend::start().await, Backend::start().await, Backend::start().await];
    sick.set_health(Health::Status(500));
    new.set_health(Health::Status(500));
    let gateway = Gateway::builder()
        .pool("web", &[good.addr(), sick.addr()])
        .pool_yaml("health: { http: { path: /healthz }, interval: 300ms, timeout: 200ms }")
        .start(binary())
        .await;
    let found = async || status_of(&gateway, &sick).await == "failing";
    eventually(SOON, "it is found failing", found).await;
    assert_eq!(status_of(&gateway, &good).await, "healthy");
    let changes = "switchback_endpoint_status_changes_total";
    let before = gateway.metric(changes, &[]).await;
    gateway.write_pool("web", &[new.addr(), sick.addr(), good.addr()]);
    reload(&gateway).await;
    assert_eq!(status_of(&gateway, &sick).await, "failing");
    assert_eq!(status_of(&gateway, &good).await, "healthy");
    assert_ne!(status_of(&gateway, &new).await, "healthy");
    let found = async || status_of(&gateway, &new).await == "failing";
    eventually(SOON, "the new one is found failing", found).await;
    let address = new.addr().to_string();
    let of_new = gateway.metric(changes, &[("endpoint", &address)]).await;
    assert_eq!(gateway.metric(changes, &[]).await - of_new, before, "nobody else has changed");
}

#[tokio::test]
async fn who_comes_back_must_prove_himself_and_is_shown() {
    let backends = Backend::start_many(2).await;
    let gateway = Gateway::builder()
        .pool("web", &[backends[0].addr(), backends[1].addr()])
        .pool_yaml("health: { http: { path: /healthz }, interval: 300ms, timeout: 200ms }")
        .start(binary())
        .await;
    let found = async || status_of(&gateway, &backends[1]).await == "healthy";
    eventually(SOON, "it is found healthy", found).await;
    let [here, there] = [0, 1].map(|at: usize| backends[at].addr().to_string());
    for away in
        [vec![here.clone(), format!("{{ address: {there}, disabled: true }}")], vec![here.clone()]]
    {
        gateway.write_pool("web", &away);
        reload(&gateway).await;
        let out =
            async || matches!(&*status_of(&gateway, &backends[1]).await, "disabled" | "unknown");
        eventually(SOON, "it is out", out).await;
        backends[1].set_health(Health::Status(500));
        gateway.write_pool("web", &[here.clone(), there.clone()]);
        reload(&gateway).await;
        assert_ne!(status_of(&gateway, &backends[1]).await, "healthy", "after {away:?}");
        let found = async || status_of(&gateway, &backends[1]).await == "failing";
        eventually(SOON, "it is found failing", found).await;
        backends[1].set_health(Health::Healthy);
        let found = async || status_of(&gateway, &backends[1]).await == "healthy";
        eventually(SOON, "it is found healthy again", found).await;
    }
}

#[tokio::test]
async fn who_is_removed_finishes_what_it_has() {
    let slow = Behavior::Answer(Answer::ok("late").delay(Duration::from_millis(900)));
    let [old, new] = [Backend::with(slow).await, Backend::start().await];
    let sockets = Backend::with(Behavior::Upgrade).await;
    let gateway = Gateway::builder()
        .pool("web", &[old.addr()])
        .pool("ws", &[sockets.addr()])
        .route_yaml("{ path: /chat, pool: ws }")
        .route_yaml("{ pool: web }")
        .start(binary())
        .await;
    let mut chat = gateway.client().await;
    let upgrade =
        "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    chat.send_raw(upgrade.as_bytes()).await.expect("sent");
    assert!(chat.read_raw().await.expect("an answer").starts_with(b"HTTP/1.1 101"));
    let mut client = gateway.client().await;
    client
        .send_raw(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx")
        .await
        .expect("sent");
    eventually(SOON, "it has the request", async || old.requests() == 1).await;

    gateway.write_pool("web", &[new.addr()]);
    gateway.write_pool("ws", &[new.addr()]);
    reload(&gateway).await;
    assert_eq!(gateway.get("/").await.expect("an answer").status, 200);
    assert_eq!(new.requests(), 1);
    let answer = client.read_response(SOON).await.expect("an answer");
    assert_eq!((answer.status, answer.text().as_str()), (200, "late"));
    chat.send_raw(b"still there?").await.expect("sent");
    assert_eq!(chat.read_raw().await.expect("an echo"), b"still there?");
    drop(chat);
    let nothing = async || gateway.metric("switchback_endpoint_in_flight", &[]).await == 0.0;
    eventually(SOON, "nothing is in flight", nothing).await;
}

#[tokio::test]
async fn what_operators_override_survives_a_reload_and_is_shown() {
    let backends = Backend::start_many(2).await;
    let gateway = gateway(&[&backends[0], &backends[1]]).await;
    let address = backends[0].addr();
    let target = format!("/api/v1/pools/web/endpoints/{address}/override");
    let answer = ask(&gateway, "PUT", &target, r#"{"state": "disabled"}"#).await;
    assert_eq!(answer.status, 204, "{}", answer.text());
    gateway.write("pools/web.yaml", &gateway.read("pools/web.yaml").replace("4s", "5s"));
    reload(&gateway).await;
    assert_eq!(status_of(&gateway, &backends[0]).await, "disabled");
    for _ in 0..10 {
        assert_eq!(gateway.get("/").await.expect("an answer").status, 200);
    }
    assert_eq!(backends[0].requests(), 0);
    let shown = ask(&gateway, "GET", "/api/v1/status", "").await.json();
    let overrides = serde_json::json!(
        [{ "pool": "web", "endpoint": address.to_string(), "state": "disabled" }]
    );
    assert_eq!(shown["overrides"], overrides);

    assert_eq!(ask(&gateway, "DELETE", &target, "").await.status, 204);
    let back = async || gateway.get("/").await.is_ok() && backends[0].requests() > 0;
    eventually(SOON, "it serves again", back).await;
    for (target, body, status) in [
        ("/api/v1/pools/nope/endpoints/127.0.0.1:1/override", "{\"weight\": 5}", 404),
        ("/api/v1/pools/web/endpoints/127.0.0.1:1/override", "{\"weight\": 5}", 404),
        ("/api/v1/pools/web/endpoints/x/override", "{\"weight\": 5}", 404),
        (&target, "{\"weight\": 0}", 400),
        (&target, "{\"wait\": 5}", 400),
        (&target, "{}", 400),
    ] {
        assert_eq!(ask(&gateway, "PUT", target, body).await.status, status, "{target} {body}");
    }
}

#[tokio::test]
async fn nobody_left_in_a_pool_is_refused_unless_it_is_forced() {
    let backend = Backend::start().await;
    let gateway = gateway(&[&backend]).await;
    let endpoint = format!("{{ address: {}, disabled: true }}", backend.addr());
    gateway.write_pool("web", &[endpoint]);
    let answer = ask(&gateway, "POST", "/api/v1/reload", "").await;
    assert_eq!(answer.status, 422, "{}", answer.text());
    assert_eq!(answer.json()["may_be_forced"], true);
    assert_eq!(gateway.get("/").await.expect("an answer").status, 200);
    let answer = ask(&gateway, "POST", "/api/v1/reload?force=true", "").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(gateway.get("/").await.expect("an answer").status, 503);
}

#[tokio::test]
async fn a_route_to_a_pool_in_which_nobody_is_enabled_is_refused() {
    let [blue, green] = [Backend::start().await, Backend::start().await];
    let gateway = Gateway::builder()
        .pool("blue", &[blue.addr()])
        .pool_of("green", &[format!("{{ address: {}, disabled: true }}", green.addr())])
        .start(binary())
        .await;
    let main = gateway.read("switchback.yaml");
    gateway.write("switchback.yaml", &main.replace("{ pool: blue }", "{ pool: green }"));
    let answer = ask(&gateway, "POST", "/api/v1/reload", "").await;
    assert_eq!((answer.status, answer.json()["may_be_forced"].as_bool()), (422, Some(true)));
    assert_eq!(gateway.get("/").await.expect("an answer").status, 200);
}

#[tokio::test]
async fn a_request_that_waits_gets_whoever_the_reload_leaves() {
    let slow = Behavior::Answer(Answer::ok("late").delay(Duration::from_secs(3)));
    let [away, busy] = [Backend::start().await, Backend::with(slow).await];
    away.kill().await;
    let narrow = format!("{{ address: {}, max_requests: 1 }}", busy.addr());
    let gateway = Gateway::builder()
        .pool_of("web", &[away.addr().to_string(), narrow])
        .pool_yaml("timeouts: { first_byte: 10s, request: 20s }")
        .pool_yaml("queue_timeout: 10s")
        .start(binary())
        .await;
    let mut first = gateway.client().await;
    first.send_raw(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.expect("sent");
    eventually(SOON, "it is busy", async || busy.requests() == 1).await;
    let mut second = gateway.client().await;
    second.send_raw(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.expect("sent");
    let waits = async || gateway.metric("switchback_pool_waiting", &[]).await == 1.0;
    eventually(SOON, "the second waits", waits).await;
    away.restart();
    gateway.write_pool("web", &[away.addr()]);
    reload(&gateway).await;
    let answer = second.read_response(Duration::from_secs(2)).await.expect("an answer");
    assert_eq!((answer.status, away.requests()), (200, 1), "{}", gateway.stderr());
    assert_eq!(first.read_response(SOON).await.expect("an answer").text(), "late");
}

#[tokio::test]
async fn a_hang_up_while_it_starts_does_not_end_it() {
    let backend = Backend::start().await;
    let gateway = Gateway::builder().pool("web", &[backend.addr()]).without_waiting();
    let gateway = gateway.start(binary()).await;
    // As soon as it takes the signal at all, long before it listens.
    let takes_it = async || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", gateway.pid()));
        let status = status.expect("a running process");
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).expect("a mask");
        u64::from_str_radix(caught.trim(), 16).expect("hexadecimal") & 1 == 1
    };
    eventually(SOON, "it takes SIGHUP", takes_it).await;
    gateway.signal(Signal::HUP);
    let serves = async || gateway.get("/").await.is_ok_and(|answer| answer.status == 200);
    eventually(SOON, "it serves", serves).await;
}

#[tokio::test]
async fn the_running_configuration_is_shown_without_its_secrets() {
    let backend = Backend::start().await;
    let gateway = Gateway::builder()
        .pool("web", &[backend.addr()])
        .pool_yaml("sticky: { secret: 0123456789abcdef }")
        .start(binary())
        .await;
    let answer = ask(&gateway, "GET", "/api/v1/config", "").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/yaml")));
    assert!(answer.text().contains(&backend.addr().to_string()), "{}", answer.text());
    assert!(answer.text().contains("secret:") && !answer.text().contains("0123456789abcdef"));
}

#[tokio::test]
async fn a_page_in_a_browser_cannot_use_the_api() {
    let backend = Backend::start().await;
    let gateway = gateway(&[&backend]).await;
    for field in [("origin", "https://evil.example"), ("host", "rebound.example:9900")] {
        let mut client = Client::connect(gateway.admin_addr()).await.expect("the admin listener");
        let fields = [field, ("connection", "close")];
        let answer = client.request("POST", "/api/v1/reload", &fields, b"").await;
        assert_eq!(answer.expect("an answer").status, 403, "{field:?}");
    }
    assert_eq!(gateway.metric("switchback_config_generation", &[]).await, 1.0);
}

#[tokio::test]
async fn a_mounted_config_map_that_is_swapped_is_one_reload() {
    use std::os::unix::fs::symlink;

    let [old, new] = [Backend::start().await, Backend::start().await];
    let gateway = gateway(&[&old]).await;
    // From here on as Kubernetes mounts it: a link to a link to a folder of this version.
    let (pools, text) = (gateway.dir().join("pools"), gateway.read("pools/web.yaml"));
    let changed = text.replace(&old.addr().to_string(), &new.addr().to_string());
    gateway.write("pools/..1/web.yaml", &text);
    gateway.write("pools/..2/web.yaml", &changed);
    symlink("..1", pools.join("..data")).expect("a link");
    std::fs::remove_file(pools.join("web.yaml")).expect("removed");
    symlink("..data/web.yaml", pools.join("web.yaml")).expect("a link");
    reload(&gateway).await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let before = gateway.metric("switchback_config_reloads_total", &[]).await;

    symlink("..2", pools.join("..data_tmp")).expect("a link");
    std::fs::rename(pools.join("..data_tmp"), pools.join("..data")).expect("renamed");
    let there = async || gateway.get("/").await.is_ok() && new.requests() > 0;
    eventually(SOON, "the new endpoint serves", there).await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(gateway.metric("switchback_config_reloads_total", &[]).await, before + 1.0);
    assert_eq!(reloads(&gateway, "refused").await, 0.0);
}

#[tokio::test]
async fn diff_tells_what_a_reload_would_change_and_the_reload_says_the_same() {
    let [old, new] = [Backend::start().await, Backend::start().await];
    let gateway = gateway(&[&old]).await;
    let ask = || {
        let mut command = std::process::Command::new(binary());
        let file = gateway.dir().join("switchback.yaml");
        command.arg("diff").arg("-c").arg(file).current_dir(gateway.dir());
        let output = command.output().expect("the command");
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    assert_eq!(ask(), (Some(0), "nothing would change\n".to_owned()));
    // Unnoticed for 300 ms, and asked about before.
    gateway.write_pool("web", &[new.addr()]);
    let (status, told) = ask();
    assert_eq!(status, Some(1), "{told}");
    let sentences: Vec<_> = told.lines().filter(|line| line.contains("endpoint ")).collect();
    assert_eq!(sentences.len(), 2, "{told}");
    let applied = async || reloads(&gateway, "applied").await >= 1.0;
    eventually(SOON, "the reload is applied", applied).await;
    for sentence in sentences {
        assert!(gateway.stderr().contains(sentence), "{sentence}\n{}", gateway.stderr());
    }
    assert_eq!(ask(), (Some(0), "nothing would change\n".to_owned()));
}
