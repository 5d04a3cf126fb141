//! A log that is moved away: SIGUSR1 opens it anew, at any time, and no line is lost or there twice.

use std::collections::BTreeMap;
use std::time::Duration;

use switchback_testkit::{Backend, Gateway, GatewayBuilder, Load, Signal, eventually};

use super::{SOON, binary};

fn described(backend: &Backend) -> GatewayBuilder {
    Gateway::builder()
        .pool("web", &[backend.addr()])
        .main_yaml("access_log: { file: logs/access.log }")
        .main_yaml("drain: { delay: 500ms, timeout: 5s }")
        .file("logs/keep", "")
}

/// How often each path is in the files of the log, all of them together. Every line is whole.
fn paths(gateway: &Gateway) -> BTreeMap<String, usize> {
    let mut paths = BTreeMap::new();
    for entry in std::fs::read_dir(gateway.dir().join("logs")).expect("the folder") {
        let text = std::fs::read_to_string(entry.expect("a file").path()).expect("a log");
        for line in text.lines() {
            let line: serde_json::Value = serde_json::from_str(line).expect("a whole line");
            *paths.entry(line["path"].to_string()).or_default() += 1;
        }
    }
    paths
}

fn move_away(gateway: &Gateway, to: &str) {
    let logs = gateway.dir().join("logs");
    std::fs::rename(logs.join("access.log"), logs.join(to)).expect("moved");
}

async fn has_a_new_file(gateway: &Gateway) {
    let file = gateway.dir().join("logs/access.log");
    eventually(SOON, "a new file", async || file.exists()).await;
}

/// How often something was said on stderr.
fn said(gateway: &Gateway, text: &str) -> usize {
    gateway.stderr().matches(text).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rotated_under_load_no_line_is_lost_or_there_twice() {
    let backend = Backend::start().await;
    let gateway = described(&backend).start(binary()).await;
    let load = Load::new(gateway.addr()).clients(8).count(6_000).target("/$ID").start();
    for round in 0..10 {
        let before = load.begun();
        eventually(SOON, "requests", async || load.begun() > before + 100).await;
        move_away(&gateway, &format!("access.log.{round}"));
        gateway.signal(Signal::USR1);
        has_a_new_file(&gateway).await;
    }
    let report = load.report().await;
    assert_eq!((report.ok, said(&gateway, "opened anew")), (6_000, 10), "{report}");
    eventually(SOON, "all lines", async || paths(&gateway).len() >= 6_000).await;
    let paths = paths(&gateway);
    assert_eq!((paths.len(), paths.values().sum::<usize>()), (6_000, 6_000));
    assert_eq!(gateway.metric("switchback_access_log_dropped_total", &[]).await, 0.0);
}

#[tokio::test]
async fn a_log_that_cannot_be_opened_anew_goes_on_in_the_old_file() {
    let backend = Backend::start().await;
    let gateway = described(&backend).start(binary()).await;
    gateway.get("/before").await.expect("an answer");
    let (logs, away) = (gateway.dir().join("logs"), gateway.dir().join("away"));
    std::fs::rename(&logs, &away).expect("moved");
    gateway.signal(Signal::USR1);
    let refused = "it cannot be opened anew, and goes on where it was";
    eventually(SOON, refused, async || said(&gateway, refused) == 1).await;
    gateway.get("/after").await.expect("an answer");
    let both = async || {
        let text = gateway.read("away/access.log");
        text.contains("/before") && text.contains("/after")
    };
    eventually(SOON, "both lines in the old file", both).await;
    // With the folder back, the next signal finds it.
    std::fs::create_dir(&logs).expect("a folder");
    gateway.signal(Signal::USR1);
    has_a_new_file(&gateway).await;
    assert_eq!(said(&gateway, refused), 1);
}

#[tokio::test]
async fn on_stdout_the_signal_does_nothing() {
    let backend = Backend::start().await;
    let gateway = Gateway::builder().pool("web", &[backend.addr()]).start(binary()).await;
    for n in 0..20 {
        gateway.signal(Signal::USR1);
        gateway.get(&format!("/{n}")).await.expect("an answer");
    }
    gateway.log_line_for("/19").await;
    assert_eq!((gateway.log().len(), said(&gateway, "access log")), (20, 0));
}

#[tokio::test]
async fn it_is_no_end_while_the_gateway_leaves() {
    let backend = Backend::start().await;
    let gateway = described(&backend).start(binary()).await;
    let mut kept = gateway.client().await;
    kept.get("/before").await.expect("an answer");
    gateway.signal(Signal::TERM);
    eventually(SOON, "it leaves", async || said(&gateway, "SIGTERM") == 1).await;
    move_away(&gateway, "access.log.1");
    gateway.signal(Signal::USR1);
    has_a_new_file(&gateway).await;
    kept.get("/after").await.expect("an answer");
    assert!(gateway.wait_exit(SOON).await.success());
    assert!(gateway.read("logs/access.log.1").contains("/before"));
    assert!(gateway.read("logs/access.log").contains("/after"));
}

/// Both write to one file while one hands over, and each hears the signal.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_rotate_one_file_amid_a_hand_over() {
    let backend = Backend::start().await;
    let gateway = described(&backend).start(binary()).await;
    let load = Load::new(gateway.addr()).clients(4).pace(Duration::from_millis(2));
    let load = load.target("/$ID").duration(Duration::from_secs(60)).start();
    gateway.signal(Signal::QUIT);
    let next = gateway.successor(binary());
    let serves = "another process serves";
    eventually(SOON, serves, async || said(&gateway, serves) == 1).await;
    move_away(&gateway, "access.log.1");
    gateway.signal(Signal::USR1);
    next.signal(Signal::USR1);
    has_a_new_file(&next).await;
    assert!(gateway.wait_exit(SOON).await.success());
    let report = load.stop().await;
    assert_eq!(report.ok, report.samples.len(), "{report}");
    eventually(SOON, "all lines", async || paths(&next).len() >= report.ok).await;
    let paths = paths(&next);
    assert_eq!((paths.len(), paths.values().sum::<usize>()), (report.ok, report.ok));
    assert_eq!((said(&gateway, "opened anew"), said(&next, "opened anew")), (1, 1));
}
