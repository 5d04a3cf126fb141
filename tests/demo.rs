//! The demo keeps its word, and without what the gateway does it breaks it: run as a newcomer runs it.

use std::process::{Command, Output};

/// Long enough for each fault to be met by requests of each kind.
const SECONDS: &str = "6";

fn demo(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_switchback"))
        .args(["demo", "--seconds", SECONDS])
        .args(arguments)
        .output()
        .expect("the binary runs")
}

/// The number before `words` in the summary.
fn number(output: &str, words: &str) -> u64 {
    let before =
        output.rsplit_once(words).unwrap_or_else(|| panic!("no \"{words}\" in\n{output}")).0;
    let digits = before.trim_end().rsplit([' ', '\n']).next().unwrap_or("");
    digits
        .replace(',', "")
        .parse()
        .unwrap_or_else(|_| panic!("\"{digits}\" before \"{words}\" in\n{output}"))
}

#[test]
fn no_client_sees_a_failure_that_another_backend_could_have_prevented() {
    // On a machine that is too busy, backends that serve look like ones that hang; the demo says so.
    let mut output = demo(&[]);
    for _ in 0..2 {
        if !String::from_utf8_lossy(&output.stdout).contains("This machine stalled") {
            break;
        }
        output = demo(&[]);
    }
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert_eq!(number(&text, "failed that should not have"), 0, "{text}");
    assert_eq!(number(&text, "executed twice"), 0, "{text}");
    assert!(number(&text, "answered after a retry") > 0, "{text}");
    assert!(number(&text, "requests\n") > 500, "{text}");
    assert!(text.contains("healthy → failing"), "{text}");
    assert!(!text.contains('\x1b'), "escapes in a pipe: {text}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn without_retries_and_health_checks_clients_see_what_happens() {
    let output = demo(&["--no-retry", "--no-health"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(number(&text, "failed that should not have") > 0, "{text}");
    assert_eq!(number(&text, "answered after a retry"), 0, "{text}");
    assert_eq!(number(&text, "executed twice"), 0, "{text}");
}

#[test]
fn a_script_too_short_to_show_anything_is_refused() {
    let output = Command::new(env!("CARGO_BIN_EXE_switchback"))
        .args(["demo", "--seconds", "4"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
}
