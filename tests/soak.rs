//! The soak: mixed traffic for as long as wanted, with faults and reloads all through it. Memory is flat in the
//! end, every count is back at zero, and no client has seen a failure that it had not to.
//!
//! ```console
//! $ SOAK_SECONDS=3600 cargo test -p switchback --test soak -- --ignored --nocapture
//! ```
//!
//! A minute without `SOAK_SECONDS`. `SWITCHBACK` names another binary than the one that cargo has built, as in
//! `tests/real`: an hour is for a release build. Here and not in `tests/real`, because three things are
//! needed that only the test kit has: backends that misbehave at any byte and write down what they have executed,
//! clients that see how an answer ended, and both of them in one process, so that a failed request can be held against the
//! fault that was on at that moment. What real servers add, a minute of `tests/real/run` shows.
//!
//! The rate is moderate (some 350 requests a second): what leaks leaks by the request, by the connection, by the fault
//! or by the reload, and an hour has a million, two hundred thousand, four hundred and seven hundred of these; other work
//! can go on beside it.

#[path = "soak/clients.rs"]
mod clients;
#[path = "soak/crowd.rs"]
mod crowd;
#[path = "soak/faults.rs"]
mod faults;
#[path = "soak/operator.rs"]
mod operator;
#[path = "soak/readings.rs"]
mod readings;
#[path = "soak/stage.rs"]
mod stage;
#[path = "soak/tally.rs"]
mod tally;
#[path = "soak/tls.rs"]
mod tls;
#[path = "soak/verdict.rs"]
mod verdict;

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use stage::Stage;

#[expect(clippy::print_stderr, reason = "the table and the verdict, by --nocapture")]
fn say(line: &str) {
    eprintln!("{line}");
}

fn seconds() -> u64 {
    std::env::var("SOAK_SECONDS").ok().and_then(|it| it.parse().ok()).unwrap_or(60)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "an hour, or as long as SOAK_SECONDS says"]
async fn memory_is_flat_and_counts_are_zero_after_hours_of_everything() {
    let length = Duration::from_secs(seconds());
    let stage = Arc::new(Stage::set().await);
    let baseline = readings::at_rest(&stage).await;
    say(&format!("SOAK {} for {length:?}", stage.version()));
    say(&format!("SOAK at rest: {baseline}"));
    let mut tasks = JoinSet::new();
    clients::join(&mut tasks, &stage);
    crowd::join(&mut tasks, &stage);
    tasks.spawn(faults::in_turn(Arc::clone(&stage)));
    tasks.spawn(operator::at_work(Arc::clone(&stage)));
    let readings = readings::over(&stage, length).await;
    stage.end();
    // Whoever has panicked says why.
    tasks.join_all().await;
    let violations = verdict::of(&stage, &baseline, &readings).await;
    violations.iter().take(100).for_each(|violation| say(&format!("SOAK violation: {violation}")));
    assert!(violations.is_empty(), "{} violations", violations.len());
    say("SOAK passed");
}
