//! Handing the listeners to a new process: nobody is refused, nobody is cut off, and what goes wrong
//! changes nothing.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use switchback_testkit::{
    Answer, Backend, Behavior, Client, Gateway, GatewayBuilder, Health, Load, Signal, eventually,
};
use tokio::task::JoinHandle;

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_switchback"))
}

const SOON: Duration = Duration::from_secs(15);

fn described(backend: SocketAddr) -> GatewayBuilder {
    Gateway::builder()
        .pool("web", &[backend])
        .pool_yaml("health: { http: { path: /healthz }, interval: 1s, timeout: 4s }")
        .main_yaml("drain: { delay: 300ms, timeout: 5s }")
}

/// How often, by `SWITCHBACK_ROUNDS`.
fn rounds(least: usize) -> usize {
    std::env::var("SWITCHBACK_ROUNDS").ok().and_then(|it| it.parse().ok()).unwrap_or(least)
}

#[expect(clippy::print_stderr, reason = "the figures, by --nocapture")]
fn show(figures: std::fmt::Arguments<'_>) {
    eprintln!("{figures}");
}

async fn says(gateway: &Gateway, text: &str) {
    let said = async || gateway.stderr().contains(text);
    eventually(SOON, text, said).await;
}

async fn serves(gateway: &Gateway) {
    assert_eq!(gateway.get("/").await.expect("an answer").status, 200);
    assert!(gateway.is_ready().await);
}

/// Asks for readiness as an orchestrator does, again and again, until it is told to stop; gives what was not 200.
fn asked(gateway: &Gateway, stop: Arc<AtomicBool>) -> JoinHandle<(usize, Vec<String>)> {
    let admin = gateway.admin_addr();
    tokio::spawn(async move {
        let (mut times, mut wrong) = (0, Vec::new());
        while !stop.load(Ordering::Relaxed) {
            let answer = async { Client::connect(admin).await?.get("/readyz").await }.await;
            match answer {
                Ok(answer) if answer.status == 200 => {}
                Ok(answer) => wrong.push(answer.text()),
                Err(error) => wrong.push(error.to_string()),
            }
            times += 1;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        (times, wrong)
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn swap_after_swap_under_load_nobody_notices() {
    let backend = Backend::start().await;
    let mut gateway = described(backend.addr()).start(binary()).await;
    let addr = gateway.addr();
    let mix = [("GET", 0), ("POST", 300)];
    let kept = Load::new(addr).clients(8).mix(&mix).pace(Duration::from_millis(5));
    let fresh = kept.clone().new_connections();
    let long = Duration::from_secs(600);
    let loads = [kept.duration(long).start(), fresh.duration(long).start()];
    let stop = Arc::new(AtomicBool::new(false));
    let asked = asked(&gateway, stop.clone());
    let rounds = rounds(5);
    for round in 0..rounds {
        // Either may come first.
        let next = if round % 2 == 0 {
            let next = gateway.successor(binary());
            says(&next, "waiting for the listeners").await;
            gateway.signal(Signal::QUIT);
            next
        } else {
            gateway.signal(Signal::QUIT);
            says(&gateway, "offering the listeners").await;
            gateway.successor(binary())
        };
        let status = gateway.wait_exit(SOON).await;
        assert!(status.success(), "{status}");
        says(&gateway, "nothing is left").await;
        gateway = next;
    }
    stop.store(true, Ordering::Relaxed);
    let (times, wrong) = asked.await.expect("it ends");
    let mut total = 0;
    for load in loads {
        let report = load.stop().await;
        assert!(report.failures.is_empty(), "{report}");
        total += report.total;
    }
    show(format_args!(
        "HAND-OVER {rounds} swaps: {total} requests, 0 failed; readiness asked {times} times"
    ));
    assert_eq!(wrong, [""; 0], "of {times}");
    assert!(total > 100 * rounds, "{total}");
    serves(&gateway).await;
}

#[tokio::test]
async fn a_new_process_that_cannot_start_changes_nothing() {
    let backend = Backend::start().await;
    let gateway = described(backend.addr()).start(binary()).await;
    let good = gateway.read("switchback.yaml");
    gateway.signal(Signal::QUIT);
    says(&gateway, "offering the listeners").await;

    // Before it asks for anything.
    gateway.write("switchback.yaml", &good.replace("listeners", "listners"));
    let broken = gateway.successor(binary());
    assert_eq!(broken.wait_exit(SOON).await.code(), Some(1));
    says(&broken, "nothing was started").await;
    serves(&gateway).await;

    // With the listeners in hand.
    let taken = std::net::TcpListener::bind(gateway.spare_addr()).expect("a port");
    let more = good.replace("listeners: [", "listeners: [ $SPARE,");
    gateway.write("switchback.yaml", &more);
    let broken = gateway.successor(binary());
    assert_eq!(broken.wait_exit(SOON).await.code(), Some(1));
    says(&broken, "in use").await;
    says(&gateway, "has ended before it was ready").await;
    serves(&gateway).await;

    // And then it works, with a listener that was not there before.
    drop(taken);
    let next = gateway.successor(binary());
    gateway.signal(Signal::QUIT);
    assert!(gateway.wait_exit(SOON).await.success());
    serves(&next).await;
    let mut client = Client::connect(next.spare_addr()).await.expect("the new listener");
    assert_eq!(client.get("/").await.expect("an answer").status, 200);
}

#[tokio::test]
async fn the_old_one_serves_until_the_new_one_knows_its_endpoints() {
    let backend = Backend::start().await;
    let gateway = described(backend.addr()).start(binary()).await;
    backend.set_health(Health::Hang);
    let next = gateway.successor(binary());
    gateway.signal(Signal::QUIT);
    says(&gateway, "another process has the listeners").await;
    says(&next, "listening on").await;
    // That it is there without serving.
    serves(&gateway).await;
    next.signal(Signal::TERM);
    assert!(next.wait_exit(SOON).await.success());
    says(&gateway, "has ended before it was ready").await;
    serves(&gateway).await;
}

#[tokio::test]
async fn a_term_amid_a_hand_over_loses_nothing() {
    let backend = Backend::start().await;
    let gateway = described(backend.addr()).start(binary()).await;
    let mut load = Load::new(gateway.addr()).clients(4).pace(Duration::from_millis(10));
    load = load.new_connections().duration(Duration::from_secs(60));
    let load = load.start();
    backend.set_health(Health::Hang);
    let next = gateway.successor(binary());
    gateway.signal(Signal::QUIT);
    says(&next, "listening on").await;
    gateway.signal(Signal::TERM);
    eventually(SOON, "not ready", async || !gateway.is_ready().await).await;
    backend.set_health(Health::Healthy);
    assert!(gateway.wait_exit(SOON).await.success());
    says(&next, "serving; the process before has gone").await;
    let report = load.stop().await;
    assert!(report.failures.is_empty(), "{report}");
    serves(&next).await;
}

#[tokio::test]
async fn who_waits_for_a_process_that_has_gone_starts_by_himself() {
    let backend = Backend::start().await;
    let gateway = described(backend.addr()).start(binary()).await;
    let next = gateway.successor(binary());
    says(&next, "waiting for the listeners").await;
    gateway.signal(Signal::TERM);
    assert!(gateway.wait_exit(SOON).await.success());
    says(&next, "nobody is there to take over from").await;
    eventually(SOON, "ready", async || next.is_ready().await).await;
    serves(&next).await;
}

#[tokio::test]
async fn who_is_told_to_end_while_waiting_does() {
    let backend = Backend::start().await;
    let gateway = described(backend.addr()).start(binary()).await;
    let next = gateway.successor(binary());
    says(&next, "waiting for the listeners").await;
    next.signal(Signal::TERM);
    assert!(next.wait_exit(SOON).await.success());
    serves(&gateway).await;
}

#[tokio::test]
async fn without_a_place_for_the_socket_everything_goes_on() {
    let backend = Backend::start().await;
    let unwritable = described(backend.addr()).env("SWITCHBACK_UPGRADE_SOCKET", "/proc/it.sock");
    let gateway = unwritable.start(binary()).await;
    gateway.signal(Signal::QUIT);
    says(&gateway, "nothing was handed over, everything goes on").await;
    serves(&gateway).await;
    let next = gateway.successor(binary());
    says(&next, "waiting for the listeners").await;
}

#[tokio::test]
async fn what_was_begun_ends_in_the_old_process() {
    let late = Answer::ok("late").delay(Duration::from_secs(2));
    let backend = Backend::with(Behavior::Answer(late)).await;
    let gateway = described(backend.addr())
        .pool_yaml("timeouts: { first_byte: 10s, request: 20s }")
        .start(binary())
        .await;
    let mut waiting = gateway.client().await;
    waiting.send_raw(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.expect("sent");
    let in_flight = async || gateway.metric("switchback_requests_in_flight", &[]).await == 1.0;
    eventually(SOON, "in flight", in_flight).await;
    let mut idle = gateway.client().await;
    let next = gateway.successor(binary());
    gateway.signal(Signal::QUIT);
    let begun = Instant::now();
    // It is its connections that the old one leaves by: the idle one within the delay.
    let (_, end) = tokio::time::timeout(SOON, idle.read_to_end()).await.expect("it is closed");
    end.expect("without a reset");
    let answer = waiting.read_response(SOON).await.expect("an answer");
    assert_eq!((answer.status, answer.complete), (200, true));
    assert!(gateway.wait_exit(SOON).await.success());
    assert!(begun.elapsed() < Duration::from_secs(5), "took {:?}", begun.elapsed());
    assert!(next.is_ready().await);
}
