//! Input that no file of the corpus can hold: too large, too deep, no file at all, or random.
//!
//! Each gives a diagnostic, at once: no panic, no hang, no memory beyond the file's size.

#![expect(clippy::unwrap_used, reason = "a failing unwrap is a failing test")]

#[path = "schema/validator.rs"]
mod validator;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use switchback_config::{Diagnostics, Loaded, load, parse_str};

const MAIN: &str = "listeners: [ 0.0.0.0:8080 ]\npools: pools/*.yaml\nroutes:\n  - pool: web\n";
const MAIN_EXAMPLE: &str = include_str!("../../../conf/switchback.yaml");
const POOL_EXAMPLE: &str = include_str!("../../../conf/pools/api.yaml");

fn no_environment(_: &str) -> Option<String> {
    None
}

fn pool(text: &str) -> Result<Loaded, Diagnostics> {
    parse_str(("switchback.yaml", MAIN), &[("pools/web.yaml", text)], &no_environment)
}

/// The only message, or the texts of all.
fn only(result: Result<Loaded, Diagnostics>) -> String {
    let diagnostics = result.expect_err("refused");
    let messages: Vec<_> = diagnostics.iter().map(|one| one.message().to_owned()).collect();
    match messages.as_slice() {
        [only] => only.clone(),
        _ => panic!("one diagnostic is wanted:\n{diagnostics}"),
    }
}

/// Runs what must be over soon.
fn soon<T>(what: &str, run: impl FnOnce() -> T) -> T {
    let started = Instant::now();
    let result = run();
    assert!(started.elapsed() < Duration::from_secs(20), "{what} took {:?}", started.elapsed());
    result
}

fn load_main(path: &Path) -> Result<Loaded, Diagnostics> {
    load(path, &no_environment).map_err(|refused| refused.diagnostics)
}

fn load_with_pool(prepare: impl FnOnce(&Path)) -> Result<Loaded, Diagnostics> {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("pools")).unwrap();
    fs::write(folder.path().join("switchback.yaml"), MAIN).unwrap();
    prepare(&folder.path().join("pools/web.yaml"));
    soon("loading", || load_main(&folder.path().join("switchback.yaml")))
}

#[test]
fn a_file_of_50_megabytes_is_not_read() {
    let said = only(load_with_pool(|path| {
        fs::File::create(path).unwrap().set_len(50 * 1024 * 1024).unwrap();
    }));
    assert!(said.ends_with("web.yaml is larger than 4 MiB"), "{said}");
}

#[test]
fn a_directory_is_no_file() {
    let said = only(load_with_pool(|path| fs::create_dir(path).unwrap()));
    assert!(said.ends_with("web.yaml is a directory"), "{said}");
}

#[test]
fn a_fifo_does_not_block() {
    let said = only(load_with_pool(|path| {
        assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    }));
    assert!(said.ends_with("web.yaml is not a regular file"), "{said}");
}

#[test]
fn a_device_does_not_fill_the_memory() {
    let said = only(load_main(Path::new("/dev/zero")));
    assert_eq!(said, "/dev/zero is not a regular file");
}

#[test]
fn a_main_file_that_is_missing_is_named() {
    let said = only(load_main(Path::new("/nonexistent/switchback.yaml")));
    assert_eq!(said, "cannot read /nonexistent/switchback.yaml: there is no such file");
}

#[test]
fn what_is_not_utf_8_is_told_with_its_place() {
    let diagnostics = load_with_pool(|path| {
        fs::write(path, b"endpoints:\n  - 10.0.1.11:8080\nhost: caf\xe9\n").unwrap();
    })
    .expect_err("refused");
    let one = diagnostics.iter().next().unwrap();
    assert_eq!(
        (one.message(), one.line(), one.column()),
        ("the file is not UTF-8", Some(3), Some(10))
    );
}

#[test]
fn nesting_does_not_fill_the_stack() {
    let deep = 100_000;
    for text in [
        "[".repeat(deep),
        "{a: ".repeat(deep),
        "- ".repeat(deep),
        "? ".repeat(deep),
        format!("{}{}", "[".repeat(deep), "]".repeat(deep)),
        (0..2000).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect(),
    ] {
        let said = soon("nesting", || only(pool(&text)));
        assert!(said.contains("nested more than"), "{said}");
    }
}

#[test]
fn aliases_do_not_nest_deeper_than_what_is_written() {
    let mut text = String::from("a0: &a0 [x]\n");
    for depth in 1..1000 {
        text.push_str(&format!("a{depth}: &a{depth} [*a{}]\n", depth - 1));
    }
    let said = soon("aliases", || only(pool(&text)));
    assert!(said.contains("nested more than"), "{said}");
}

#[test]
fn files_at_the_limit_of_size_are_read_in_time() {
    let fill = |piece: &str| piece.repeat(4 * 1024 * 1024 / piece.len());
    for (what, text) in [
        ("a list", format!("endpoints: [{}]", &fill("a,")[..4_000_000])),
        ("a plain scalar", format!("host: {}", fill("a"))),
        ("a quoted scalar", format!("host: \"{}\"", fill("a "))),
        ("blank lines", fill("\n")),
        ("comments", fill("# a\n")),
        ("a line of words", fill("a ")),
        ("colons", fill(":")),
        ("unknown keys", (0..150_000).map(|key| format!("k{key}: 1\n")).collect()),
        ("stars", fill("*a ")),
        ("tabs", fill("\t")),
        ("dollars", format!("host: {}", fill("${A:-b}"))),
        ("a key", format!("{}: 1", fill("k"))),
        ("anchors", fill("- &a b\n")),
        ("questions", fill("? a\n")),
        ("nothing, in one line", format!("endpoints: [{}]", &fill("~,")[..400_000])),
        ("open brackets", format!("{}a: b: c", fill("# [\n"))),
    ] {
        let _ = soon(what, || pool(&text).map_err(|diagnostics| diagnostics.to_string()));
    }
}

#[test]
fn ten_thousand_mistakes_are_counted_and_fifty_are_shown() {
    let text: String = "endpoints:\n".to_owned()
        + &(0..10_000).map(|n| format!("  - web{n}:80\n")).collect::<String>();
    let diagnostics = pool(&text).expect_err("refused");
    assert_eq!(diagnostics.errors(), 10_000);
    let said = diagnostics.to_string();
    assert_eq!(said.matches("error: ").count(), 50);
    assert!(said.ends_with("… and 9950 more\n\n10000 errors"), "{said}");
}

/// A few characters of YAML's own, so that random text is often almost right.
fn yaml_like() -> impl Strategy<Value = String> {
    let pieces = prop_oneof![
        Just("endpoints:"),
        Just("health:"),
        Just("http:"),
        Just("interval:"),
        Just("retry:"),
        Just("statuses:"),
        Just("sticky:"),
        Just("secret:"),
        Just("hash:"),
        Just("header:"),
        Just("slow_start:"),
        Just("ejection:"),
        Just("12.5%"),
        Just("\n"),
        Just("\n  "),
        Just("\n    "),
        Just("- "),
        Just("{"),
        Just("}"),
        Just("["),
        Just("]"),
        Just(", "),
        Just(": "),
        Just("\t"),
        Just("&a "),
        Just("*a"),
        Just("<<: "),
        Just("!t "),
        Just("|\n"),
        Just(">-\n"),
        Just("\""),
        Just("'"),
        Just("#"),
        Just("---\n"),
        Just("...\n"),
        Just("%"),
        Just("${A}"),
        Just("? "),
        Just("\r"),
        Just("10.0.1.11:8080"),
        Just("2s"),
        Just("-1"),
        Just("é"),
        Just("\u{feff}"),
        Just("\0"),
        Just("\u{85}"),
        Just("~"),
    ];
    prop::collection::vec(pieces, 0..60).prop_map(|pieces| pieces.concat())
}

/// A text with some of its bytes replaced, doubled or dropped.
fn mutated(text: &'static str) -> impl Strategy<Value = String> {
    let change = (any::<prop::sample::Index>(), 0..4u8, any::<u8>());
    prop::collection::vec(change, 1..8).prop_map(move |changes| {
        let mut bytes = text.as_bytes().to_vec();
        for (at, what, byte) in changes {
            if bytes.is_empty() {
                break;
            }
            let at = at.index(bytes.len());
            match what {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte % 128),
                2 => drop(bytes.remove(at)),
                _ => bytes.truncate(at + 1),
            }
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// Whatever the text: an answer, and one that can be printed.
fn answers(main: &str, pool: &str) {
    let pools =
        [("pools/web.yaml", pool), ("pools/api.yaml", pool), ("pools/web-canary.yaml", pool)];
    let environment = |_: &str| Some("a: [\n".to_owned());
    match parse_str(("switchback.yaml", main), &pools, &environment) {
        Ok(loaded) => {
            drop(loaded.warnings.to_string());
            validator::accepts(main, &pools);
        }
        Err(diagnostics) => {
            assert!(diagnostics.errors() > 0);
            let said = diagnostics.to_string();
            assert!(!said.chars().any(|c| c.is_control() && c != '\n'), "{said:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_get_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let text = String::from_utf8_lossy(&bytes);
        answers(&text, POOL_EXAMPLE);
        answers(MAIN_EXAMPLE, &text);
    }

    #[test]
    fn almost_yaml_gets_an_answer(text in yaml_like()) {
        answers(&text, POOL_EXAMPLE);
        answers(MAIN_EXAMPLE, &text);
    }

    #[test]
    fn changed_examples_get_an_answer(main in mutated(MAIN_EXAMPLE), pool in mutated(POOL_EXAMPLE)) {
        answers(&main, &pool);
    }
}
