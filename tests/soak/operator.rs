//! What an operator and his machines do meanwhile: reloads of every kind, refused ones too, overrides, scrapes, and the
//! log moved away.

use std::sync::Arc;
use std::time::{Duration, Instant};

use switchback_testkit::{Backend, Client, Signal};

use super::stage::{Stage, certificate};

const EVERY: Duration = Duration::from_secs(3);
const SOON: Duration = Duration::from_secs(5);

pub(crate) async fn at_work(stage: Arc<Stage>) {
    let gateway = &stage.gateway;
    let addresses: Vec<_> = stage.web.iter().map(Backend::addr).collect();
    let more: Vec<_> = addresses.iter().copied().chain([stage.spare.addr()]).collect();
    let main = gateway.read("switchback.yaml");
    let pool = gateway.read("pools/web.yaml");
    let mut turn = 0;
    while !stage.is_over() {
        stage.rest(EVERY).await;
        let at = addresses[turn / 12 % addresses.len()];
        let target = format!("/api/v1/pools/web/endpoints/{at}/override");
        match turn % 12 {
            0 => gateway.write_pool("web", &more),
            1 => gateway.write("certs/0.pem", &certificate()),
            2 => ask(&stage, "PUT", &target, r#"{"state": "drain"}"#).await,
            3 => gateway.write("pools/web.yaml", &pool.replace("endpoints:", "endpionts:")),
            4 => ask(&stage, "DELETE", &target, "").await,
            5 => gateway.write("pools/web.yaml", &pool),
            6 => gateway
                .write("switchback.yaml", &(main.clone() + "  - { path: /extra, pool: few }\n")),
            7 => ask(&stage, "PUT", &target, r#"{"weight": 5}"#).await,
            8 => gateway.write(
                "switchback.yaml",
                &main.replace("client_keepalive: 10s", "client_keepalive: 9s"),
            ),
            9 => ask(&stage, "DELETE", &target, "").await,
            10 => {
                gateway.write("switchback.yaml", &main);
                look_around(&stage).await;
            }
            _ => rotate(&stage, turn).await,
        }
        if ![2, 4, 7, 9, 11].contains(&(turn % 12)) {
            gateway.signal(Signal::HUP);
            stage.tally.count("reload");
        }
        turn += 1;
    }
    // As in the beginning.
    for address in addresses {
        ask(&stage, "DELETE", &format!("/api/v1/pools/web/endpoints/{address}/override"), "").await;
    }
    gateway.write("pools/web.yaml", &pool);
    gateway.write("switchback.yaml", &main);
    gateway.signal(Signal::HUP);
}

/// Asks the admin API, until it has answered: what it was asked for is to be done.
async fn ask(stage: &Stage, method: &'static str, target: &str, body: &str) {
    let fields = [("content-type", "application/json"), ("connection", "close")];
    for _ in 0..5 {
        let began = Instant::now();
        let outcome = async {
            let mut client = Client::connect(stage.gateway.admin_addr()).await?;
            client.request(method, target, &fields, body.as_bytes()).await
        };
        let outcome = match outcome.await {
            Ok(answer) if !answer.complete => Err(format!("cut: {:?}", answer.end)),
            // 404: there was no override to be cleared.
            Ok(answer) if [200, 204, 404].contains(&answer.status) => Ok(()),
            Ok(answer) => Err(format!("status {}", answer.status)),
            Err(error) => Err(error.to_string()),
        };
        let done = outcome.is_ok();
        stage.tally.note(("admin", "GET", target), began, outcome);
        if done {
            return;
        }
    }
}

/// Reads what people and machines read.
async fn look_around(stage: &Stage) {
    for target in ["/", "/api/v1/pools", "/api/v1/config", "/readyz", "/livez", "/metrics"] {
        ask(stage, "GET", target, "").await;
    }
}

/// Moves the log away, reads it, and throws it away.
async fn rotate(stage: &Stage, turn: usize) {
    let logs = stage.gateway.dir().join("logs");
    let old = logs.join(format!("access.log.{turn}"));
    if std::fs::rename(logs.join("access.log"), &old).is_err() {
        return;
    }
    stage.gateway.signal(Signal::USR1);
    let begun = Instant::now();
    while !logs.join("access.log").exists() {
        assert!(begun.elapsed() < SOON, "the log is not opened anew");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // What was being written is written to the old one.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let text = std::fs::read_to_string(&old).expect("the old log");
    stage.tally.read_log(&text);
    std::fs::remove_file(&old).expect("removed");
    stage.tally.count("rotation");
}
