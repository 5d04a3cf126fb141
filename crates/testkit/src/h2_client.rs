//! A client of HTTP/2 over cleartext TCP, with prior knowledge.
//!
//! A library does the protocol: what a client that keeps the rules sees is what is asked here. It hides
//! as little as [`Client`](crate::Client) does: interim answers, trailers, and how an answer ended. What
//! no library would send is written by hand in [`raw`].
//!
//! Windows are given back only as a test reads, so that it can be a client that does not.

pub mod raw;

use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{RecvStream, SendStream};
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};

use crate::wire::{self, Headers};
use crate::{ClientError, Interim};

/// How long a client waits for the end of an answer unless told otherwise.
const PATIENCE: Duration = Duration::from_secs(10);

/// How much a client lets come before it has read anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Windows {
    /// Bytes of each stream.
    pub stream: u32,
    /// Bytes of the connection, 65535 at least.
    pub connection: u32,
}

impl Default for Windows {
    /// Those that the protocol begins with.
    fn default() -> Self {
        Self { stream: 65_535, connection: 65_535 }
    }
}

/// One connection, for any number of requests beside each other. When the last clone is dropped, so is
/// the connection.
#[derive(Debug, Clone)]
pub struct H2Client {
    send: SendRequest<Bytes>,
    peer: SocketAddr,
    task: Arc<Task>,
}

/// What drives the connection.
#[derive(Debug)]
struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// How an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum H2End {
    /// As it should.
    Complete,
    /// RST_STREAM with this code (RFC 9113, section 7).
    Reset(u32),
    /// GOAWAY with this code, below this stream.
    GoAway(u32),
    /// With its connection.
    Closed,
    /// Nothing more came before the client's deadline.
    Stalled,
}

/// An answer, complete or not.
#[derive(Debug, Clone)]
pub struct H2Response {
    /// The status; zero if none came.
    pub status: u16,
    /// The header's fields in order, with duplicates.
    pub headers: Headers,
    /// The content as far as it came.
    pub body: Vec<u8>,
    /// The trailers, if there were any.
    pub trailers: Option<Headers>,
    /// What came before, in order.
    pub interim: Vec<Interim>,
    /// How it ended.
    pub end: H2End,
}

/// A request under way.
#[derive(Debug)]
pub struct H2Stream {
    send: SendStream<Bytes>,
    incoming: Incoming,
}

/// What comes of an answer, bit by bit.
#[derive(Debug)]
enum Incoming {
    Awaited(ResponseFuture),
    Body(RecvStream),
    Over,
}

impl H2Client {
    /// Connects, with the windows that the protocol begins with.
    pub async fn connect(addr: SocketAddr) -> Result<Self, ClientError> {
        Self::connect_with(addr, Windows::default()).await
    }

    /// Connects, with these windows.
    pub async fn connect_with(addr: SocketAddr, windows: Windows) -> Result<Self, ClientError> {
        let stream = TcpStream::connect(addr).await.map_err(ClientError::Connect)?;
        // Fails only on a socket that the peer has reset already.
        let _ = stream.set_nodelay(true);
        let mut builder = h2::client::Builder::new();
        builder
            .initial_window_size(windows.stream)
            .initial_connection_window_size(windows.connection);
        let handshake = timeout(PATIENCE, builder.handshake(stream)).await;
        let (send, connection) = handshake.map_err(|_| ClientError::TimedOut)?.map_err(no_http)?;
        // Each of its streams is told how it ended.
        let task = tokio::spawn(async move { drop(connection.await) });
        Ok(Self { send, peer: addr, task: Arc::new(Task(task)) })
    }

    /// Ends the connection, whatever is under way.
    pub fn cut(&self) {
        self.task.0.abort();
    }

    /// Whether the connection has ended.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.task.0.is_finished()
    }

    /// Begins a request, without the end of its body. Its authority is the `host` among the headers, or
    /// the address.
    pub async fn open(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
    ) -> Result<H2Stream, ClientError> {
        self.begin(method, target, headers, false).await
    }

    /// A request and its answer.
    pub async fn request(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> H2Response {
        let begun = self.begin(method, target, headers, body.is_empty()).await;
        let Ok(H2Stream { mut send, mut incoming }) = begun else {
            return H2Response::none(H2End::Closed);
        };
        let sending = async {
            if !body.is_empty() {
                // What became of it, the answer tells.
                let _ = send_all(&mut send, Bytes::copy_from_slice(body), true).await;
            }
            std::future::pending().await
        };
        tokio::select! {
            answer = incoming.whole() => answer,
            answer = sending => answer,
        }
    }

    /// [`H2Client::request`] with GET and nothing else.
    pub async fn get(&self, target: &str) -> H2Response {
        self.request("GET", target, &[], b"").await
    }

    async fn begin(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        end: bool,
    ) -> Result<H2Stream, ClientError> {
        let given = headers.iter().find(|(name, _)| *name == "host");
        let host = given.map_or_else(|| self.peer.to_string(), |(_, host)| (*host).to_owned());
        let mut request = Request::builder().method(method).uri(format!("http://{host}{target}"));
        for (name, value) in headers.iter().filter(|(name, _)| *name != "host") {
            request = request.header(*name, *value);
        }
        let request = request.body(()).map_err(no_http)?;
        let ready = timeout(PATIENCE, self.send.clone().ready()).await;
        let mut sender = ready.map_err(|_| ClientError::TimedOut)?.map_err(no_http)?;
        let (answer, send) = sender.send_request(request, end).map_err(no_http)?;
        Ok(H2Stream { send, incoming: Incoming::Awaited(answer) })
    }
}

impl H2Stream {
    /// Sends a piece of the body, as the windows allow.
    pub async fn send(&mut self, piece: impl Into<Bytes>) -> Result<(), ClientError> {
        send_all(&mut self.send, piece.into(), false).await.map_err(no_http)
    }

    /// Ends the body.
    pub fn finish(&mut self) -> Result<(), ClientError> {
        self.send.send_data(Bytes::new(), true).map_err(no_http)
    }

    /// Ends the body with trailers.
    ///
    /// # Panics
    /// If they are none.
    pub fn finish_with(&mut self, trailers: &[(&str, &str)]) -> Result<(), ClientError> {
        self.send.send_trailers(map(trailers)).map_err(no_http)
    }

    /// RST_STREAM with this code; 8 is CANCEL.
    pub fn reset(&mut self, code: u32) {
        self.send.send_reset(code.into());
    }

    /// Waits for the header of the answer; the rest is still to come.
    pub async fn head(&mut self) -> H2Response {
        timeout(PATIENCE, self.incoming.head()).await.unwrap_or(H2Response::none(H2End::Stalled))
    }

    /// The next piece of the answer's body, whose window is given back; empty at its end.
    pub async fn read(&mut self) -> Result<Bytes, H2End> {
        let piece = timeout(PATIENCE, self.incoming.piece()).await;
        piece.unwrap_or(Err(H2End::Stalled)).map(Option::unwrap_or_default)
    }

    /// Reads the whole answer, or what is left of it.
    pub async fn answer(&mut self) -> H2Response {
        self.incoming.whole().await
    }
}

impl Incoming {
    async fn head(&mut self) -> H2Response {
        let Self::Awaited(answer) = self else { return H2Response::none(H2End::Complete) };
        let mut interim = Vec::new();
        while let Some(Ok(next)) = poll_fn(|cx| answer.poll_informational(cx)).await {
            interim
                .push(Interim { status: next.status().as_u16(), headers: owned(next.headers()) });
        }
        match answer.await {
            Ok(head) => {
                let (status, headers) = (head.status().as_u16(), owned(head.headers()));
                *self = Self::Body(head.into_body());
                H2Response { status, headers, interim, ..H2Response::none(H2End::Complete) }
            }
            Err(error) => {
                *self = Self::Over;
                H2Response { interim, ..H2Response::none(H2End::of(&error)) }
            }
        }
    }

    /// The next of the body that is not empty.
    async fn piece(&mut self) -> Result<Option<Bytes>, H2End> {
        let Self::Body(receive) = self else { return Err(H2End::Closed) };
        while let Some(piece) = receive.data().await {
            let piece = piece.map_err(|error| H2End::of(&error))?;
            // Fails only on a stream that has ended.
            let _ = receive.flow_control().release_capacity(piece.len());
            if !piece.is_empty() {
                return Ok(Some(piece));
            }
        }
        Ok(None)
    }

    async fn whole(&mut self) -> H2Response {
        let deadline = Instant::now() + PATIENCE;
        let head = timeout_at(deadline, self.head()).await;
        let mut answer = head.unwrap_or(H2Response::none(H2End::Stalled));
        while answer.end == H2End::Complete {
            let piece = timeout_at(deadline, self.piece()).await;
            match piece.unwrap_or(Err(H2End::Stalled)) {
                Ok(None) => break,
                Ok(Some(piece)) => answer.body.extend_from_slice(&piece),
                Err(end) => answer.end = end,
            }
        }
        if let (Self::Body(receive), H2End::Complete) = (self, answer.end) {
            match timeout_at(deadline, receive.trailers()).await {
                Ok(Ok(trailers)) => answer.trailers = trailers.as_ref().map(owned),
                Ok(Err(error)) => answer.end = H2End::of(&error),
                Err(_) => answer.end = H2End::Stalled,
            }
        }
        answer
    }
}

impl H2End {
    fn of(error: &h2::Error) -> Self {
        let code = error.reason().map_or(0, u32::from);
        match error {
            _ if error.is_reset() => Self::Reset(code),
            _ if error.is_go_away() => Self::GoAway(code),
            _ => Self::Closed,
        }
    }
}

impl H2Response {
    /// No answer, and why.
    fn none(end: H2End) -> Self {
        let (headers, body, interim) = (Vec::new(), Vec::new(), Vec::new());
        Self { status: 0, headers, body, trailers: None, interim, end }
    }

    /// The first value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        wire::header(&self.headers, name)
    }

    /// The first value of a trailer.
    #[must_use]
    pub fn trailer(&self, name: &str) -> Option<&str> {
        wire::header(self.trailers.as_deref().unwrap_or_default(), name)
    }

    /// The body as text; bytes that are no UTF-8 are replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Sends all of it, as the windows allow.
pub(crate) async fn send_all(
    stream: &mut SendStream<Bytes>,
    mut piece: Bytes,
    end: bool,
) -> Result<(), h2::Error> {
    while !piece.is_empty() {
        stream.reserve_capacity(piece.len());
        let room = match poll_fn(|cx| stream.poll_capacity(cx)).await {
            Some(room) => room?,
            // The stream has ended: what became of it, whoever waits for that is told.
            None => return Err(h2::Reason::STREAM_CLOSED.into()),
        };
        let now = piece.split_to(room.min(piece.len()));
        stream.send_data(now, end && piece.is_empty())?;
    }
    Ok(())
}

/// Fields as the kit carries them.
pub(crate) fn owned(fields: &HeaderMap) -> Headers {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    fields.iter().map(|(name, value)| (name.to_string(), text(value))).collect()
}

/// Fields as the library has them.
pub(crate) fn map(fields: &[(&str, &str)]) -> HeaderMap {
    let field = |(name, value): &(&str, &str)| {
        let name = HeaderName::try_from(*name).expect("a name");
        (name, HeaderValue::try_from(*value).expect("a value"))
    };
    fields.iter().map(field).collect()
}

fn no_http(error: impl std::fmt::Display) -> ClientError {
    ClientError::Malformed(error.to_string())
}
