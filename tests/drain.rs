//! Leaving: readiness first, then the listeners, then what is in flight.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use switchback_testkit::{
    Answer, Backend, Behavior, Client, ClientError, Gateway, Response, Signal, eventually,
};
use tokio::task::JoinSet;

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_switchback"))
}

const SOON: Duration = Duration::from_secs(5);

async fn gateway(delay: &str, answer: Duration) -> (Backend, Gateway) {
    let backend = Backend::with(Behavior::Answer(Answer::ok("late").delay(answer))).await;
    let gateway = Gateway::builder()
        .pool("web", &[backend.addr()])
        .pool_yaml("timeouts: { first_byte: 60s, request: 2m }")
        .main_yaml(&format!("drain: {{ delay: {delay}, timeout: 3s }}"))
        .start(binary())
        .await;
    (backend, gateway)
}

#[tokio::test]
async fn readiness_turns_first_and_everything_else_goes_on() {
    let (_backend, gateway) = gateway("700ms", Duration::ZERO).await;
    gateway.signal(Signal::TERM);
    eventually(SOON, "not ready", async || !gateway.is_ready().await).await;
    let answer = gateway.get("/").await.expect("an answer");
    assert_eq!(answer.status, 200);
    let close = answer.headers.iter().any(|(name, value)| {
        name.eq_ignore_ascii_case("connection") && value.eq_ignore_ascii_case("close")
    });
    assert!(close, "a client is told to come no more on this connection: {:?}", answer.headers);
    assert!(gateway.wait_exit(SOON).await.success());
}

#[tokio::test]
async fn what_is_in_flight_ends_and_then_the_process_does() {
    let (_backend, gateway) = gateway("0s", Duration::from_millis(800)).await;
    let mut client = gateway.client().await;
    client.send_raw(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.expect("sent");
    let in_flight = async || gateway.metric("switchback_requests_in_flight", &[]).await == 1.0;
    eventually(SOON, "in flight", in_flight).await;
    let began = Instant::now();
    gateway.signal(Signal::TERM);
    let closed = async || Client::connect(gateway.addr()).await.is_err();
    eventually(SOON, "the listener has closed", closed).await;
    let answer = client.read_response(SOON).await.expect("an answer");
    assert_eq!((answer.status, answer.complete), (200, true));
    assert!(gateway.wait_exit(SOON).await.success());
    assert!(began.elapsed() < Duration::from_millis(2_500), "took {:?}", began.elapsed());
    assert!(gateway.stdout().contains("\"status\":200"), "the line was written before the exit");
}

#[tokio::test]
async fn an_idle_gateway_does_not_wait() {
    let (_backend, gateway) = gateway("0s", Duration::ZERO).await;
    let _idle = gateway.client().await;
    let began = Instant::now();
    gateway.signal(Signal::TERM);
    let status = gateway.wait_exit(SOON).await;
    assert!(status.success(), "{status}");
    assert!(began.elapsed() < Duration::from_secs(2), "took {:?}", began.elapsed());
}

#[tokio::test]
async fn a_second_signal_or_an_interrupt_ends_it_at_once() {
    for first in [Signal::TERM, Signal::INT] {
        let (_backend, gateway) = gateway("30s", Duration::ZERO).await;
        gateway.signal(first);
        if first == Signal::TERM {
            eventually(SOON, "not ready", async || !gateway.is_ready().await).await;
            gateway.signal(Signal::TERM);
        }
        assert!(gateway.wait_exit(SOON).await.success());
    }
}

#[tokio::test]
async fn what_is_cut_off_has_its_line() {
    let (_backend, gateway) = gateway("0s", Duration::from_secs(60)).await;
    let mut client = gateway.client().await;
    client.send_raw(b"GET /cut-off HTTP/1.1\r\nHost: a\r\n\r\n").await.expect("sent");
    let in_flight = async || gateway.metric("switchback_requests_in_flight", &[]).await == 1.0;
    eventually(SOON, "in flight", in_flight).await;
    gateway.signal(Signal::TERM);
    assert!(gateway.wait_exit(Duration::from_secs(8)).await.success());
    let line = gateway.log_line_for("/cut-off").await;
    assert_eq!(line["attempts"][0]["outcome"], "abandoned", "{line}");
    assert_eq!(line["origin"], "gateway", "{line}");
}

#[tokio::test]
async fn a_hang_up_ends_nothing() {
    let (_backend, gateway) = gateway("0s", Duration::ZERO).await;
    gateway.signal(Signal::HUP);
    let told = async || gateway.stderr().contains("SIGHUP");
    eventually(SOON, "it is told", told).await;
    assert_eq!(gateway.get("/").await.expect("an answer").status, 200);
}

#[tokio::test]
async fn a_reload_changes_how_long_is_waited_at_the_end() {
    let (_backend, gateway) = gateway("0s", Duration::from_secs(60)).await;
    let text = gateway.read("switchback.yaml");
    gateway.write("switchback.yaml", &text.replace("timeout: 3s", "timeout: 500ms"));
    gateway.signal(Signal::HUP);
    let applied = async || gateway.metric("switchback_config_generation", &[]).await >= 2.0;
    eventually(SOON, "it is in force", applied).await;
    let mut client = gateway.client().await;
    client.send_raw(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.expect("sent");
    let in_flight = async || gateway.metric("switchback_requests_in_flight", &[]).await == 1.0;
    eventually(SOON, "in flight", in_flight).await;
    let began = Instant::now();
    gateway.signal(Signal::TERM);
    assert!(gateway.wait_exit(SOON).await.success());
    assert!(began.elapsed() < Duration::from_millis(2_500), "took {:?}", began.elapsed());
    let told = async || gateway.stderr().contains("1 requests");
    eventually(SOON, "it has said so", told).await;
}

/// Sends requests until the gateway is found not ready: over one connection for as long as the answers
/// let it be kept, or each over its own. Gives how many were answered.
async fn polite(gateway: Arc<Gateway>, ready: Arc<AtomicBool>, keeps: bool) -> usize {
    let (mut kept, mut answered) = (None::<Client>, 0);
    let ask = async |kept: &mut Option<Client>| -> Result<Response, ClientError> {
        let client = match kept {
            Some(client) => client,
            None => kept.insert(Client::connect(gateway.addr()).await?),
        };
        client.get("/").await
    };
    loop {
        kept = kept.take().filter(|_| keeps).and_then(|mut it| it.is_reusable().then_some(it));
        if kept.is_none() && !ready.load(Ordering::SeqCst) {
            return answered;
        }
        let answer = ask(&mut kept).await.unwrap_or_else(|e| panic!("after {answered}: {e}"));
        assert_eq!((answer.status, answer.complete), (200, true));
        answered += 1;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_heeds_readiness_and_close_loses_nothing() {
    let backend =
        Backend::with(Behavior::Answer(Answer::ok("ok").delay(Duration::from_millis(5)))).await;
    let mut answered = 0;
    for _ in 0..20 {
        let gateway = Gateway::builder()
            .pool("web", &[backend.addr()])
            .main_yaml("drain: { delay: 300ms, timeout: 3s }")
            .start(binary())
            .await;
        let (gateway, ready) = (Arc::new(gateway), Arc::new(AtomicBool::new(true)));
        let mut clients = JoinSet::new();
        for n in 0..12 {
            clients.spawn(polite(gateway.clone(), ready.clone(), n % 3 != 0));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        gateway.signal(Signal::TERM);
        eventually(SOON, "not ready", async || !gateway.is_ready().await).await;
        ready.store(false, Ordering::SeqCst);
        answered += clients.join_all().await.into_iter().sum::<usize>();
        assert!(gateway.wait_exit(SOON).await.success());
        let told = async || gateway.stderr().contains("nothing is left");
        eventually(SOON, "it has said so", told).await;
    }
    assert!(answered > 1_000, "{answered}");
}
