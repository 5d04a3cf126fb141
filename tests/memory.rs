//! What clients cost that are connected and say nothing, and that nothing of it stays when they have left. The
//! figures are a release's (docs/PERFORMANCE.md); here are bounds that a debug build keeps as well.
#![cfg(target_os = "linux")]

use std::fs;
use std::path::Path;
use std::time::Duration;

use switchback_testkit::{Backend, Client, Gateway, eventually};

/// As many as the test itself may have descriptors for, by the usual limit.
const CLIENTS: usize = 400;

/// KiB of the process that are in memory.
fn resident(gateway: &Gateway) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", gateway.pid())).expect("its status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

async fn gateway(backend: &Backend) -> Gateway {
    let gateway = Gateway::builder()
        .pool("web", &[backend.addr()])
        .main_yaml("threads: 1")
        .start(Path::new(env!("CARGO_BIN_EXE_switchback")))
        .await;
    // What is allocated once is there afterwards.
    for _ in 0..3 {
        for client in served(&gateway, 20).await {
            client.close();
        }
    }
    gateway
}

/// Clients that have had an answer each.
async fn served(gateway: &Gateway, count: usize) -> Vec<Client> {
    let mut clients = Vec::new();
    for _ in 0..count {
        let mut client = gateway.client().await;
        assert_eq!(client.get("/").await.expect("an answer").status, 200);
        clients.push(client);
    }
    clients
}

#[tokio::test]
async fn an_idle_client_costs_little() {
    let backend = Backend::start().await;
    let gateway = gateway(&backend).await;
    let before = resident(&gateway);
    let clients = served(&gateway, CLIENTS).await;
    let each = resident(&gateway).saturating_sub(before) / CLIENTS;
    assert!(each <= 16, "{each} KiB a client");
    drop(clients);
}

#[tokio::test]
async fn what_clients_needed_is_given_back_when_they_have_left() {
    let backend = Backend::start().await;
    let gateway = gateway(&backend).await;
    let before = resident(&gateway);
    let mut clients = served(&gateway, CLIENTS).await;
    // The beginning of a head that is kept until its end comes.
    let begun = format!("GET / HTTP/1.1\r\nHost: a\r\nX-Long: {}", "x".repeat(30_000));
    for client in &mut clients {
        client.send_raw(begun.as_bytes()).await.unwrap();
    }
    let large = before + CLIENTS * 20;
    eventually(Duration::from_secs(5), "it is held", async || resident(&gateway) > large).await;
    drop(clients);
    let small = before + CLIENTS * 5;
    eventually(Duration::from_secs(10), "it is given back", async || resident(&gateway) < small)
        .await;
}
