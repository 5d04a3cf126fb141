//! The load counts what careful clients see.

use std::time::Duration;

use switchback_testkit::{Backend, Behavior, Ending, Load, duplicated, eventually};

#[tokio::test]
async fn every_request_of_a_mix_arrives_once() {
    let backend = Backend::start().await;
    let mix = [("GET", 0), ("POST", 100), ("PUT", 10)];
    let report = Load::new(backend.addr()).clients(5).count(300).mix(&mix).run().await;
    assert_eq!((report.total, report.ok, report.failures.len()), (300, 300, 0), "{report}");
    assert_eq!((report.by_status[&200], report.by_method["POST"].total), (300, 100));
    assert!(report.p50 <= report.p99 && report.p99 <= report.max);
    assert_eq!(duplicated(&[&backend]), Default::default());
    assert!(report.samples.iter().all(|sample| backend.executions(&sample.id) == 1));
    assert_eq!((backend.requests(), backend.connections()), (300, 5));
}

#[tokio::test]
async fn a_new_connection_for_each_request_if_wanted() {
    let backend = Backend::start().await;
    let report = Load::new(backend.addr()).count(50).new_connections().run().await;
    assert_eq!((report.ok, report.reconnects, backend.connections()), (50, 0, 50), "{report}");
}

#[tokio::test]
async fn a_closed_kept_connection_is_replaced_and_counted() {
    let idle = Duration::ZERO;
    let behavior = Behavior::CloseAfterAnswerSilently { idle, ending: Ending::Fin };
    let backend = Backend::with(behavior).await;
    let pace = Duration::from_millis(10);
    let report = Load::new(backend.addr()).clients(1).count(10).pace(pace).run().await;
    assert_eq!((report.ok, report.reconnects), (10, 9), "{report}");
}

#[tokio::test]
async fn failures_say_what_happened_to_whom() {
    let backend = Backend::with(Behavior::script(|request| match &*request.method {
        "GET" => Behavior::status(503),
        "PUT" => Behavior::CloseBeforeAnswer(Ending::Rst),
        _ => Behavior::status(404),
    }))
    .await;
    let mix = [("GET", 0), ("POST", 1), ("PUT", 1)];
    let report = Load::new(backend.addr()).count(30).mix(&mix).run().await;
    assert_eq!((report.ok, report.failed(|s| s.status == Some(503))), (10, 10), "{report}");
    assert_eq!(report.failed(|s| s.error.as_deref().is_some_and(|e| e.contains("reset"))), 10);
    assert_eq!(report.failed_idempotent(), 20);
}

#[tokio::test]
async fn a_running_load_can_be_watched_and_stopped() {
    let backend = Backend::start().await;
    let load = Load::new(backend.addr()).duration(Duration::from_secs(30)).start();
    eventually(Duration::from_secs(5), "some requests", async || load.begun() > 50).await;
    backend.kill().await;
    backend.restart();
    let seen = backend.requests();
    let more = async || backend.requests() > seen + 50;
    eventually(Duration::from_secs(5), "it goes on", more).await;
    let report = load.stop().await;
    // Each of the four connections was reset, in a request or between two.
    let noticed = report.failures.len() as u64 + report.reconnects;
    assert!(report.total > 100 && noticed >= 4, "{report}");
}
