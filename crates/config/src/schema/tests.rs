//! The documents say what the schema says, and the schema what the plan does.

use std::path::Path;

use serde_yaml::Value;

use super::json::File;
use super::reference::{self, Row, flow, rows};

const FILES: [File; 2] = [File::Gateway, File::Pool];

/// The effective configuration of a main file and a pool.
fn effective(main: &str, pool: &str) -> [Value; 2] {
    let main = format!("listeners: [ 0.0.0.0:8080 ]\npools: pools/*.yaml\n{main}");
    let pool = format!("endpoints: [ 127.0.0.1:9001 ]\n{pool}");
    let loaded = crate::parse_str(("x.yaml", &main), &[("web.yaml", &pool)], &|_: &str| None);
    documents(&loaded.unwrap().effective())
}

/// The same of files, with certificates on both sides.
fn with_certificates() -> [Value; 2] {
    let certs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/certs");
    let pair = format!("{{ cert: {0}/shop.pem, key: {0}/shop.key }}", certs.display());
    let tls = format!(
        "{{ certificates: [ {pair} ], client_certificates: {{ ca: {}/ca.pem }} }}",
        certs.display()
    );
    let main = format!(
        "listeners: [ {{ address: 0.0.0.0:8443, tls: {tls} }} ]\npools: web.yaml\nroutes: [ {{ pool: web }} ]\n"
    );
    let pool = format!("endpoints: [ 127.0.0.1:9001 ]\ntls: {{ certificate: {pair} }}\n");
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("switchback.yaml"), main).unwrap();
    std::fs::write(folder.path().join("web.yaml"), pool).unwrap();
    let loaded = crate::load(&folder.path().join("switchback.yaml"), &|_: &str| None);
    documents(&loaded.unwrap().effective())
}

fn documents(printed: &str) -> [Value; 2] {
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

/// What is wrong with the default of a key.
fn wrong(row: &Row, silent: &Value, opened: &[Value]) -> Option<String> {
    let Row { key, default: cell, .. } = row;
    let default = cell.strip_prefix('`').and_then(|cell| cell.strip_suffix('`'));
    let silent = at(silent, key);
    let opened: Vec<_> = opened.iter().flat_map(|opened| at(opened, key)).collect();
    let is_right = match (default, cell.as_str()) {
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
    (!is_right).then(|| format!("{key}: the schema says {cell}, the plan {silent:?} {opened:?}"))
}

#[test]
fn the_defaults_are_those_of_the_plan() {
    let silent = effective("routes: [ { pool: web } ]\n", "");
    let redirect = "routes: [ { pool: web }, { path: /old/, redirect: { to: / } } ]\naccess_log: { file: a.log }\ntracing: { otlp: http://a }\n";
    let sticky = "sticky: { secret: 0123456789abcdef }\n";
    let [main, web] =
        effective(redirect, &format!("tls: {{}}\nhealth: {{ http: {{}} }}\n{sticky}"));
    let [_, hashing] = effective(redirect, "balance: maglev\nhealth: { grpc: {} }\n");
    let [encrypted, known] = with_certificates();
    let opened = [vec![main, encrypted], vec![web, hashing, known]];
    for ((file, silent), opened) in FILES.into_iter().zip(&silent).zip(&opened) {
        let wrong: Vec<_> =
            rows(file).iter().filter_map(|row| wrong(row, silent, opened)).collect();
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}

#[test]
fn every_key_says_what_it_is() {
    for row in FILES.into_iter().flat_map(rows) {
        let Row { key, kind, default, meaning, example, why } = row;
        assert!(!kind.is_empty(), "{key}: name its kind, `#[schemars(with = \"kind::…\")]`");
        assert!(!meaning.is_empty(), "{key}: say what it means, in its doc comment");
        let is_argued = why.is_some() || !default.starts_with('`');
        assert!(is_argued, "{key}: give the reason for its default, in a paragraph `Why: …`");
        let is_shown = example.is_some() || kind.ends_with("mapping") || meaning == "As in a pool";
        assert!(is_shown, "{key}: give an example");
        if let Some(example) = example {
            let read: serde_json::Value = serde_yaml::from_str(&flow(&example)).unwrap();
            assert_eq!(read, example, "{key}");
        }
    }
}

#[test]
fn the_documents_are_made_from_the_schema() {
    let tables = [
        ("CONFIGURATION.md", "values", reference::values()),
        ("CONFIGURATION.md", "gateway keys", reference::keys(File::Gateway)),
        ("CONFIGURATION.md", "log fields", reference::log_fields()),
        ("CONFIGURATION.md", "pool keys", reference::keys(File::Pool)),
        ("DEFAULTS.md", "gateway defaults", reference::defaults(File::Gateway)),
        ("DEFAULTS.md", "pool defaults", reference::defaults(File::Pool)),
    ];
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    for (document, name, table) in tables {
        let path = docs.join(document);
        let text = std::fs::read_to_string(&path).unwrap();
        let wanted = reference::with_table(&text, name, &table);
        if std::env::var_os("SWITCHBACK_BLESS").is_some() {
            std::fs::write(&path, wanted).unwrap();
        } else {
            assert!(
                text == wanted,
                "docs/{document} does not say what the schema says of {name}; write it anew with\n\
                 SWITCHBACK_BLESS=1 cargo test -p switchback-config --lib schema"
            );
        }
    }
}
