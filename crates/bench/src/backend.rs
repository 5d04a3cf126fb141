//! The endpoint behind every proxy: fixed answers, each in one write.
//!
//! It runs on the runtime of the load, so that a request changes from one to the other without a switch of threads. nginx
//! would do as well, but then there would be no measurement where it is missing, and CI would need it. It listens on
//! every address of the loopback network at one port: that makes a thousand endpoints out of one socket. Ten thousand have a
//! process for each proxy, since one has not the descriptors for the connections that all of them keep.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::Failure;
use crate::process::Process;
use crate::report::print;
use crate::scenario::{LARGE, SMALL_BODY};
use crate::wire::{content_length, head_end};

/// More than a POST is long.
const BUFFER: usize = 32 * 1024;

static SMALL_ANSWER: LazyLock<Vec<u8>> = LazyLock::new(|| answer(SMALL_BODY.to_vec()));
static LARGE_ANSWER: LazyLock<Vec<u8>> = LazyLock::new(|| answer(vec![b'x'; LARGE]));

/// Where it listens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backend {
    port: u16,
}

impl Backend {
    /// Serves until the runtime ends.
    pub(crate) async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).await?;
        let port = listener.local_addr()?.port();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // Whoever leaves in the middle is a proxy that was stopped.
                tokio::spawn(async move { serve(stream).await.ok() });
            }
        });
        Ok(Self { port })
    }

    pub(crate) fn port(self) -> u16 {
        self.port
    }

    /// Serves as a process of its own ([`Apart`]), and says where.
    pub(crate) async fn alone() -> io::Result<()> {
        let backend = Self::start().await?;
        print(&backend.port.to_string());
        std::future::pending().await
    }

    /// So many endpoints, each with an address of its own.
    pub(crate) fn endpoints(self, count: usize) -> Vec<SocketAddr> {
        let first = u32::from(Ipv4Addr::new(127, 1, 0, 1));
        (first..).take(count).map(|ip| (Ipv4Addr::from(ip), self.port).into()).collect()
    }
}

/// A backend in another process. Stopped when dropped.
pub(crate) struct Apart {
    pub(crate) backend: Backend,
    _process: Process,
    _folder: TempDir,
}

/// Until it says where it is.
const START: Duration = Duration::from_secs(20);

impl Apart {
    /// Starts this very program once more, as a backend.
    pub(crate) async fn start() -> Result<Self, Failure> {
        let folder = tempfile::tempdir()?;
        let output = folder.path().join("output");
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("backend");
        let mut process = Process::start(command, None, folder.path(), &output)?;
        let end = Instant::now() + START;
        loop {
            let said = std::fs::read_to_string(&output)?;
            if let Some(port) = said.strip_suffix('\n') {
                let backend = Backend { port: port.parse()? };
                return Ok(Self { backend, _process: process, _folder: folder });
            }
            if let Some(why) = process.ended().or((Instant::now() > end).then(String::new)) {
                return Err(format!("the backend does not start: {why}").into());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

async fn serve(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; BUFFER];
    let mut held = 0;
    loop {
        let end = loop {
            if let Some(end) = head_end(&buffer[..held]) {
                break end;
            }
            let read = stream.read(&mut buffer[held..]).await?;
            if read == 0 {
                return Ok(());
            }
            held += read;
        };
        let head = &buffer[..end];
        let answer = if head.starts_with(b"GET /large ") { &LARGE_ANSWER } else { &SMALL_ANSWER };
        // The body is read to its end first, or the next head would begin within it.
        let mut left = (end + content_length(head).unwrap_or(0)).saturating_sub(held);
        while left > 0 {
            let read = stream.read(&mut buffer).await?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            left = left.saturating_sub(read);
        }
        stream.write_all(answer).await?;
        held = 0;
    }
}

fn answer(body: Vec<u8>) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 200 OK\r\nServer: backend\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n"
    );
    [head.into_bytes(), body].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_endpoints_are_a_thousand_addresses() {
        let endpoints = Backend { port: 8080 }.endpoints(1_000);
        assert_eq!(endpoints[0], "127.1.0.1:8080".parse().expect("an address"));
        assert_eq!(endpoints[999], "127.1.3.232:8080".parse().expect("an address"));
    }
}
