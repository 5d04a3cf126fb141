//! Every mistake that has a name, and word for word what an operator is told of it.
//!
//! `tests/config_corpus/NAME/` at the top of the repository holds a configuration and `expected.txt`.
//! After a change of words: `UPDATE_EXPECT=1 cargo test -p switchback-config --test corpus`, and
//! read the difference as somebody who is called at night.

#![expect(clippy::unwrap_used, reason = "a failing unwrap is a failing test")]

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use switchback_config::{At, Environment};

/// The variables that the cases may use, on 1 June 2026: `tests/certs` is made for that day.
fn environment() -> impl Environment {
    At(SystemTime::UNIX_EPOCH + Duration::from_secs(1_780_272_000), variable)
}

fn variable(name: &str) -> Option<String> {
    let value = match name {
        "PORT" => "8080",
        "TWO" => "2",
        "SECRET" => "0123456789abcdef\n",
        "INJECTED" => "web.internal\nretry: { enabled: false }",
        _ => return None,
    };
    Some(value.to_owned())
}

fn cases() -> Vec<PathBuf> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/config_corpus");
    let mut cases: Vec<_> = fs::read_dir(corpus)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    cases.sort();
    cases
}

/// What is said of a case, with paths as from within its folder.
fn said(case: &Path) -> String {
    let text = match switchback_config::load(&case.join("switchback.yaml"), &environment()) {
        Ok(loaded) => loaded.warnings.to_string(),
        Err(refused) => {
            let errors = refused.diagnostics.errors();
            assert!(errors > 0, "{}: refused without an error", case.display());
            refused.to_string()
        }
    };
    text.replace(&format!("{}/", case.display()), "") + "\n"
}

#[test]
fn every_mistake_is_told_as_expected() {
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    let cases = cases();
    assert!(cases.len() >= 120, "the corpus has shrunk to {}", cases.len());
    let mut differing = Vec::new();
    for case in cases {
        let (said, path) = (said(&case), case.join("expected.txt"));
        let expected = fs::read_to_string(&path).unwrap_or_default();
        if said == expected {
            continue;
        }
        if update {
            fs::write(&path, said).unwrap();
        } else {
            let name = case.file_name().unwrap().to_string_lossy().into_owned();
            differing.push(format!("== {name}\n-- expected\n{expected}-- said\n{said}"));
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

/// Of two diagnostics at one place, one would be a consequence of the other; except that what is
/// missing has no place but that of the whole.
#[test]
fn no_mistake_is_told_twice() {
    for case in cases() {
        let diagnostics =
            match switchback_config::load(&case.join("switchback.yaml"), &environment()) {
                Ok(loaded) => loaded.warnings,
                Err(refused) => refused.diagnostics,
            };
        let mut places = HashSet::new();
        for diagnostic in diagnostics.iter().filter(|one| !one.label().contains("missing")) {
            let place = (diagnostic.file(), diagnostic.line(), diagnostic.column());
            assert!(places.insert(place), "{}:\n{diagnostics}", case.display());
        }
    }
}
