//! `switchback diff` against whatever may be at the admin address.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Output};

use tempfile::TempDir;

const MAIN: &str =
    "listeners: [ 127.0.0.1:8080 ]\npools: pools/*.yaml\nroutes: [ { pool: web } ]\n";
const POOL: &str = "endpoints: [ 127.0.0.1:9000 ]\nsticky: { secret: 0123456789abcdef }\nhealth: { interval: 5s }\n";

fn switchback(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_switchback"))
        .args(arguments)
        .output()
        .expect("the binary runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A configuration in a folder of its own.
fn written(main: &str, pool: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("pools")).expect("a folder");
    std::fs::write(folder.path().join("switchback.yaml"), main).expect("written");
    std::fs::write(folder.path().join("pools/web.yaml"), pool).expect("written");
    folder
}

fn main_file(folder: &TempDir) -> String {
    folder.path().join("switchback.yaml").to_str().expect("UTF-8").to_owned()
}

fn printed(main: &str, pool: &str) -> String {
    let folder = written(main, pool);
    let output = switchback(&["check", "--print", "-c", &main_file(&folder)]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

/// Answers one request, and returns its head.
fn answering(answer: String) -> (SocketAddr, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            assert_eq!(stream.read(&mut byte).expect("a byte"), 1);
            head.push(byte[0]);
        }
        stream.write_all(answer.as_bytes()).expect("written");
        text(&head)
    });
    (address, server)
}

fn answer(status: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/yaml\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

/// What `diff` says of the configuration here and such an answer.
fn diff(answer: String, arguments: &[&str]) -> Output {
    let folder = written(MAIN, POOL);
    let (address, server) = answering(answer);
    let (file, address) = (main_file(&folder), address.to_string());
    let output = switchback(&[&["diff", "-c", &file, "--admin", &address], arguments].concat());
    let head = server.join().expect("a request");
    assert!(head.starts_with("GET /api/v1/config HTTP/1.1\r\n"), "{head}");
    output
}

#[test]
fn nothing_would_change_is_status_0() {
    let output = diff(answer("200 OK", &printed(MAIN, POOL)), &[]);
    assert_eq!(text(&output.stdout), "nothing would change\n", "{}", text(&output.stderr));
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn changes_are_told_in_words_and_are_status_1() {
    let running = printed(
        &format!("threads: 2\n{MAIN}"),
        "endpoints: [ 127.0.0.1:9000, 127.0.0.1:9001 ]\nsticky: { secret: fedcba9876543210 }\n",
    );
    let output = diff(answer("200 OK", &running), &[]);
    assert_eq!(
        text(&output.stdout),
        "gateway: threads: 2 → one for each CPU (needs a restart)
pool web: sticky.secret: changed; every session chooses its endpoint again, once
pool web: health.interval: 2s → 5s
pool web: endpoint 127.0.0.1:9001: removed; finishes what it has, gets nothing new
4 changes: the gateway, 1 pool, 1 endpoint; 1 needs a restart, so a reload is refused: restart the gateway, or take it back; no other change is taken on until then
"
    );
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn as_json_all_of_it_is_there() {
    let running = printed(MAIN, &POOL.replace("5s", "3s"));
    let output = diff(answer("200 OK", &running), &["--format", "json"]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(json["same"], false);
    assert_eq!(json["changes"][0]["key"], "health.interval");
    assert_eq!(
        (&json["changes"][0]["old"], &json["changes"][0]["new"]),
        (&"3s".into(), &"5s".into())
    );
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn whatever_else_answers_is_told_and_is_status_2() {
    for (answer, wanted) in [
        (answer("404 Not Found", "no"), "this gateway is of an older version"),
        (answer("401 Unauthorized", ""), "it wants a token: give `--token-file FILE`"),
        (answer("503 Service Unavailable", "busy\nx"), "with status 503: busy"),
        (answer("200 OK", "<html>"), "not the admin listener of a gateway"),
        (answer("200 OK", "hello").replace("hello", "he"), "cut off"),
        ("220 mail.example.com ESMTP\r\n".to_owned(), "not the admin listener of a gateway"),
    ] {
        let output = diff(answer, &[]);
        let said = text(&output.stderr);
        assert!(said.contains(wanted), "{wanted}: {said}");
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(output.stdout.is_empty());
    }
}

/// Without `--admin`, the address is that of the configuration; bound to all, it is on loopback.
#[test]
fn the_admin_address_is_that_of_the_file() {
    let (address, server) = answering(answer("404 Not Found", ""));
    let main = format!("admin: {{ address: 0.0.0.0:{} }}\n{MAIN}", address.port());
    let folder = written(&main, POOL);
    let output = switchback(&["diff", "-c", &main_file(&folder)]);
    server.join().expect("a request");
    assert!(text(&output.stderr).starts_with(&address.to_string()), "{}", text(&output.stderr));

    // Nobody listens there any more.
    let output = switchback(&["diff", "-c", &main_file(&folder)]);
    assert!(text(&output.stderr).contains("connection refused"), "{}", text(&output.stderr));
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_broken_file_is_told_with_its_place_and_nobody_is_asked() {
    let folder = written(MAIN, "endpoints: []\n");
    let output = switchback(&["diff", "-c", &main_file(&folder), "--admin", "127.0.0.1:1"]);
    let said = text(&output.stderr);
    assert!(
        said.contains("error: the pool has no endpoints") && said.contains("web.yaml:1:12"),
        "{said}"
    );
    assert_eq!(output.status.code(), Some(2));
}
