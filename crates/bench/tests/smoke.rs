//! The harness itself, in seconds: one short round of everything, with debug binaries and without the competitors.
//!
//! Its figures mean nothing. That there are any says that proxies start, answer every scenario and are accounted for.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The gateway's binary, which belongs to another package: it is there after `cargo build` or `cargo test --workspace`.
/// `None`, with a message: it is not, and this is not CI.
fn switchback() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_BIN_EXE_switchback-bench")).with_file_name("switchback");
    if path.is_file() {
        return Some(path);
    }
    assert!(std::env::var_os("CI").is_none(), "{} is not built", path.display());
    #[expect(clippy::print_stderr, reason = "why nothing is tested is told")]
    {
        eprintln!("skipped: {} is not built", path.display());
    }
    None
}

/// What the harness prints for these arguments.
fn bench(arguments: &[&str]) -> Option<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_switchback-bench"))
        .args(arguments)
        .args(["--of", "bare,switchback", "--bare", env!("CARGO_BIN_EXE_bare-pingora")])
        .arg("--switchback")
        .arg(switchback()?)
        .output()
        .expect("the harness runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
    Some(String::from_utf8(output.stdout).expect("text"))
}

/// The cells of the row that begins so, without the first.
fn cells<'a>(table: &'a str, first: &str) -> Vec<&'a str> {
    let begin = format!("| {first} |");
    let row = table.lines().find_map(|line| line.strip_prefix(&begin));
    let row = row.unwrap_or_else(|| panic!("no row {first} in\n{table}"));
    row.trim_end_matches('|').split('|').map(str::trim).collect()
}

const SHORT: [&str; 6] = ["--rounds", "1", "--seconds", "0.2", "--clients", "8"];

#[test]
fn every_scenario_has_a_cost_and_a_ratio() {
    let Some(table) = bench(&[&["cpu"], &SHORT[..]].concat()) else { return };
    for row in [
        "small GET, keep-alive",
        "64 KiB answer",
        "16 KiB POST",
        "connection per request",
        "TLS 1.3, keep-alive",
        "TLS handshake per request",
        "HTTP/2 over TLS",
        "small GET, access log on",
        "small GET, 1,000 endpoints",
        "small GET, 1,000 routes",
    ] {
        let cells = cells(&table, row);
        let numbers: Vec<f64> = cells.iter().filter_map(|cell| cell.parse().ok()).collect();
        let [bare, ours, ratio] = numbers[..] else { panic!("{row}: {cells:?}") };
        assert!((ratio - ours / bare).abs() < 0.01, "{row}: {cells:?}");
    }
}

#[test]
fn latency_has_three_percentiles_in_order() {
    let arguments = [&["latency", "--rate", "200", "--only", "small-get,tls"], &SHORT[..]].concat();
    let Some(table) = bench(&arguments) else { return };
    for title in ["small GET, keep-alive", "TLS 1.3, keep-alive"] {
        let of = |percentile| -> f64 {
            let row = format!("{title}, {percentile}");
            cells(&table, &row)[1].parse().expect("microseconds")
        };
        assert!(of("p50") > 0.0 && of("p50") <= of("p99") && of("p99") <= of("p99.9"), "{table}");
    }
}

#[test]
fn a_scenario_that_there_is_none_of_is_refused() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_switchback-bench"));
    let own = env!("CARGO_BIN_EXE_bare-pingora");
    command.args(["cpu", "--only", "nothing", "--of", "bare", "--bare", own]);
    let output = command.output().expect("the harness runs");
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("no scenario `nothing`"));
}
