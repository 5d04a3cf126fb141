//! Certificates as an operator has them: what is read of them, and where they come from.
//!
//! Those of `tests/certs` are for the corpus, whose time is June 2026. To make them anew:
//! `cargo test -p switchback-config --test certificates -- --ignored`, then the corpus with
//! `UPDATE_EXPECT=1`.

#![expect(clippy::unwrap_used, reason = "a failing unwrap is a failing test")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, DnValue, IsCa, KeyPair, SanType, date_time_ymd,
};
use switchback_config::{At, Loaded, ProcessEnvironment, load};
use switchback_core::plan::{CertificatePlan, TlsPlan};

fn certs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/certs")
}

/// 1 June 2026.
fn june() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_780_272_000)
}

fn params(names: &[&str], from: (i32, u8, u8), to: (i32, u8, u8)) -> CertificateParams {
    let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.not_before = date_time_ymd(from.0, from.1, from.2);
    params.not_after = date_time_ymd(to.0, to.1, to.2);
    params
}

const BEGIN: (i32, u8, u8) = (2026, 1, 1);
const END: (i32, u8, u8) = (2036, 1, 1);

#[test]
#[ignore = "writes the certificates of the corpus, with new keys"]
fn make_the_certificates_of_the_corpus() {
    let write = |name: &str, contents: &[u8]| fs::write(certs().join(name), contents).unwrap();
    let (key, other) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    write("shop.key", key.serialize_pem().as_bytes());
    write("other.key", other.serialize_pem().as_bytes());
    let mut nameless = params(&[], BEGIN, END);
    let name = DnValue::Utf8String("shop.example.com".to_owned());
    nameless.distinguished_name.push(DnType::CommonName, name);
    for (name, params) in [
        ("shop.pem", params(&["shop.example.com", "*.shop.example.com"], BEGIN, END)),
        ("ended.pem", params(&["ended.example.com"], BEGIN, (2026, 5, 20))),
        ("soon.pem", params(&["soon.example.com"], BEGIN, (2026, 6, 10))),
        ("future.pem", params(&["future.example.com"], (2026, 7, 1), END)),
        ("address.pem", params(&["192.0.2.1"], BEGIN, END)),
        ("nameless.pem", nameless),
    ] {
        write(name, params.self_signed(&key).unwrap().pem().as_bytes());
    }
    let shop = params(&["shop.example.com"], BEGIN, END).self_signed(&key).unwrap();
    let mut ca = params(&["ca.example.com"], BEGIN, END);
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = ca.self_signed(&other).unwrap();
    write("reversed.pem", (ca.pem() + &shop.pem()).as_bytes());
    write("binary.pem", shop.der());
    let whole = shop.pem();
    write("cut.pem", &whole.as_bytes()[..whole.len() - 60]);
    let label = "ENCRYPTED PRIVATE KEY";
    let encrypted = format!("-----BEGIN {label}-----\nMAAwAA==\n-----END {label}-----\n");
    write("encrypted.key", encrypted.as_bytes());
}

/// A folder with a gateway whose one listener has these certificates, in YAML.
fn gateway(certificates: &str, files: &[(&str, &str)]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let main = format!(
        "listeners: [ {{ address: 0.0.0.0:8443, tls: {{ certificates: {certificates} }} }} ]\npools: pools/*.yaml\nroutes: [ {{ pool: web }} ]\n"
    );
    let path = folder.path().join("switchback.yaml");
    fs::create_dir_all(folder.path().join("pools")).unwrap();
    fs::create_dir_all(folder.path().join("certs")).unwrap();
    fs::write(folder.path().join("pools/web.yaml"), "endpoints: [ 10.0.1.11:8080 ]\n").unwrap();
    fs::write(&path, main).unwrap();
    for (name, contents) in files {
        fs::write(folder.path().join(name), contents).unwrap();
    }
    (folder, path)
}

fn loaded(path: &Path) -> Loaded {
    load(path, &At(june(), ProcessEnvironment)).unwrap_or_else(|said| panic!("{said}"))
}

fn certificates(loaded: &Loaded) -> &[Arc<CertificatePlan>] {
    let Some(TlsPlan { certificates, .. }) = &loaded.plan.listeners[0].tls else {
        panic!("no TLS")
    };
    certificates
}

#[test]
fn a_certificate_becomes_what_tls_needs_and_a_reload_watches_its_files() {
    let key = KeyPair::generate().unwrap();
    let mut params = params(&["Shop.example.com", "*.shop.example.com"], BEGIN, END);
    params.subject_alt_names.push(SanType::IpAddress([192, 0, 2, 1].into()));
    let made = params.self_signed(&key).unwrap();
    let files = [("certs/shop.pem", made.pem()), ("certs/shop.key", key.serialize_pem())];
    let files = files.each_ref().map(|(name, text)| (*name, text.as_str()));
    let (folder, path) = gateway("[ { cert: certs/shop.pem, key: certs/shop.key } ]", &files);
    let loaded = loaded(&path);
    assert!(loaded.warnings.is_empty(), "{}", loaded.warnings);
    let [certificate] = certificates(&loaded) else { panic!("{:?}", loaded.plan.listeners) };
    let names: Vec<_> = certificate.names.iter().map(|name| &**name).collect();
    assert_eq!(names, ["shop.example.com", "*.shop.example.com"]);
    assert_eq!(certificate.chain, [made.der().to_vec()]);
    assert_eq!(certificate.private_key, key.serialize_der());
    let end = SystemTime::UNIX_EPOCH + Duration::from_secs(2_082_758_400);
    assert_eq!(certificate.not_after, end);
    let expected = ["switchback.yaml", "pools/web.yaml", "certs/shop.pem", "certs/shop.key"];
    assert_eq!(loaded.files, expected.map(|name| folder.path().join(name)));
}

#[test]
fn one_file_may_hold_all_and_be_named_by_several() {
    let key = KeyPair::generate().unwrap();
    let made = params(&["a.example"], BEGIN, END).self_signed(&key).unwrap();
    let ca = params(&["ca.example"], BEGIN, END).self_signed(&key).unwrap();
    let all = format!("# for a.example\n{}{}{}", key.serialize_pem(), made.pem(), ca.pem());
    let (_folder, path) = gateway("[ { cert: all.pem, key: all.pem } ]", &[("all.pem", &all)]);
    let loaded = loaded(&path);
    assert_eq!(certificates(&loaded)[0].chain.len(), 2);
    assert_eq!(loaded.files.len(), 3);
}

#[test]
fn two_kinds_of_keys_may_have_the_same_name() {
    let (one, other) =
        (KeyPair::generate().unwrap(), KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap());
    let pem = |key: &KeyPair| params(&["a.example"], BEGIN, END).self_signed(key).unwrap().pem();
    let texts = [pem(&one) + &one.serialize_pem(), pem(&other) + &other.serialize_pem()];
    let (_folder, path) = gateway(
        "[ { cert: one.pem, key: one.pem }, { cert: other.pem, key: other.pem } ]",
        &[("one.pem", &texts[0]), ("other.pem", &texts[1])],
    );
    let loaded = loaded(&path);
    assert!(loaded.warnings.is_empty(), "{}", loaded.warnings);
    assert_eq!(certificates(&loaded).len(), 2);
}

#[test]
fn what_is_printed_names_the_same_certificates() {
    let (folder, path) = gateway("[ { cert: $$x.pem, key: $$x.pem } ]", &[]);
    let key = KeyPair::generate().unwrap();
    let made = params(&["a.example"], BEGIN, END).self_signed(&key).unwrap();
    fs::write(folder.path().join("$x.pem"), made.pem() + &key.serialize_pem()).unwrap();
    let before = loaded(&path);
    let printed = before.effective();
    for (text, file) in printed.split("\n---\n").zip(&before.files) {
        fs::write(file, text).unwrap();
    }
    let after = loaded(&path);
    assert_eq!(after.plan.listeners, before.plan.listeners);
    assert_eq!(after.effective(), printed);
}

#[test]
fn nothing_is_said_of_dates_where_the_time_is_not_known() {
    let path = certs().join("../config_corpus/tls_dates/switchback.yaml");
    let unset = |_: &str| None;
    let said = |loaded: Loaded| loaded.warnings.warnings();
    assert_eq!(said(load(&path, &unset).unwrap()), 0);
    assert_eq!(said(load(&path, &At(june(), unset)).unwrap()), 3);
    // 27 May, 0:00: two weeks before the middle one ends, to the second.
    let early = june() - Duration::from_secs(5 * 86_400);
    assert_eq!(said(load(&path, &At(early, unset)).unwrap()), 2);
    let later = early + Duration::from_secs(1);
    assert_eq!(said(load(&path, &At(later, unset)).unwrap()), 3);
}
