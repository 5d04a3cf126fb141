//! CAs and certificates on both sides: what is read of them, watched and told.
//!
//! Those of `tests/certs` are for the corpus, as `certificates.rs` has it. To make these anew: `cargo test
//! -p switchback-config --test authorities -- --ignored`, then the corpus with `UPDATE_EXPECT=1`.

#![expect(clippy::unwrap_used, reason = "a failing unwrap is a failing test")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd,
};
use switchback_config::{At, Loaded, ProcessEnvironment, Refused, diff, load};
use switchback_core::plan::CaPlan;
use tempfile::TempDir;

/// 1 June 2026.
fn june() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_780_272_000)
}

fn params(name: &str, end: (i32, u8, u8)) -> CertificateParams {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(end.0, end.1, end.2);
    params
}

fn authority(name: &str, end: (i32, u8, u8), key: &KeyPair) -> (CertificateParams, Certificate) {
    let mut params = params(name, end);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let made = params.self_signed(key).unwrap();
    (params, made)
}

const END: (i32, u8, u8) = (2036, 1, 1);

#[test]
#[ignore = "writes the CAs of the corpus, with new keys"]
fn make_the_authorities_of_the_corpus() {
    let certs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/certs");
    let write = |name: &str, text: &str| fs::write(certs.join(name), text).unwrap();
    let (key, other) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let (params_of_one, one) = authority("one.example.com", END, &key);
    let (_, ended) = authority("ended.example.com", (2026, 5, 20), &other);
    let issuer = Issuer::from_params(&params_of_one, &key);
    let signed = params("signed.example.com", END).signed_by(&other, &issuer).unwrap();
    write("ca.pem", &one.pem());
    write("ca_ended.pem", &(one.pem() + &ended.pem()));
    write("ca_signed.pem", &signed.pem());
    let damaged = "-----BEGIN CERTIFICATE-----\nMAAwAA==\n-----END CERTIFICATE-----\n";
    write("ca_damaged.pem", &(one.pem() + damaged));
}

/// A folder with CAs and a certificate, and a gateway that names them on both sides.
fn folder(cas: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    for inside in ["pools", "certs"] {
        fs::create_dir(folder.path().join(inside)).unwrap();
    }
    let key = KeyPair::generate().unwrap();
    let own = params("shop.example.com", END).self_signed(&key).unwrap();
    let main = "listeners:\n  - address: 0.0.0.0:8443\n    tls:\n      certificates: [ { cert: certs/own.pem, key: certs/own.pem } ]\n      client_certificates: { ca: certs/cas.pem }\npools: pools/*.yaml\nroutes: [ { pool: web } ]\n";
    let pool = "endpoints: [ 10.0.1.11:8443 ]\ntls: { ca: certs/cas.pem, certificate: { cert: certs/own.pem, key: certs/own.pem } }\n";
    for (name, text) in [
        ("switchback.yaml", main),
        ("pools/web.yaml", pool),
        ("certs/cas.pem", cas),
        ("certs/own.pem", &(own.pem() + &key.serialize_pem())),
    ] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let path = folder.path().join("switchback.yaml");
    (folder, path)
}

fn read(path: &Path) -> Result<Loaded, Refused> {
    load(path, &At(june(), ProcessEnvironment))
}

fn loaded(path: &Path) -> Loaded {
    read(path).unwrap_or_else(|said| panic!("{said}"))
}

fn ca(loaded: &Loaded) -> (&Arc<CaPlan>, &Arc<CaPlan>) {
    let tls = loaded.plan.listeners[0].tls.as_ref().unwrap();
    let pool = loaded.plan.pools[0].tls.as_ref().unwrap();
    (&tls.client_auth.as_ref().unwrap().ca, pool.ca.as_ref().unwrap())
}

fn two() -> (String, [Vec<u8>; 2]) {
    let make = |name| authority(name, END, &KeyPair::generate().unwrap()).1;
    let (one, other) = (make("one.example"), make("other.example"));
    let text = format!("# Ours\n{}\n# Theirs\n{}", one.pem(), other.pem());
    (text, [one.der().to_vec(), other.der().to_vec()])
}

#[test]
fn a_file_has_one_or_more_cas_and_is_read_once() {
    let (text, der) = two();
    let (folder, path) = folder(&text);
    let loaded = loaded(&path);
    assert!(loaded.warnings.is_empty(), "{}", loaded.warnings);
    let (clients, endpoints) = ca(&loaded);
    assert_eq!(clients.roots, der);
    assert_eq!(clients.file, folder.path().join("certs/cas.pem"));
    assert!(Arc::ptr_eq(clients, endpoints));
    let tls = loaded.plan.pools[0].tls.as_ref().unwrap();
    let own = tls.certificate.as_ref().unwrap();
    assert_eq!(own.cert, folder.path().join("certs/own.pem"));
    let files = ["switchback.yaml", "pools/web.yaml", "certs/own.pem", "certs/cas.pem"];
    assert_eq!(loaded.files, files.map(|name| folder.path().join(name)));
}

#[test]
fn a_change_of_a_ca_shows_also_after_a_refusal() {
    let (text, _) = two();
    let (folder, path) = folder(&text);
    let file = folder.path().join("certs/cas.pem");
    let before = loaded(&path).sources;
    assert_eq!(before.seen(), before.fingerprint());
    fs::write(&file, "-----BEGIN CERTIFICATE-----\n").unwrap();
    assert_ne!(before.seen(), before.fingerprint());
    let refused = read(&path).unwrap_err();
    fs::write(&file, &text).unwrap();
    assert_ne!(refused.sources.seen(), refused.sources.fingerprint());
    loaded(&path);
}

#[test]
fn what_is_printed_names_the_same_files_and_what_is_shown_tells_a_renewal() {
    let (folder, path) = folder(&two().0);
    let before = loaded(&path);
    let printed = before.effective();
    assert!(!printed.contains("fingerprint"), "{printed}");
    for (text, file) in printed.split("\n---\n").zip(&before.files) {
        fs::write(file, text).unwrap();
    }
    let after = loaded(&path);
    assert_eq!(after.plan.listeners, before.plan.listeners);
    assert_eq!(after.plan.pools, before.plan.pools);
    assert_eq!(after.effective(), printed);

    fs::write(folder.path().join("certs/cas.pem"), two().0).unwrap();
    let renewed = loaded(&path);
    let (old, new) = (after.effective_redacted(), renewed.effective_redacted());
    let changes = diff::diff(&old, &new).unwrap();
    let keys: Vec<_> = changes.iter().map(|change| change.key.as_deref().unwrap()).collect();
    assert_eq!(keys, ["tls.client_certificates.ca_fingerprint", "tls.ca_fingerprint"], "{changes}");
    assert!(!changes.needs_restart());
}

/// As `openssl x509 -fingerprint -sha256` says of a file with one.
#[test]
fn the_fingerprint_of_one_ca_is_that_of_its_certificate() {
    let (_, made) = authority("one.example", END, &KeyPair::generate().unwrap());
    let (_folder, path) = folder(&made.pem());
    let digest = ring::digest::digest(&ring::digest::SHA256, made.der());
    let wanted: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let shown = loaded(&path).effective_redacted();
    assert_eq!(shown.matches(&format!("ca_fingerprint: {wanted}")).count(), 2, "{shown}");
}

#[test]
fn a_certificate_that_is_its_own_ca_is_taken() {
    let made = params("endpoint.example", END).self_signed(&KeyPair::generate().unwrap()).unwrap();
    let (_folder, path) = folder(&made.pem());
    let loaded = loaded(&path);
    assert!(loaded.warnings.is_empty(), "{}", loaded.warnings);
    assert_eq!(ca(&loaded).0.roots.len(), 1);
}

/// Whatever can be used here can be used by the verifiers that are built of it.
#[test]
fn every_ca_of_a_plan_is_one_for_rustls() {
    let (text, _) = two();
    let (_folder, path) = folder(&text);
    let loaded = loaded(&path);
    let mut store = rustls::RootCertStore::empty();
    for der in &ca(&loaded).0.roots {
        store.add(der.clone().into()).unwrap();
    }
    assert_eq!(store.len(), 2);
}
