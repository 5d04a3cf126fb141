//! The handle, tried on a stand-in: a Python script that knows the gateway's command line, ports and
//! signals, and nothing else. The real binary comes with the workspace's own tests.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use switchback_testkit::{Backend, Gateway, Signal};

const STAND_IN: &str = r##"#!/usr/bin/env python3
import http.server, json, os, re, signal, sys, threading
config = open(sys.argv[sys.argv.index("-c") + 1]).read()
if "broken" in config:
    sys.exit("switchback.yaml:1:1: broken")
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        body = b'# TYPE x counter\nx_total{pool="web",code="200"} 2\nx_total{pool="api",code="200"} 3\n'
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        if self.server.server_port == listen:
            print(json.dumps({"id": "01", "path": self.path, "status": 200}), flush=True)
    def log_message(self, *_):
        pass
listen, admin = [int(p) for p in re.findall(r"address: 127.0.0.1:(\d+)", config)]
for port in (listen, admin):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
signal.signal(signal.SIGTERM, lambda *_: os._exit(3))
print("up", os.environ["RUST_LOG"], file=sys.stderr, flush=True)
while True:
    signal.pause()
"##;

fn stand_in(dir: &tempfile::TempDir) -> PathBuf {
    let path = dir.path().join("stand-in");
    std::fs::write(&path, STAND_IN).expect("written");
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).expect("executable");
    path
}

#[tokio::test]
async fn a_gateway_is_configured_started_asked_and_stopped() {
    let dir = tempfile::tempdir().expect("a folder");
    let backend = Backend::start().await;
    let gateway = Gateway::builder()
        .pool("web", &[backend.addr()])
        .pool_yaml("health: { http: { path: /healthz } }")
        .main_yaml("retry: { attempts: 2 }")
        .start(stand_in(&dir))
        .await;
    let pool = gateway.read("pools/web.yaml");
    assert!(pool.contains(&format!("endpoints:\n  - {}\n", backend.addr())), "{pool}");
    assert!(pool.contains("/healthz") && !pool.contains("enabled: false"), "{pool}");
    let main = gateway.read("switchback.yaml");
    assert!(main.contains("routes:\n  - { pool: web }\n"), "{main}");

    assert_eq!(gateway.get("/x?id=abc").await.expect("an answer").status, 200);
    assert_eq!(gateway.log_line_for("abc").await["status"], 200);
    assert_eq!(gateway.metric("x_total", &[("code", "200")]).await, 5.0);
    assert_eq!(gateway.metric("x_total", &[("pool", "api")]).await, 3.0);
    assert!(gateway.stderr().contains("up info"));

    assert!(gateway.is_running());
    gateway.signal(Signal::TERM);
    assert_eq!(gateway.wait_exit(Duration::from_secs(5)).await.code(), Some(3));
}

#[tokio::test]
async fn a_gateway_that_does_not_start_says_why() {
    let dir = tempfile::tempdir().expect("a folder");
    let failed = Gateway::builder().main_yaml("broken: true").try_start(stand_in(&dir)).await;
    let failure = failed.expect_err("no start");
    assert_eq!(failure.status.and_then(|status| status.code()), Some(1));
    assert!(failure.stderr.contains("1:1: broken"), "{}", failure.stderr);
}
