//! As much HTTP/1.1 as the demo's clients and backends speak: heads by `httparse`, bodies by
//! Content-Length, connections kept alive.
//!
//! Not Pingora's client and server, and not testkit: what shows the gateway must not share its
//! errors, and what tests it is no part of the product.

use std::io::{self, Read};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The header by which the demo knows its requests again.
pub(super) const ID: &str = "X-Demo-Id";

/// Upper bound of a head: ours are some hundred bytes.
const MAX_HEAD: usize = 16 * 1024;
const MAX_FIELDS: usize = 32;

/// One TCP connection, and what was read from it beyond the last message.
pub(super) struct Connection {
    socket: TcpStream,
    received: Vec<u8>,
}

/// A message: a request begins with its [`RequestLine`], an answer with its status.
pub(super) struct Message<S> {
    pub(super) start: S,
    pub(super) fields: Fields,
    pub(super) body: Vec<u8>,
}

/// Method and path.
pub(super) struct RequestLine {
    pub(super) method: String,
    pub(super) path: String,
}

/// The header fields that somebody here asks for.
#[derive(Default)]
pub(super) struct Fields {
    /// [`ID`].
    pub(super) id: Option<u64>,
    /// Whether the connection ends with this message.
    pub(super) close: bool,
    /// Why the gateway could not serve: the error token of Proxy-Status (RFC 9209).
    pub(super) reason: Option<String>,
    length: usize,
}

struct Head<S> {
    start: S,
    fields: Fields,
    length: usize,
}

impl Connection {
    pub(super) fn new(socket: TcpStream) -> Self {
        // Without it an answer in two writes waits for an acknowledgement; failing costs only that.
        let _ = socket.set_nodelay(true);
        Self { socket, received: Vec::new() }
    }

    /// The next request; `None` if the client has closed between two.
    pub(super) async fn request(&mut self) -> io::Result<Option<Message<RequestLine>>> {
        self.message(request_head).await
    }

    /// The answer that is due; `None` if the connection was closed before its first byte.
    pub(super) async fn answer(&mut self) -> io::Result<Option<Message<u16>>> {
        self.message(answer_head).await
    }

    pub(super) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.socket.write_all(bytes).await
    }

    /// Reads without an answer until the peer gives up.
    pub(super) async fn until_closed(&mut self) {
        let mut scrap = [0; 1024];
        while matches!(self.socket.read(&mut scrap).await, Ok(1..)) {}
    }

    /// Closes with RST, as the kernel does for a process that was killed. Tells which request's
    /// head had come by then: its sender cannot know what became of it.
    pub(super) fn reset(self) -> Option<Message<RequestLine>> {
        let Self { socket, mut received } = self;
        // Fails only on a socket that the peer has reset already.
        let _ = socket.set_zero_linger();
        // Asks the kernel: Tokio would ask itself, which hears of bytes a little later.
        let mut socket = socket.into_std().ok()?;
        // Ends with "would block"; the error keeps what was read before it.
        let _ = socket.read_to_end(&mut received);
        drop(socket);
        let head = request_head(&received).ok().flatten()?;
        Some(Message { start: head.start, fields: head.fields, body: Vec::new() })
    }

    async fn message<S>(
        &mut self,
        parse: fn(&[u8]) -> io::Result<Option<Head<S>>>,
    ) -> io::Result<Option<Message<S>>> {
        let head = loop {
            if let Some(head) = parse(&self.received)? {
                break head;
            }
            if self.received.len() > MAX_HEAD {
                return Err(invalid("a head without an end"));
            }
            if self.socket.read_buf(&mut self.received).await? == 0 {
                return match self.received.is_empty() {
                    true => Ok(None),
                    false => Err(io::ErrorKind::UnexpectedEof.into()),
                };
            }
        };
        let end = head.length + head.fields.length;
        while self.received.len() < end {
            if self.socket.read_buf(&mut self.received).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let body = self.received[head.length..end].to_vec();
        self.received.drain(..end);
        Ok(Some(Message { start: head.start, fields: head.fields, body }))
    }
}

fn request_head(bytes: &[u8]) -> io::Result<Option<Head<RequestLine>>> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut request = httparse::Request::new(&mut fields);
    let httparse::Status::Complete(length) = request.parse(bytes).map_err(invalid)? else {
        return Ok(None);
    };
    Ok(Some(Head {
        start: RequestLine {
            method: request.method.unwrap_or_default().to_owned(),
            path: request.path.unwrap_or_default().to_owned(),
        },
        fields: fields_of(request.headers)?,
        length,
    }))
}

fn answer_head(bytes: &[u8]) -> io::Result<Option<Head<u16>>> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut answer = httparse::Response::new(&mut fields);
    let httparse::Status::Complete(length) = answer.parse(bytes).map_err(invalid)? else {
        return Ok(None);
    };
    Ok(Some(Head {
        start: answer.code.unwrap_or_default(),
        fields: fields_of(answer.headers)?,
        length,
    }))
}

fn fields_of(headers: &[httparse::Header<'_>]) -> io::Result<Fields> {
    let mut fields = Fields::default();
    for header in headers {
        let value = String::from_utf8_lossy(header.value);
        match header.name.to_ascii_lowercase().as_str() {
            "content-length" => fields.length = value.parse().map_err(invalid)?,
            "connection" => fields.close = value.eq_ignore_ascii_case("close"),
            "proxy-status" => fields.reason = value.split_once("error=").map(|it| it.1.to_owned()),
            "x-demo-id" => fields.id = value.parse().ok(),
            "transfer-encoding" => return Err(invalid("a body without Content-Length")),
            _ => {}
        }
    }
    Ok(fields)
}

fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
