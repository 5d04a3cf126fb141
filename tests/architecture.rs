//! The picture in `docs/ARCHITECTURE.md` is the truth: who may use whom.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// The rows of the table "Who may use whom" in the document: a crate, and the crates that it uses.
fn drawn() -> BTreeMap<String, BTreeSet<String>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let document =
        std::fs::read_to_string(root.join("docs/ARCHITECTURE.md")).expect("the document");
    let section = document.split("## Who may use whom").nth(1).expect("the section");
    let section = section.split("\n## ").next().unwrap_or(section);
    let names = |cell: &str| -> BTreeSet<String> {
        cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    };
    section
        .lines()
        .filter_map(|line| {
            let mut cells = line.strip_prefix('|')?.split('|');
            let name = names(cells.next()?).into_iter().next()?;
            Some((name, names(cells.next()?)))
        })
        .collect()
}

/// What the manifests say.
fn built() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo metadata");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let short = |name: &Value| {
        let name = name.as_str().unwrap_or_default();
        name.strip_prefix("switchback-").unwrap_or(name).to_owned()
    };
    let packages = metadata["packages"].as_array().expect("packages");
    let ours: BTreeSet<_> =
        packages.iter().map(|package| package["name"].clone()).map(|n| n.to_string()).collect();
    packages
        .iter()
        .map(|package| {
            let dependencies = package["dependencies"].as_array().expect("dependencies");
            let uses = dependencies
                .iter()
                .filter(|used| used["kind"].is_null() && ours.contains(&used["name"].to_string()))
                .map(|used| short(&used["name"]))
                .collect();
            (short(&package["name"]), uses)
        })
        .collect()
}

#[test]
fn the_crates_use_each_other_as_drawn() {
    assert_eq!(built(), drawn(), "left: the manifests; right: docs/ARCHITECTURE.md");
}

#[test]
fn the_core_knows_neither_tokio_nor_pingora() {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "-p", "switchback-core", "-e", "normal", "--prefix", "none"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo tree");
    let tree = String::from_utf8_lossy(&output.stdout);
    assert!(tree.contains("switchback-core"), "{tree}");
    for forbidden in ["tokio", "pingora", "parking_lot", "arc-swap", "log "] {
        // The ring of Pingora's consistent hashing is plain data.
        let mut others = tree.lines().filter(|line| !line.starts_with("pingora-ketama "));
        assert!(!others.any(|line| line.starts_with(forbidden)), "{forbidden} in\n{tree}");
    }
}

#[test]
fn main_is_short() {
    let main = include_str!("../crates/switchback/src/main.rs");
    assert!(main.lines().count() < 100);
}
