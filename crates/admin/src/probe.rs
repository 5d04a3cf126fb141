//! A client for one question: the container's health check.
//!
//! A distroless image has no `curl`, so the binary asks itself. Blocking and by hand, since this runs in a
//! process of its own, every few seconds, and should start no runtime. It speaks HTTP/1.0, so that the answer
//! ends with the connection and comes in no chunks.

use std::io::{Error, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// The longest answer that is read, in bytes.
const ANSWER_LIMIT: usize = 64 * 1024;

/// Asks `address` for `path` and returns the status and the body, the latter cut at 64 KiB. The whole
/// takes no longer than `timeout`. Blocks the thread.
///
/// # Errors
/// If the connection cannot be made, the time is over, the answer is not HTTP, or `path` is no path.
pub fn probe(address: SocketAddr, path: &str, timeout: Duration) -> Result<(u16, String), Error> {
    if !path.starts_with('/') || !path.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Error::new(ErrorKind::InvalidInput, format!("not a path: {path:?}")));
    }
    let begun = Instant::now();
    let left = || match timeout.saturating_sub(begun.elapsed()) {
        Duration::ZERO => Err(Error::from(ErrorKind::TimedOut)),
        left => Ok(left),
    };
    let mut stream = TcpStream::connect_timeout(&address, left()?)?;
    stream.set_write_timeout(Some(left()?))?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").map_err(timed_out)?;

    let mut answer = Vec::new();
    let mut chunk = [0; 4096];
    while answer.len() < ANSWER_LIMIT {
        stream.set_read_timeout(Some(left()?))?;
        match stream.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => answer.extend_from_slice(&chunk[..count]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(timed_out(error)),
        }
    }
    parse(&answer).ok_or_else(|| Error::new(ErrorKind::InvalidData, "the answer is not HTTP"))
}

/// A socket's timeout is reported as "would block" on Unix.
fn timed_out(error: Error) -> Error {
    match error.kind() {
        ErrorKind::WouldBlock => Error::from(ErrorKind::TimedOut),
        _ => error,
    }
}

fn parse(answer: &[u8]) -> Option<(u16, String)> {
    let text = String::from_utf8_lossy(answer);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut status_line = head.lines().next()?.split(' ');
    let version = status_line.next()?;
    let status = status_line.next()?.parse().ok()?;
    version.starts_with("HTTP/1.").then(|| (status, body.to_owned()))
}
