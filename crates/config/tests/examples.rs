//! Every configuration of `conf/` is one that can be copied.

#![expect(clippy::unwrap_used, reason = "a failing unwrap is a failing test")]

use std::path::{Path, PathBuf};

fn configurations() -> Vec<PathBuf> {
    let conf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../conf");
    let mut found: Vec<_> = std::fs::read_dir(&conf)
        .unwrap()
        .map(|entry| entry.unwrap().path().join("switchback.yaml"))
        .filter(|path| path.is_file())
        .collect();
    found.push(conf.join("switchback.yaml"));
    found
}

#[test]
fn every_example_loads_without_a_word() {
    let configurations = configurations();
    assert!(configurations.len() >= 2, "{configurations:?}");
    for path in configurations {
        let loaded = switchback_config::load(&path, &|_: &str| None)
            .unwrap_or_else(|diagnostics| panic!("{diagnostics}"));
        assert!(loaded.warnings.is_empty(), "{}", loaded.warnings);
    }
}
