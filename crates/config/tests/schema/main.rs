//! The JSON Schema has no false alarms, and is no rubber stamp.
//!
//! Whatever runs, an editor says nothing of: each file of `conf/`, of the documents, of the corpus, and
//! whatever can be made of the keys. And most of what does not run it finds, if one value is enough to
//! see it.

#![expect(clippy::unwrap_used, reason = "a failing unwrap is a failing test")]

mod keys;
#[path = "../effective/strategy.rs"]
mod strategy;
mod validator;

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use serde_json::Value;
use switchback_config::{File, Severity, json_schema, load, parse_str};
use validator::{accepts, refusals, schema};

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// The YAML files of a folder and below it, each with what it is; but for those that are other programs'.
fn files(folder: &Path) -> Vec<(File, PathBuf)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.ends_with("conf/monitoring") {
            continue;
        }
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            let is_main = path.file_name().unwrap() == "switchback.yaml";
            found.push((if is_main { File::Gateway } else { File::Pool }, path));
        }
    }
    found.sort_by(|one, other| one.1.cmp(&other.1));
    found
}

#[test]
fn the_schemas_are_schemas() {
    for file in [File::Gateway, File::Pool] {
        assert_eq!(json_schema(file), json_schema(file));
        let schema = schema(file);
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        assert!(jsonschema::meta::is_valid(&schema));
        let text = json_schema(file);
        assert!(!text.contains("\"x-") && !text.contains("](#"), "{text}");
    }
    let description = &schema(File::Gateway)["$defs"]["Drain"]["properties"]["delay"];
    assert_eq!(
        description["description"],
        "Readiness fails, everything else goes on. `0s`: listeners close at once.\n\nDefault 5s: \
         Covers two failed probes of a load balancer in front that asks every other second; it then \
         stops sending before the listeners close. `behind` sets what its own probes take: their \
         interval times the failures that count."
    );
}

#[test]
fn every_example_file_is_accepted() {
    let files = [files(&root("conf")), files(&root("docker/conf"))].concat();
    assert!(files.len() >= 7, "{files:?}");
    for (file, path) in files {
        let refusals = refusals(file, &fs::read_to_string(&path).unwrap()).unwrap();
        assert!(refusals.is_empty(), "{}: {refusals:#?}", path.display());
    }
}

/// Excerpts of files: as whole ones, they would lack what is required.
#[test]
fn the_documents_show_what_is_accepted() {
    let mut count = 0;
    for document in ["README.md", "docs/CONFIGURATION.md"] {
        let text = fs::read_to_string(root(document)).unwrap();
        for block in text.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()) {
            let keys: Value = serde_yaml::from_str(block).unwrap();
            let is_main = ["listeners", "routes", "admin"].iter().any(|key| !keys[key].is_null());
            let (file, whole) = match (is_main, keys.get("endpoints")) {
                (true, _) => (File::Gateway, block.to_owned()),
                (false, Some(_)) => (File::Pool, block.to_owned()),
                (false, None) => (File::Pool, format!("endpoints: [ 127.0.0.1:1 ]\n{block}")),
            };
            let refusals = refusals(file, &whole).unwrap();
            assert!(refusals.is_empty(), "{document}: {refusals:#?}\n{whole}");
            count += 1;
        }
    }
    assert!(count >= 4, "{count}");
}

/// The variables that the corpus uses.
fn environment(name: &str) -> Option<String> {
    let value = match name {
        "PORT" => "8080",
        "TWO" => "2",
        "SECRET" => "0123456789abcdef",
        "INJECTED" => "web.internal",
        _ => return None,
    };
    Some(value.to_owned())
}

/// Mistakes that one value shows.
const SEEN: &[&str] = &[
    "access_log",
    "access_log_format",
    "access_log_template_brace",
    "access_log_template_field",
    "access_log_template_without_field",
    "admin_in_two_places",
    "admin_short_token",
    "admin_socket_with_token",
    "admin_token",
    "balance",
    "both_probes",
    "durations",
    "empty_lists",
    "empty_values",
    "endpoint_addresses",
    "error_pages",
    "host",
    "list_as_mapping",
    "missing_keys",
    "missing_keys_in_entries",
    "percentages",
    "path",
    "redirect",
    "route_to_nowhere",
    "route_to_two_places",
    "statuses",
    "sticky_short_secret",
    "three_probes",
    "tracing",
    "tracing_url_whole",
    "tracing_without_otlp",
    "unknown_key",
    "unknown_key_in_pool",
    "wrong_type",
];

#[test]
fn what_it_refuses_is_refused_and_mistakes_of_one_value_are_among_it() {
    let mut seen = Vec::new();
    let mut cases: Vec<_> = fs::read_dir(root("tests/config_corpus")).unwrap().collect();
    cases.sort_by_key(|case| case.as_ref().unwrap().path());
    for case in cases {
        let case = case.unwrap().path();
        let said = match load(&case.join("switchback.yaml"), &environment) {
            Ok(loaded) => loaded.warnings,
            Err(refused) => refused.diagnostics,
        };
        let wrong: Vec<_> = said
            .iter()
            .filter(|one| one.severity() == Severity::Error)
            .map(|one| one.file().to_owned())
            .collect();
        for (file, path) in files(&case) {
            let text = fs::read_to_string(&path).unwrap();
            let refusals = refusals(file, &text).unwrap_or_default();
            if refusals.is_empty() {
                continue;
            }
            let is_wrong = wrong.contains(&path);
            assert!(is_wrong, "{}: {refusals:#?}\n{said}", path.display());
            seen.push(case.file_name().unwrap().to_string_lossy().into_owned());
        }
    }
    let missed: Vec<_> = SEEN.iter().filter(|case| !seen.contains(&(**case).to_owned())).collect();
    assert!(missed.is_empty(), "accepted: {missed:?}; refused: {seen:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_configuration_that_runs_is_accepted(main in strategy::main(), pool in strategy::pool()) {
        let pools = [("conf/pools/a.yaml", pool.as_str()), ("conf/pools/b.yaml", pool.as_str())];
        let loaded = parse_str(("conf/switchback.yaml", &main), &pools, &|_: &str| None)
            .unwrap_or_else(|diagnostics| panic!("{main}\n{diagnostics}"));
        accepts(&main, &pools);
        let printed = loaded.effective();
        let mut documents = printed.split("\n---\n");
        accepts(documents.next().unwrap(), &documents.map(|text| ("", text)).collect::<Vec<_>>());
    }
}
