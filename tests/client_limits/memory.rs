//! Memory: what clients cost that do nothing, or next to nothing.

use std::fs;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use switchback_testkit::{Answer, Backend, Behavior, Client, Gateway, until};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::{SOON, binary, connect, ms};

/// Descriptors that others of this process may need.
const OTHERS: u64 = 4_000;

/// So many descriptors at most, as many as the machine allows.
fn descriptors() -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let most = maximum.unwrap_or(1 << 20);
    // What is not allowed stays as it was.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(most), maximum });
    getrlimit(Resource::Nofile).current.or(current).unwrap_or(most)
}

/// The gateway's memory, in KiB.
fn memory(gateway: &Gateway) -> u64 {
    let path = format!("/proc/{}/status", gateway.pid());
    let status = fs::read_to_string(path).expect("the gateway runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// When it has come to rest: the most that was seen, twice without growing.
async fn rest(gateway: &Gateway) -> u64 {
    let mut most = 0;
    let mut quiet = 0;
    until(Duration::from_secs(6), async || {
        tokio::time::sleep(ms(200)).await;
        let now = memory(gateway);
        quiet = if now > most + most / 200 { 0 } else { quiet + 1 };
        most = most.max(now);
        (quiet == 3).then_some(())
    })
    .await;
    most
}

async fn read(client: &mut TcpStream, some: &mut [u8]) {
    let read = timeout(SOON, client.read_exact(some)).await;
    read.expect("it comes in time").expect("it comes");
}

async fn gateway(backend: &Backend) -> Gateway {
    Gateway::builder()
        .pool("web", &[backend.addr()])
        .pool_yaml("timeouts: { connect: 5s, first_byte: 30s, idle: 60s, request: 60s }")
        .main_yaml("access_log: off\nlimits: { header_timeout: 1m }")
        .start(binary())
        .await
}

/// A kept connection is a task, a socket and buffers of 6 KiB: 27 KiB in all in a build that is not
/// optimized. The bound leaves no room for what Pingora reads with unless told otherwise (64 KiB): with
/// that it was 87.
#[tokio::test]
async fn ten_thousand_idle_clients_cost_what_a_task_and_a_socket_do() {
    const BOUND: u64 = 40;
    let count = 10_000.min(descriptors().saturating_sub(OTHERS));
    let backend = Backend::start().await;
    let gateway = gateway(&backend).await;
    let warm = gateway.client().await;
    let before = rest(&gateway).await;
    let mut clients = vec![warm];
    while (clients.len() as u64) < count {
        let mut some = JoinSet::new();
        for n in 0..100 {
            let address = gateway.addr();
            some.spawn(async move {
                let mut client = Client::connect_within(address, ms(20_000)).await?;
                // Half of them have asked for something, a tenth has begun to.
                match n % 10 {
                    0..5 => assert_eq!(client.get("/").await?.status, 200),
                    5 => client.send_raw(b"GET / HT").await.expect("sent"),
                    _ => {}
                }
                Ok::<_, switchback_testkit::ClientError>(client)
            });
        }
        while let Some(client) = some.join_next().await {
            clients.push(client.expect("it ran").expect("a connection"));
        }
    }
    let count = clients.len() as u64;
    let after = rest(&gateway).await;
    let connected = gateway.metric("switchback_connections", &[]).await;
    let each = after.saturating_sub(before) as f64 / count as f64;
    eprintln!(
        "MEMORY {count} idle clients: {before} KiB before, {after} KiB after, {each:.1} each"
    );
    assert!(connected >= count as f64, "{connected} of {count} are connected");
    assert!(after < before + count * BOUND, "{each:.1} KiB for each client");
    drop(clients);
    let none = async || (gateway.metric("switchback_connections", &[]).await == 0.0).then_some(());
    assert!(until(Duration::from_secs(10), none).await.is_some(), "they are forgotten");
}

/// Of each answer there is on its way, in parts of up to 64 KiB: four that Pingora queues, one that waits
/// for room there, up to five that are being written together, their copy for that, and a buffer at the
/// endpoint's socket. That is a hundredth of the body, which has 100 MiB; the clients stop after a few
/// bytes.
#[tokio::test]
async fn a_thousand_slow_readers_cost_what_is_on_its_way_to_them() {
    const BOUND: u64 = (4 + 1 + 5 + 5 + 1) * 64;
    let count = 1_000.min(descriptors().saturating_sub(OTHERS) / 2);
    let body = vec![b'x'; 100 * 1024 * 1024];
    let backend = Backend::with(Behavior::Answer(Answer::ok(body))).await;
    let gateway = gateway(&backend).await;
    let before = rest(&gateway).await;
    let mut clients = Vec::new();
    for _ in 0..count {
        let mut client = connect(gateway.addr(), "127.0.0.1", Some(64 * 1024)).await;
        client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.expect("sent");
        clients.push(client);
    }
    let mut some = vec![0; 1_024];
    for client in &mut clients {
        read(client, &mut some).await;
        assert!(some.starts_with(b"HTTP/1.1 200 "));
    }
    let after = rest(&gateway).await;
    // They go on, a little at a time.
    for _ in 0..5 {
        for client in &mut clients {
            read(client, &mut some).await;
        }
    }
    let later = rest(&gateway).await;
    let each = later.max(after).saturating_sub(before) as f64 / count as f64;
    eprintln!(
        "MEMORY {count} slow readers: {before} KiB before, {after} KiB, {later} KiB later, {each:.1} each"
    );
    assert!(later.max(after) < before + count * BOUND, "{each:.1} KiB for each reader");
    assert_eq!(gateway.metric("switchback_requests_in_flight", &[]).await, count as f64);
    drop(clients);
    let none = async || (backend.open_connections() == 0).then_some(());
    assert!(until(Duration::from_secs(10), none).await.is_some(), "their endpoints are left");
}
