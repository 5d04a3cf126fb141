//! A client for a whole answer: what a command asks of a running gateway.
//!
//! What it returns is compared or parsed, so an answer that was cut off must not pass for a short one. Hence
//! HTTP/1.1 and not what a [probe](crate::probe()) speaks: the answer says how long it is, or comes in chunks
//! of which the last one says so.

use std::io::{BufRead, BufReader, Error, ErrorKind, Read};
use std::time::Duration;

use serde_json::Value;

use crate::client::{Address, Request, Timed};
use crate::probe::{not_http, status};

/// The longest line of a head, or before a chunk, in bytes.
const LINE_LIMIT: u64 = 8 * 1024;
/// The most lines of a head.
const LINES_LIMIT: usize = 100;

/// An answer, complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

/// What went wrong, as RFC 9457 has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detail {
    /// In a sentence.
    pub text: String,
    /// Whether `force` would do it all the same.
    pub may_be_forced: bool,
}

impl Answer {
    /// What it says went wrong; `None` if it is no problem detail.
    #[must_use]
    pub fn detail(&self) -> Option<Detail> {
        let body: Value = serde_json::from_slice(&self.body).ok()?;
        let text = body.get("detail")?.as_str()?.to_owned();
        let may_be_forced = body.get("may_be_forced").and_then(Value::as_bool) == Some(true);
        Some(Detail { text, may_be_forced })
    }
}

/// Asks the listener there. The whole takes no longer than `timeout`. Blocks the thread.
///
/// # Errors
/// If the connection cannot be made, the time is over, the answer is not HTTP (`InvalidData`), is cut off
/// (`UnexpectedEof`) or has more than `limit` bytes (`FileTooLarge`), or the path is no path, the token none
/// (`InvalidInput`).
pub fn fetch(
    at: &Address,
    request: &Request<'_>,
    limit: usize,
    timeout: Duration,
) -> Result<Answer, Error> {
    let request = request.text(&at.host(), "HTTP/1.1")?;
    read(BufReader::new(Timed::ask(at, &request, timeout)?), limit)
}

fn read(mut stream: impl BufRead, limit: usize) -> Result<Answer, Error> {
    let status = status(&line(&mut stream)?).ok_or_else(not_http)?;
    let (mut length, mut is_chunked) = (None, false);
    for count in 0.. {
        let line = line(&mut stream)?;
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').ok_or_else(not_http)?;
        let value = value.trim();
        if count == LINES_LIMIT {
            return Err(not_http());
        } else if name.eq_ignore_ascii_case("content-length") {
            length = Some(value.parse::<usize>().map_err(|_| not_http())?);
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            is_chunked = value.eq_ignore_ascii_case("chunked");
        }
    }
    let mut body = Vec::new();
    match length {
        // They have no body, whatever their header says (RFC 9112, section 6.3).
        _ if matches!(status, 204 | 304) => {}
        _ if is_chunked => loop {
            let size = line(&mut stream)?;
            let size = size.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(size, 16).map_err(|_| not_http())?;
            if size == 0 {
                break;
            }
            exactly(&mut stream, size, limit, &mut body)?;
            if !line(&mut stream)?.is_empty() {
                return Err(not_http());
            }
        },
        Some(length) => exactly(&mut stream, length, limit, &mut body)?,
        None => {
            let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
            stream.take(most).read_to_end(&mut body)?;
            if body.len() > limit {
                return Err(too_large(limit));
            }
        }
    }
    Ok(Answer { status, body })
}

/// Reads so many bytes.
fn exactly(
    stream: &mut impl BufRead,
    size: usize,
    limit: usize,
    body: &mut Vec<u8>,
) -> Result<(), Error> {
    if size > limit.saturating_sub(body.len()) {
        return Err(too_large(limit));
    }
    let wanted = body.len() + size;
    stream.by_ref().take(u64::try_from(size).unwrap_or(u64::MAX)).read_to_end(body)?;
    if body.len() == wanted { Ok(()) } else { Err(cut_off()) }
}

/// A line without its end.
fn line(stream: &mut impl BufRead) -> Result<String, Error> {
    let mut line = Vec::new();
    stream.by_ref().take(LINE_LIMIT).read_until(b'\n', &mut line)?;
    match line.strip_suffix(b"\n") {
        Some(line) => {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            String::from_utf8(line.to_vec()).map_err(|_| not_http())
        }
        None if u64::try_from(line.len()).is_ok_and(|length| length < LINE_LIMIT) => Err(cut_off()),
        None => Err(not_http()),
    }
}

fn too_large(limit: usize) -> Error {
    Error::new(ErrorKind::FileTooLarge, format!("the answer has more than {limit} bytes"))
}

fn cut_off() -> Error {
    Error::new(ErrorKind::UnexpectedEof, "the answer was cut off")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(answer: &str) -> Result<(u16, String), ErrorKind> {
        let answer = read(answer.as_bytes(), 10).map_err(|error| error.kind())?;
        Ok((answer.status, String::from_utf8(answer.body).unwrap()))
    }

    #[test]
    fn a_whole_answer_is_read_however_it_is_framed() {
        for (answer, status, body) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello and more", 200, "hello"),
            ("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n", 404, ""),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n",
                200,
                "hello",
            ),
            ("HTTP/1.0 200 OK\r\n\r\nhello", 200, "hello"),
            ("HTTP/1.1 204 No Content\r\n\r\nnever read", 204, ""),
        ] {
            assert_eq!(of(answer), Ok((status, body.to_owned())), "{answer}");
        }
    }

    #[test]
    fn what_is_cut_off_too_large_or_no_http_is_an_error() {
        use ErrorKind::{FileTooLarge, InvalidData, UnexpectedEof};
        for (answer, wanted) in [
            ("", UnexpectedEof),
            ("HTTP/1.1 200 OK\r\nContent-Len", UnexpectedEof),
            ("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello", UnexpectedEof),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", UnexpectedEof),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", InvalidData),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n", InvalidData),
            ("HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello", FileTooLarge),
            ("HTTP/1.1 200 OK\r\n\r\nhello world", FileTooLarge),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nhello \r\n6\r\nworld!\r\n",
                FileTooLarge,
            ),
            ("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", InvalidData),
            ("220 mail.example.com ESMTP\r\n\r\n", InvalidData),
        ] {
            assert_eq!(of(answer), Err(wanted), "{answer}");
        }
    }

    #[test]
    fn what_went_wrong_is_read_from_problem_details() {
        let answer = |body: &str| Answer { status: 409, body: body.into() };
        let refused =
            r#"{"title":"Conflict","detail":"nobody would be left","may_be_forced":true}"#;
        let detail = answer(refused).detail().unwrap();
        assert_eq!((detail.text.as_str(), detail.may_be_forced), ("nobody would be left", true));
        assert!(!answer(r#"{"detail":"no"}"#).detail().unwrap().may_be_forced);
        for other in ["", "busy", "[]", r#"{"detail":5}"#] {
            assert_eq!(answer(other).detail(), None, "{other}");
        }
    }

    #[test]
    fn a_unix_socket_is_asked_as_tcp_is() {
        let folder = std::env::temp_dir().join(format!("switchback-fetch-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("admin");
        let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                head.push(byte[0]);
            }
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
            std::io::Write::write_all(&mut stream, answer).unwrap();
            String::from_utf8(head).unwrap()
        });
        let request = Request { token: Some("t"), ..Request::get("/api/v1/status") };
        let at = Address::Unix(path);
        let answer = fetch(&at, &request, 10, Duration::from_secs(5)).unwrap();
        assert_eq!((answer.status, answer.body.as_slice()), (200, b"ok".as_slice()));
        let head = server.join().unwrap();
        assert!(head.starts_with("GET /api/v1/status HTTP/1.1\r\nHost: localhost\r\n"), "{head}");
        assert!(head.contains("\r\nAuthorization: Bearer t\r\n"), "{head}");
        let gone = Address::Unix(folder.join("gone"));
        let error = fetch(&gone, &request, 10, Duration::from_secs(5)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
