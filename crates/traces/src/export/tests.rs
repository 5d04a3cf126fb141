use std::collections::BTreeSet;

use switchback_core::plan::TracingPlan;

use super::*;
use crate::batch::resource;
use crate::start::{Guard, run};
use crate::testing::{BUSY, Does, Server, TAKEN, plan, traced};

const FAST: Pace = Pace {
    pause: Duration::from_millis(10),
    longest: Duration::from_millis(40),
    asked: Duration::from_millis(20),
    patience: Duration::from_secs(10),
};

fn exporter(plan: &TracingPlan, pace: Pace) -> (Traces, Exporter) {
    let traces = Traces::new(Some(plan));
    let collector = Collector::new(plan, || panic!("no TLS")).unwrap();
    let collector = collector.within(Duration::from_millis(500));
    let resource = resource(&plan.service, 7);
    (traces.clone(), Exporter::new(traces, collector, resource, pace, 0))
}

fn start(plan: &TracingPlan) -> (Traces, Guard) {
    let (traces, exporter) = exporter(plan, FAST);
    (traces, run(exporter).unwrap())
}

/// Queues so many requests, of two spans each; their numbers are their ids.
fn queue(traces: &Traces, requests: std::ops::Range<u64>) {
    for number in requests {
        let mut traced = traced();
        traced.context.span = (number + 1).to_be_bytes();
        traces.export(Box::new(traced));
    }
}

async fn eventually(what: &str, mut is: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !is() {
        assert!(Instant::now() < deadline, "{what}");
        sleep(Duration::from_millis(5)).await;
    }
}

async fn close(guard: Guard, deadline: Duration) -> bool {
    tokio::task::spawn_blocking(move || guard.close(deadline)).await.unwrap()
}

#[tokio::test]
async fn what_is_queued_comes_in_batches_and_once() {
    let server = Server::start([]).await;
    let (traces, guard) = start(&server.plan());
    queue(&traces, 0..1_000);
    eventually("three full batches", || traces.exported() >= 3 * 512).await;
    assert!(close(guard, Duration::from_secs(2)).await, "and the rest at the end");
    let batches: Vec<_> =
        server.got().iter().map(|got| crate::testing::spans(&got.body).len()).collect();
    assert_eq!(batches, [512, 512, 512, 464]);
    let ids: BTreeSet<_> = server.spans().into_iter().map(|span| span.span_id).collect();
    assert_eq!(ids.len(), 2_000);
    assert_eq!((traces.exported(), traces.dropped()), (2_000, 0));
}

#[tokio::test]
async fn a_few_wait_for_others_and_not_for_ever() {
    let server = Server::start([]).await;
    let (traces, _guard) = start(&server.plan());
    let begun = Instant::now();
    queue(&traces, 0..3);
    eventually("an export", || traces.exported() == 6).await;
    assert!(begun.elapsed() >= TracingPlan::INTERVAL, "{:?}", begun.elapsed());
    assert_eq!(server.got().len(), 1);
}

#[tokio::test]
async fn what_passes_is_tried_again() {
    let wait = Does::Says(b"HTTP/1.1 429 Wait\r\nRetry-After: 3600\r\nContent-Length: 0\r\n\r\n");
    let garbage = Does::Says(b"nonsense\r\n\r\n");
    let server = Server::start([BUSY, wait, Does::Closes, garbage]).await;
    let (traces, _guard) = start(&server.plan());
    queue(&traces, 0..256);
    eventually("taken in the end", || traces.exported() == 512).await;
    let bodies: BTreeSet<_> = server.got().into_iter().map(|got| got.body).collect();
    assert_eq!(bodies.len(), 1, "the same each time");
    assert_eq!(traces.dropped(), 0);
}

#[tokio::test]
async fn what_does_not_pass_is_dropped_at_once() {
    let never = Does::Says(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    let server = Server::start([never]).await;
    let (traces, _guard) = start(&server.plan());
    queue(&traces, 0..512);
    eventually("the second", || traces.exported() == 512).await;
    assert_eq!((traces.dropped(), server.got().len()), (512, 2));
}

#[tokio::test]
async fn a_slow_collector_holds_nobody_and_costs_what_has_no_place() {
    let server = Server::start([Does::Waits]).await;
    let (traces, _guard) = start(&server.plan());
    queue(&traces, 0..256);
    eventually("an export under way", || server.got().len() == 1).await;
    let begun = Instant::now();
    queue(&traces, 256..256 + Traces::CAPACITY as u64 + 100);
    assert!(begun.elapsed() < Duration::from_millis(400), "queueing never waits");
    assert_eq!(traces.dropped(), 200, "two spans each");
    eventually("all others", || traces.exported() == 512 + 2 * Traces::CAPACITY as u64).await;
}

#[tokio::test]
async fn a_batch_is_not_tried_for_ever() {
    let server = Server::start(std::iter::repeat_n(BUSY, 200)).await;
    let pace = Pace { patience: Duration::from_millis(150), ..FAST };
    let (traces, exporter) = exporter(&server.plan(), pace);
    let _guard = run(exporter).unwrap();
    queue(&traces, 0..256);
    eventually("given up", || traces.dropped() == 512).await;
    assert!((3..=20).contains(&server.got().len()), "{}", server.got().len());
}

#[tokio::test]
async fn spans_that_are_rejected_are_counted_as_lost() {
    // 500 of 512 rejected.
    let partial = Does::Says(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n\x0a\x03\x08\xf4\x03");
    let server = Server::start([partial]).await;
    let (traces, _guard) = start(&server.plan());
    queue(&traces, 0..256);
    eventually("an answer", || traces.dropped() > 0).await;
    assert_eq!((traces.exported(), traces.dropped()), (12, 500));
}

#[tokio::test]
async fn the_end_is_bounded() {
    let server = Server::start(std::iter::repeat_n(Does::Waits, 9)).await;
    let (traces, guard) = start(&server.plan());
    queue(&traces, 0..3);
    let begun = Instant::now();
    assert!(!close(guard, Duration::from_millis(300)).await);
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn what_was_on_its_way_at_the_end_is_sent_again() {
    let server = Server::start([Does::Waits, TAKEN]).await;
    let (traces, guard) = start(&server.plan());
    queue(&traces, 0..256);
    eventually("an export under way", || server.got().len() == 1).await;
    assert!(close(guard, Duration::from_secs(2)).await);
    assert_eq!((server.got().len(), traces.exported()), (2, 512));
}

#[tokio::test]
async fn without_a_collector_the_end_is_at_once() {
    let (traces, guard) = start(&plan("http://127.0.0.1:1"));
    queue(&traces, 0..3);
    let begun = Instant::now();
    assert!(!close(guard, Duration::from_secs(2)).await);
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
}

#[test]
fn pauses_double_up_to_half_a_minute() {
    let (_, exporter) = exporter(&plan("http://127.0.0.1:1"), Pace::default());
    let seconds: Vec<_> = exporter.pauses(8).iter().map(Duration::as_secs).collect();
    assert_eq!(seconds, [1, 2, 4, 8, 16, 30, 30, 30]);
}
