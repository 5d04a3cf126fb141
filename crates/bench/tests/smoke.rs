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

/// The cells of the row that begins so, of the table whose header begins so, without the first.
fn cells<'a>(output: &'a str, header: &str, first: &str) -> Vec<&'a str> {
    let (header, begin) = (format!("| {header} |"), format!("| {first} |"));
    let table = output.lines().skip_while(|line| !line.starts_with(&header));
    let row = table.take_while(|line| !line.is_empty()).find_map(|line| line.strip_prefix(&begin));
    let row = row.unwrap_or_else(|| panic!("no row {first} of {header} in\n{output}"));
    row.trim_end_matches('|').split('|').map(str::trim).collect()
}

fn number(cell: &str) -> f64 {
    cell.parse().unwrap_or_else(|_| panic!("{cell} is no number"))
}

const SHORT: [&str; 6] = ["--rounds", "1", "--seconds", "0.2", "--clients", "8"];

#[test]
fn every_scenario_has_a_cost_and_a_ratio() {
    let rows = [
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
    ];
    // Ten thousand of anything take longer than they tell here.
    let names = "small-get,large-answer,post,connect,tls,handshake,h2,access-log,endpoints,routes";
    let arguments = [&["cpu", "--only", names], &SHORT[..]].concat();
    let Some(output) = bench(&arguments) else { return };
    for row in rows {
        let costs = cells(&output, "CPU a request, µs", row);
        let ratios = cells(&output, "CPU of Switchback", row);
        let ([bare, ours], [ratio]) = (&costs[..], &ratios[..]) else {
            panic!("{row}: {costs:?}, {ratios:?}");
        };
        let (bare, ours, ratio) = (number(bare), number(ours), number(ratio));
        assert!((ratio - ours / bare).abs() < 0.01, "{row}: {costs:?}, {ratios:?}");
    }
}

#[test]
fn latency_has_three_percentiles_in_order() {
    let arguments = [&["latency", "--rate", "200", "--only", "small-get,tls"], &SHORT[..]].concat();
    let Some(output) = bench(&arguments) else { return };
    for title in ["small GET, keep-alive", "TLS 1.3, keep-alive"] {
        let of = |percentile| {
            let row = format!("{title}, 200/s, {percentile}");
            number(cells(&output, "latency, µs (least–most)", &row)[1])
        };
        assert!(of("p50") > 0.0 && of("p50") <= of("p99") && of("p99") <= of("p99.9"), "{output}");
    }
}

/// Needs thousands of descriptors, and the proxies' processes as many.
#[test]
#[ignore = "a minute long"]
fn ten_thousand_of_each_are_measured() {
    let arguments = ["cpu", "--only", "endpoints-10k,routes-10k,idle", "--rounds", "1"];
    let Some(output) = bench(&arguments) else { return };
    for what in ["endpoints", "routes", "idle clients"] {
        let row = format!("small GET, 10,000 {what}");
        assert_eq!(cells(&output, "CPU a request, µs", &row).len(), 2, "{output}");
    }
}

#[test]
fn a_scenario_that_there_is_none_of_is_refused() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_switchback-bench"));
    let own = env!("CARGO_BIN_EXE_bare-pingora");
    command.args(["cpu", "--only", "nothing", "--of", "bare", "--bare", own]);
    let output = command.output().expect("the harness runs");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no scenario `nothing`"));
}
