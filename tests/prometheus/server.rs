//! A Prometheus, as Debian has it, on a port of its own.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;
use switchback_testkit::Client;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// How long it may take to begin.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running Prometheus; it ends with the test.
#[derive(Debug)]
pub(crate) struct Prometheus {
    process: Child,
    address: SocketAddr,
    _dir: tempfile::TempDir,
}

impl Prometheus {
    /// Starts it with these targets, each a job of its own, and these rules.
    pub(crate) fn start(jobs: &[(&str, SocketAddr)], rules: &Path) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let mut config =
            String::from("global: { scrape_interval: 200ms, evaluation_interval: 500ms }\n");
        config += &format!("rule_files: [ {} ]\nscrape_configs:\n", rules.display());
        for (job, target) in jobs {
            config += &format!(
                "  - {{ job_name: {job}, scrape_timeout: 200ms, static_configs: [ {{ targets: [ '{target}' ] }} ] }}\n"
            );
        }
        let file = dir.path().join("prometheus.yml");
        std::fs::write(&file, config).expect("written");
        let mut process = Command::new("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", dir.path().join("data").display()))
            .args(["--web.listen-address=127.0.0.1:0", "--log.format=json"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it runs");
        let address = listening(process.stderr.take().expect("its log"));
        Self { process, address, _dir: dir }
    }

    /// What its API answers.
    ///
    /// # Panics
    /// If that is no success.
    pub(crate) async fn api(&self, path: &str, parameters: &[(&str, &str)]) -> Value {
        let parameters =
            parameters.iter().map(|(name, value)| format!("{name}={}", encoded(value)));
        let target = format!("/api/v1/{path}?{}", parameters.collect::<Vec<_>>().join("&"));
        let mut client = Client::connect(self.address).await.expect("Prometheus");
        let answer = client.get(&target).await.unwrap_or_else(|error| panic!("{target}: {error}"));
        let mut answer = answer.json();
        assert_eq!(answer["status"], "success", "{target}: {answer}");
        answer["data"].take()
    }

    /// The values that an expression has now, each with its labels.
    pub(crate) async fn query(&self, expression: &str) -> Vec<(Value, f64)> {
        let data = self.api("query", &[("query", expression)]).await;
        let result = data["result"].as_array().expect("a vector").iter();
        result
            .map(|it| {
                let value = it["value"][1].as_str().and_then(|value| value.parse().ok());
                (it["metric"].clone(), value.expect("a number"))
            })
            .collect()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The address that it says, and reads what else it has to say so that it is never kept waiting.
fn listening(log: impl std::io::Read + Send + 'static) -> SocketAddr {
    let (found, address) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(log).lines().map_while(Result::ok) {
            let Ok(line) = serde_json::from_str::<Value>(&line) else { continue };
            if line["msg"] == "Listening on" {
                let address = line["address"].as_str().and_then(|it| it.parse().ok());
                let _ = found.send(address.unwrap_or_else(|| panic!("{line}")));
            }
        }
    });
    address.recv_timeout(PATIENCE).expect("Prometheus listens")
}

fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect()
}

/// Stands before `to` and asks it for the older format whatever it is asked for, as a Prometheus does that is
/// configured to (`scrape_protocols`, which Debian's does not have yet); gives its address, and what was asked.
pub(crate) async fn asking_for_text(to: SocketAddr) -> (SocketAddr, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    let (asked, all) = mpsc::channel();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            // A scrape that is given up is none of ours.
            tokio::spawn(relayed(client, to, asked.clone()));
        }
    });
    (address, all)
}

async fn relayed(mut client: TcpStream, to: SocketAddr, asked: mpsc::Sender<String>) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?;
    let accept = |line: &&str| line.to_ascii_lowercase().starts_with("accept:");
    let _ = asked.send(head.lines().find(accept)?.to_owned());
    let mut server = TcpStream::connect(to).await.ok()?;
    let mut sent: String = head
        .lines()
        .filter(|line| !line.is_empty() && !accept(line))
        .fold(String::new(), |text, line| text + line + "\r\n");
    sent += "Accept: text/plain;version=0.0.4;q=1,*/*;q=0.1\r\nConnection: close\r\n\r\n";
    server.write_all(sent.as_bytes()).await.ok()?;
    tokio::io::copy(&mut server, &mut client).await.ok()?;
    client.shutdown().await.ok()
}
