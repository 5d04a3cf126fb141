//! What must be so in the end.
//!
//! - **Memory**: the median of the last quarter of the readings is above that of the second by at most 5 % or 4 MiB.
//!   The first quarter is the warm-up. Medians and not the last reading, because the allocator gives back late and a flood may have
//!   just been there. A soak of less than ten minutes is still warming up, and may have 16 MiB.
//! - **Counts**: with all clients gone and idle limits over, nothing is in flight, connected or waiting, and
//!   descriptors and threads are what they were before the first client.
//! - **Requests**: GET and PUT never fail, but where an answer that had begun was cut off by a fault that does just that. A
//!   POST fails only during a fault, and only so often as it takes to find out; none is executed twice, none was
//!   answered with success and executed by nobody, none failed although nothing was sent.
//!
//!   Where the kernel ran out of memory for TCP, which is the whole machine's, it resets connections, and nobody else is to
//!   blame for what fails then: it is told as one of the faults.
//! - **Log**: whole lines in the access log, none lost; no panic in the process' own, and no errors but [`BELONGS`].

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::readings::{Outside, Reading};
use super::say;
use super::stage::Stage;
use super::tally::{Counts, Failure, Takes};

/// How long until everything is closed: longer than any time limit, and than a thread without work is kept.
const TO_REST: Duration = Duration::from_secs(40);

/// POSTs that one fault may cost.
const LOST_TO_A_FAULT: usize = 40;
/// Answers that one fault may cut off.
const CUT_BY_A_FAULT: usize = 40;

/// The one error of the log that is none here: files are broken on purpose.
const BELONGS: &str = "reload refused, asked by SIGHUP";

pub(crate) async fn of(stage: &Stage, before: &Reading, readings: &[Reading]) -> Vec<String> {
    let mut violations = Vec::new();
    let last = at_rest_again(stage, before, &mut violations).await;
    say(&format!("SOAK in the end: {last}"));
    memory(readings, &mut violations);
    stage.collect(Duration::ZERO);
    if let Ok(text) = std::fs::read_to_string(stage.gateway.dir().join("logs/access.log")) {
        stage.tally.read_log(&text);
    }
    {
        let counts = stage.tally.counts();
        for (kind, (requests, failed)) in &counts.kinds {
            say(&format!("SOAK {kind}: {requests}, failed {failed}"));
        }
        say(&format!("SOAK failed by reason, from the access log: {:?}", counts.reasons));
        judge(&counts, &mut violations);
    }
    logs(stage, &mut violations);
    let dropped = stage.gateway.metric("switchback_access_log_dropped_total", &[]).await;
    if dropped > 0.0 {
        violations.push(format!("{dropped} lines of the access log were dropped"));
    }
    violations
}

/// First the counts. Then descriptors and threads, without asking anything: who asks keeps threads alive.
async fn at_rest_again(stage: &Stage, before: &Reading, violations: &mut Vec<String>) -> Reading {
    let begun = Instant::now();
    let mut last = Reading::of(stage).await;
    while !last.is_at_rest() && begun.elapsed() < TO_REST {
        tokio::time::sleep(Duration::from_millis(250)).await;
        last = Reading::of(stage).await;
    }
    let closed = |now: &Outside| {
        now.descriptors <= before.outside.descriptors && now.threads <= before.outside.threads
    };
    let mut now = Outside::of(stage);
    while !closed(&now) && begun.elapsed() < TO_REST {
        tokio::time::sleep(Duration::from_millis(250)).await;
        now = Outside::of(stage);
    }
    if !last.is_at_rest() || !closed(&now) {
        let Outside { descriptors, threads, .. } = before.outside;
        violations.push(format!(
            "not at rest after {TO_REST:?}: {last}; {} descriptors, {descriptors} before; {} threads, {threads} before: {}",
            now.descriptors, now.threads, threads_of(stage)
        ));
    }
    last.outside = now;
    last
}

fn threads_of(stage: &Stage) -> String {
    let tasks =
        std::fs::read_dir(format!("/proc/{}/task", stage.gateway.pid())).expect("a process");
    let name = |path: PathBuf| std::fs::read_to_string(path.join("comm")).unwrap_or_default();
    let mut names: Vec<_> = tasks.flatten().map(|it| name(it.path()).trim().to_owned()).collect();
    names.sort_unstable();
    names.join(", ")
}

fn memory(readings: &[Reading], violations: &mut Vec<String>) {
    let quarter = |n: usize| {
        let at = |n: usize| readings.len() * n / 4;
        let mut resident: Vec<_> =
            readings[at(n)..at(n + 1)].iter().map(|it| it.outside.resident).collect();
        resident.sort_unstable();
        resident.get(resident.len() / 2).copied().unwrap_or_default()
    };
    let medians = [0, 1, 2, 3].map(quarter);
    let long = readings.last().is_some_and(|last| last.is_after(Duration::from_secs(600)));
    let allowed = if long { (medians[1] / 20).max(4 * 1024) } else { 16 * 1024 };
    let grown = medians[3].saturating_sub(medians[1]);
    say(&format!(
        "SOAK memory, medians of the quarters in KiB: {medians:?}; second to last {:+}, allowed {allowed}",
        medians[3].cast_signed() - medians[1].cast_signed(),
    ));
    if grown > allowed {
        violations.push(format!("memory grew by {grown} KiB, {allowed} are allowed: {medians:?}"));
    }
}

fn judge(counts: &Counts, violations: &mut Vec<String>) {
    let mut of_fault = BTreeMap::<(usize, bool), usize>::new();
    let mut unexplained = Vec::new();
    for failure in &counts.failures {
        match counts.faults.iter().rposition(|fault| fault.explains(failure)) {
            Some(at) => *of_fault.entry((at, failure.method == "POST")).or_default() += 1,
            None => unexplained.push(failure),
        }
    }
    let mut by_name = BTreeMap::<&str, [usize; 3]>::new();
    for (at, fault) in counts.faults.iter().enumerate() {
        let of = by_name.entry(fault.name).or_default();
        let [lost, cut] = [true, false].map(|post| of_fault.get(&(at, post)).copied().unwrap_or(0));
        *of = [of[0] + 1, of[1] + lost, of[2] + cut];
        let bounded = fault.takes != Takes::Anything;
        if bounded && (lost > LOST_TO_A_FAULT || cut > CUT_BY_A_FAULT) {
            violations
                .push(format!("{}: {lost} POSTs failed, {cut} answers were cut off", fault.name));
        }
    }
    for (name, [times, lost, cut]) in by_name {
        say(&format!("SOAK fault {name}: {times}, POSTs failed {lost}, cut off {cut}"));
    }
    for failure in unexplained {
        let on: Vec<_> =
            counts.faults.iter().filter(|it| it.meets(failure)).map(|it| it.name).collect();
        let Failure { kind, method, id, what, began, ended } = failure;
        let took = ended.duration_since(*began);
        violations
            .push(format!("{kind}: {method} {id} failed after {took:.1?}: {what}; faults: {on:?}"));
    }
    counts.refused.iter().take(100).for_each(|line| say(&format!("SOAK refused: {line}")));
    let (executed, twice, lost) =
        (counts.executed_in_all(), counts.executed_twice(), counts.lost());
    say(&format!("SOAK POSTs executed: {executed}; twice {twice}, answered and lost {lost}"));
    if twice + lost > 0 {
        violations.push(format!("POSTs executed twice: {twice}, answered and lost: {lost}"));
    }
    say(&format!("SOAK access log: {} lines, broken {}", counts.lines, counts.broken_lines));
    if counts.broken_lines > 0 {
        violations.push(format!("{} lines of the access log are broken", counts.broken_lines));
    }
    violations.extend(
        counts.unsent.iter().map(|line| format!("failed, though nothing was sent: {line}")),
    );
}

fn logs(stage: &Stage, violations: &mut Vec<String>) {
    let said = stage.gateway.stderr();
    let lines: Vec<_> = said.lines().collect();
    let wrong = |line: &&&str| {
        line.contains("panicked") || line.contains("ERROR") && !line.contains(BELONGS)
    };
    let wrong: Vec<_> = lines.iter().filter(wrong).collect();
    say(&format!(
        "SOAK log of the process: {} lines, of these errors {}",
        lines.len(),
        wrong.len()
    ));
    violations.extend(wrong.iter().take(10).map(|line| format!("the log says: {line}")));
    if !stage.gateway.is_running() {
        violations.push("the gateway does not run any more".to_owned());
    }
}
