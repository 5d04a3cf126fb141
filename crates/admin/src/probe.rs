//! A client for one question: the container's health check.
//!
//! A distroless image has no `curl`, so the binary asks itself. Blocking and by hand, since this runs in a
//! process of its own, every few seconds, and should start no runtime. It speaks HTTP/1.0, so that the answer
//! ends with the connection and comes in no chunks. What must be whole to be of use, and may be large, is
//! [`fetch`](crate::fetch())ed.

use std::io::{Error, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// The longest answer that is read, in bytes.
const ANSWER_LIMIT: u64 = 64 * 1024;

/// Asks `address` for `path` and returns the status and the body, the latter cut at 64 KiB. The whole
/// takes no longer than `timeout`. Blocks the thread.
///
/// # Errors
/// If the connection cannot be made, the time is over, the answer is not HTTP, or `path` is no path.
pub fn probe(address: SocketAddr, path: &str, timeout: Duration) -> Result<(u16, String), Error> {
    let request = format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n");
    let stream = Timed::ask(address, path, &request, timeout)?;
    let mut answer = Vec::new();
    stream.take(ANSWER_LIMIT).read_to_end(&mut answer)?;
    parse(&answer).ok_or_else(not_http)
}

/// A connection that is read within a time.
#[derive(Debug)]
pub(crate) struct Timed {
    stream: TcpStream,
    begun: Instant,
    timeout: Duration,
}

impl Timed {
    /// Connects and sends a request for `path`.
    pub(crate) fn ask(
        address: SocketAddr,
        path: &str,
        request: &str,
        timeout: Duration,
    ) -> Result<Self, Error> {
        if !path.starts_with('/') || !path.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::new(ErrorKind::InvalidInput, format!("not a path: {path:?}")));
        }
        let begun = Instant::now();
        let stream = TcpStream::connect_timeout(&address, timeout)?;
        let mut timed = Self { stream, begun, timeout };
        timed.stream.set_write_timeout(Some(timed.left()?))?;
        timed.stream.write_all(request.as_bytes()).map_err(timed_out)?;
        Ok(timed)
    }

    fn left(&self) -> Result<Duration, Error> {
        match self.timeout.saturating_sub(self.begun.elapsed()) {
            Duration::ZERO => Err(Error::from(ErrorKind::TimedOut)),
            left => Ok(left),
        }
    }
}

impl Read for Timed {
    fn read(&mut self, into: &mut [u8]) -> Result<usize, Error> {
        self.stream.set_read_timeout(Some(self.left()?))?;
        self.stream.read(into).map_err(timed_out)
    }
}

/// A socket's timeout is reported as "would block" on Unix.
fn timed_out(error: Error) -> Error {
    match error.kind() {
        ErrorKind::WouldBlock => Error::from(ErrorKind::TimedOut),
        _ => error,
    }
}

pub(crate) fn not_http() -> Error {
    Error::new(ErrorKind::InvalidData, "the answer is not HTTP")
}

fn parse(answer: &[u8]) -> Option<(u16, String)> {
    let text = String::from_utf8_lossy(answer);
    let (head, body) = text.split_once("\r\n\r\n")?;
    Some((status(head.lines().next()?)?, body.to_owned()))
}

/// The status of an answer that begins with this line.
pub(crate) fn status(line: &str) -> Option<u16> {
    let mut words = line.split(' ');
    words.next()?.starts_with("HTTP/1.").then(|| words.next()?.parse().ok())?
}
