//! From a few lines of a test to configuration files and a process that is ready.
//!
//! Whatever a test does not write itself gets a value that suits tests: probes off (they would be
//! counted among the requests), timeouts short. A key that the test does write replaces its default.
//!
//! Should a port be taken although it is reserved, the start is repeated with others.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use super::ports::Ports;
use super::process::Process;
use super::{Gateway, StartFailure};
use crate::{Client, until};

const MAIN_FILE: &str = "switchback.yaml";

const MAIN: &[(&str, &str)] = &[
    ("listeners", "[ { address: $LISTEN } ]"),
    ("admin", "{ address: $ADMIN }"),
    ("drain", "{ delay: 0s, timeout: 5s }"),
    ("pools", "pools/*.yaml"),
];

const POOL: &[(&str, &str)] = &[
    ("balance", "round_robin"),
    ("health", "{ enabled: false }"),
    (
        "timeouts",
        "{ connect: 500ms, first_byte: 1s, idle: 1s, write: 1s, keepalive: 4s, request: 5s }",
    ),
];

/// How often a start is tried when its ports are taken.
const ATTEMPTS: usize = 5;

/// A gateway to be started.
#[derive(Debug, Clone)]
#[must_use]
pub struct GatewayBuilder {
    pools: Vec<Pool>,
    routes: Vec<String>,
    main: String,
    files: Vec<(String, Vec<u8>)>,
    env: Vec<(String, String)>,
    wait: bool,
    read: bool,
    deadline: Duration,
}

#[derive(Debug, Clone)]
struct Pool {
    name: String,
    endpoints: Vec<String>,
    yaml: String,
}

impl Default for GatewayBuilder {
    fn default() -> Self {
        Self {
            pools: Vec::new(),
            routes: Vec::new(),
            main: String::new(),
            files: Vec::new(),
            env: vec![("RUST_LOG".to_owned(), "info".to_owned())],
            wait: true,
            read: true,
            deadline: Duration::from_secs(10),
        }
    }
}

impl GatewayBuilder {
    /// Adds a pool of these endpoints.
    pub fn pool(self, name: &str, endpoints: &[SocketAddr]) -> Self {
        let endpoints: Vec<_> = endpoints.iter().map(SocketAddr::to_string).collect();
        self.pool_of(name, &endpoints)
    }

    /// Adds a pool whose endpoints are YAML, as in `{ address: 127.0.0.1:80, weight: 2 }`.
    pub fn pool_of(mut self, name: &str, endpoints: &[impl ToString]) -> Self {
        let endpoints = endpoints.iter().map(ToString::to_string).collect();
        self.pools.push(Pool { name: name.to_owned(), endpoints, yaml: String::new() });
        self
    }

    /// Adds lines to the file of the pool that was added last. A key of the defaults (`balance`,
    /// `health`, `timeouts`) or `endpoints` replaces it.
    ///
    /// # Panics
    /// Without a pool.
    pub fn pool_yaml(mut self, yaml: &str) -> Self {
        let pool = self.pools.last_mut().expect("a pool before its yaml");
        pool.yaml += &(yaml.to_owned() + "\n");
        self
    }

    /// Adds a route, as in `{ host: a.example, pool: web }`. Without any there is one, to the first pool.
    pub fn route_yaml(mut self, yaml: &str) -> Self {
        self.routes.push(yaml.trim().replace('\n', "\n    "));
        self
    }

    /// Adds lines to `switchback.yaml`; `$LISTEN`, `$ADMIN`, `$SPARE` and `$DIR` stand for the
    /// addresses and the folder. A key of the defaults (`listeners`, `admin`, `drain`, `pools`) or `routes` replaces it.
    pub fn main_yaml(mut self, yaml: &str) -> Self {
        self.main += &(yaml.to_owned() + "\n");
        self
    }

    /// Adds a file below the configuration's folder.
    pub fn file(mut self, path: &str, contents: impl Into<Vec<u8>>) -> Self {
        self.files.push((path.to_owned(), contents.into()));
        self
    }

    /// Sets an environment variable; `RUST_LOG` is `info` unless set.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Returns as soon as the process runs, without waiting for anything.
    pub fn without_waiting(self) -> Self {
        Self { wait: false, ..self }
    }

    /// Nobody reads what the process writes to stdout, until [`Gateway::read_stdout`]: a pipe takes 64 KiB.
    pub fn with_stdout_unread(self) -> Self {
        Self { read: false, ..self }
    }

    /// How long it may take to become ready; ten seconds unless set.
    pub fn deadline(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    /// Starts the binary and waits until the listener accepts and `/readyz` says 200.
    ///
    /// # Panics
    /// If that does not happen, with what the process said.
    pub async fn start(self, binary: impl AsRef<Path>) -> Gateway {
        self.try_start(binary).await.unwrap_or_else(|failure| {
            let StartFailure { status, stdout, stderr } = failure;
            panic!("the gateway did not start ({status:?})\n{stdout}\n{stderr}")
        })
    }

    /// [`GatewayBuilder::start`] for tests that expect it to fail.
    pub async fn try_start(self, binary: impl AsRef<Path>) -> Result<Gateway, StartFailure> {
        let mut attempt = 1;
        loop {
            match self.start_once(binary.as_ref()).await {
                Err(failure) if failure.port_was_taken() && attempt < ATTEMPTS => attempt += 1,
                result => return result,
            }
        }
    }

    async fn start_once(&self, binary: &Path) -> Result<Gateway, StartFailure> {
        let ports = Ports::reserve();
        let dir = TempDir::new().expect("a temporary folder");
        self.write_files(dir.path(), &ports);
        let process = self.spawn(binary, dir.path(), &[]);
        let (dir, ports) = (Arc::new(dir), Arc::new(ports));
        let gateway = Gateway { process, dir, described: self.clone(), ports };
        if self.wait { gateway.ready_within(self.deadline).await } else { Ok(gateway) }
    }

    /// Runs the configuration in a folder; processes that run the same one find each other there.
    pub(super) fn spawn(&self, binary: &Path, dir: &Path, arguments: &[&str]) -> Process {
        let mut command = Command::new(binary);
        command.arg("run").arg("-c").arg(dir.join(MAIN_FILE)).args(arguments).current_dir(dir);
        command.env_remove("RUNTIME_DIRECTORY").env("XDG_RUNTIME_DIR", dir);
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        let process = Process::spawn(command);
        if self.read {
            process.read_on();
        }
        process
    }

    fn write_files(&self, dir: &Path, ports: &Ports) {
        for (path, contents) in &self.files {
            write_file(dir, path, contents);
        }
        for pool in &self.pools {
            let text = ports.fill(&pool.text(), dir);
            write_file(dir, &pool_path(&pool.name), text.as_bytes());
        }
        write_file(dir, MAIN_FILE, ports.fill(&self.main_text(), dir).as_bytes());
    }

    /// The file of a pool, with other endpoints.
    pub(super) fn pool_text(&self, name: &str, endpoints: &[impl ToString]) -> String {
        let pool = self.pools.iter().find(|pool| pool.name == name);
        let mut pool = pool.cloned().unwrap_or_else(|| panic!("no pool {name} was described"));
        pool.endpoints = endpoints.iter().map(ToString::to_string).collect();
        pool.text()
    }

    fn main_text(&self) -> String {
        let mut routes = self.routes.clone();
        if let (true, Some(pool)) = (routes.is_empty(), self.pools.first()) {
            routes.push(format!("{{ pool: {} }}", pool.name));
        }
        let mut text = with_defaults(&self.main, MAIN);
        if !has_key(&text, "routes") && !routes.is_empty() {
            text += "routes:\n";
            routes.iter().for_each(|route| text += &format!("  - {route}\n"));
        }
        text
    }
}

impl Pool {
    fn text(&self) -> String {
        let mut text = with_defaults(&self.yaml, POOL);
        if !has_key(&text, "endpoints") {
            text += "endpoints:\n";
            self.endpoints.iter().for_each(|endpoint| text += &format!("  - {endpoint}\n"));
        }
        text
    }
}

impl Gateway {
    async fn ready_within(self, deadline: Duration) -> Result<Self, StartFailure> {
        let ready = until(deadline, async || {
            if !self.is_running() {
                return Some(false);
            }
            // A connection without a request, so that nothing is counted.
            let mut accepts = Client::connect(self.addr()).await.is_ok();
            if self.described.main.contains("$SPARE") {
                accepts &= Client::connect(self.spare_addr()).await.is_ok();
            }
            (accepts && self.is_ready().await).then_some(true)
        });
        match ready.await {
            Some(true) => Ok(self),
            _ => Err(self.failure().await),
        }
    }

    async fn failure(self) -> StartFailure {
        let status = self.process.exit_status();
        self.process.kill();
        // The pipes of a process that has ended are still being read; they end soon.
        let mut last = None;
        until(Duration::from_millis(200), async || {
            let now = Some(self.stderr().len());
            let same = last == now;
            last = now;
            (same && now != Some(0)).then_some(())
        })
        .await;
        StartFailure { status, stdout: self.stdout(), stderr: self.stderr() }
    }
}

impl StartFailure {
    fn port_was_taken(&self) -> bool {
        let said = self.stderr.to_lowercase();
        self.status.is_some() && (said.contains("in use") || said.contains("addrinuse"))
    }
}

/// The text, and each default whose key is not in it.
fn with_defaults(text: &str, defaults: &[(&str, &str)]) -> String {
    let mut all = text.to_owned();
    for (key, value) in defaults.iter().filter(|(key, _)| !has_key(text, key)) {
        writeln!(all, "{key}: {value}").expect("a string takes it");
    }
    all
}

fn has_key(text: &str, key: &str) -> bool {
    text.lines().any(|line| line.strip_prefix(key).is_some_and(|rest| rest.starts_with(':')))
}

/// Where the file of a pool is.
pub(super) fn pool_path(name: &str) -> String {
    format!("pools/{name}.yaml")
}

/// Writes a file and the folders above it, atomically.
pub(super) fn write_file(dir: &Path, path: &str, contents: &[u8]) {
    let path = dir.join(path);
    let parent = path.parent().expect("a file has a folder");
    let written = std::fs::create_dir_all(parent)
        .and_then(|()| tempfile::NamedTempFile::new_in(dir))
        .and_then(|mut file| std::io::Write::write_all(&mut file, contents).map(|()| file))
        .and_then(|file| file.persist(&path).map_err(|e| e.error));
    written.unwrap_or_else(|e| panic!("{}: {e}", path.display()));
}
