//! Clients that people use, unchanged: curl, nghttp2's, gRPC's, a WebSocket's, and slowhttptest, who
//! means no good.
//!
//! Where such a program is missing its test says so and passes; where `CI` is set it fails, because
//! `.ci/run` has installed them.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Instant;

use rcgen::{CertificateParams, KeyPair};
use switchback_testkit::{Backend, Behavior, Gateway};

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_switchback"))
}

/// The Python that Debian's packages are for.
const PYTHON: &str = "/usr/bin/python3";

/// Whether a program is there: tried with arguments by which it ends at once and well.
#[expect(clippy::print_stderr, reason = "a test that did not run says so")]
fn is_there(program: &str, arguments: &[&str], package: &str) -> bool {
    let tried = Command::new(program).args(arguments).output();
    if tried.is_ok_and(|output| output.status.success()) {
        return true;
    }
    assert!(std::env::var_os("CI").is_none(), "{program} is missing: install {package}");
    eprintln!("skipped: {program} is missing (Debian: apt-get install {package})");
    false
}

/// Runs a client to its end.
async fn run(program: &str, arguments: &[String]) -> Output {
    let mut command = Command::new(program);
    command.args(arguments);
    tokio::task::spawn_blocking(move || command.output()).await.expect("no panic").expect("it runs")
}

/// The same, and what it wrote, if it ended well.
async fn told(program: &str, arguments: &[&str]) -> String {
    let arguments: Vec<_> = arguments.iter().map(|&it| it.to_owned()).collect();
    let output = run(program, &arguments).await;
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{program} {arguments:?}: {}\n{out}\n{err}", output.status);
    out.into_owned()
}

/// A script of `real_clients/` that serves; it ends with the test.
struct Peer {
    process: Child,
    address: SocketAddr,
}

impl Peer {
    fn serve(script: &str) -> Self {
        let mut process = Command::new(PYTHON)
            .args([&path(script), "serve"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("it runs");
        let mut port = String::new();
        let mut out = BufReader::new(process.stdout.take().expect("its output"));
        out.read_line(&mut port).expect("a line");
        let port = port.trim().parse().expect("a port");
        Self { process, address: SocketAddr::from(([127, 0, 0, 1], port)) }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn path(script: &str) -> String {
    format!("{}/../../tests/real_clients/{script}", env!("CARGO_MANIFEST_DIR"))
}

/// A gateway that speaks plain and, at its spare address, TLS; in front of one that echoes.
async fn gateway(backend: &Backend, more: &str) -> Gateway {
    let key = KeyPair::generate().expect("a key");
    let made = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
    let made = made.self_signed(&key).expect("a certificate");
    Gateway::builder()
        .pool("web", &[backend.addr()])
        .file("own.pem", made.pem() + &key.serialize_pem())
        .main_yaml(&format!(
            "listeners: [ $LISTEN, {{ address: $SPARE, \
             tls: {{ certificates: [ {{ cert: own.pem, key: own.pem }} ] }} }} ]\n{more}"
        ))
        .start(binary())
        .await
}

#[tokio::test]
async fn curl_in_every_version() {
    if !is_there("curl", &["--version"], "curl") {
        return;
    }
    let backend = Backend::with(Behavior::Echo { body: false }).await;
    let gateway = gateway(&backend, "").await;
    let upload = gateway.dir().join("upload");
    std::fs::write(&upload, vec![b'x'; 5 << 20]).expect("written");
    let upload = upload.to_str().expect("a path");
    let (plain, tls) = (gateway.addr(), gateway.spare_addr().port());
    let (plain, tls) = (format!("http://{plain}/a"), format!("https://localhost:{tls}/a"));
    let common = ["-sS", "--fail", "-k", "--max-time", "20", "-w", "\n%{http_version}"];
    for (version, url, seen) in [
        (&["--http1.0"][..], &plain, "1.1"),
        (&["--http1.1"], &plain, "1.1"),
        (&["--http2"], &plain, "1.1"),
        (&["--http2-prior-knowledge"], &plain, "2"),
        (&["--http1.1", "--tls-max", "1.2"], &tls, "1.1"),
        (&["--http1.1", "--tlsv1.3"], &tls, "1.1"),
        (&["--http2", "--tls-max", "1.2"], &tls, "2"),
        (&["--http2", "--tlsv1.3"], &tls, "2"),
    ] {
        for more in [
            &[][..],
            &["-T", upload],
            &["-d", "a=b"],
            &["-T", upload, "-H", "Expect: 100-continue"],
        ] {
            let arguments = [&common[..], version, more, &[url]].concat();
            let out = told("curl", &arguments).await;
            let (body, protocol) = out.rsplit_once('\n').expect("two lines");
            assert_eq!(protocol, seen, "{arguments:?}");
            let echo: serde_json::Value = serde_json::from_str(body).expect("an echo");
            assert_eq!(echo["target"], "/a", "{arguments:?}");
        }
    }
    assert_eq!(backend.malformed(), 0);
}

#[tokio::test]
async fn nghttp2s_clients_over_cleartext_and_tls() {
    if !is_there("nghttp", &["--version"], "nghttp2-client") {
        return;
    }
    let backend = Backend::start().await;
    let gateway = gateway(&backend, "").await;
    let (plain, tls) = (gateway.addr(), gateway.spare_addr().port());
    for url in [format!("http://{plain}/"), format!("https://localhost:{tls}/")] {
        let told_by = told("nghttp", &["-nv", "--no-verify-peer", &url]).await;
        assert!(told_by.contains(":status: 200"), "{told_by}");
        let told_by = told("h2load", &["-n", "3000", "-c", "10", "-m", "20", &url]).await;
        assert!(told_by.contains("3000 succeeded, 0 failed"), "{told_by}");
    }
}

#[tokio::test]
async fn grpc_in_every_way() {
    if !is_there(PYTHON, &["-c", "import grpc"], "python3-grpcio") {
        return;
    }
    let peer = Peer::serve("grpc_peer.py");
    let gateway = Gateway::builder()
        .pool("grpc", &[peer.address])
        .pool_yaml("protocol: h2\nhealth: { tcp: {} }")
        .start(binary())
        .await;
    let address = gateway.addr().to_string();
    told(PYTHON, &[&path("grpc_peer.py"), "call", &address]).await;
}

#[tokio::test]
async fn websockets() {
    if !is_there(PYTHON, &["-c", "import websockets"], "python3-websockets") {
        return;
    }
    let peer = Peer::serve("websocket_peer.py");
    let gateway = Gateway::builder().pool("chat", &[peer.address]).start(binary()).await;
    let address = gateway.addr().to_string();
    told(PYTHON, &[&path("websocket_peer.py"), "call", &address]).await;
}

/// slowhttptest judges by itself, every second, whether others are still served.
#[tokio::test]
async fn slow_clients_do_not_keep_others_out() {
    if !is_there("sh", &["-c", "command -v slowhttptest"], "slowhttptest") {
        return;
    }
    let backend = Backend::start().await;
    let limits = "limits: { header_timeout: 2s, body_timeout: 2s, send_timeout: 2s, connections_per_client: 300 }";
    let gateway = gateway(&backend, limits).await;
    let url = format!("http://{}/", gateway.addr());
    let common = ["-c", "250", "-r", "250", "-l", "8", "-p", "2", "-u", &url];
    for attack in [
        // Slowloris; a body that never comes; an answer that is hardly read.
        &["-H", "-i", "1", "-x", "10"][..],
        &["-B", "-i", "1", "-s", "8192", "-x", "10"],
        &["-X", "-w", "10", "-y", "20", "-n", "1", "-z", "8", "-k", "3"],
    ] {
        let began = Instant::now();
        let out = told("slowhttptest", &[attack, &common].concat()).await;
        assert!(
            !out.contains("service available:   NO"),
            "{attack:?} {:?}\n{out}",
            began.elapsed()
        );
    }
}
