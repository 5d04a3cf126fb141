//! `switchback check`: what programs are told, and what `--probe` sees of endpoints on real sockets.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::thread;

use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::Value;
use tempfile::TempDir;

const MAIN: &str =
    "listeners: [ 127.0.0.1:8080 ]\npools: pools/*.yaml\nroutes: [ { pool: web } ]\n";

/// A configuration in a folder of its own.
fn written(main: &str, pools: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("pools")).expect("a folder");
    std::fs::write(folder.path().join("switchback.yaml"), main).expect("written");
    for (name, text) in pools {
        std::fs::write(folder.path().join(format!("pools/{name}.yaml")), text).expect("written");
    }
    folder
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_switchback"));
    command.arg("check").args(arguments).arg("-c").arg(folder.join("switchback.yaml"));
    command
}

fn check(folder: &TempDir, arguments: &[&str]) -> Output {
    command(folder.path(), arguments).output().expect("the binary runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}\n{}{}", text(&output.stdout), text(&output.stderr)))
}

#[test]
fn a_refused_configuration_is_one_json_object() {
    let main = MAIN.replace("pool: web", "pool: webb");
    let output = check(&written(&main, &[("web", "endpoints: []\n")]), &["--format", "json"]);
    assert_eq!(output.status.code(), Some(1));
    let json = json(&output);
    assert_eq!(
        (&json["version"], &json["errors"], &json["omitted"]),
        (&1.into(), &2.into(), &0.into())
    );
    let first = &json["diagnostics"][0];
    assert_eq!(first["message"], "unknown pool `webb`");
    assert_eq!((&first["line"], &first["column"]), (&3.into(), &19.into()));
    assert!(first["file"].as_str().expect("a text").ends_with("/switchback.yaml"));
    assert!(json["summary"].is_null() && json["probes"].is_null(), "{json}");
}

#[test]
fn a_good_one_has_its_warnings_and_a_summary() {
    let pools = [
        ("web", "endpoints: [ 10.0.1.11:80, 10.0.1.12:80 ]\n"),
        ("idle", "endpoints: [ 10.0.1.13:80 ]\n"),
    ];
    let output = check(&written(MAIN, &pools), &["--format", "json"]);
    assert!(output.status.success());
    let json = json(&output);
    assert_eq!((&json["errors"], &json["warnings"]), (&0.into(), &1.into()));
    assert_eq!(json["diagnostics"][0]["severity"], "warning");
    let summary = serde_json::json!({ "listeners": 1, "routes": 1, "pools": 2, "endpoints": 3 });
    assert_eq!(json["summary"], summary);
}

#[test]
fn what_cannot_be_read_at_all_has_no_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let json = json(&check(&folder, &["--format", "json"]));
    let one = &json["diagnostics"][0];
    assert!(one["message"].as_str().expect("a text").contains("there is no such file"), "{one}");
    for nothing in ["line", "column", "width", "label", "excerpt", "related"] {
        assert_eq!(one[nothing], Value::Null, "{nothing}");
    }
}

#[test]
fn json_is_safe_to_look_at() {
    let pool = "endpoints: [ 10.0.1.11:80 ]\nhost: \"\\e[2J\\x9b\\u202E\\x7f\"\n";
    let output = check(&written(MAIN, &[("web", pool)]), &["--format", "json"]);
    let said = text(&output.stdout);
    assert!(said.is_ascii(), "{said:?}");
    let message = json(&output)["diagnostics"][0]["message"].to_string();
    assert!(message.contains("u001b[2J\u{9b}\u{202e}\u{7f}"), "{message:?}");
}

#[test]
fn what_excludes_each_other_is_an_error_of_the_arguments() {
    let folder = written(MAIN, &[("web", "endpoints: [ 10.0.1.11:80 ]\n")]);
    for arguments in [&["--print", "--format", "json"][..], &["--print", "--probe"]] {
        let output = check(&folder, arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(text(&output.stderr).contains("cannot be used with"), "{}", text(&output.stderr));
        assert_eq!(text(&output.stdout), "");
    }
}

/// An endpoint that answers everything with these bytes, one connection after the other.
fn answering(answer: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    address
}

/// An address that nobody listens at.
fn closed() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port")
}

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
const LOGIN: &str = "HTTP/1.1 302 Found\r\nlocation: /login\r\ncontent-length: 0\r\n\r\n";

#[test]
fn each_endpoint_is_probed_once_and_told_of() {
    let (up, login, down) = (answering(OK), answering(LOGIN), closed());
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let quiet = silent.local_addr().expect("an address");
    let web = format!(
        "endpoints:\n  - {up}\n  - {login}\n  - {{ address: {down}, weight: 2 }}\n  - {quiet}\n  - {{ address: 127.0.0.1:9, disabled: true }}\nhealth: {{ http: {{ path: /healthz }}, timeout: 200ms }}\n"
    );
    let plain = format!("endpoints: [ {up} ]\nhealth: {{ enabled: false }}\n");
    let folder = written(
        &MAIN.replace(
            "pool: web",
            "split: [ { pool: web, weight: 1 }, { pool: plain, weight: 1 } ]",
        ),
        &[("web", &web), ("plain", &plain)],
    );
    let output = check(&folder, &["--probe"]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert_eq!(text(&output.stderr), "", "progress is for terminals");
    let lines: Vec<_> = said.lines().skip(1).collect();
    let took = |line: &str, start: &str| line.starts_with(start) && line.ends_with(" ms");
    assert_eq!(lines[0], "pool plain: its probes are switched off, so only a connection was tried");
    assert!(took(lines[1], &format!("pool plain: endpoint {up}: passed in ")), "{said}");
    assert_eq!(lines[2], "pool plain: 1 of 1 passed");
    assert!(took(lines[3], &format!("pool web: endpoint {up}: passed in ")), "{said}");
    let answered = "failed: answered 302, expected 200-299 (redirects to /login)";
    assert_eq!(lines[4], format!("pool web: endpoint {login}: {answered}"));
    assert_eq!(lines[5], format!("pool web: endpoint {down}: failed: connection refused"));
    assert!(
        lines[6].starts_with(&format!("pool web: endpoint {quiet}: failed: no answer")),
        "{said}"
    );
    assert_eq!(lines[7], "pool web: endpoint 127.0.0.1:9: disabled, not probed");
    assert_eq!(lines[8..], ["pool web: 1 of 4 passed", "probes: 2 of 5 passed"], "{said}");

    let output = check(&folder, &["--probe", "--format", "json"]);
    assert_eq!(output.status.code(), Some(3));
    let json = json(&output);
    let probes = json["probes"].as_array().expect("a list");
    assert_eq!(probes.len(), 5, "{json}");
    assert_eq!(probes[2]["pool"], "web");
    assert_eq!(probes[2]["endpoint"], login.to_string());
    assert_eq!(probes[2]["passed"], false);
    assert_eq!(probes[2]["reason"], "answered 302, expected 200-299 (redirects to /login)");
    assert_eq!((&probes[1]["passed"], &probes[1]["reason"]), (&true.into(), &Value::Null));
    assert!(probes.iter().all(|probe| probe["took_ms"].is_f64()), "{json}");
}

#[test]
fn where_all_pass_the_exit_status_is_zero_and_errors_come_before_probes() {
    let good = format!("endpoints: [ {} ]\nhealth: {{ http: {{}} }}\n", answering(OK));
    let folder = written(MAIN, &[("web", &good)]);
    let output = check(&folder, &["--probe"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    let folder = written(&MAIN.replace("pool: web", "pool: nobody"), &[("web", &good)]);
    let output = check(&folder, &["--probe"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(!text(&output.stdout).contains("endpoint"), "{}", text(&output.stdout));
}

/// A CA, what it has signed, and for how long that is good.
struct Authority {
    params: rcgen::CertificateParams,
    key: rcgen::KeyPair,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = rcgen::CertificateParams::new(Vec::new()).expect("parameters");
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        Self { params, key: rcgen::KeyPair::generate().expect("a key") }
    }

    fn pem(&self) -> String {
        let der = self.params.self_signed(&self.key).expect("signed");
        format!("-----BEGIN CERTIFICATE-----\n{}-----END CERTIFICATE-----\n", base64(der.der()))
    }

    /// An endpoint with a certificate for `name`, good until that year, which answers 200.
    fn endpoint(&self, name: &str, until: i32) -> SocketAddr {
        let mut params = rcgen::CertificateParams::new(vec![name.to_owned()]).expect("a name");
        params.not_before = rcgen::date_time_ymd(2000, 1, 1);
        params.not_after = rcgen::date_time_ymd(until, 1, 1);
        let key = rcgen::KeyPair::generate().expect("a key");
        let issuer = rcgen::Issuer::from_params(&self.params, &self.key);
        let certificate = params.signed_by(&key, &issuer).expect("signed");
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .expect("a certificate");
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let connection = rustls::ServerConnection::new(config.clone()).expect("TLS");
                let mut stream = rustls::StreamOwned::new(connection, stream);
                let _ = stream.read(&mut [0; 4096]);
                let _ = stream.write_all(OK.as_bytes());
            }
        });
        address
    }
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for (number, chunk) in bytes.chunks(3).enumerate() {
        let bits = chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
        let bits = bits << (8 * (3 - chunk.len()));
        for digit in 0..4 {
            let value = (bits >> (18 - 6 * digit)) & 63;
            text.push(if digit <= chunk.len() { DIGITS[value as usize].into() } else { '=' });
        }
        if number % 16 == 15 {
            text.push('\n');
        }
    }
    text + "\n"
}

#[test]
fn a_bad_certificate_is_told_by_what_is_bad_about_it() {
    let (ours, others) = (Authority::new("ours"), Authority::new("theirs"));
    let good = ours.endpoint("shop.internal", 2100);
    let expired = ours.endpoint("shop.internal", 2020);
    let other_name = ours.endpoint("cart.internal", 2100);
    let unknown = others.endpoint("shop.internal", 2100);
    let made_anew = Authority::new("ours").endpoint("shop.internal", 2100);
    let plain = answering(OK);
    let pool = format!(
        "endpoints: [ {good}, {expired}, {other_name}, {unknown}, {made_anew}, {plain} ]\ntls: {{ sni: shop.internal }}\nhealth: {{ http: {{}} }}\n"
    );
    let folder = written(MAIN, &[("web", &pool)]);
    let bundle = folder.path().join("ca.pem");
    std::fs::write(&bundle, ours.pem()).expect("written");
    let output = command(folder.path(), &["--probe"])
        .env("SSL_CERT_FILE", &bundle)
        .env_remove("SSL_CERT_DIR")
        .output()
        .expect("the binary runs");
    let said = text(&output.stdout);
    let of = |address: SocketAddr| {
        let start = format!("pool web: endpoint {address}: ");
        said.lines().find_map(|line| line.strip_prefix(&start)).unwrap_or_else(|| panic!("{said}"))
    };
    assert!(of(good).starts_with("passed in "), "{said}");
    assert!(of(expired).contains("TLS handshake failed: the certificate has expired"), "{said}");
    let name = of(other_name);
    assert!(name.contains("not valid for name \"shop.internal\""), "{said}");
    assert!(name.ends_with("only valid for \"cart.internal\""), "{said}");
    assert!(of(unknown).contains("signed by nobody who is trusted here"), "{said}");
    assert!(of(made_anew).contains("was the CA made anew?"), "{said}");
    let no_tls = "failed: TLS handshake failed: the endpoint does not speak TLS";
    assert_eq!(of(plain), no_tls, "{said}");
    assert_eq!(output.status.code(), Some(3));
}
