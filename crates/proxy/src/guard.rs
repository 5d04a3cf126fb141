//! Time limits of a request, kept by the stream of its client.
//!
//! Pingora has one timeout for every read from an endpoint, and none for a request. But whenever it
//! waits for an endpoint it reads from the client as well, to notice that it leaves; so a stream of our
//! own, whose read fails at a deadline, ends the wait (docs/decisions/0002-time-limits.md has the
//! alternatives). What failed was not the client: [`Watch::expired`] tells the two apart.
//!
//! A stream holds one timer at most. Deadlines mostly move into the future, and a timer that fires too
//! soon is simply set again, so a request costs atomic stores and no timer operation.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use pingora_core::apps::ServerApp;
use pingora_core::protocols::raw_connect::ProxyDigest;
use pingora_core::protocols::tls::SslDigest;
use pingora_core::protocols::{
    ALPN, GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl,
    Stream, TimingDigest, UniqueID, UniqueIDType,
};
use pingora_core::server::ShutdownWatch;
use switchback_core::Timestamp;
use switchback_runtime::Clock;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::tls::{self, TlsListeners};

/// No deadline.
const NEVER: u64 = u64::MAX;

/// The deadline of a connection's request.
#[derive(Debug)]
pub(crate) struct Watch {
    clock: Clock,
    /// In nanoseconds since the start; [`NEVER`]: none.
    deadline: AtomicU64,
    /// By how much each byte that moves puts the deadline off, in nanoseconds; zero: not at all.
    extend: AtomicU64,
    expired: AtomicBool,
}

impl Watch {
    fn new(clock: Clock) -> Self {
        Self {
            clock,
            deadline: AtomicU64::new(NEVER),
            extend: AtomicU64::new(0),
            expired: AtomicBool::new(false),
        }
    }

    /// Waits until then, whatever moves.
    pub(crate) fn until(&self, deadline: Timestamp) {
        self.extend.store(0, Ordering::Relaxed);
        self.deadline.store(deadline.as_nanos(), Ordering::Relaxed);
    }

    /// Waits for as long as no byte moves for this long.
    pub(crate) fn while_moving(&self, silence: Duration) {
        let nanos = u64::try_from(silence.as_nanos()).unwrap_or(NEVER);
        self.extend.store(nanos, Ordering::Relaxed);
        self.moved();
    }

    /// Waits for ever.
    pub(crate) fn off(&self) {
        self.extend.store(0, Ordering::Relaxed);
        self.deadline.store(NEVER, Ordering::Relaxed);
    }

    /// Whether a deadline has passed since this was last asked.
    pub(crate) fn expired(&self) -> bool {
        self.expired.swap(false, Ordering::Relaxed)
    }

    fn moved(&self) {
        let extend = self.extend.load(Ordering::Relaxed);
        if extend != 0 {
            let now = self.clock.now().as_nanos();
            self.deadline.store(now.saturating_add(extend), Ordering::Relaxed);
        }
    }

    fn deadline(&self) -> Option<Timestamp> {
        let nanos = self.deadline.load(Ordering::Relaxed);
        (nanos != NEVER).then(|| Timestamp::from_start(Duration::from_nanos(nanos)))
    }
}

/// The stream of a client, under a [`Watch`].
#[derive(Debug)]
pub(crate) struct Guarded {
    inner: Stream,
    watch: Arc<Watch>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Guarded {
    fn new(inner: Stream, clock: Clock) -> Self {
        Self { inner, watch: Arc::new(Watch::new(clock)), timer: None }
    }

    /// The watch over a stream; `None` if it is no guarded one.
    pub(crate) fn watch(stream: &Stream) -> Option<Arc<Watch>> {
        (**stream).as_any().downcast_ref::<Self>().map(|guarded| guarded.watch.clone())
    }

    /// Ready when the deadline has passed; registers for it otherwise.
    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while let Some(deadline) = self.watch.deadline() {
            let instant = Instant::from_std(self.watch.clock.instant(deadline));
            let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(instant)));
            if timer.deadline() > instant {
                timer.as_mut().reset(instant);
            }
            std::task::ready!(timer.as_mut().poll(cx));
            self.timer = None;
            if self.watch.clock.now() >= deadline {
                return Poll::Ready(());
            }
        }
        Poll::Pending
    }
}

impl AsyncRead for Guarded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Poll::Ready(result) = Pin::new(&mut self.inner).poll_read(cx, buf) {
            self.watch.moved();
            return Poll::Ready(result);
        }
        std::task::ready!(self.poll_deadline(cx));
        self.watch.off();
        self.watch.expired.store(true, Ordering::Relaxed);
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = std::task::ready!(Pin::new(&mut self.inner).poll_write(cx, buf));
        self.watch.moved();
        Poll::Ready(result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = std::task::ready!(Pin::new(&mut self.inner).poll_write_vectored(cx, bufs));
        self.watch.moved();
        Poll::Ready(result)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = std::task::ready!(Pin::new(&mut self.inner).poll_flush(cx));
        self.watch.moved();
        Poll::Ready(result)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[async_trait]
impl Shutdown for Guarded {
    async fn shutdown(&mut self) {
        (*self.inner).shutdown().await;
    }
}

#[async_trait]
impl Peek for Guarded {
    async fn try_peek(&mut self, buf: &mut [u8]) -> io::Result<bool> {
        (*self.inner).try_peek(buf).await
    }
}

impl UniqueID for Guarded {
    fn id(&self) -> UniqueIDType {
        self.inner.id()
    }
}

impl Ssl for Guarded {
    fn get_ssl_digest(&self) -> Option<Arc<SslDigest>> {
        self.inner.get_ssl_digest()
    }

    fn selected_alpn_proto(&self) -> Option<ALPN> {
        self.inner.selected_alpn_proto()
    }
}

impl GetTimingDigest for Guarded {
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

impl GetProxyDigest for Guarded {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        self.inner.get_proxy_digest()
    }
}

impl GetSocketDigest for Guarded {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        self.inner.get_socket_digest()
    }
}

/// An application whose clients' streams are guarded, and encrypted where their listener says so.
#[derive(Debug)]
pub(crate) struct GuardedApp<A> {
    app: Arc<A>,
    clock: Clock,
    tls: TlsListeners,
}

impl<A> GuardedApp<A> {
    pub(crate) fn new(app: A, clock: Clock, tls: TlsListeners) -> Self {
        Self { app: Arc::new(app), clock, tls }
    }

    /// The stream as its listener wants it; `None` if nothing comes of it.
    ///
    /// Below TLS it is guarded, too: because Pingora's TLS takes no boxed stream, and nothing else is at
    /// hand that is one. Nobody sets a deadline there.
    async fn open(&self, stream: Stream) -> Option<Stream> {
        if self.tls.is_empty() {
            return Some(stream);
        }
        // Without an address the client is gone already. It must not be taken for one without TLS.
        let local = tls::local_address(&stream)?;
        let Some(acceptor) = self.tls.find(local) else { return Some(stream) };
        match tls::handshake(acceptor, Guarded::new(stream, self.clock)).await {
            Ok(stream) => Some(Box::new(stream)),
            Err(error) => {
                // Clients do that all day: port scanners, browsers that do not know our CA.
                log::debug!("TLS handshake on {local}: {error}");
                None
            }
        }
    }
}

#[async_trait]
impl<A: ServerApp + Send + Sync + 'static> ServerApp for GuardedApp<A> {
    async fn process_new(
        self: &Arc<Self>,
        stream: Stream,
        shutdown: &ShutdownWatch,
    ) -> Option<Stream> {
        let stream = self.open(stream).await?;
        let guarded = Box::new(Guarded::new(stream, self.clock));
        self.app.process_new(guarded, shutdown).await
    }

    async fn cleanup(&self) {
        self.app.cleanup().await;
    }
}
