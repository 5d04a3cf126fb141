//! How a command reaches the admin listener of a running gateway, and what it asks there.
//!
//! Blocking and by hand: it runs in a process of its own for one question or a few, and should start no
//! runtime. [`fetch`](crate::fetch()) is for whole answers, [`probe`](crate::probe()) for a health check.

use std::fmt;
use std::io::{Error, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Where an admin listener is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// At a TCP address.
    Tcp(SocketAddr),
    /// At a Unix socket.
    Unix(PathBuf),
}

impl FromStr for Address {
    type Err = String;

    /// What has a `/` in it is the path of a Unix socket.
    fn from_str(text: &str) -> Result<Self, String> {
        if text.contains('/') {
            return Ok(Self::Unix(text.into()));
        }
        text.parse().map(Self::Tcp).map_err(|_| {
            "write an address with its port, such as 127.0.0.1:9900, or the path of a Unix socket, \
             with a `/` in it"
                .to_owned()
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => path.display().fmt(f),
        }
    }
}

impl Address {
    /// What stands in `Host`. Nobody has to be told how a socket is called that he opened by its path.
    pub(crate) fn host(&self) -> String {
        match self {
            Self::Tcp(address) => address.to_string(),
            Self::Unix(_) => "localhost".to_owned(),
        }
    }
}

/// What is asked.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The method.
    pub method: &'static str,
    /// The path, and the query if there is one.
    pub path: &'a str,
    /// JSON to be sent.
    pub body: Option<&'a str>,
    /// What is shown to be let in.
    pub token: Option<&'a str>,
}

impl<'a> Request<'a> {
    /// GET, without a token.
    pub fn get(path: &'a str) -> Self {
        Self { method: "GET", path, body: None, token: None }
    }

    /// As it is sent, up to the end.
    pub(crate) fn text(&self, host: &str, version: &str) -> Result<String, Error> {
        let Self { method, path, body, token } = self;
        if !path.starts_with('/') || !path.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::new(ErrorKind::InvalidInput, format!("not a path: {path:?}")));
        }
        let mut text =
            format!("{method} {path} {version}\r\nHost: {host}\r\nConnection: close\r\n");
        if let Some(token) = token {
            if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
                // The token itself is in no message.
                let why = "a token has visible ASCII characters alone, and one at least";
                return Err(Error::new(ErrorKind::InvalidInput, why));
            }
            text.push_str(&format!("Authorization: Bearer {token}\r\n"));
        }
        if let Some(body) = body {
            let length = body.len();
            text.push_str(&format!(
                "Content-Type: application/json\r\nContent-Length: {length}\r\n"
            ));
        }
        text.push_str("\r\n");
        text.push_str(body.unwrap_or_default());
        Ok(text)
    }
}

impl fmt::Debug for Request<'_> {
    /// Without the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Request({} {})", self.method, self.path)
    }
}

/// A connection that is read within a time.
#[derive(Debug)]
pub(crate) struct Timed {
    stream: Stream,
    begun: Instant,
    timeout: Duration,
}

#[derive(Debug)]
enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Timed {
    /// Connects and sends a request.
    pub(crate) fn ask(at: &Address, request: &str, timeout: Duration) -> Result<Self, Error> {
        let begun = Instant::now();
        let stream = match at {
            Address::Tcp(address) => Stream::Tcp(TcpStream::connect_timeout(address, timeout)?),
            Address::Unix(path) => Stream::Unix(unix(path, timeout)?),
        };
        let mut timed = Self { stream, begun, timeout };
        let left = Some(timed.left()?);
        match &mut timed.stream {
            Stream::Tcp(stream) => {
                stream.set_write_timeout(left)?;
                stream.write_all(request.as_bytes())
            }
            Stream::Unix(stream) => {
                stream.set_write_timeout(left)?;
                stream.write_all(request.as_bytes())
            }
        }
        .map_err(timed_out)?;
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
        let left = Some(self.left()?);
        match &mut self.stream {
            Stream::Tcp(stream) => {
                stream.set_read_timeout(left)?;
                stream.read(into)
            }
            Stream::Unix(stream) => {
                stream.set_read_timeout(left)?;
                stream.read(into)
            }
        }
        .map_err(timed_out)
    }
}

/// Connects in time: where the queue of the socket is full, the call itself would wait for ever. Then the
/// thread is left to end with the process.
fn unix(path: &Path, timeout: Duration) -> Result<UnixStream, Error> {
    let (done, connected) = mpsc::channel();
    let path = path.to_owned();
    std::thread::spawn(move || done.send(UnixStream::connect(path)));
    connected.recv_timeout(timeout).unwrap_or_else(|_| Err(Error::from(ErrorKind::TimedOut)))
}

/// A socket's timeout is reported as "would block" on Unix.
fn timed_out(error: Error) -> Error {
    match error.kind() {
        ErrorKind::WouldBlock => Error::from(ErrorKind::TimedOut),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_of_tcp_or_a_path() {
        let tcp = Address::Tcp(([127, 0, 0, 1], 9900).into());
        assert_eq!("127.0.0.1:9900".parse(), Ok(tcp));
        for path in ["/run/switchback.sock", "./admin"] {
            assert_eq!(path.parse(), Ok(Address::Unix(path.into())));
            assert_eq!(Address::Unix(path.into()).to_string(), path);
        }
        for wrong in ["", "localhost", "localhost:9900", "127.0.0.1", "admin.sock"] {
            let said = wrong.parse::<Address>().unwrap_err();
            assert!(said.contains("127.0.0.1:9900"), "{said}");
        }
    }

    #[test]
    fn a_request_has_its_body_and_its_token() {
        let request = Request {
            method: "PUT",
            path: "/x?force=true",
            body: Some(r#"{"weight":5}"#),
            token: Some("secret"),
        };
        assert_eq!(
            request.text("localhost", "HTTP/1.1").unwrap(),
            "PUT /x?force=true HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Authorization: Bearer secret\r\nContent-Type: application/json\r\n\
             Content-Length: 12\r\n\r\n{\"weight\":5}"
        );
        assert!(!format!("{request:?}").contains("secret"));
    }

    #[test]
    fn nothing_can_be_smuggled_into_a_request() {
        for path in ["x", "/a b", "/a\r\nHost: y", "/é", ""] {
            assert!(Request::get(path).text("h", "HTTP/1.1").is_err(), "{path:?}");
        }
        for token in ["", "a b", "a\r\nX: y", "é"] {
            let request = Request { token: Some(token), ..Request::get("/") };
            assert!(request.text("h", "HTTP/1.1").is_err(), "{token:?}");
        }
    }
}
