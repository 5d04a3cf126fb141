//! What does change is told: once each, with why, and not without bound.

use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
use switchback_testkit::{Backend, Behavior, Gateway, Health, Load, Signal, eventually};
use tokio::net::TcpStream;

use super::{SOON, binary, by_default, lines};

const CHANGES: &str = "switchback_endpoint_status_changes_total";
const HTTP: &str = "health: { http: { path: /healthz }, interval: 50ms, timeout: 40ms, rise: 2, \
    fall: 2 }";

/// How often the endpoint has come to be anything.
async fn changes(gateway: &Gateway, backend: &Backend) -> usize {
    let endpoint = backend.addr().to_string();
    gateway.metric(CHANGES, &[("endpoint", &endpoint)]).await as usize
}

#[tokio::test]
async fn an_endpoint_that_goes_and_comes_back_is_one_line_each() {
    let backends = Backend::start_many(2).await;
    let addresses: Vec<_> = backends.iter().map(Backend::addr).collect();
    let gateway = by_default().pool("web", &addresses).pool_yaml(HTTP).start(binary()).await;
    let endpoint = format!("pool web: endpoint {}: ", backends[0].addr());
    let said = async |count: usize| {
        eventually(SOON, "a line", async || lines(&gateway, &endpoint).len() == count).await;
    };
    said(1).await;
    for round in 0..3 {
        backends[0].set_health(Health::Status(500));
        said(2 + 2 * round).await;
        backends[0].set_health(Health::Healthy);
        said(3 + 2 * round).await;
    }
    // Requests and probes that change nothing are no lines.
    let probes = backends[0].health_requests();
    Load::new(gateway.addr()).clients(4).count(500).run().await;
    eventually(SOON, "more probes", async || backends[0].health_requests() > probes + 10).await;
    let all = lines(&gateway, &endpoint);
    let tails: Vec<_> = all.iter().filter_map(|line| line.split_once(&endpoint)).collect();
    assert!(tails[0].1.starts_with("pending → healthy after "), "{all:?}");
    for pair in tails[1..].chunks(2) {
        assert!(pair[0].0.contains("WARN"), "{all:?}");
        assert!(pair[0].1.starts_with("healthy → failing after "), "{all:?}");
        assert!(
            pair[0].1.ends_with("s: answered 500, expected 200-299 (1 of 2 healthy)"),
            "{all:?}"
        );
        assert!(pair[1].1.starts_with("failing → healthy after "), "{all:?}");
        assert!(pair[1].1.ends_with("s: probe passed (2 of 2 healthy)"), "{all:?}");
    }
    assert_eq!((all.len(), lines(&gateway, "endpoint ").len()), (7, 8), "{}", gateway.stderr());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_dies_under_load_is_a_line_for_each_change_and_none_for_a_request() {
    let backends = Backend::start_many(3).await;
    let addresses: Vec<_> = backends.iter().map(Backend::addr).collect();
    let gateway = by_default().pool("web", &addresses).pool_yaml(HTTP).start(binary()).await;
    let load = Load::new(gateway.addr()).clients(8).duration(Duration::from_secs(60)).start();
    for _ in 0..2 {
        backends[0].set(Behavior::RefuseConnections);
        let failing =
            async || lines(&gateway, "→ failing").len() > lines(&gateway, "failing →").len();
        eventually(SOON, "it fails", failing).await;
        let before = load.begun();
        eventually(SOON, "load", async || load.begun() > before + 500).await;
        backends[0].set(Behavior::ok());
        let well =
            async || lines(&gateway, "→ failing").len() == lines(&gateway, "failing →").len();
        eventually(SOON, "it is back", well).await;
    }
    let report = load.stop().await;
    assert!(report.total > 1_000, "{report}");
    for backend in &backends {
        let endpoint = format!("pool web: endpoint {}: ", backend.addr());
        assert_eq!(lines(&gateway, &endpoint).len(), changes(&gateway, backend).await);
    }
}

#[tokio::test]
async fn one_that_flaps_without_end_is_summed_up() {
    let backend = Backend::start().await;
    let health = "health: { http: { path: /healthz }, interval: 10ms, fast_interval: 10ms, \
        timeout: 9ms, rise: 1, fall: 1 }";
    let gateway = by_default().pool("web", &[backend.addr()]).pool_yaml(health);
    let gateway = gateway.start(binary()).await;
    let endpoint = format!("pool web: endpoint {}: ", backend.addr());
    for well in [false, true].into_iter().cycle() {
        let before = changes(&gateway, &backend).await;
        if before >= 60 && !well {
            break;
        }
        backend.set_health(if well { Health::Healthy } else { Health::Status(500) });
        eventually(SOON, "a change", async || changes(&gateway, &backend).await > before).await;
    }
    assert!(lines(&gateway, &endpoint).len() <= 20 + 2, "{}", gateway.stderr());
    let summed = async || lines(&gateway, "more changes within 10s").len() == 1;
    eventually(SOON, "how it stands now", summed).await;
    let told = lines(&gateway, &endpoint);
    let last = told.last().expect("a line");
    assert!(last.contains("healthy now, after "), "{last}");
    let words: Vec<_> = last.split(' ').collect();
    let counted = words.iter().position(|word| *word == "after").expect("a count");
    let counted: usize = words[counted + 1].parse().expect("a number");
    let changes = changes(&gateway, &backend).await;
    assert!((told.len() - 1 + counted).abs_diff(changes) <= 2, "{told:?} of {changes}");
}

/// Descriptors that the process has open.
fn open(gateway: &Gateway) -> u64 {
    let listed = std::fs::read_dir(format!("/proc/{}/fd", gateway.pid())).expect("a process");
    listed.count() as u64
}

fn limit(gateway: &Gateway, descriptors: Option<u64>) {
    let pid = i32::try_from(gateway.pid()).ok().and_then(Pid::from_raw).expect("a process");
    let maximum = getrlimit(Resource::Nofile).maximum;
    let current = descriptors.or(maximum);
    prlimit(Some(pid), Resource::Nofile, Rlimit { current, maximum }).expect("a child of ours");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn that_nobody_can_be_accepted_is_told_and_bounded() {
    let backend = Backend::start().await;
    let gateway = by_default().pool("web", &[backend.addr()]).start(binary()).await;
    gateway.get("/").await.expect("an answer");
    limit(&gateway, Some(open(&gateway)));
    let mut waiting = Vec::new();
    for _ in 0..20 {
        waiting.push(TcpStream::connect(gateway.addr()).await.expect("the kernel accepts"));
        waiting.push(TcpStream::connect(gateway.admin_addr()).await.expect("the kernel accepts"));
    }
    let clients = "Accept() failed";
    let admin = "admin listener: no connection can be accepted";
    let both = async || !lines(&gateway, clients).is_empty() && !lines(&gateway, admin).is_empty();
    eventually(SOON, "it is told of both", both).await;
    assert!(lines(&gateway, clients)[0].contains("Too many open files"));
    // The admin listener tries ten times a second.
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(lines(&gateway, admin).len(), 1);
    limit(&gateway, None);
    let well = async || gateway.is_ready().await && gateway.get("/").await.is_ok();
    eventually(SOON, "it accepts again", well).await;
    assert!(lines(&gateway, clients).len() <= 10, "{}", gateway.stderr());
}

#[tokio::test]
async fn a_filter_that_is_set_takes_the_place_of_the_default() {
    let backend = Backend::start().await;
    for (filter, starts, changes) in
        [("switchback=warn", false, true), ("off", false, false), ("switchback=info", true, true)]
    {
        let gateway = by_default()
            .env("RUST_LOG", filter)
            .pool("web", &[backend.addr()])
            .pool_yaml(HTTP)
            .start(binary())
            .await;
        backend.set_health(Health::Status(500));
        let endpoint = backend.addr().to_string();
        let failing = [("endpoint", endpoint.as_str()), ("status", "failing")];
        let fails = async || gateway.metric("switchback_endpoint_status", &failing).await == 1.0;
        eventually(SOON, "it fails", fails).await;
        backend.set_health(Health::Healthy);
        gateway.signal(Signal::TERM);
        assert!(gateway.wait_exit(SOON).await.success());
        let told =
            (!lines(&gateway, "listening on").is_empty(), !lines(&gateway, "failing").is_empty());
        assert_eq!(told, (starts, changes), "{filter}");
    }
}
