//! A request of HTTP/1, as Pingora may see it.
//!
//! The edge has looked at each byte of a request's head before anybody may act on it, so its fields are taken from there, where they
//! stand, and no second parser goes over them. To Pingora this is a "custom" session, as is that of HTTP/2
//! ([`super::http2_session`]): its own would copy, wrap each read and write in a timer, and know less of what it reads. The waiting
//! ends here as it does there: at the deadline of the [`Watch`], or when the client is too slow with its body.
//!
//! What the client is told of the connection is decided here, too: it is kept when the request was read to its end before its answer
//! began, both sides want that, and the answer's end can be told without it (RFC 9112, section 9.3). Pingora has no way to return
//! the stream of a session that is not its own; it goes back to the connection's loop when the session is dropped ([`Back`]).
//! An answer that has not come to its end takes the connection with it, so that its client can see that.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version, header};
use parking_lot::Mutex;
use pingora::http::{RequestHeader, ResponseHeader};
use pingora_core::protocols::Digest;
use pingora_core::protocols::http::HttpTask;
use pingora_core::protocols::http::custom::CustomMessageWrite;
use pingora_core::protocols::http::custom::server::Session;
use pingora_core::protocols::l4::socket::SocketAddr;
use pingora_core::{Error, ErrorType, OrErr, Result};
use switchback_core::plan::LimitsPlan;
use switchback_wire::{Body, Due, Framing, Head, Refusal};

use super::answer_writer::AnswerWriter;
use super::data::Places;
use super::replay::Replay;
use super::request_header::request_header;
use super::stream::ClientStream;
use super::watch::{Pace, Watch};

type Messages = Box<dyn futures_core::Stream<Item = Result<Bytes>> + Unpin + Send + Sync>;

/// The most of a body that is read at once, and of one in chunks as long as they are short.
const READ: u64 = 64 * 1024;
const READ_OF_CHUNKS: u64 = 16 * 1024;

/// The most of another protocol that is read at once.
const READ_OF_TUNNEL: usize = 16 * 1024;

/// Where the stream goes when its request is over.
#[derive(Debug, Default)]
pub(super) struct Back(Mutex<Option<Ended>>);

/// How a request has left its connection.
#[derive(Debug)]
pub(super) enum Ended {
    /// Another request may follow.
    Again(Box<ClientStream>),
    /// All was said, and nothing more is to follow.
    Close(Box<ClientStream>),
}

impl Back {
    /// The stream of the request that is over; `None`: it broke.
    pub(super) fn take(&self) -> Option<Ended> {
        self.0.lock().take()
    }
}

/// A request of HTTP/1 under a [`Watch`].
pub(super) struct Http1Session {
    /// `None` when it has been given back, which is the end.
    stream: Option<Box<ClientStream>>,
    back: Arc<Back>,
    watch: Arc<Watch>,
    digest: Arc<Digest>,
    request: RequestHeader,
    body: Body,
    pace: Pace,
    /// Whether the header says that there is no body.
    is_empty: bool,
    /// Whether the client had closed its half before the request began: it sent all its requests ahead, and waits.
    behind_end: bool,
    /// Whether it asks for another protocol, in a request that ends with its header.
    upgrade: bool,
    /// Whether the connection is kept, as far as is known.
    keep: bool,
    /// Whether the other protocol has come to its end.
    tunnel_ended: bool,
    received: usize,
    replay: Option<Replay>,
    answer: Option<Box<ResponseHeader>>,
    writer: AnswerWriter,
    drain_timeout: Option<Duration>,
}

impl Http1Session {
    /// The session of the request whose head is ahead in the stream.
    ///
    /// # Errors
    /// The stream, with a refusal: the request cannot be told to anybody.
    pub(super) fn new(
        mut stream: Box<ClientStream>,
        head: &Head,
        limits: &LimitsPlan,
        back: Arc<Back>,
    ) -> std::result::Result<Self, (Box<ClientStream>, Refusal)> {
        let bytes = stream.take_head(head);
        let Ok(request) = request_header(head, &bytes) else {
            stream.put_back(&bytes);
            return Err((stream, INVALID_TARGET));
        };
        stream.limit(limits);
        let is_empty = matches!(head.framing, Framing::None | Framing::Length(0));
        let writer = AnswerWriter::new(request.method == Method::HEAD);
        Ok(Self {
            back,
            watch: stream.watch().clone(),
            digest: stream.digest(),
            request,
            body: Body::new(head.framing),
            pace: Pace::new(limits),
            is_empty,
            behind_end: stream.is_ended(),
            upgrade: head.upgrade && is_empty,
            keep: head.persistent,
            tunnel_ended: false,
            received: 0,
            replay: None,
            answer: None,
            writer,
            drain_timeout: None,
            stream: Some(stream),
        })
    }

    /// The next of the request's body, or of what follows an upgrade.
    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>>> {
        let Some(stream) = self.stream.as_mut() else { return Poll::Ready(Ok(None)) };
        if self.writer.is_tunnel() {
            if self.tunnel_ended {
                return Poll::Ready(Ok(None));
            }
            let data = ready!(stream.poll_raw_piece(cx, READ_OF_TUNNEL)).map_err(unreadable)?;
            self.tunnel_ended = data.is_none();
            self.received += data.as_ref().map_or(0, Bytes::len);
            return Poll::Ready(Ok(data));
        }
        if self.watch.refused().is_some() {
            // What the client still sends is dropped, so that its answer is not lost in the reset that unread bytes cause.
            ready!(stream.poll_dropped(cx)).map_err(unreadable)?;
            return Poll::Ready(Err(gone("after its request was refused")));
        }
        while !self.body.is_done() {
            if stream.ahead().is_empty() {
                let most = match self.body.due() {
                    Due::Exactly(left) => left.min(READ),
                    Due::AtLeast(left) => left.clamp(READ_OF_CHUNKS, READ),
                };
                let most = usize::try_from(most).unwrap_or_default();
                let read = stream.poll_body(cx, &mut self.pace, self.body.received(), most);
                if ready!(read).map_err(unreadable)? == 0 {
                    return Poll::Ready(Err(gone("in the middle of the request's body")));
                }
            }
            let mut places = Places::None;
            let body = &mut self.body;
            let length = body.read_data(stream.ahead(), |place| places.add(place));
            let length = match length {
                Ok(length) => length,
                Err(refusal) => return Poll::Ready(Err(broken(&self.watch, refusal))),
            };
            let piece = stream.take_ahead(length);
            if let Some(refusal) = self.watch.too_long(self.body.received()) {
                return Poll::Ready(Err(broken(&self.watch, refusal)));
            }
            if let Some(data) = places.of(&piece) {
                self.received += data.len();
                if let Some(replay) = &mut self.replay {
                    replay.keep(&data);
                }
                return Poll::Ready(Ok(Some(data)));
            }
        }
        Poll::Ready(Ok(None))
    }

    /// Behind the request: until the client leaves, or the wait is over.
    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<Box<Error>> {
        let Some(stream) = self.stream.as_mut() else { return Poll::Ready(gone("before")) };
        Poll::Ready(match ready!(stream.poll_idle(cx, self.behind_end)) {
            Ok(()) => gone("before its answer was complete"),
            Err(error) => unreadable(error),
        })
    }

    /// Takes a header to be sent; one that follows a final one is dropped, if the client has that.
    fn header(&mut self, answer: Box<ResponseHeader>) {
        let final_ =
            !answer.status.is_informational() || answer.status == StatusCode::SWITCHING_PROTOCOLS;
        if !final_ && self.request.version == Version::HTTP_10 {
            // It would take it for the answer (RFC 9110, section 15.2).
            return;
        }
        self.writer.forget();
        if self.writer.has_begun() {
            return;
        }
        if final_ {
            self.keep = self.keep && self.body.is_done() && !self.watch.closes();
            let upgrade = self.upgrade && answer.version == Version::HTTP_11;
            self.keep = self.writer.begin(&answer, self.keep, upgrade);
        } else {
            self.writer.interim(&answer);
        }
        self.answer = Some(answer);
    }

    /// Takes a part of the body; what is long is sent at once.
    async fn data(&mut self, data: Bytes) -> Result<()> {
        let Some(stream) = self.stream.as_mut() else { return Ok(()) };
        self.writer.data(stream, data).await.or_err(ErrorType::WriteError, "writing the answer")
    }

    /// Sends what has been taken.
    async fn flush(&mut self) -> Result<()> {
        let Some(stream) = self.stream.as_mut() else { return Ok(()) };
        self.writer.flush(stream).await.or_err(ErrorType::WriteError, "writing the answer")
    }

    /// Takes the end of the answer. With the endpoint's end of another protocol the client's has come, too.
    fn end(&mut self) -> Result<()> {
        if self.writer.end() {
            self.tunnel_ended |= self.writer.is_tunnel();
            return Ok(());
        }
        self.keep = false;
        let why = "the answer is shorter than its header says";
        Err(Error::explain(ErrorType::ReadError, why).into_up())
    }

    async fn tasks(&mut self, tasks: Vec<HttpTask>) -> Result<bool> {
        let mut end = false;
        for task in tasks {
            end = match task {
                HttpTask::Header(answer, end) => {
                    self.header(answer);
                    end
                }
                HttpTask::Body(data, end) | HttpTask::UpgradedBody(data, end) => {
                    if let Some(data) = data {
                        self.data(data).await?;
                    }
                    end
                }
                // Those of HTTP/1 Pingora does not pass on.
                HttpTask::Trailer(_) | HttpTask::Done => true,
                HttpTask::Failed(error) => {
                    self.flush().await?;
                    return Err(error);
                }
            };
        }
        if end {
            self.end()?;
        }
        self.flush().await?;
        Ok(end || self.writer.is_done())
    }

    async fn drain(&mut self) -> Result<()> {
        while poll_fn(|cx| self.poll_data(cx)).await?.is_some() {}
        Ok(())
    }
}

impl Drop for Http1Session {
    /// Gives the stream back, if the answer has come to its end.
    fn drop(&mut self) {
        let Some(stream) = self.stream.take().filter(|_| self.writer.is_complete()) else {
            return;
        };
        let again = self.keep && self.body.is_done() && !self.watch.closes();
        let ended = if again { Ended::Again(stream) } else { Ended::Close(stream) };
        *self.back.0.lock() = Some(ended);
    }
}

/// What the head's reader lets through, and the type of a URI does not.
const INVALID_TARGET: Refusal = Refusal::bad("invalid_target", "the target is no path of a URI");

fn broken(watch: &Watch, refusal: Refusal) -> Box<Error> {
    watch.refuse(refusal);
    Error::explain(ErrorType::ReadError, refusal.details).into_down()
}

/// [`Watch::expired`] and [`Watch::refused`] say whether it was the client.
fn unreadable(error: std::io::Error) -> Box<Error> {
    Error::because(ErrorType::ReadError, "reading the client", error).into_down()
}

fn gone(when: &'static str) -> Box<Error> {
    Error::explain(ErrorType::ConnectionClosed, when).into_down()
}

#[async_trait]
impl Session for Http1Session {
    fn req_header(&self) -> &RequestHeader {
        &self.request
    }

    fn req_header_mut(&mut self) -> &mut RequestHeader {
        &mut self.request
    }

    async fn read_body_bytes(&mut self) -> Result<Option<Bytes>> {
        poll_fn(|cx| self.poll_data(cx)).await
    }

    async fn drain_request_body(&mut self) -> Result<()> {
        if self.is_body_done() {
            return Ok(());
        }
        match self.drain_timeout {
            None => self.drain().await,
            Some(patience) => {
                tokio::time::timeout(patience, self.drain()).await.unwrap_or_else(|_| {
                    Err(Error::explain(ErrorType::ReadTimedout, "the rest of the body").into_down())
                })
            }
        }
    }

    async fn write_response_header(
        &mut self,
        answer: Box<ResponseHeader>,
        _end: bool,
    ) -> Result<()> {
        self.header(answer);
        self.flush().await.map_err(Error::into_down)
    }

    async fn write_response_header_ref(
        &mut self,
        answer: &ResponseHeader,
        end: bool,
    ) -> Result<()> {
        self.write_response_header(Box::new(answer.clone()), end).await
    }

    async fn write_body(&mut self, data: Bytes, end: bool) -> Result<()> {
        self.data(data).await.map_err(Error::into_down)?;
        if end {
            self.end()?;
        }
        self.flush().await.map_err(Error::into_down)
    }

    async fn write_trailers(&mut self, _trailers: HeaderMap) -> Result<()> {
        Ok(())
    }

    async fn response_duplex_vec(&mut self, tasks: Vec<HttpTask>) -> Result<bool> {
        self.tasks(tasks).await.map_err(|error| match error.esource() {
            pingora_core::ErrorSource::Unset => error.into_down(),
            _ => error,
        })
    }

    /// The time limits are the watch's, and those of the stream.
    fn set_read_timeout(&mut self, _timeout: Option<Duration>) {}

    fn get_read_timeout(&self) -> Option<Duration> {
        None
    }

    fn set_write_timeout(&mut self, _timeout: Option<Duration>) {}

    fn get_write_timeout(&self) -> Option<Duration> {
        None
    }

    fn set_total_drain_timeout(&mut self, timeout: Option<Duration>) {
        self.drain_timeout = timeout;
    }

    fn get_total_drain_timeout(&self) -> Option<Duration> {
        self.drain_timeout
    }

    fn request_summary(&self) -> String {
        let host = self.request.headers.get(header::HOST).map(HeaderValue::as_bytes);
        format!(
            "{} {}, Host: {}",
            self.request.method,
            String::from_utf8_lossy(self.request.raw_path()),
            String::from_utf8_lossy(host.unwrap_or_default())
        )
    }

    fn response_written(&self) -> Option<&ResponseHeader> {
        self.answer.as_deref().filter(|_| !self.writer.is_held())
    }

    /// Says that nothing more is sent.
    async fn shutdown(&mut self, _code: u32, _context: &str) {
        if self.writer.is_cut_off() {
            // It would look as if the answer had come to its end.
            return;
        }
        if let Some(stream) = self.stream.as_mut() {
            stream.farewell().await;
        }
    }

    fn is_body_done(&mut self) -> bool {
        if self.writer.is_tunnel() { self.tunnel_ended } else { self.body.is_done() }
    }

    async fn finish(&mut self) -> Result<()> {
        self.end()?;
        self.flush().await
    }

    /// Also of chunks that have turned out to be none: another attempt is to end at once.
    fn is_body_empty(&mut self) -> bool {
        self.is_empty || (self.body.is_done() && self.received == 0 && !self.writer.is_tunnel())
    }

    async fn read_body_or_idle(&mut self, no_body_expected: bool) -> Result<Option<Bytes>> {
        if no_body_expected || self.is_body_done() {
            Err(poll_fn(|cx| self.poll_gone(cx)).await)
        } else {
            poll_fn(|cx| self.poll_data(cx)).await
        }
    }

    fn body_bytes_sent(&self) -> usize {
        self.writer.sent()
    }

    fn body_bytes_read(&self) -> usize {
        self.received
    }

    fn digest(&self) -> Option<&Digest> {
        Some(&self.digest)
    }

    fn digest_mut(&mut self) -> Option<&mut Digest> {
        None
    }

    fn client_addr(&self) -> Option<&SocketAddr> {
        self.digest.socket_digest.as_ref()?.peer_addr()
    }

    fn server_addr(&self) -> Option<&SocketAddr> {
        self.digest.socket_digest.as_ref()?.local_addr()
    }

    fn pseudo_raw_h1_request_header(&self) -> Bytes {
        let mut raw = BytesMut::new();
        raw.extend_from_slice(self.request.method.as_str().as_bytes());
        raw.extend_from_slice(b" ");
        raw.extend_from_slice(self.request.raw_path());
        raw.extend_from_slice(b" HTTP/1.1\r\n");
        self.request.header_to_h1_wire(&mut raw);
        raw.extend_from_slice(b"\r\n");
        raw.freeze()
    }

    fn enable_retry_buffering(&mut self) {
        if !self.is_empty {
            self.replay.get_or_insert_default();
        }
    }

    fn retry_buffer_truncated(&self) -> bool {
        self.replay.as_ref().is_some_and(Replay::is_truncated)
    }

    fn get_retry_buffer(&self) -> Option<Bytes> {
        self.replay.as_ref()?.all()
    }

    async fn finish_custom(&mut self) -> Result<()> {
        Ok(())
    }

    fn take_custom_message_reader(&mut self) -> Option<Messages> {
        None
    }

    fn restore_custom_message_reader(&mut self, _reader: Messages) -> Result<()> {
        Ok(())
    }

    fn take_custom_message_writer(&mut self) -> Option<Box<dyn CustomMessageWrite>> {
        None
    }

    fn restore_custom_message_writer(
        &mut self,
        _writer: Box<dyn CustomMessageWrite>,
    ) -> Result<()> {
        Ok(())
    }

    fn is_upgrade_req(&self) -> bool {
        self.upgrade
    }

    fn was_upgraded(&self) -> bool {
        self.writer.is_tunnel()
    }
}
