//! 200 reloads in a minute, under load: valid files, broken ones and other endpoints in turn. No request
//! fails, no socket is lost, no endpoint is forgotten or found healthy by it, and memory stays flat.

use std::path::Path;
use std::time::{Duration, Instant};

use switchback_testkit::{Backend, Behavior, Client, Gateway, Health, Load, Signal, eventually};

const SOON: Duration = Duration::from_secs(20);
const RELOADS: u32 = 200;
const EVERY: Duration = Duration::from_millis(300);

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_switchback"))
}

fn resident(gateway: &Gateway) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", gateway.pid()));
    let status = status.expect("a running process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
    line.trim().trim_end_matches(" kB").parse().expect("a number of kB")
}

async fn chat(gateway: &Gateway) -> Client {
    let mut client = gateway.client().await;
    let upgrade =
        "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    client.send_raw(upgrade.as_bytes()).await.expect("sent");
    assert!(client.read_raw().await.expect("an answer").starts_with(b"HTTP/1.1 101"));
    client
}

#[expect(clippy::print_stderr, reason = "the figures, by --nocapture")]
fn show(figures: std::fmt::Arguments<'_>) {
    eprintln!("{figures}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_reloads_in_a_minute_cost_nothing() {
    let backends = Backend::start_many(4).await;
    let sick = Backend::start().await;
    sick.set_health(Health::Status(500));
    let sockets = Backend::with(Behavior::Upgrade).await;
    let all: Vec<_> = backends.iter().chain([&sick]).map(Backend::addr).collect();
    let some = [all[0], all[2], all[4]];
    let gateway = Gateway::builder()
        .pool("web", &all)
        .pool_yaml("health: { http: { path: /healthz }, interval: 1s, timeout: 500ms }")
        .pool_yaml("timeouts: { connect: 2s, first_byte: 5s, request: 10s }")
        .pool("ws", &[sockets.addr()])
        .route_yaml("{ path: /chat, pool: ws }")
        .route_yaml("{ pool: web }")
        .start(binary())
        .await;
    let failing = [("endpoint", &*sick.addr().to_string()), ("status", "failing")]
        .map(|(name, value)| (name, value.to_owned()));
    let labels = failing.each_ref().map(|(name, value)| (*name, value.as_str()));
    let is_failing = async || gateway.metric("switchback_endpoint_status", &labels).await == 1.0;
    eventually(SOON, "the sick one is found", is_failing).await;
    let healthy = [("status", "healthy")];
    let are_well = async || gateway.metric("switchback_endpoint_status", &healthy).await == 5.0;
    eventually(SOON, "the others are found well", are_well).await;

    let mut chats = Vec::new();
    for _ in 0..10 {
        chats.push(chat(&gateway).await);
    }
    let good = gateway.read("pools/web.yaml");
    let mix = [("GET", 0), ("POST", 300), ("PUT", 2_000)];
    let load = Load::new(gateway.addr()).clients(8).mix(&mix).rate(200);
    let load = load.duration(EVERY * (RELOADS + 10)).start();
    let mut memory = 0;
    let begun = Instant::now();
    for n in 0..RELOADS {
        match n % 4 {
            0 => gateway.write_pool("web", &some),
            1 => gateway.write("pools/web.yaml", &good.replace("endpoints:", "endpionts:")),
            2 => gateway.write_pool("web", &all),
            _ => gateway.write("pools/web.yaml", &good.replace("10s", &format!("{}s", 11 + n))),
        }
        gateway.signal(Signal::HUP);
        if n == RELOADS / 4 {
            memory = resident(&gateway);
        }
        let next = begun + EVERY * (n + 1);
        tokio::time::sleep_until(next.into()).await;
    }
    gateway.write("pools/web.yaml", &good);
    gateway.signal(Signal::HUP);
    let report = load.report().await;
    let after = resident(&gateway);
    let reloads = async |result| {
        gateway.metric("switchback_config_reloads_total", &[("result", result)]).await
    };
    let (applied, refused) = (reloads("applied").await, reloads("refused").await);
    show(format_args!(
        "RELOADS applied {applied}, refused {refused}; requests {}, failed {}; memory {memory} kB \
         after {}, {after} kB after {RELOADS}",
        report.total,
        report.failures.len(),
        RELOADS / 4,
    ));
    assert!(report.failures.is_empty(), "{report}");
    // A file change and a SIGHUP may be answered by one reload, or by two.
    assert!(applied >= 100.0 && refused >= 40.0, "applied {applied}, refused {refused}");
    // They have been silent for over a minute, after which the first builds cut them off.
    for chat in &mut chats {
        chat.send_raw(b"still there?").await.expect("sent");
        assert_eq!(chat.read_raw().await.expect("an echo"), b"still there?");
    }
    assert!(is_failing().await, "a reload has made it well");
    let changed = [("endpoint", labels[0].1), ("status", "healthy")];
    let made_well = gateway.metric("switchback_endpoint_status_changes_total", &changed).await;
    assert_eq!(made_well, 0.0);
    eventually(SOON, "the others are well", are_well).await;
    drop(chats);
    let nothing = async || gateway.metric("switchback_endpoint_in_flight", &[]).await == 0.0;
    eventually(SOON, "nothing is in flight", nothing).await;
    assert!(after < memory + memory / 5 + 4_096, "memory grew from {memory} to {after} kB");
}
