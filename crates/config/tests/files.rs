//! Which files are read: what is promised of patterns, of their order, and of relative paths.

#![expect(clippy::unwrap_used, reason = "a failing unwrap is a failing test")]

use std::fs;
use std::path::Path;

use switchback_config::{Loaded, load};
use switchback_core::plan::LogSink;

const POOL: &str = "endpoints: [ 10.0.1.11:8080 ]\n";

/// A folder with these files, of which each that is no main file is a pool.
fn folder(main: &str, files: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("conf/switchback.yaml", main);
    files.iter().for_each(|path| write(path, POOL));
    folder
}

fn loaded(folder: &Path) -> Loaded {
    let unset = |_: &str| None;
    load(&folder.join("conf/switchback.yaml"), &unset)
        .unwrap_or_else(|diagnostics| panic!("{diagnostics}"))
}

fn names(loaded: &Loaded) -> Vec<&str> {
    loaded.plan.pools.iter().map(|pool| &*pool.name).collect()
}

fn main_file(pools: &str) -> String {
    format!("listeners: [ 0.0.0.0:8080 ]\npools: {pools}\nroutes: [ {{ pool: b }} ]\n")
}

#[test]
fn the_files_of_a_pattern_come_by_name_and_patterns_in_their_order() {
    let files =
        ["conf/pools/c.yaml", "conf/pools/a.yaml", "conf/pools/b10.yaml", "conf/pools/b9.yaml"];
    let files = [&files[..], &["conf/more/0.yaml", "conf/more/b.yaml"]].concat();
    let loaded = loaded(folder(&main_file("[ more/*.yaml, pools/*.yaml ]"), &files).path());
    assert_eq!(names(&loaded), ["0", "b", "a", "b10", "b9", "c"]);
    let read: Vec<_> = loaded.files.iter().map(|path| path.file_name().unwrap()).collect();
    let wanted = ["switchback.yaml", "0.yaml", "b.yaml", "a.yaml", "b10.yaml", "b9.yaml", "c.yaml"];
    assert_eq!(read, wanted);
}

#[test]
fn a_file_that_two_patterns_find_is_one_pool() {
    let files = ["conf/pools/a.yaml", "conf/pools/b.yaml"];
    let loaded = loaded(folder(&main_file("[ pools/b.yaml, pools/*.yaml ]"), &files).path());
    assert_eq!(names(&loaded), ["b", "a"]);
    assert_eq!((loaded.warnings.errors(), loaded.warnings.warnings()), (0, 2));
    let said = loaded.warnings.to_string();
    assert!(said.contains("b.yaml` is found by two patterns"), "{said}");
}

#[test]
fn what_begins_with_a_dot_is_no_pool_and_folders_are_not_entered() {
    let files = ["conf/pools/b.yaml", "conf/pools/.b.yaml", "conf/pools/..data/x.yaml"];
    let files = [&files[..], &["conf/pools/deeper/y.yaml", "conf/pools/b.yaml~"]].concat();
    assert_eq!(names(&loaded(folder(&main_file("pools/*.yaml"), &files).path())), ["b"]);
}

#[test]
fn paths_are_relative_to_the_file_that_names_them() {
    let main = main_file("../pools/*.yaml") + "access_log: { file: logs/access.log }\n";
    let folder = folder(&main, &["pools/b.yaml"]);
    let loaded = loaded(folder.path());
    assert_eq!(names(&loaded), ["b"]);
    let log = folder.path().join("conf/logs/access.log");
    assert_eq!(loaded.plan.access_log.to, LogSink::File(log));
}

/// As Kubernetes mounts a ConfigMap: each file a link to one below `..data`, which is a link itself.
#[test]
#[cfg(unix)]
fn the_links_of_a_mounted_config_map_are_followed() {
    let folder = folder(&main_file("pools/*.yaml"), &["conf/pools/..2026_01/b.yaml"]);
    let pools = folder.path().join("conf/pools");
    std::os::unix::fs::symlink("..2026_01", pools.join("..data")).unwrap();
    std::os::unix::fs::symlink("..data/b.yaml", pools.join("b.yaml")).unwrap();
    assert_eq!(names(&loaded(folder.path())), ["b"]);
}

#[test]
fn a_variable_may_name_the_files() {
    let folder = folder(&main_file("${POOLS:-nowhere}/*.yaml"), &["conf/pools/b.yaml"]);
    let environment = |name: &str| (name == "POOLS").then(|| "pools".to_owned());
    let loaded = load(&folder.path().join("conf/switchback.yaml"), &environment).unwrap();
    assert_eq!(names(&loaded), ["b"]);
}
