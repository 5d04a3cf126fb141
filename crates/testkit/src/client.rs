//! A client that is one TCP connection and hides nothing.
//!
//! It sees what a careful client sees: how an answer's body ended, which interim answers came before,
//! whether the connection was closed or reset. It reads while it writes, because an answer may come
//! before the request is out.

pub(crate) mod response;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

use crate::wire::body::{BodyDecoder, LAST_CHUNK, chunk};
use crate::wire::{self, Headers, MAX_HEAD, has_token, header};
use response::{End, Interim, Response};

/// How long a client waits for anything unless told otherwise.
const PATIENCE: Duration = Duration::from_secs(10);

/// A request that got no answer; one that got half of one is a [`Response`] that is not complete.
#[derive(Debug)]
pub enum ClientError {
    /// No connection.
    Connect(io::Error),
    /// End of stream before a complete head; how many bytes of it had come.
    Closed(usize),
    /// A reset before a complete head; how many bytes of it had come.
    Reset(usize),
    /// Nothing, or no complete head, before the deadline.
    TimedOut,
    /// No HTTP.
    Malformed(String),
}

/// One TCP connection.
#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
    buf: BytesMut,
    peer: SocketAddr,
    patience: Duration,
    to_head: bool,
    reusable: bool,
}

impl Client {
    /// Connects; its patience is ten seconds for every step.
    pub async fn connect(addr: SocketAddr) -> Result<Self, ClientError> {
        Self::connect_within(addr, PATIENCE).await
    }

    /// Connects with another patience.
    pub async fn connect_within(addr: SocketAddr, patience: Duration) -> Result<Self, ClientError> {
        let connected = timeout(patience, TcpStream::connect(addr)).await;
        let stream = connected.map_err(|_| ClientError::TimedOut)?.map_err(ClientError::Connect)?;
        // Fails only on a socket that the peer has reset already.
        let _ = stream.set_nodelay(true);
        let buf = BytesMut::new();
        Ok(Self { stream, buf, peer: addr, patience, to_head: false, reusable: true })
    }

    /// The local address, as the gateway sees this client.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.stream.local_addr().expect("a connected socket has an address")
    }

    /// Whether another request may go over this connection: the last answer was complete and did not
    /// say otherwise, and the peer has not closed meanwhile.
    pub fn is_reusable(&mut self) -> bool {
        self.reusable && self.buf.is_empty() && !self.is_closed()
    }

    /// Whether the peer has closed or reset. Bytes that nobody asked for count as closed, too.
    pub fn is_closed(&mut self) -> bool {
        let mut byte = [0];
        match self.stream.try_read(&mut byte) {
            Ok(_) => true,
            Err(e) => e.kind() != io::ErrorKind::WouldBlock,
        }
    }

    /// Sends bytes as they are.
    pub async fn send_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.to_head = bytes.starts_with(b"HEAD ");
        let sent = timeout(self.patience, wire::send(&self.stream, bytes)).await;
        sent.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    /// Whatever arrives next, for what is no HTTP (any more); empty at the end of the stream.
    pub async fn read_raw(&mut self) -> io::Result<Vec<u8>> {
        if self.buf.is_empty() {
            let filled = timeout(self.patience, wire::fill(&self.stream, &mut self.buf)).await;
            filled.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))?;
        }
        Ok(self.buf.split().to_vec())
    }

    /// Reads until the peer closes; what came, and whether it ended with FIN.
    pub async fn read_to_end(&mut self) -> (Vec<u8>, io::Result<()>) {
        let mut all = Vec::new();
        loop {
            match self.read_raw().await {
                Ok(bytes) if bytes.is_empty() => return (all, Ok(())),
                Ok(bytes) => all.extend(bytes),
                Err(e) => return (all, Err(e)),
            }
        }
    }

    /// Ends the connection with FIN.
    pub fn close(self) {
        wire::close(self.stream);
    }

    /// Ends the connection with RST.
    pub fn reset(self) {
        wire::reset(self.stream);
    }

    /// A request and its answer. `Host` is added unless given; so is `Content-Length` with a body, and
    /// with POST, PUT and PATCH. With `Transfer-Encoding: chunked` given, the body goes in chunks.
    pub async fn request(
        &mut self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Response, ClientError> {
        let bytes = self.encode(method, target, headers, body);
        self.to_head = method == "HEAD";
        let deadline = Instant::now() + self.patience;
        let (mut buf, to_head) = (std::mem::take(&mut self.buf), self.to_head);
        let reading = read_answer(&self.stream, &mut buf, to_head, deadline);
        let (answer, sent) = {
            tokio::pin!(reading);
            tokio::select! {
                biased;
                // A failed write says less than what can still be read.
                sent = wire::send(&self.stream, &bytes) => (reading.await, sent.map_err(|e| e.kind())),
                answer = &mut reading => (answer, Err(io::ErrorKind::Interrupted)),
            }
        };
        self.buf = buf;
        self.reusable = sent.is_ok() && answer.as_ref().is_ok_and(reuses);
        if sent == Err(io::ErrorKind::ConnectionReset) { seen_as_reset(answer) } else { answer }
    }

    /// [`Client::request`] with GET and nothing else.
    pub async fn get(&mut self, target: &str) -> Result<Response, ClientError> {
        self.request("GET", target, &[], b"").await
    }

    /// The next answer, to something that was sent by [`Client::send_raw`].
    pub async fn read_response(&mut self, within: Duration) -> Result<Response, ClientError> {
        let deadline = Instant::now() + within;
        let answer = read_answer(&self.stream, &mut self.buf, self.to_head, deadline).await;
        self.reusable = answer.as_ref().is_ok_and(reuses);
        answer
    }

    /// The bytes of [`Client::request`].
    pub(crate) fn encode(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Vec<u8> {
        let given: Headers =
            headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let mut head = format!("{method} {target} HTTP/1.1\r\n");
        if header(&given, "host").is_none() {
            head += &format!("host: {}\r\n", self.peer);
        }
        for (name, value) in &given {
            head += &format!("{name}: {value}\r\n");
        }
        let chunked = has_token(&given, "transfer-encoding", "chunked");
        let wants = !body.is_empty() || matches!(method, "POST" | "PUT" | "PATCH");
        if wants && !chunked && header(&given, "content-length").is_none() {
            head += &format!("content-length: {}\r\n", body.len());
        }
        let mut bytes = (head + "\r\n").into_bytes();
        if chunked {
            body.chunks(16 * 1024).for_each(|piece| bytes.extend(chunk(piece)));
            bytes.extend_from_slice(LAST_CHUNK);
        } else {
            bytes.extend_from_slice(body);
        }
        bytes
    }
}

fn reuses(answer: &Response) -> bool {
    answer.complete
        && answer.end != End::Close
        && !has_token(&answer.headers, "connection", "close")
}

/// The kernel reports a reset once. When the write got it, the read saw a mere end of stream.
fn seen_as_reset(answer: Result<Response, ClientError>) -> Result<Response, ClientError> {
    match answer {
        Err(ClientError::Closed(n)) => Err(ClientError::Reset(n)),
        Ok(answer) if matches!(answer.end, End::Close | End::CutOff) => {
            Ok(Response { end: End::Reset, complete: false, ..answer })
        }
        other => other,
    }
}

/// Reads interim answers, the head, and the body as far as it comes.
async fn read_answer(
    stream: &TcpStream,
    buf: &mut BytesMut,
    to_head: bool,
    deadline: Instant,
) -> Result<Response, ClientError> {
    let mut interim = Vec::new();
    let (status, headers) = loop {
        let (status, headers) = read_head(stream, buf, deadline).await?;
        if !(100..200).contains(&status) || status == 101 {
            break (status, headers);
        }
        interim.push(Interim { status, headers });
    };
    let malformed = |e: wire::body::Malformed| ClientError::Malformed(e.0);
    let mut decoder = BodyDecoder::of_answer(status, to_head, &headers).map_err(malformed)?;
    let framing = decoder;
    let mut body = Vec::new();
    let end = loop {
        if decoder.decode(buf, &mut body, usize::MAX).is_err() {
            break End::Malformed;
        }
        if decoder.is_done() {
            break End::of(framing);
        }
        match timeout_at(deadline, wire::fill(stream, buf)).await {
            Err(_) => break End::Stalled,
            Ok(Err(_)) => break End::Reset,
            Ok(Ok(0)) if framing == BodyDecoder::UntilClose => break End::Close,
            Ok(Ok(0)) => break End::CutOff,
            Ok(Ok(_)) => {}
        }
    };
    Ok(Response { status, headers, body, interim, complete: end.is_clean(), end })
}

async fn read_head(
    stream: &TcpStream,
    buf: &mut BytesMut,
    deadline: Instant,
) -> Result<(u16, Headers), ClientError> {
    loop {
        let mut headers = [httparse::EMPTY_HEADER; 256];
        let mut parsed = httparse::Response::new(&mut headers);
        match parsed.parse(buf) {
            Ok(httparse::Status::Complete(len)) => {
                let head = (parsed.code.unwrap_or_default(), wire::owned(parsed.headers));
                buf.advance(len);
                return Ok(head);
            }
            Ok(httparse::Status::Partial) if buf.len() < MAX_HEAD => {}
            Ok(_) => return Err(ClientError::Malformed("the head is too long".into())),
            Err(e) => return Err(ClientError::Malformed(e.to_string())),
        }
        match timeout_at(deadline, wire::fill(stream, buf)).await {
            Err(_) => return Err(ClientError::TimedOut),
            Ok(Err(_)) => return Err(ClientError::Reset(buf.len())),
            Ok(Ok(0)) => return Err(ClientError::Closed(buf.len())),
            Ok(Ok(_)) => {}
        }
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(e) => write!(f, "no connection: {e}"),
            Self::Closed(0) => write!(f, "closed before any byte of an answer"),
            Self::Closed(n) => write!(f, "closed after {n} bytes of an answer's head"),
            Self::Reset(0) => write!(f, "reset before any byte of an answer"),
            Self::Reset(n) => write!(f, "reset after {n} bytes of an answer's head"),
            Self::TimedOut => write!(f, "no answer in time"),
            Self::Malformed(what) => write!(f, "no HTTP: {what}"),
        }
    }
}

impl std::error::Error for ClientError {}
