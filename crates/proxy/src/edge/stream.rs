//! The stream of a client, as Pingora may see it.
//!
//! Pingora parses leniently, bounds a read but not a request's head, and takes whatever follows a body
//! for its next request. So what it reads has been looked at: a head is given to it only when all of it
//! has come and is sound, a body is followed byte by byte to its end, and what lies behind that stays
//! here until the next request is wanted. While Pingora waits for an endpoint, and reads the client only
//! to notice that it leaves, the next request is read ahead, so that the [`Watch`] is kept as well for
//! clients that do not wait for their answers (RFC 9112, section 9.3.2).

use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Buf, BytesMut};
use pingora_core::protocols::raw_connect::ProxyDigest;
use pingora_core::protocols::tls::SslDigest;
use pingora_core::protocols::{
    ALPN, GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl,
    Stream, TimingDigest, UniqueID, UniqueIDType,
};
use switchback_core::Timestamp;
use switchback_core::plan::LimitsPlan;
use switchback_runtime::{Clock, Gateway};
use switchback_telemetry::Metrics;
use switchback_telemetry::metrics::Limit;
use switchback_wire::{Body, Head, Refusal};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};

use super::watch::{Pace, Timer, Watch};

/// How much of the next requests is read ahead while one is under way.
const AHEAD: usize = 16 * 1024;

/// How long saying that a connection closes may take.
const FAREWELL: Duration = Duration::from_secs(1);

/// The stream of a client.
#[derive(Debug)]
pub(crate) struct ClientStream {
    inner: Stream,
    clock: Clock,
    metrics: Arc<Metrics>,
    watch: Arc<Watch>,
    timer: Timer,
    /// What has been read and not been given on.
    ahead: BytesMut,
    /// Whether the client has closed its half, behind what is ahead.
    ended: bool,
    message: Option<Message>,
    send_timeout: Duration,
    send_timer: Timer,
    /// Until when the client must take something of what waits to be sent, and what it had taken before.
    send_by: Option<(Timestamp, Option<u64>)>,
}

/// A message of HTTP/1 on its way to Pingora.
#[derive(Debug)]
struct Message {
    /// How many bytes of its head are still to be given, all of them ahead.
    head: usize,
    body: Body,
    pace: Pace,
    /// Whether the client had closed its half before it began: it sent all its requests ahead, and waits.
    behind_end: bool,
}

impl ClientStream {
    /// A stream whose bytes pass as they are.
    pub(super) fn new(inner: Stream, gateway: &Gateway, limits: &LimitsPlan) -> Self {
        let clock = gateway.clock;
        Self {
            inner,
            clock,
            metrics: gateway.metrics.clone(),
            watch: Arc::new(Watch::new(clock)),
            timer: Timer::default(),
            ahead: BytesMut::new(),
            ended: false,
            message: None,
            send_timeout: limits.send_timeout,
            send_timer: Timer::default(),
            send_by: None,
        }
    }

    pub(super) fn watch(&self) -> &Arc<Watch> {
        &self.watch
    }

    /// What has been read and not been given on.
    pub(super) fn ahead(&self) -> &[u8] {
        &self.ahead
    }

    /// Drops what has been dealt with of what is ahead.
    pub(super) fn skip(&mut self, bytes: usize) {
        self.ahead.advance(bytes.min(self.ahead.len()));
    }

    /// Reads more; zero: there is no more.
    ///
    /// # Errors
    ///
    /// If the connection is broken, or the deadline of the watch has passed
    /// ([`io::ErrorKind::TimedOut`]).
    pub(super) async fn read_ahead(&mut self) -> io::Result<usize> {
        std::future::poll_fn(|cx| self.poll_ahead(cx)).await
    }

    /// Gives the next message to Pingora: its head, which is all ahead, and what follows of its body.
    pub(super) fn begin(&mut self, head: &Head, limits: &LimitsPlan) {
        self.skip(head.skip);
        self.send_timeout = limits.send_timeout;
        self.message = Some(Message {
            head: head.len - head.skip,
            body: Body::new(head.framing),
            pace: Pace::new(limits),
            behind_end: self.ended,
        });
    }

    /// Whether all of the message has been given, and another may follow.
    pub(super) fn end(&mut self) -> bool {
        let tunnel = self.watch.is_tunnel();
        let done = self.message.take().is_some_and(|it| it.head == 0 && it.body.is_done());
        done && !tunnel
    }

    /// Closes the connection, and over TLS says so.
    pub(super) async fn close(mut self: Box<Self>) {
        // A client that takes no farewell gets none.
        let _ = tokio::time::timeout(FAREWELL, AsyncWriteExt::shutdown(&mut self)).await;
    }

    fn poll_ahead(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.ended {
            return Poll::Ready(Ok(0));
        }
        if self.ahead.capacity() == self.ahead.len() {
            // Most heads fit into that. Below it lies a buffer of Pingora's, so more is no system call more.
            self.ahead.reserve(1024);
        }
        let read = pin!(self.inner.read_buf(&mut self.ahead)).poll(cx);
        if let Poll::Ready(read) = read {
            self.ended = matches!(read, Ok(0));
            return Poll::Ready(read);
        }
        ready!(self.watch.poll_expired(&mut self.timer, cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    /// As they come: what is ahead, then the rest.
    fn poll_raw(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if !self.ahead.is_empty() {
            let length = self.ahead.len().min(buf.remaining());
            buf.put_slice(&self.ahead.split_to(length));
            return Poll::Ready(Ok(()));
        }
        if let Poll::Ready(result) = Pin::new(&mut self.inner).poll_read(cx, buf) {
            self.watch.moved();
            return Poll::Ready(result);
        }
        ready!(self.watch.poll_expired(&mut self.timer, cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    /// Of the message's body.
    fn poll_body(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Some(message) = self.message.as_mut() else { return Poll::Ready(Ok(())) };
        if self.ahead.is_empty() {
            let before = buf.filled().len();
            if let Poll::Ready(result) = Pin::new(&mut self.inner).poll_read(cx, buf) {
                result?;
                self.watch.moved();
                message.pace.moved(self.clock);
                let length = message.body.read(&buf.filled()[before..]);
                let length = length.map_err(|refusal| broken(&self.watch, refusal))?;
                // What is not the body's is of the next request.
                self.ahead.extend_from_slice(&buf.filled()[before + length..]);
                buf.set_filled(before + length);
            } else {
                let received = message.body.received();
                let (pace, timer) = (&mut message.pace, &mut self.timer);
                if self.watch.is_body_due()
                    && let Poll::Ready(refusal) =
                        pace.poll_too_slow(received, self.clock, timer, cx)
                {
                    return Poll::Ready(Err(broken(&self.watch, refusal)));
                }
                ready!(self.watch.poll_expired(timer, cx));
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
        } else {
            let length = self.ahead.len().min(buf.remaining());
            let length = message.body.read(&self.ahead[..length]);
            let length = length.map_err(|refusal| broken(&self.watch, refusal))?;
            buf.put_slice(&self.ahead.split_to(length));
        }
        match self.watch.too_long(message.body.received()) {
            Some(refusal) => Poll::Ready(Err(broken(&self.watch, refusal))),
            None => Poll::Ready(Ok(())),
        }
    }

    /// Behind what was refused: drops what the client still sends, so that its answer is not lost in
    /// the reset that unread bytes cause.
    fn poll_dropped(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.ahead.clear();
        let mut dropped = [0; 4096];
        loop {
            let mut buf = ReadBuf::new(&mut dropped);
            ready!(Pin::new(&mut self.inner).poll_read(cx, &mut buf))?;
            if buf.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// Behind the message: reads ahead, until the client leaves or the wait is over.
    fn poll_idle(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.ahead.len() < AHEAD && !self.ended {
            // The end of a client that has sent more is not yet its leaving: it may only have said
            // all that it has to say.
            if ready!(self.poll_ahead(cx))? == 0 && self.ahead.is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
        let waits = self.message.as_ref().is_some_and(|message| message.behind_end);
        if self.ended && self.ahead.is_empty() && !waits {
            return Poll::Ready(Ok(()));
        }
        ready!(self.watch.poll_expired(&mut self.timer, cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    /// What came of a write: a client that takes nothing is given up.
    fn sent<T>(
        &mut self,
        cx: &mut Context<'_>,
        result: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if result.is_ready() {
            self.watch.moved();
            self.send_by = None;
            return result;
        }
        loop {
            let (by, acknowledged) = match self.send_by {
                Some(waiting) => waiting,
                None => *self
                    .send_by
                    .insert((self.clock.now() + self.send_timeout, self.acknowledged())),
            };
            ready!(self.send_timer.poll(self.clock, by, cx));
            if self.clock.now() >= by {
                // The system takes more only when much of what it has is gone. A client that takes little at
                // a time is no client that takes nothing.
                if self.acknowledged() == acknowledged {
                    self.metrics.limit_hit(Limit::SendTimeout);
                    return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
                }
                self.send_by = None;
            }
        }
    }

    /// How many bytes the client's system has taken in all, as far as ours knows.
    fn acknowledged(&self) -> Option<u64> {
        Some(self.inner.get_socket_digest()?.tcp_info()?.tcpi_bytes_acked)
    }
}

/// The error by which the rest of a request is refused.
fn broken(watch: &Watch, refusal: Refusal) -> io::Error {
    watch.refuse(refusal);
    io::Error::new(io::ErrorKind::InvalidData, refusal.details)
}

impl AsyncRead for ClientStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        match &mut this.message {
            None => this.poll_raw(cx, buf),
            Some(message) if message.head > 0 => {
                let length = message.head.min(buf.remaining());
                message.head -= length;
                buf.put_slice(&this.ahead.split_to(length));
                Poll::Ready(Ok(()))
            }
            Some(_) if this.watch.refused().is_some() => this.poll_dropped(cx),
            Some(message) if !message.body.is_done() => this.poll_body(cx, buf),
            Some(_) if this.watch.is_tunnel() => this.poll_raw(cx, buf),
            Some(_) => this.poll_idle(cx),
        }
    }
}

impl AsyncWrite for ClientStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.sent(cx, result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.sent(cx, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.inner).poll_flush(cx);
        self.sent(cx, result)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
#[async_trait]
impl Shutdown for ClientStream {
    async fn shutdown(&mut self) {
        (*self.inner).shutdown().await;
    }
}

#[async_trait]
impl Peek for ClientStream {
    /// What is ahead comes first: a PROXY header may have come in one piece with what follows it.
    async fn try_peek(&mut self, buf: &mut [u8]) -> io::Result<bool> {
        while self.ahead.len() < buf.len() {
            if self.read_ahead().await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        buf.copy_from_slice(&self.ahead[..buf.len()]);
        Ok(true)
    }
}

impl UniqueID for ClientStream {
    fn id(&self) -> UniqueIDType {
        self.inner.id()
    }
}

impl Ssl for ClientStream {
    fn get_ssl_digest(&self) -> Option<Arc<SslDigest>> {
        self.inner.get_ssl_digest()
    }

    fn selected_alpn_proto(&self) -> Option<ALPN> {
        self.inner.selected_alpn_proto()
    }
}

impl GetTimingDigest for ClientStream {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        self.inner.get_timing_digest()
    }

    fn get_read_pending_time(&self) -> Duration {
        self.inner.get_read_pending_time()
    }

    fn get_write_pending_time(&self) -> Duration {
        self.inner.get_write_pending_time()
    }
}

impl GetProxyDigest for ClientStream {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        self.inner.get_proxy_digest()
    }
}

impl GetSocketDigest for ClientStream {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        self.inner.get_socket_digest()
    }
}
