//! The stream of a client, under a [`Watch`].
//!
//! What has been read of it and not been taken stays here: the head that is not complete, the requests that a client sends ahead.
//! While an endpoint is awaited the client is read only to notice that it leaves; then the next request is read ahead, so that the
//! watch is kept as well for clients that do not wait for their answers (RFC 9112, section 9.3.2).

use std::io;
use std::mem::MaybeUninit;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Buf, Bytes, BytesMut};
use pingora_core::protocols::raw_connect::ProxyDigest;
use pingora_core::protocols::tls::SslDigest;
use pingora_core::protocols::{
    ALPN, Digest, GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest,
    Ssl, Stream, TimingDigest, UniqueID, UniqueIDType,
};
use switchback_core::Timestamp;
use switchback_core::plan::LimitsPlan;
use switchback_runtime::{Clock, Gateway};
use switchback_telemetry::Metrics;
use switchback_telemetry::metrics::Limit;
use switchback_wire::Head;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};

use super::watch::{Pace, Timer, Watch};

/// How much is read at once: a head, mostly, and the body of many a request. It is read onto the stack, for a client that is
/// silent has no buffer.
const AT_ONCE: usize = 20 * 1024;

/// How much of the next requests is read ahead while one is under way.
const AHEAD: usize = 32 * 1024;

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
    /// What has been read and not been given on; without memory where that is nothing.
    ahead: BytesMut,
    /// Whether the client has closed its half, behind what is ahead.
    ended: bool,
    digest: Option<Arc<Digest>>,
    send_timeout: Duration,
    send_timer: Timer,
    /// Until when the client must take something of what waits to be sent, and what it had taken before.
    send_by: Option<(Timestamp, Option<u64>)>,
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
            digest: None,
            send_timeout: limits.send_timeout,
            send_timer: Timer::default(),
            send_by: None,
        }
    }

    pub(super) fn watch(&self) -> &Arc<Watch> {
        &self.watch
    }

    /// What has been read and not been given on.
    pub(crate) fn ahead(&self) -> &[u8] {
        &self.ahead
    }

    /// Drops what has been dealt with of what is ahead.
    pub(super) fn skip(&mut self, bytes: usize) {
        if bytes < self.ahead.len() {
            self.ahead.advance(bytes);
        } else {
            self.ahead = BytesMut::new();
        }
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

    /// What is known of the connection below, made once.
    pub(super) fn digest(&mut self) -> Arc<Digest> {
        let inner = &self.inner;
        let digest = self.digest.get_or_insert_with(|| {
            Arc::new(Digest {
                ssl_digest: inner.get_ssl_digest(),
                timing_digest: inner.get_timing_digest(),
                proxy_digest: inner.get_proxy_digest(),
                socket_digest: inner.get_socket_digest(),
            })
        });
        digest.clone()
    }

    /// Takes a head, which is all ahead, without an empty line before it.
    pub(super) fn take_head(&mut self, head: &Head) -> Bytes {
        self.skip(head.skip);
        self.take_ahead(head.len - head.skip)
    }

    /// Takes so much of what is ahead.
    pub(super) fn take_ahead(&mut self, length: usize) -> Bytes {
        if length >= self.ahead.len() {
            return std::mem::take(&mut self.ahead).freeze();
        }
        self.ahead.split_to(length).freeze()
    }

    /// Puts what was taken back before what is ahead.
    pub(super) fn put_back(&mut self, bytes: &[u8]) {
        let behind = std::mem::replace(&mut self.ahead, bytes.into());
        self.ahead.extend_from_slice(&behind);
    }

    /// Keeps these limits from now on.
    pub(super) fn limit(&mut self, limits: &LimitsPlan) {
        self.send_timeout = limits.send_timeout;
    }

    /// Whether the client has closed its half, behind what is ahead.
    pub(super) fn is_ended(&self) -> bool {
        self.ended
    }

    /// Closes the connection, and over TLS says so.
    pub(super) async fn close(mut self: Box<Self>) {
        self.farewell().await;
    }

    /// Says that nothing more is sent.
    pub(super) async fn farewell(&mut self) {
        // A client that takes no farewell gets none.
        let _ = tokio::time::timeout(FAREWELL, AsyncWriteExt::shutdown(self)).await;
    }

    fn poll_ahead(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.ended {
            return Poll::Ready(Ok(0));
        }
        let mut room = [MaybeUninit::uninit(); AT_ONCE];
        let mut read = ReadBuf::uninit(&mut room);
        if let Poll::Ready(result) = Pin::new(&mut self.inner).poll_read(cx, &mut read) {
            let read = read.filled();
            self.ahead.extend_from_slice(read);
            self.ended = result.is_ok() && read.is_empty();
            return Poll::Ready(result.map(|()| read.len()));
        }
        ready!(self.watch.poll_expired(&mut self.timer, cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    /// As they come: what is ahead, then the rest.
    fn poll_raw(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if !self.ahead.is_empty() {
            let length = self.ahead.len().min(buf.remaining());
            buf.put_slice(&self.ahead[..length]);
            self.skip(length);
            return Poll::Ready(Ok(()));
        }
        if let Poll::Ready(result) = Pin::new(&mut self.inner).poll_read(cx, buf) {
            self.watch.moved();
            return Poll::Ready(result);
        }
        ready!(self.watch.poll_expired(&mut self.timer, cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    /// Reads up to so many bytes more of a body, of which so much has come, and which is to come at this pace; zero: there is no
    /// more.
    pub(super) fn poll_body(
        &mut self,
        cx: &mut Context<'_>,
        pace: &mut Pace,
        received: u64,
        most: usize,
    ) -> Poll<io::Result<usize>> {
        if self.ended {
            return Poll::Ready(Ok(0));
        }
        if let Poll::Ready(read) = self.poll_fill(cx, most) {
            self.watch.moved();
            pace.moved(self.clock);
            return Poll::Ready(read);
        }
        if self.watch.is_body_due()
            && let Poll::Ready(refusal) =
                pace.poll_too_slow(received, self.clock, &mut self.timer, cx)
        {
            self.watch.refuse(refusal);
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, refusal.details)));
        }
        ready!(self.watch.poll_expired(&mut self.timer, cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    /// Some of what comes, as it comes; `None`: there is no more.
    pub(super) fn poll_raw_piece(
        &mut self,
        cx: &mut Context<'_>,
        most: usize,
    ) -> Poll<io::Result<Option<Bytes>>> {
        if self.ahead.is_empty() {
            if self.ended {
                return Poll::Ready(Ok(None));
            }
            if let Poll::Ready(read) = self.poll_fill(cx, most) {
                self.watch.moved();
                if read? == 0 {
                    return Poll::Ready(Ok(None));
                }
            } else {
                ready!(self.watch.poll_expired(&mut self.timer, cx));
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
        }
        Poll::Ready(Ok(Some(std::mem::take(&mut self.ahead).freeze())))
    }

    /// Reads up to so many bytes more into what is ahead, which has no memory while nothing comes.
    fn poll_fill(&mut self, cx: &mut Context<'_>, most: usize) -> Poll<io::Result<usize>> {
        self.ahead.reserve(most);
        let read = pin!(self.inner.read_buf(&mut self.ahead)).poll(cx);
        if self.ahead.is_empty() {
            self.ahead = BytesMut::new();
        }
        let read = ready!(read);
        self.ended = matches!(read, Ok(0));
        Poll::Ready(read)
    }

    /// Behind what was refused: drops what the client still sends, so that its answer is not lost in
    /// the reset that unread bytes cause.
    pub(super) fn poll_dropped(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.ahead = BytesMut::new();
        let mut dropped = [0; 4096];
        loop {
            let mut buf = ReadBuf::new(&mut dropped);
            ready!(Pin::new(&mut self.inner).poll_read(cx, &mut buf))?;
            if buf.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// Behind a message: reads ahead, until the client leaves or the wait is over. `waits`: it had closed its half before the
    /// message, and so its end is not its leaving.
    pub(super) fn poll_idle(&mut self, cx: &mut Context<'_>, waits: bool) -> Poll<io::Result<()>> {
        while self.ahead.len() < AHEAD && !self.ended {
            // The end of a client that has sent more is not yet its leaving: it may only have said
            // all that it has to say.
            if ready!(self.poll_ahead(cx))? == 0 && self.ahead.is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
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

impl AsyncRead for ClientStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.poll_raw(cx, buf)
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
