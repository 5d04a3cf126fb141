//! A handle on a real gateway: the binary as a child process, with its files in a temporary folder.
//!
//! Nothing is shared with the process but what an operator has: its files, its ports, its signals,
//! its output. Its stderr is kept and shown when the test that owns the handle panics, as that is
//! usually where the reason stands. Output is read by plain threads, so it also flows while a test
//! blocks or its runtime is busy.

pub(crate) mod builder;
pub(crate) mod metrics;
mod ports;
mod process;
pub(crate) mod watch;

use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::{Client, ClientError, Response, Signal, until};
use builder::GatewayBuilder;
use metrics::Metrics;
use ports::Ports;
use process::Process;

/// A running gateway; dropping it kills the process.
#[derive(Debug)]
pub struct Gateway {
    process: Process,
    dir: Arc<TempDir>,
    described: GatewayBuilder,
    ports: Arc<Ports>,
}

/// Why a gateway did not come up.
#[derive(Debug)]
pub struct StartFailure {
    /// How the process ended; `None` if it ran but was not ready before the deadline.
    pub status: Option<ExitStatus>,
    /// What it wrote to stdout.
    pub stdout: String,
    /// What it wrote to stderr.
    pub stderr: String,
}

impl Gateway {
    /// Describes a gateway to be started.
    pub fn builder() -> GatewayBuilder {
        GatewayBuilder::default()
    }

    /// Starts a process with the same files and addresses that takes the listeners over, and waits for
    /// nothing. The old one must be told by [`Signal::QUIT`].
    #[must_use]
    pub fn successor(&self, binary: impl AsRef<Path>) -> Self {
        let process = self.described.spawn(binary.as_ref(), self.dir(), &["--upgrade"]);
        let (dir, ports) = (Arc::clone(&self.dir), Arc::clone(&self.ports));
        Self { process, dir, described: self.described.clone(), ports }
    }

    /// Where clients connect.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.ports.listen
    }

    /// Where the admin API listens.
    #[must_use]
    pub fn admin_addr(&self) -> SocketAddr {
        self.ports.admin
    }

    /// A third address that nobody else gets, `$SPARE` in configuration: for a second listener.
    #[must_use]
    pub fn spare_addr(&self) -> SocketAddr {
        self.ports.spare
    }

    /// The folder with its configuration.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Writes a file below [`Gateway::dir`], in one step as a careful editor does (a new file,
    /// renamed). The placeholders of [`GatewayBuilder::main_yaml`] are filled in.
    pub fn write(&self, path: &str, text: &str) {
        let text = self.ports.fill(text, self.dir());
        builder::write_file(self.dir(), path, text.as_bytes());
    }

    /// Writes the file of a pool again with other endpoints (as in [`GatewayBuilder::pool_of`]) and
    /// everything else as it was described. Nobody is told: a reload is another step.
    ///
    /// # Panics
    /// If the builder had no such pool.
    pub fn write_pool(&self, name: &str, endpoints: &[impl ToString]) {
        self.write(&builder::pool_path(name), &self.described.pool_text(name, endpoints));
    }

    /// Reads a file below [`Gateway::dir`].
    #[must_use]
    pub fn read(&self, path: &str) -> String {
        let path = self.dir().join(path);
        std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    }

    /// A new client of the gateway.
    ///
    /// # Panics
    /// If it cannot connect.
    pub async fn client(&self) -> Client {
        Client::connect(self.addr()).await.unwrap_or_else(|e| panic!("the gateway: {e}"))
    }

    /// One GET over a connection of its own.
    pub async fn get(&self, target: &str) -> Result<Response, ClientError> {
        Client::connect(self.addr()).await?.get(target).await
    }

    /// One request to the admin API over a connection of its own.
    pub async fn admin(&self, method: &str, target: &str) -> Result<Response, ClientError> {
        let mut client = Client::connect(self.admin_addr()).await?;
        client.request(method, target, &[("connection", "close")], b"").await
    }

    /// Whether `/readyz` says 200 now.
    pub async fn is_ready(&self) -> bool {
        self.admin("GET", "/readyz").await.is_ok_and(|answer| answer.status == 200)
    }

    /// Everything that `/metrics` says now.
    ///
    /// # Panics
    /// If it does not answer 200, or not with all of it.
    pub async fn metrics(&self) -> Metrics {
        let answer = self.admin("GET", "/metrics").await.unwrap_or_else(|e| panic!("metrics: {e}"));
        assert_eq!(answer.status, 200, "metrics: {}", answer.text());
        assert!(answer.complete, "metrics: {:?} after {} bytes", answer.end, answer.body.len());
        Metrics::parse(&answer.text())
    }

    /// The sum of the samples of this name that carry these labels; zero if there are none.
    pub async fn metric(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.metrics().await.sum(name, labels)
    }

    /// The access log so far. Lines of stdout that are no JSON objects are left out.
    #[must_use]
    pub fn log(&self) -> Vec<Value> {
        self.process.output().log(0)
    }

    /// What came on stdout so far.
    #[must_use]
    pub fn stdout(&self) -> String {
        self.process.output().stdout()
    }

    /// Reads stdout from now on, where [`GatewayBuilder::with_stdout_unread`] has it that nobody does.
    pub fn read_stdout(&self) {
        self.process.read_on();
    }

    /// What came on stderr so far.
    #[must_use]
    pub fn stderr(&self) -> String {
        self.process.output().stderr()
    }

    /// Waits for an access log line that meets a condition.
    ///
    /// # Panics
    /// After the deadline, with the log.
    pub async fn wait_for_log(
        &self,
        mut condition: impl FnMut(&Value) -> bool,
        deadline: Duration,
    ) -> Value {
        let mut seen = 0;
        let found = until(deadline, async || {
            let new = self.process.output().log(seen);
            seen += new.len();
            new.into_iter().find(&mut condition)
        });
        found.await.unwrap_or_else(|| panic!("no such line in the log:\n{}", self.stdout()))
    }

    /// Waits up to five seconds for the access log line that has `id` in any of its values: the
    /// gateway's own request id, or one that the test has put in the path.
    ///
    /// # Panics
    /// After that, with the log.
    pub async fn log_line_for(&self, id: &str) -> Value {
        self.wait_for_log(|line| line.to_string().contains(id), Duration::from_secs(5)).await
    }

    /// Sends a signal.
    ///
    /// # Panics
    /// If the process has exited.
    pub fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// Whether the process still runs.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.process.exit_status().is_none()
    }

    /// Waits for the process to exit by itself (or by [`Gateway::signal`]).
    ///
    /// # Panics
    /// After the deadline.
    pub async fn wait_exit(&self, deadline: Duration) -> ExitStatus {
        let exited = until(deadline, async || self.process.exit_status()).await;
        exited.unwrap_or_else(|| panic!("the gateway still runs after {deadline:?}"))
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.process.kill();
        if std::thread::panicking() {
            show(&self.process);
        }
    }
}

#[expect(clippy::print_stderr, reason = "the test harness shows it under the failing test")]
fn show(process: &Process) {
    let output = process.output();
    eprintln!("--- the gateway's stderr ---\n{}", output.stderr());
    eprintln!("--- the gateway's last access log lines ---");
    let log = output.log(0);
    log.iter().skip(log.len().saturating_sub(20)).for_each(|line| eprintln!("{line}"));
    eprintln!("---");
}
