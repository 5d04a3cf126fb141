//! Rotel, an OpenTelemetry collector: told to show what it gets, which is read from what it writes.

use std::collections::BTreeMap;
use std::fs::File;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use switchback_testkit::{eventually, until};
use tempfile::TempDir;

/// Its program, which the package has among its files.
const PROGRAM: &str = "rotel-agent";

pub(crate) struct Rotel {
    process: Child,
    address: SocketAddr,
    folder: TempDir,
}

/// A span as it is shown: the fields and the attributes.
#[derive(Debug, Default)]
pub(crate) struct Shown(BTreeMap<String, String>);

impl Shown {
    pub(crate) fn field(&self, name: &str) -> String {
        self.0.get(name).cloned().unwrap_or_default()
    }

    pub(crate) fn is(&self, name: &str, value: &str) -> bool {
        self.field(name) == value
    }
}

impl Rotel {
    /// Starts it; `None`: it is missing.
    pub(crate) async fn start() -> Option<Self> {
        if !is_there() {
            return None;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let (address, other) = (free(), free());
        let file = |name| File::create(folder.path().join(name)).expect("a file");
        let process = Command::new(PROGRAM)
            .args(["start", "--exporter", "blackhole"])
            .args(["--otlp-http-endpoint", &address.to_string()])
            .args(["--otlp-grpc-endpoint", &other.to_string()])
            .args(["--debug-log", "traces", "--debug-log-verbosity", "detailed"])
            .stdin(Stdio::null())
            .stdout(file("out"))
            .stderr(file("err"))
            .spawn()
            .expect("it runs");
        let rotel = Self { process, address, folder };
        let listens = async || TcpStream::connect(address).is_ok();
        eventually(Duration::from_secs(20), "the collector", listens).await;
        Some(rotel)
    }

    pub(crate) fn otlp(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The spans of the trace to which the request for this path belongs, as soon as the request's and two
    /// more are there.
    pub(crate) async fn spans_of_a_request(&self, path: &str) -> Vec<Shown> {
        let path = format!("Str({path})");
        let found = until(Duration::from_secs(20), async || {
            let spans = self.spans();
            let server = spans.iter().find(|span| span.is("url.path", &path))?.field("ID");
            let attempts = spans.iter().filter(|span| span.is("Parent ID", &server)).count();
            (attempts >= 2).then_some(spans)
        });
        let found = found.await.unwrap_or_else(|| panic!("it showed\n{}", self.output()));
        let is_of =
            |span: &Shown, server: &str| span.is("ID", server) || span.is("Parent ID", server);
        let server = found.iter().find(|span| span.is("url.path", &path)).map(|it| it.field("ID"));
        let server = server.unwrap_or_default();
        found.into_iter().filter(|span| is_of(span, &server)).collect()
    }

    fn output(&self) -> String {
        let read = |name| std::fs::read_to_string(self.folder.path().join(name));
        ["out", "err"].map(|name| read(name).unwrap_or_default()).concat()
    }

    /// What it has shown. `Span #0`, then `Name : value`, then `-> key: Kind(value)`.
    fn spans(&self) -> Vec<Shown> {
        let output = self.output();
        let blocks = output.split("Span #").skip(1);
        let fields = |block: &str| {
            let lines = block.lines().filter_map(|line| {
                let line = line.trim().trim_start_matches("-> ");
                let (name, value) = line.split_once(':')?;
                Some((name.trim().to_owned(), value.trim().to_owned()))
            });
            Shown(lines.collect())
        };
        blocks.map(fields).collect()
    }
}

impl Drop for Rotel {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// An address where nobody listens.
fn free() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address")
}

#[expect(clippy::print_stderr, reason = "a test that did not run says so")]
fn is_there() -> bool {
    let tried = Command::new(PROGRAM).arg("version").output();
    if tried.is_ok_and(|output| output.status.success()) {
        return true;
    }
    let how = "PyPI's package `rotel`, with the folder that has it in PATH";
    assert!(std::env::var_os("CI").is_none(), "{PROGRAM} is missing: install {how}");
    eprintln!("skipped: {PROGRAM} is missing ({how})");
    false
}
