//! A client for one question: the container's health check.
//!
//! A distroless image has no `curl`, so the binary asks itself, every few seconds. It speaks HTTP/1.0, so
//! that the answer ends with the connection and comes in no chunks. What must be whole to be of use, and may
//! be large, is [`fetch`](crate::fetch())ed.

use std::io::{Error, ErrorKind, Read};
use std::time::Duration;

use crate::client::{Address, Request, Timed};

/// The longest answer that is read, in bytes.
const ANSWER_LIMIT: u64 = 64 * 1024;

/// Asks the listener there for `path` and returns the status and the body, the latter cut at 64 KiB. The
/// whole takes no longer than `timeout`. Blocks the thread.
///
/// # Errors
/// If the connection cannot be made, the time is over, the answer is not HTTP, or `path` is no path.
pub fn probe(at: &Address, path: &str, timeout: Duration) -> Result<(u16, String), Error> {
    let request = Request::get(path).text(&at.host(), "HTTP/1.0")?;
    let stream = Timed::ask(at, &request, timeout)?;
    let mut answer = Vec::new();
    stream.take(ANSWER_LIMIT).read_to_end(&mut answer)?;
    parse(&answer).ok_or_else(not_http)
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
