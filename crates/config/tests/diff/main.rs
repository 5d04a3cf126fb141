//! What a reload would change, told of two configurations.

#![expect(clippy::unwrap_used, reason = "a failing unwrap is a failing test")]

mod every_key;
mod scale;
mod sentences;
#[path = "../effective/strategy.rs"]
mod strategy;

use switchback_config::diff::{Changes, diff};
use switchback_config::{Loaded, parse_str};

fn unset(_: &str) -> Option<String> {
    None
}

fn loaded(main: &str, pools: &[(&str, &str)]) -> Loaded {
    parse_str(("conf/switchback.yaml", main), pools, &unset)
        .unwrap_or_else(|diagnostics| panic!("{main}\n{pools:?}\n{diagnostics}"))
}

fn told(running: &str, next: &str) -> Changes {
    diff(running, next).unwrap_or_else(|error| panic!("{error}\n{running}\n{next}"))
}

#[test]
fn what_is_no_configuration_is_refused_with_the_side_and_the_reason() {
    let good = loaded(
        "listeners: [ 0.0.0.0:80 ]\npools: pools/*.yaml\nroutes: [ { pool: web } ]\n",
        &[("pools/web.yaml", "endpoints: [ 10.0.0.1:80 ]\n")],
    )
    .effective();
    for (text, problem) in [
        ("", "each file begins with a line `# FILE`, and this with an empty one"),
        ("<html>", "each file begins with a line `# FILE`, and this with `<html>`"),
        ("listeners: []\n", "and this with `listeners: []`"),
        ("# switchback.yaml\n", "`switchback.yaml`: there are no keys in it"),
        ("# switchback.yaml\n- a\n", "`switchback.yaml`: there are no keys in it"),
        ("# switchback.yaml\na: [\n", "`switchback.yaml`: did not find expected node content"),
        ("# s.yaml\na: 1\n---\nb: 2\n", "each file begins with a line `# FILE`"),
        (
            "# s.yaml\na: 1\n---\n# a/web.yaml\nb: 2\n---\n# b/web.yaml\nb: 2\n",
            "there are two files of a pool `web`",
        ),
    ] {
        let error = diff(text, &good).unwrap_err().to_string();
        assert!(error.starts_with("what is running is no effective configuration: "), "{error}");
        assert!(error.contains(problem), "{text:?}: {error}");
        let error = diff(&good, text).unwrap_err().to_string();
        assert!(error.starts_with("what would follow is no effective configuration: "), "{error}");
    }
}

/// Aliases that would expand to gigabytes, and lists in lists without end: a gateway's answer is text
/// from outside.
#[test]
fn hostile_text_ends_in_an_error() {
    let mut laughs = "# s.yaml\na0: &a0 [ x, x, x, x, x, x, x, x, x, x ]\n".to_owned();
    for level in 1..12 {
        let above = level - 1;
        let list = vec![format!("*a{above}"); 10].join(", ");
        laughs.push_str(&format!("a{level}: &a{level} [ {list} ]\n"));
    }
    let deep = format!("# s.yaml\na: {}\n", "[".repeat(100_000));
    for text in [laughs, deep] {
        assert!(diff(&text, "# s.yaml\na: 1\n").is_err());
    }
}

/// A key of another version, at any depth, is told as any other.
#[test]
fn keys_that_this_version_does_not_know_are_told() {
    let running = "# s.yaml\nnovel: { a: [ { x: 1 } ], b: 2 }\n---\n# pools/web.yaml\nnew: 1\n";
    let next = "# s.yaml\nnovel: { a: [ { x: 2 } ] }\n---\n# pools/web.yaml\nnew: true\n";
    assert_eq!(
        told(running, next).to_string(),
        "gateway: novel.a: [{ x: 1 }] → [{ x: 2 }]\n\
         gateway: novel.b: 2 → none\n\
         pool web: new: 1 → true\n\
         3 changes: the gateway, 1 pool"
    );
}

/// Neither the escape codes of a terminal nor the end of a line get through.
#[test]
fn what_comes_from_outside_is_escaped() {
    let running = "# s.yaml\na: 1\n---\n# pools/\u{1b}[2J.yaml\na: 1\n";
    let next = "# s.yaml\n\"\\e[2J\\n\": \"\\e[2J\\n\"\na: 1\n";
    let changes = told(running, next);
    assert_eq!(changes.len(), 2);
    let text = changes.to_string();
    assert!(!text.contains('\u{1b}') && text.lines().count() == 3, "{text:?}");
}
