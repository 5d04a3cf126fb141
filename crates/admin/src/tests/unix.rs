//! The same over a Unix socket, whose mode says who may.

use tokio::net::{UnixListener, UnixStream};

use super::*;

#[tokio::test]
async fn whoever_may_open_the_socket_needs_no_token() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("admin.sock");
    let operator = Fake::new(1, 1);
    *operator.token.lock().unwrap() = Some("right".into());
    let listener = UnixListener::bind(&path).unwrap();
    let (shutdown, ended) = oneshot::channel::<()>();
    let server = tokio::spawn(serve(listener, state(Some(operator)).0, async {
        let _ = ended.await;
    }));
    let ask = async |lines: &str| {
        let mut stream = UnixStream::connect(&path).await.unwrap();
        stream.write_all(lines.as_bytes()).await.unwrap();
        let mut answer = String::new();
        timeout(PATIENCE, stream.read_to_string(&mut answer)).await.expect("in time").unwrap();
        answer
    };
    for path in ["/livez", "/readyz", "/metrics", "/api/v1/status", "/api/v1/pools"] {
        let answer = ask(&format!("GET {path} HTTP/1.1\r\nHost: whatever.example\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
    }
    let foreign = "GET /api/v1/status HTTP/1.1\r\nHost: a\r\nOrigin: https://evil.example\r\n\r\n";
    assert!(ask(foreign).await.starts_with("HTTP/1.1 403"));
    shutdown.send(()).unwrap();
    timeout(PATIENCE, server).await.expect("an end in time").unwrap().unwrap();
}
