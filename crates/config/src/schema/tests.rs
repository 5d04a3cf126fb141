//! The documents say what the schema and the plan say.
//!
//! Each table row of `docs/CONFIGURATION.md` and `docs/DEFAULTS.md` that begins with a key is read: the
//! keys are those of the schema, all of them, and the defaults are those of a configuration that says
//! nothing.

use std::collections::BTreeMap;
use std::path::Path;

use serde_yaml::Value;

use super::{Gateway, Pool};
use crate::decode::keys;

/// A key in a table, and the cell that says its default.
type Rows = BTreeMap<String, String>;

/// The rows of the sections on the main file and on a pool's file; the cell of this column.
fn rows(document: &str, column: usize) -> [Rows; 2] {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(document);
    let text = std::fs::read_to_string(path).unwrap();
    ["## The main file", "## A pool's file"].map(|heading| {
        let section = text.split(heading).nth(1).unwrap();
        let section = section.split("\n## ").next().unwrap();
        let rows = section.lines().filter_map(|line| {
            let cells: Vec<_> = line.strip_prefix("| `")?.split(" | ").collect();
            let key = cells[0].strip_suffix('`')?;
            Some((key.to_owned(), cells.get(column)?.trim().to_owned()))
        });
        let list: Vec<_> = rows.collect();
        let map: Rows = list.iter().cloned().collect();
        assert_eq!(map.len(), list.len(), "{document}: a key has two rows");
        map
    })
}

/// The effective configuration of a main file and a pool.
fn effective(main: &str, pool: &str) -> [Value; 2] {
    let main = format!("listeners: [ 0.0.0.0:8080 ]\npools: pools/*.yaml\n{main}");
    let pool = format!("endpoints: [ 127.0.0.1:9001 ]\n{pool}");
    let loaded = crate::parse_str(("x.yaml", &main), &[("web.yaml", &pool)], &|_: &str| None);
    let printed = loaded.unwrap().effective();
    let documents = printed.split("\n---\n").map(|text| serde_yaml::from_str(text).unwrap());
    documents.collect::<Vec<_>>().try_into().unwrap()
}

/// Everything that stands at a path.
fn at<'a>(value: &'a Value, path: &str) -> Vec<&'a Value> {
    let mut found = vec![value];
    for part in path.split('.') {
        let key = part.trim_end_matches("[]");
        found = found.into_iter().filter_map(|value| value.get(key)).collect();
        if key != part {
            found = found.into_iter().flat_map(|list| list.as_sequence().unwrap()).collect();
        }
    }
    found
}

/// What is wrong with the default that a document gives.
fn wrong(key: &str, cell: &str, silent: &Value, opened: &[Value]) -> Option<String> {
    let default = cell.strip_prefix('`').and_then(|cell| cell.strip_suffix('`'));
    let silent = at(silent, key);
    let opened: Vec<_> = opened.iter().flat_map(|opened| at(opened, key)).collect();
    let is_right = match (default, cell) {
        (Some(default), _) => {
            let default: Value = serde_yaml::from_str(default).unwrap();
            let all = if silent.is_empty() { &opened } else { &silent };
            !all.is_empty() && all.iter().all(|value| **value == default)
        }
        (None, "—") => silent.is_empty(),
        (None, "below") => silent.iter().all(|value| value.is_mapping()),
        (None, "the pool's") => silent.is_empty() || key.starts_with("routes[]."),
        (None, cell) => cell.starts_with("required"),
    };
    (!is_right).then(|| format!("{key}: the document says {cell}, the plan {silent:?} {opened:?}"))
}

#[test]
fn the_reference_has_every_key_of_the_schema_and_no_other() {
    let schema = [keys::of::<Gateway>(), keys::of::<Pool>()];
    for (rows, mut keys) in rows("CONFIGURATION.md", 2).into_iter().zip(schema) {
        keys.sort();
        assert_eq!(rows.into_keys().collect::<Vec<_>>(), keys, "left: the document");
    }
}

#[test]
fn the_documents_give_the_defaults_of_the_plan() {
    let silent = effective("routes: [ { pool: web } ]\n", "");
    let redirect = "routes: [ { pool: web }, { path: /old/, redirect: { to: / } } ]\n";
    let sticky = "sticky: { secret: 0123456789abcdef }\n";
    let [main, web] =
        effective(redirect, &format!("tls: {{}}\nhealth: {{ http: {{}} }}\n{sticky}"));
    let [_, hashing] = effective(redirect, "balance: maglev\nhealth: { grpc: {} }\n");
    let opened = [vec![main], vec![web, hashing]];
    let documents = [rows("CONFIGURATION.md", 2), rows("DEFAULTS.md", 1)];
    for sections in &documents {
        for ((rows, silent), opened) in sections.iter().zip(&silent).zip(&opened) {
            let wrong = rows.iter().filter_map(|(key, cell)| wrong(key, cell, silent, opened));
            let wrong: Vec<_> = wrong.collect();
            assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        }
    }
    let [reference, argued] = documents;
    for (reference, argued) in reference.iter().zip(&argued) {
        let defaults = reference.iter().filter(|(_, cell)| cell.starts_with('`'));
        let unargued: Vec<_> = defaults.filter(|(key, _)| !argued.contains_key(*key)).collect();
        assert!(unargued.is_empty(), "DEFAULTS.md gives no reason for {unargued:?}");
    }
}
