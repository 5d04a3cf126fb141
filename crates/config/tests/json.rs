//! The form for programs, over the whole corpus: one case of it letter by letter, and all of it
//! against the text form and the files.
//!
//! `UPDATE_EXPECT=1 cargo test -p switchback-config --test json` writes the one anew. It is a promise
//! to whoever reads it by a program: a field may come, none may go or change.

#![expect(clippy::unwrap_used, reason = "a failing unwrap is a failing test")]

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use switchback_config::Diagnostics;

/// The case whose form is compared as text: with a related place, a help and a place of each kind.
const SNAPSHOT: &str = "duplicate_endpoint";

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/config_corpus")
}

fn diagnostics(case: &Path) -> Diagnostics {
    let environment = |name: &str| match name {
        "PORT" => Some("8080".to_owned()),
        "TWO" => Some("2".to_owned()),
        "SECRET" => Some("0123456789abcdef\n".to_owned()),
        "INJECTED" => Some("web.internal\nretry: { enabled: false }".to_owned()),
        _ => None,
    };
    match switchback_config::load(&case.join("switchback.yaml"), &environment) {
        Ok(loaded) => loaded.warnings,
        Err(refused) => refused.diagnostics,
    }
}

#[test]
fn the_form_is_as_documented() {
    let case = corpus().join(SNAPSHOT);
    let json = serde_json::to_string_pretty(&diagnostics(&case)).unwrap() + "\n";
    let json = json.replace(&format!("{}/", case.display()), "");
    let path = case.join("expected.json");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&path, json).unwrap();
    } else {
        assert_eq!(json, fs::read_to_string(&path).unwrap());
    }
}

/// The line of a file, as an editor counts.
fn line(path: &Path, number: u64) -> String {
    let text = String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned();
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text).replace("\r\n", "\n");
    text.split(['\n', '\r']).nth(usize::try_from(number).unwrap() - 1).unwrap().to_owned()
}

/// Holds a place against the file and against the text form.
fn place_is_right(place: &Value, said: &str, arrow: &str) {
    let file = place["file"].as_str().unwrap();
    let (line_number, column) =
        (place["line"].as_u64().unwrap(), place["column"].as_u64().unwrap());
    let shown = format!("{arrow} {file}:{line_number}:{column}\n");
    assert!(said.contains(&shown), "{shown} is not in\n{said}");
    let (line, excerpt) = (line(Path::new(file), line_number), place["excerpt"].as_str().unwrap());
    let inner = excerpt.trim_start_matches('…').trim_end_matches('…');
    // Of a secret there are only stars.
    let starred = excerpt.contains("*******") && line.chars().count() == excerpt.chars().count();
    let line = if starred { excerpt.to_owned() } else { line };
    assert!(line.contains(inner), "{file}:{line_number}: {excerpt:?} is not {line:?}");
    assert!(line == excerpt || excerpt.contains('…'), "{file}:{line_number}: {excerpt:?}");
    let (characters, width) = (line.chars().count() as u64, place["width"].as_u64().unwrap());
    assert!(width >= 1 && column >= 1 && column <= characters + 1, "{file}:{line_number}:{column}");
}

#[test]
fn programs_are_told_what_people_are() {
    let mut cases = 0;
    for entry in fs::read_dir(corpus()).unwrap() {
        let diagnostics = diagnostics(&entry.unwrap().path());
        cases += 1;
        let text = serde_json::to_string(&diagnostics).unwrap();
        let json: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json["version"], 1);
        assert_eq!(json["errors"], diagnostics.errors());
        assert_eq!(json["warnings"], diagnostics.warnings());
        let list = json["diagnostics"].as_array().unwrap();
        assert_eq!(json["shown"], list.len());
        assert_eq!(json["omitted"], diagnostics.errors() + diagnostics.warnings() - list.len());
        for (one, json) in diagnostics.iter().zip(list) {
            let said = one.to_string() + "\n";
            assert!(said.starts_with(json["severity"].as_str().unwrap()), "{said}");
            if json["line"].is_null() {
                assert!(json["excerpt"].is_null() && json["column"].is_null(), "{json}");
                continue;
            }
            place_is_right(json, &said, "-->");
            if !json["related"].is_null() {
                place_is_right(&json["related"], &said, ":::");
            }
        }
    }
    assert!(cases >= 120, "{cases}");
}

#[test]
fn texts_are_as_they_are_and_escaped_by_json_alone() {
    let diagnostics = diagnostics(&corpus().join("control_characters"));
    let json = serde_json::to_value(&diagnostics).unwrap();
    let messages: Vec<_> =
        json["diagnostics"].as_array().unwrap().iter().map(|one| one["message"].clone()).collect();
    assert_eq!(messages[0], "unknown `balance` `round\u{1b}[2Jrobin`");
    assert_eq!(messages[1], "`\u{202e}web` is no `host`");
    assert!(serde_json::to_string(&diagnostics).unwrap().contains("`round\\u001b[2Jrobin`"));
    // The text form of the very same.
    assert!(diagnostics.to_string().contains("`round\\u{1b}[2Jrobin`"));
}

#[test]
fn of_many_diagnostics_200_are_kept_and_the_rest_is_counted() {
    let pool = "endpoints:\n".to_owned() + &"  - web\n".repeat(201);
    let main = "listeners: [ 0.0.0.0:8080 ]\npools: p/*.yaml\nroutes: [ { pool: web } ]\n";
    let unset = |_: &str| None;
    let refused =
        switchback_config::parse_str(("main", main), &[("web.yaml", &pool)], &unset).unwrap_err();
    let json = serde_json::to_value(&refused).unwrap();
    assert_eq!(
        (&json["errors"], &json["shown"], &json["omitted"]),
        (&201.into(), &200.into(), &1.into())
    );
}
