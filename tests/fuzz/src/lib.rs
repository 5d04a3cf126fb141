//! What must be true of a configuration, whatever is in it.

use serde_json::Value;
use switchback_config::{Diagnostics, parse_str};

/// The name of the main file.
const MAIN: &str = "switchback.yaml";

/// Reads a main file and pools: no panic, an answer that can be printed, and places that are in the
/// files.
pub fn answers(main: &str, pools: &[(&str, &str)]) {
    let environment = |name: &str| match name {
        "A" => Some("a: [\n\u{1b}".to_owned()),
        "PORT" => Some("8080".to_owned()),
        "TWO" => Some("2".to_owned()),
        _ => None,
    };
    let diagnostics = match parse_str((MAIN, main), pools, &environment) {
        Ok(loaded) => {
            let printed = loaded.effective();
            assert!(printed.starts_with("# switchback.yaml\n"), "{printed}");
            assert_eq!(loaded.warnings.errors(), 0);
            loaded.warnings
        }
        Err(diagnostics) => {
            assert!(diagnostics.errors() > 0);
            diagnostics
        }
    };
    let said = diagnostics.to_string();
    assert!(!said.chars().any(|c| c.is_control() && c != '\n'), "{said:?}");
    places(&diagnostics, main, pools);
}

fn places(diagnostics: &Diagnostics, main: &str, pools: &[(&str, &str)]) {
    let json = serde_json::to_value(diagnostics).expect("JSON");
    for one in json["diagnostics"].as_array().expect("a list") {
        for place in [one, &one["related"]].into_iter().filter(|place| !place.is_null()) {
            let file = place["file"].as_str().expect("a text");
            let text = match pools.iter().find(|(path, _)| *path == file) {
                Some((_, text)) => text,
                None if file == MAIN => main,
                None => panic!("{file} is no file"),
            };
            is_within(place, text);
        }
    }
}

/// YAML ends a line at LF, CRLF and CR, and so does an editor.
fn is_within(place: &Value, text: &str) {
    let number = |name: &str| place[name].as_u64().unwrap_or_else(|| panic!("{place}: {name}"));
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n");
    let (line, column, width) = (number("line"), number("column"), number("width"));
    let index = usize::try_from(line).expect("small").checked_sub(1).expect("lines count from 1");
    let line = text.split(['\n', '\r']).nth(index).unwrap_or_else(|| panic!("{place}: no line"));
    let characters = line.chars().count() as u64;
    assert!(column >= 1 && column <= characters + 1 && width >= 1, "{place} in {line:?}");
}
