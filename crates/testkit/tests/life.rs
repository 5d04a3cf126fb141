//! Backends that flap, leave with care, drop SYNs, close unannounced or have few workers; loads that
//! keep a rate and clients that leave.

use std::time::{Duration, Instant};

use switchback_testkit::{
    Backend, Behavior, Client, ClientError, Ending, Health, Load, duplicated, eventually,
};

const SOON: Duration = Duration::from_secs(5);

async fn client(backend: &Backend) -> Client {
    Client::connect(backend.addr()).await.expect("the backend listens")
}

#[tokio::test]
async fn a_dropped_syn_is_met_with_silence_and_the_door_opens_again() {
    let backend = Backend::start().await;
    let mut kept = client(&backend).await;
    kept.get("/").await.expect("an answer");
    for _ in 0..2 {
        backend.set(Behavior::DropSyns);
        for _ in 0..2 {
            let patience = Duration::from_millis(200);
            let dropped = Client::connect_within(backend.addr(), patience).await;
            assert!(matches!(dropped, Err(ClientError::TimedOut)), "{dropped:?}");
        }
        backend.set(Behavior::RefuseConnections);
        let refused = Client::connect(backend.addr()).await;
        assert!(matches!(refused, Err(ClientError::Connect(_))), "{refused:?}");
        backend.set(Behavior::ok());
        assert_eq!(client(&backend).await.get("/").await.expect("an answer").status, 200);
    }
    assert_eq!(kept.read_raw().await.expect("a FIN"), b"");
}

#[tokio::test]
async fn a_connection_is_closed_unannounced_after_every_third_answer() {
    let backend =
        Backend::with(Behavior::CloseAfterEvery { answers: 3, ending: Ending::Fin }).await;
    for _ in 0..2 {
        let mut client = client(&backend).await;
        for _ in 0..3 {
            let answer = client.get("/").await.expect("an answer");
            assert!(answer.complete && answer.header("connection").is_none());
        }
        assert_eq!(client.read_raw().await.expect("a FIN"), b"");
    }
}

#[tokio::test]
async fn who_finds_every_slot_taken_gets_a_503() {
    let backend = Backend::with(Behavior::slots(2, Duration::from_millis(100))).await;
    let report = Load::new(backend.addr()).clients(3).count(3).run().await;
    assert_eq!((report.by_status[&200], report.by_status[&503]), (2, 1), "{report}");
    assert_eq!(client(&backend).await.get("/").await.expect("an answer").status, 200);
}

#[tokio::test]
async fn a_flapping_backend_goes_and_comes_and_stays_in_the_end() {
    let backend = Backend::start().await;
    let flapping = backend.flap(Duration::from_millis(30), Duration::from_millis(30));
    for _ in 0..2 {
        let up = async || Client::connect(backend.addr()).await.is_ok();
        eventually(SOON, "it is up", up).await;
        eventually(SOON, "it is down", async || Client::connect(backend.addr()).await.is_err())
            .await;
    }
    drop(flapping);
    assert_eq!(client(&backend).await.get("/").await.expect("an answer").status, 200);
}

#[tokio::test]
async fn who_leaves_gracefully_says_so_and_loses_nothing() {
    let backend = Backend::with(Behavior::ok_after(Duration::from_millis(100))).await;
    let (mut told, mut idle) = (client(&backend).await, client(&backend).await);
    idle.get("/").await.expect("an answer");
    let mut late = client(&backend).await;
    let (announce, down) = (Duration::from_millis(250), Duration::from_millis(200));
    let begun = Instant::now();
    tokio::join!(backend.restart_gracefully(announce, down), async {
        let probe = client(&backend).await.get("/healthz").await.expect("an answer");
        assert_eq!(probe.status, 503);
        let answer = told.get("/").await.expect("an answer");
        assert_eq!((answer.status, answer.header("connection")), (200, Some("close")));
        tokio::time::sleep(announce.saturating_sub(begun.elapsed() + announce / 5)).await;
        assert_eq!(late.get("/").await.expect("it was under way").status, 200);
        assert_eq!(idle.read_raw().await.expect("a FIN"), b"");
        assert!(Client::connect(backend.addr()).await.is_err());
    });
    let back = client(&backend).await.get("/healthz").await.expect("an answer");
    assert_eq!((back.status, back.header("connection")), (200, None));
}

#[tokio::test]
async fn a_rate_is_kept_whoever_waits_and_waiting_counts() {
    let backend = Backend::with(Behavior::ok_after(Duration::from_millis(200))).await;
    let begun = Instant::now();
    let report = Load::new(backend.addr()).rate(200).count(100).run().await;
    assert!(begun.elapsed() >= Duration::from_millis(600), "{report}");
    assert_eq!((report.ok, report.total), (100, 100), "{report}");
    assert!(backend.connections() >= 20 && report.p50 >= Duration::from_millis(190), "{report}");
    let first = report.between(Duration::ZERO..Duration::from_millis(250));
    assert_eq!(first.total, 50, "{first}");
    let addr = backend.addr().to_string();
    assert!(first.samples.iter().all(|sample| sample.backend.as_deref() == Some(&addr)));
}

#[tokio::test]
async fn clients_that_leave_are_counted_apart_and_cut_requests_are_not_executed() {
    let backend = Backend::with(Behavior::ok_after(Duration::from_millis(20))).await;
    let mix = [("GET", 0), ("POST", 300)];
    let report = Load::new(backend.addr()).count(90).mix(&mix).leave_every(3).run().await;
    assert_eq!((report.ok, report.total, report.left), (60, 60, 30), "{report}");
    let gone = async || backend.open_connections() == 0;
    eventually(SOON, "every connection is closed", gone).await;
    assert_eq!(duplicated(&[&backend]), Default::default());
    assert_eq!(backend.executions_by_id().len(), 80, "ten of the thirty left in the request");
}

#[tokio::test]
async fn arrivals_are_known_by_time() {
    let backend = Backend::start().await;
    backend.set_health(Health::Healthy);
    assert_eq!(backend.last_request(), None);
    let begin = Instant::now();
    client(&backend).await.get("/").await.expect("an answer");
    let (last, end) = (backend.last_request().expect("one"), Instant::now());
    assert!(begin <= last && last <= end);
    assert_eq!((backend.requests_within(begin..end), backend.requests_within(end..end)), (1, 0));
}
