//! What a load says that it has read, on both ways out, and whether a change of it shows.

#![expect(clippy::unwrap_used, reason = "a failing unwrap is a failing test")]

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use switchback_config::{Sources, load};
use tempfile::TempDir;

const MAIN: &str = "listeners: [ 0.0.0.0:8080 ]\npools: pools/*.yaml\nroutes: [ { pool: web } ]\n";
const POOL: &str = "endpoints: [ 10.0.1.11:8080 ]\n";

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("pools")).unwrap();
    fs::write(folder.path().join("switchback.yaml"), MAIN).unwrap();
    fs::write(folder.path().join("pools/web.yaml"), POOL).unwrap();
    folder
}

/// What a load has read, and whether it was refused.
fn sources(folder: &TempDir) -> (Sources, bool) {
    match load(&folder.path().join("switchback.yaml"), &|_: &str| None) {
        Ok(loaded) => (loaded.sources, false),
        Err(refused) => (refused.sources, true),
    }
}

fn inside(folder: &TempDir, sources: &Sources) -> Vec<PathBuf> {
    let inside = |path: &Path| path.strip_prefix(folder.path()).unwrap().to_owned();
    sources.files().map(inside).collect()
}

fn searched(folder: &TempDir, sources: &Sources) -> Vec<PathBuf> {
    let inside = |path: &Path| path.strip_prefix(folder.path()).unwrap().to_owned();
    sources.searches().map(|search| inside(search.folder())).collect()
}

#[test]
fn a_load_tells_what_it_has_read_and_searched() {
    let folder = folder();
    let (sources, is_refused) = sources(&folder);
    assert!(!is_refused);
    assert_eq!(
        inside(&folder, &sources),
        [Path::new("pools/web.yaml"), Path::new("switchback.yaml")]
    );
    assert_eq!(searched(&folder, &sources), [Path::new("pools")]);
    let search = sources.searches().next().unwrap();
    assert!(search.finds("api.yaml".as_ref()) && !search.finds(".api.yaml.swp".as_ref()));
    assert_eq!(sources.seen(), sources.fingerprint());
}

#[test]
fn a_refused_load_tells_it_too() {
    let folder = folder();
    fs::write(folder.path().join("pools/web.yaml"), "endpoints: []\n").unwrap();
    let (sources, is_refused) = sources(&folder);
    assert!(is_refused);
    assert_eq!(inside(&folder, &sources).len(), 2);
    fs::write(folder.path().join("pools/web.yaml"), POOL).unwrap();
    assert_ne!(sources.seen(), sources.fingerprint());
}

#[test]
fn what_was_missing_is_known_and_shows_when_it_comes() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    let (main, pool, pools) = (path("switchback.yaml"), path("pools/web.yaml"), path("pools"));

    fs::rename(&main, path("away.yaml")).unwrap();
    let (without_main, is_refused) = sources(&folder);
    assert!(is_refused);
    assert_eq!(inside(&folder, &without_main), [Path::new("switchback.yaml")]);
    fs::rename(path("away.yaml"), &main).unwrap();
    assert_ne!(without_main.seen(), without_main.fingerprint());

    fs::remove_file(&pool).unwrap();
    let (without_pool, _) = sources(&folder);
    fs::write(&pool, POOL).unwrap();
    assert_ne!(without_pool.seen(), without_pool.fingerprint());

    fs::rename(&pools, path("away")).unwrap();
    let (without_folder, is_refused) = sources(&folder);
    assert!(is_refused);
    assert_eq!(searched(&folder, &without_folder), [Path::new("pools")]);
    fs::rename(path("away"), &pools).unwrap();
    assert_ne!(without_folder.seen(), without_folder.fingerprint());

    fs::write(&main, MAIN.replace("pools/*.yaml", "[ pools/web.yaml, pools/api.yaml ]")).unwrap();
    let (without_named, is_refused) = sources(&folder);
    assert!(is_refused);
    assert!(inside(&folder, &without_named).contains(&"pools/api.yaml".into()));
    fs::write(path("pools/api.yaml"), POOL).unwrap();
    assert_ne!(without_named.seen(), without_named.fingerprint());
}

#[test]
fn every_kind_of_change_shows() {
    type Change = fn(&Path);
    let changes: [(&str, Change); 7] = [
        ("other text of the same length", |pools| {
            fs::write(pools.join("web.yaml"), POOL.replace("11", "12")).unwrap();
        }),
        ("replaced", |pools| {
            fs::write(pools.join(".new"), POOL).unwrap();
            fs::rename(pools.join(".new"), pools.join("web.yaml")).unwrap();
        }),
        ("other rights", |pools| {
            let rights = fs::Permissions::from_mode(0o600);
            fs::set_permissions(pools.join("web.yaml"), rights).unwrap();
        }),
        ("removed", |pools| fs::remove_file(pools.join("web.yaml")).unwrap()),
        ("one more", |pools| fs::write(pools.join("api.yaml"), POOL).unwrap()),
        ("a link elsewhere", |pools| {
            fs::write(pools.join("../other"), POOL).unwrap();
            fs::remove_file(pools.join("web.yaml")).unwrap();
            symlink("../other", pools.join("web.yaml")).unwrap();
        }),
        ("the whole folder", |pools| fs::remove_dir_all(pools).unwrap()),
    ];
    for (what, change) in changes {
        let folder = folder();
        let (sources, _) = sources(&folder);
        // Later than one tick of a coarse clock.
        std::thread::sleep(Duration::from_millis(20));
        change(&folder.path().join("pools"));
        assert_ne!(sources.seen(), sources.fingerprint(), "{what}");
    }
}

#[test]
fn what_does_not_belong_to_it_does_not_show() {
    let folder = folder();
    let (sources, _) = sources(&folder);
    fs::write(folder.path().join("access.log"), "GET /").unwrap();
    fs::write(folder.path().join("pools/.web.yaml.swp"), "b0VIM").unwrap();
    fs::read(folder.path().join("pools/web.yaml")).unwrap();
    assert_eq!(sources.seen(), sources.fingerprint());
}

#[test]
fn a_thousand_pools_are_compared_in_little_time() {
    let folder = folder();
    for pool in 0..1_000 {
        fs::write(folder.path().join(format!("pools/pool-{pool}.yaml")), POOL).unwrap();
    }
    let (sources, _) = sources(&folder);
    let mut best = Duration::MAX;
    for _ in 0..20 {
        let begun = Instant::now();
        assert_eq!(sources.fingerprint(), sources.seen());
        best = best.min(begun.elapsed());
    }
    println!("a fingerprint of 1,002 files and one search: {best:?}");
    assert!(best < Duration::from_millis(200), "{best:?}");
}
