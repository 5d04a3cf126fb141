//! Sinks that do not take what they are given: a pipe that nobody reads, a disk that is full. Requests go
//! on, and what is lost is counted.
//!
//! `/dev/full` stands for the disk: a file system of its own, which could be filled, takes rights that tests
//! do not have.

use std::os::unix::fs::symlink;
use std::time::Duration;

use switchback_testkit::{Backend, Gateway, Load, Signal, eventually};

use super::{SOON, binary};

const DROPPED: &str = "switchback_access_log_dropped_total";
const ERRORS: &str = "switchback_access_log_write_errors_total";

/// More than fit into the queue (16,384), the pipe (64 KiB) and the writer's buffer together.
const MANY: u64 = 18_000;

async fn load(gateway: &Gateway, count: u64) {
    let load = Load::new(gateway.addr()).clients(16).count(count).target("/$ID");
    let report = load.run().await;
    assert_eq!(report.ok as u64, count, "requests go on: {report}");
}

/// Lines that are whole, and all there are.
fn lines(text: &str) -> (usize, usize) {
    let whole = |line: &&str| serde_json::from_str::<serde_json::Value>(line).is_ok();
    (text.lines().filter(whole).count(), text.lines().count())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_a_stdout_that_nobody_reads_requests_go_on_and_the_loss_is_counted() {
    let backend = Backend::start().await;
    let gateway = Gateway::builder()
        .pool("web", &[backend.addr()])
        .with_stdout_unread()
        .start(binary())
        .await;
    load(&gateway, MANY).await;
    let dropped = gateway.metric(DROPPED, &[]).await as usize;
    assert!((1..MANY as usize - 16_384).contains(&dropped), "{dropped}");
    assert_eq!(gateway.metric(ERRORS, &[]).await, 0.0, "to wait is no error");
    // Somebody reads again: what waited comes, and what is new.
    gateway.read_stdout();
    let received = MANY as usize - dropped;
    eventually(SOON, "all that waited", async || gateway.log().len() >= received).await;
    gateway.get("/afterwards").await.expect("an answer");
    gateway.log_line_for("/afterwards").await;
    assert_eq!(lines(&gateway.stdout()), (received + 1, received + 1));
    assert_eq!(gateway.metric(DROPPED, &[]).await as usize, dropped);
    assert_eq!(gateway.stderr().matches("access log").count(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_full_disk_requests_go_on_and_it_is_said_once() {
    let backend = Backend::start().await;
    let gateway = Gateway::builder()
        .pool("web", &[backend.addr()])
        .main_yaml("access_log: { file: access.log }")
        .without_waiting()
        .start(binary())
        .await;
    // Before it is ready the file is there; then it is another.
    let file = gateway.dir().join("access.log");
    eventually(SOON, "ready", async || gateway.is_ready().await).await;
    std::fs::remove_file(&file).expect("the file");
    symlink("/dev/full", &file).expect("a link");
    gateway.signal(Signal::USR1);
    eventually(SOON, "it", async || gateway.stderr().contains("opened anew")).await;
    load(&gateway, MANY).await;
    let errors = async || gateway.metric(ERRORS, &[]).await >= 5.0;
    eventually(SOON, "several tries", errors).await;
    let dropped = gateway.metric(DROPPED, &[]).await as usize;
    assert!((1..MANY as usize - 16_384 + 1).contains(&dropped), "{dropped}");
    assert_eq!(gateway.stderr().matches("No space left on device").count(), 1);
    // There is room again.
    std::fs::remove_file(&file).expect("the link");
    gateway.signal(Signal::USR1);
    let received = MANY as usize - dropped;
    let written =
        async || std::fs::read_to_string(&file).is_ok_and(|text| text.lines().count() >= received);
    eventually(Duration::from_secs(10), "all that waited", written).await;
    assert_eq!(lines(&gateway.read("access.log")), (received, received));
    let again = format!("writing again; {dropped} records dropped");
    assert_eq!(gateway.stderr().matches(&again).count(), 1, "{}", gateway.stderr());
}

/// What could not be written in the end is told at the exit, which does not wait for it.
#[tokio::test]
async fn a_full_disk_does_not_hold_the_exit() {
    let backend = Backend::start().await;
    let gateway = Gateway::builder()
        .pool("web", &[backend.addr()])
        .main_yaml("access_log: { file: /dev/full }")
        .start(binary())
        .await;
    load(&gateway, 100).await;
    gateway.signal(Signal::TERM);
    assert!(gateway.wait_exit(SOON).await.success());
    let said = "the end of the access log could not be written";
    eventually(SOON, said, async || gateway.stderr().contains(said)).await;
}
