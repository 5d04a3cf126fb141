//! What `check` accepts, `run` starts: every configuration of the corpus that has no error, and every
//! example of `conf/`, by the real binary. Ports are the test's own, and endpoints are moved from
//! 10.0.0.0/8 to loopback, where nobody answers: ready or not, it runs, and SIGTERM ends it at once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use serde_yaml::{Mapping, Value};
use switchback_testkit::{Client, Gateway, Signal, until};

/// The variables that the cases use.
const ENVIRONMENT: &[(&str, &str)] = &[
    ("PORT", "8080"),
    ("TWO", "2"),
    ("SECRET", "0123456789abcdef\n"),
    ("INJECTED", "web.internal\nretry: { enabled: false }"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The main files of `conf/` and of the corpus that load without an error.
fn accepted() -> Vec<PathBuf> {
    let environment = |name: &str| {
        ENVIRONMENT.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    };
    let folders = [root().join("conf"), root().join("tests/config_corpus")];
    let inner = folders.iter().flat_map(|folder| {
        std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path())
    });
    let mut mains: Vec<_> = folders
        .iter()
        .cloned()
        .chain(inner)
        .map(|folder| folder.join("switchback.yaml"))
        .filter(|main| main.is_file())
        .filter(|main| switchback_config::load(main, &environment).is_ok())
        .collect();
    mains.sort();
    mains
}

/// A file that names the certificates which the corpus shares: they lie beside its folder.
fn with_certificates(text: &str) -> String {
    text.replace("../../certs/", &root().join("tests/certs/").to_string_lossy())
}

/// The main file with the test's addresses, and without a delay before it ends.
fn main_file(text: &str) -> String {
    let text = with_certificates(text);
    let mut main: Mapping = serde_yaml::from_str(&text).expect("YAML that was accepted");
    let addresses = ["$LISTEN", "$SPARE"].map(Value::from);
    let listeners = main.get_mut("listeners").and_then(Value::as_sequence_mut).expect("a list");
    listeners.truncate(addresses.len());
    for (listener, address) in listeners.iter_mut().zip(addresses) {
        match listener.as_mapping_mut() {
            Some(listener) => drop(listener.insert("address".into(), address)),
            None => *listener = address,
        }
    }
    let only = |key: &str, value: &str| Mapping::from_iter([(key.into(), value.into())]);
    main.insert("admin".into(), only("address", "$ADMIN").into());
    main.insert("drain".into(), only("delay", "0s").into());
    serde_yaml::to_string(&main).expect("YAML")
}

/// Every other file below the folder, with endpoints on loopback.
fn pools(folder: &Path) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(at) = folders.pop() {
        for entry in std::fs::read_dir(at).expect("a folder").flatten() {
            let path = entry.path();
            let name = path.strip_prefix(folder).expect("below").to_string_lossy().into_owned();
            if path.is_dir() && !path.join("switchback.yaml").is_file() {
                folders.push(path);
            } else if name.contains('/') && path.is_file() {
                let text = std::fs::read_to_string(&path).expect("a text");
                let text = with_certificates(&text);
                files.insert(name, text.replace(" 10.", " 127.").replace("[10.", "[127."));
            }
        }
    }
    files
}

async fn starts_and_ends(main: PathBuf) {
    let text = std::fs::read_to_string(&main).expect("a text");
    let folder = main.parent().expect("a folder");
    let mut gateway = Gateway::builder().main_yaml(&main_file(&text)).without_waiting();
    for (path, text) in pools(folder) {
        gateway = gateway.file(&path, text);
    }
    for (name, value) in ENVIRONMENT {
        gateway = gateway.env(name, value);
    }
    let gateway = gateway.start(env!("CARGO_BIN_EXE_switchback")).await;
    let name = folder.display();
    let up = until(Duration::from_secs(20), async || {
        assert!(gateway.is_running(), "{name} has ended:\n{}", gateway.stderr());
        let alive = gateway.admin("GET", "/livez").await.is_ok_and(|answer| answer.status == 200);
        // Whatever it speaks, it listens.
        (alive && Client::connect(gateway.addr()).await.is_ok()).then_some(())
    });
    assert!(up.await.is_some(), "{name}:\n{}", gateway.stderr());
    gateway.signal(Signal::TERM);
    let status = gateway.wait_exit(Duration::from_secs(10)).await;
    assert_eq!(status.code(), Some(0), "{name}:\n{}", gateway.stderr());
    assert!(!gateway.stderr().contains("panicked"), "{name}:\n{}", gateway.stderr());
}

/// Takes one after the other, until none is left.
async fn all_of(left: &Mutex<Vec<PathBuf>>) {
    loop {
        let next = left.lock().expect("no panic").pop();
        let Some(main) = next else { return };
        starts_and_ends(main).await;
    }
}

#[tokio::test]
async fn what_the_check_accepts_runs_and_ends() {
    let accepted = accepted();
    assert!(accepted.len() >= 20, "{accepted:#?}");
    let left = &Mutex::new(accepted);
    tokio::join!(all_of(left), all_of(left), all_of(left), all_of(left));
}
