//! Prometheus itself, unchanged: what it says of the metrics, of the alert rules and of the dashboard.
//!
//! Where `prometheus` or `promtool` is missing its tests say so and pass; where `CI` is set they fail,
//! because `.ci/run` has installed them. What needs neither is in `prometheus/files.rs`.

#[path = "prometheus/expressions.rs"]
mod expressions;
#[path = "prometheus/files.rs"]
mod files;
#[path = "prometheus/server.rs"]
mod server;

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use files::{of_alerts, of_dashboard, root};
use rcgen::{CertificateParams, KeyPair};
use server::{Prometheus, asking_for_text};
use switchback_testkit::{Backend, Behavior, Ending, Gateway, eventually, until};

/// Far more than anything here takes.
const SOON: Duration = Duration::from_secs(30);

const BROKEN: &str = "switchback_client_errors_total{alternatives=\"1+\"}";

/// Whether both programs are there.
#[expect(clippy::print_stderr, reason = "a test that did not run says so")]
fn are_there() -> bool {
    let runs = |program: &str| Command::new(program).arg("--version").output();
    let missing = ["prometheus", "promtool"].into_iter().find(|it| runs(it).is_err());
    let Some(program) = missing else { return true };
    assert!(std::env::var_os("CI").is_none(), "{program} is missing: install prometheus");
    eprintln!("skipped: {program} is missing (Debian: apt-get install prometheus)");
    false
}

/// What promtool says, if it found nothing wrong.
fn promtool(arguments: &[&str], input: &str) -> String {
    let mut process = Command::new("promtool")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    process.stdin.take().expect("its input").write_all(input.as_bytes()).expect("it reads");
    let output = process.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "promtool {arguments:?}: {said}");
    said
}

/// A gateway with something of everything: TLS, probes, a queue, and an endpoint that can be told to fail
/// whose requests are not tried again.
async fn gateway(good: &Backend, bad: &Backend) -> Gateway {
    let key = KeyPair::generate().expect("a key");
    let made = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
    let made = made.self_signed(&key).expect("a certificate");
    Gateway::builder()
        .pool("web", &[good.addr(), bad.addr()])
        .pool_yaml(
            "health: { interval: 200ms }\nejection: { enabled: false }\nretry: { enabled: false }",
        )
        .file("own.pem", made.pem() + &key.serialize_pem())
        .main_yaml(
            "listeners: [ $LISTEN, { address: $SPARE, \
             tls: { certificates: [ { cert: own.pem, key: own.pem } ] } } ]",
        )
        .start(Path::new(env!("CARGO_BIN_EXE_switchback")))
        .await
}

async fn exposition(gateway: &Gateway) -> String {
    let answer = gateway.admin("GET", "/metrics").await.expect("an answer");
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    answer.text()
}

#[tokio::test]
async fn promtool_has_nothing_to_say_of_the_metrics() {
    if !are_there() {
        return;
    }
    let (good, bad) = (Backend::start().await, Backend::start().await);
    let gateway = gateway(&good, &bad).await;
    assert_eq!(promtool(&["check", "metrics"], &exposition(&gateway).await), "");
    for _ in 0..10 {
        assert_eq!(gateway.get("/").await.expect("an answer").status, 200);
    }
    bad.set(Behavior::CloseBeforeAnswer(Ending::Fin));
    for _ in 0..10 {
        let _ = gateway.get("/").await;
    }
    assert_eq!(promtool(&["check", "metrics"], &exposition(&gateway).await), "");
}

#[test]
fn the_rules_are_sound_and_fire_as_they_are_meant_to() {
    if !are_there() {
        return;
    }
    let path = |path| root(path).to_str().expect("a path").to_owned();
    promtool(&["check", "rules", &path("conf/monitoring/alerts.yaml")], "");
    promtool(&["test", "rules", &path("tests/prometheus/alerts_test.yaml")], "");
}

/// In both formats, of which Prometheus asks for one by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prometheus_sees_the_promise_kept_and_then_broken() {
    if !are_there() {
        return;
    }
    let (good, bad) = (Backend::start().await, Backend::start().await);
    let gateway = gateway(&good, &bad).await;
    let (relay, asked) = asking_for_text(gateway.admin_addr()).await;
    let jobs = [("switchback", gateway.admin_addr()), ("text", relay)];
    let prometheus = Prometheus::start(&jobs, &root("conf/monitoring/alerts.yaml"));
    for _ in 0..20 {
        assert_eq!(gateway.get("/").await.expect("an answer").status, 200);
    }
    let up = async || prometheus.query("up").await.iter().filter(|(_, up)| *up == 1.0).count() == 2;
    eventually(SOON, "both are scraped", up).await;
    for (job, unit) in [("switchback", "seconds"), ("text", "")] {
        let of = format!("{{job=\"{job}\"}}");
        let metric = ("metric", "switchback_request_duration_seconds");
        let known = until(SOON, async || {
            let known = prometheus.api("targets/metadata", &[("match_target", &of), metric]).await;
            known.as_array().filter(|it| !it.is_empty()).map(|it| it[0].clone())
        });
        let known = known.await.expect("metadata");
        assert_eq!((&known["unit"], &known["type"]), (&unit.into(), &"histogram".into()), "{job}");
    }
    let accept = asked.recv_timeout(SOON).expect("a scrape");
    assert!(accept.contains("application/openmetrics-text"), "{accept}");

    let kept = prometheus.query(BROKEN).await;
    assert!(kept.len() > 50, "the series are there from the start: {kept:?}");
    assert!(kept.iter().all(|(_, count)| *count == 0.0), "{kept:?}");
    let seen = |name| format!("count by (job) ({{__name__=~\"{name}.*\"}})");
    let series = prometheus.query(&seen("switchback_")).await;
    assert!(series.len() == 2 && series[0].1 == series[1].1, "both have the same: {series:?}");
    assert_eq!(firing(&prometheus).await, BTreeSet::new());

    bad.set(Behavior::CloseBeforeAnswer(Ending::Fin));
    for _ in 0..10 {
        let _ = gateway.get("/").await;
    }
    let alerts = of_alerts();
    let broken = alerts.iter().find(|alert| alert.place == "SwitchbackPromiseBroken").expect("it");
    let seen = until(SOON, async || {
        let seen = prometheus.query(&broken.text).await;
        (seen.len() == 2).then_some(seen)
    });
    for (labels, count) in seen.await.expect("a value for each job") {
        let told = (&labels["origin"], &labels["reason"]);
        assert_eq!(told, (&"gateway".into(), &"connection_terminated".into()), "{labels}");
        assert!(count > 0.0, "{labels}");
    }
    let fires = async || firing(&prometheus).await.contains("SwitchbackPromiseBroken");
    eventually(SOON, "the alert fires", fires).await;
    every_expression_is_one(&prometheus).await;
    every_value_that_is_asked_for_exists(&gateway).await;
}

/// The alerts that fire.
async fn firing(prometheus: &Prometheus) -> BTreeSet<String> {
    let data = prometheus.api("alerts", &[]).await;
    let alerts = data["alerts"].as_array().expect("alerts").iter();
    let firing = alerts.filter(|alert| alert["state"] == "firing");
    firing.filter_map(|alert| Some(alert["labels"]["alertname"].as_str()?.to_owned())).collect()
}

/// With Grafana's variables as it fills them in: Prometheus takes each, and most have something to show as soon as it has
/// seen twice what a rate is of.
async fn every_expression_is_one(prometheus: &Prometheus) {
    // What has not happened here.
    let quiet = [
        "Changes of status",
        "Ejections by cause",
        "Limits hit",
        "Requests refused",
        "TLS handshakes that failed",
        "What came of waiting",
    ];
    for expression in of_dashboard() {
        let mut text = expression.text.clone();
        for (variable, value) in [("$__rate_interval", "1m"), ("$__range", "5m")] {
            text = text.replace(variable, value);
        }
        for variable in ["$job", "$instance", "$route", "$class", "$pool", "$endpoint"] {
            text = text.replace(variable, ".*");
        }
        assert!(!text.contains('$'), "{text}");
        let shows = async || !prometheus.query(&text).await.is_empty();
        if quiet.contains(&expression.place.as_str()) {
            shows().await;
        } else {
            eventually(SOON, &expression.place, shows).await;
        }
    }
}

/// An alert on a value of a label that there is not would never fire.
async fn every_value_that_is_asked_for_exists(gateway: &Gateway) {
    let metrics = gateway.metrics().await;
    for expression in of_alerts().into_iter().chain(of_dashboard()) {
        for selector in &expression.asked.selectors {
            let samples = || metrics.samples.iter().filter(|it| it.name == selector.name);
            for matcher in selector.matchers.iter().filter(|it| !it.value.contains('$')) {
                let values: BTreeSet<_> =
                    samples().filter_map(|it| it.labels.get(&matcher.label)).collect();
                let asked = matcher.value.split('|').filter(|_| !values.is_empty());
                for value in asked {
                    let exists = values.contains(&value.to_owned());
                    assert!(exists, "{}: {matcher:?} of {values:?}", expression.place);
                }
            }
        }
    }
}
