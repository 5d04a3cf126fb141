//! A connection that speaks HTTP/2: requests beside each other.
//!
//! Pingora's own loop tells a client that the gateway leaves only when the listeners close, knows no end
//! after so many requests, and hands out sessions that nobody can interrupt; so this is ours, around
//! its reader of requests. What it refuses by itself (a malformed request) it answers by itself.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use pingora_core::Error;
use pingora_core::apps::HttpServerApp;
use pingora_core::protocols::http::ServerSession;
use pingora_core::protocols::http::v2::server::{H2Accept, H2Options, HttpSession};
use pingora_core::server::ShutdownWatch;
use switchback_core::Timestamp;
use switchback_core::plan::LimitsPlan;
use switchback_runtime::{Clock, Gateway, Phase};
use switchback_telemetry::metrics::Limit;
use tokio::sync::Notify;
use tokio::time::{Instant, Sleep, sleep, sleep_until, timeout};

use super::current::{Connection, Incoming};
use super::http2_session::Http2Session;
use super::stream::ClientStream;
use super::watch::{Timers, Watch};

/// After so many malformed requests a connection ends: nobody sends those by accident.
const MALFORMED: u32 = 32;

/// How long a client that was told that the connection ends (GOAWAY) has to take notice of it: what it
/// asks for later is refused, and the connection is closed when none of its requests is left.
const FAREWELL: Duration = Duration::from_secs(2);

/// The requests of a connection that are under way.
#[derive(Debug)]
struct Active {
    clock: Clock,
    count: AtomicUsize,
    /// When the client was last heard of, or the last request ended; in nanoseconds since the start.
    moved: AtomicU64,
    none: Notify,
}

struct OnItsWay(Arc<Active>);

impl Active {
    fn new(clock: Clock) -> Self {
        let moved = AtomicU64::new(clock.now().as_nanos());
        Self { clock, count: AtomicUsize::new(0), moved, none: Notify::new() }
    }

    fn enter(self: &Arc<Self>) -> OnItsWay {
        self.count.fetch_add(1, Ordering::Relaxed);
        OnItsWay(self.clone())
    }

    fn moved(&self) {
        self.moved.store(self.clock.now().as_nanos(), Ordering::Relaxed);
    }

    /// Since when nothing is on its way.
    fn none_since(&self) -> Option<Timestamp> {
        // After the count, which is written after it.
        let none = self.count.load(Ordering::Acquire) == 0;
        let moved = Duration::from_nanos(self.moved.load(Ordering::Relaxed));
        none.then(|| Timestamp::from_start(moved))
    }

    /// Waits until nothing has been on its way for so long. The timer is set for then, or sooner, so that
    /// it is not set anew for each request.
    async fn silence(&self, patience: Duration, mut timer: Pin<&mut Sleep>) {
        loop {
            timer.as_mut().await;
            let now = self.clock.now();
            let until = self.none_since().unwrap_or(now) + patience;
            if until <= now {
                return;
            }
            timer.as_mut().reset(Instant::from_std(self.clock.instant(until)));
        }
    }

    async fn none(&self) {
        while self.count.load(Ordering::Relaxed) != 0 {
            self.none.notified().await;
        }
    }
}

impl Drop for OnItsWay {
    fn drop(&mut self) {
        self.0.moved();
        if self.0.count.fetch_sub(1, Ordering::Release) == 1 {
            self.0.none.notify_one();
        }
    }
}

/// Serves a connection to its end.
pub(super) async fn serve<A>(
    app: &Arc<A>,
    gateway: &Arc<Gateway>,
    connection: &Arc<Connection>,
    mut stream: Box<ClientStream>,
    shutdown: &ShutdownWatch,
) where
    A: HttpServerApp + Send + Sync + 'static,
{
    let generation = gateway.current();
    let (limits, keepalive) = (generation.plan.limits, generation.plan.client_keepalive);
    drop(generation);
    let digest = stream.digest();
    let opening = options(&limits).handshake(stream as pingora_core::protocols::Stream);
    let mut stream = match timeout(limits.header_timeout, opening).await {
        Ok(Ok(stream)) => stream,
        // A client that does not speak HTTP/2 after all, or is gone.
        Ok(Err(_)) => return,
        Err(_) => return gateway.metrics.limit_hit(Limit::HeaderTimeout),
    };
    let (active, timers) = (Arc::new(Active::new(gateway.clock)), Arc::new(Timers::default()));
    let (mut served, mut malformed) = (0_u32, 0_u32);
    // One each for all requests of the connection: to wait anew for each would cost each of them locks.
    let mut told = pin!(gateway.drain.reached(Phase::Leaving));
    // The first request has begun with the connection.
    let patience = limits.header_timeout.min(keepalive);
    let mut timer = pin!(sleep(patience));
    // Until when the client may take notice of a GOAWAY.
    let mut leaving: Option<Instant> = None;
    loop {
        let idle = async {
            match leaving {
                Some(by) => {
                    active.none().await;
                    sleep_until(by).await;
                }
                None if served == 0 => active.silence(patience, timer.as_mut()).await,
                None => active.silence(keepalive, timer.as_mut()).await,
            }
        };
        let accepted = tokio::select! {
            biased;
            accepted = HttpSession::from_h2_conn(&mut stream, digest.clone()) => accepted,
            () = told.as_mut(), if leaving.is_none() => {
                stream.graceful_shutdown();
                leaving = Some(Instant::now() + FAREWELL);
                continue;
            }
            // A client that was told so, and has no request left, is dropped with the connection.
            () = idle => {
                if leaving.is_some() {
                    return;
                }
                if served == 0 {
                    gateway.metrics.limit_hit(Limit::HeaderTimeout);
                }
                stream.graceful_shutdown();
                leaving = Some(Instant::now() + FAREWELL);
                continue;
            }
        };
        match accepted {
            // A client that takes no notice: what it asks for is not processed, and may go elsewhere.
            Ok(Some(H2Accept::Session(mut session)))
                if leaving.is_some_and(|by| by <= Instant::now()) =>
            {
                session.shutdown_with_reason(h2::Reason::REFUSED_STREAM);
            }
            Ok(Some(H2Accept::Session(session))) => {
                served = served.saturating_add(1);
                let last = limits.requests_per_connection.is_some_and(|most| served >= most.get());
                if last && leaving.is_none() {
                    gateway.metrics.limit_hit(Limit::RequestsPerConnection);
                    stream.graceful_shutdown();
                    leaving = Some(Instant::now() + FAREWELL);
                }
                let incoming = Incoming {
                    connection: connection.clone(),
                    watch: Arc::new(Watch::new(gateway.clock)),
                    last,
                    expects_continue: false,
                    upgrade: false,
                };
                let (watch, timers) = (incoming.watch.clone(), timers.clone());
                let session = Http2Session::new(session, watch, timers, gateway, &limits);
                let session = ServerSession::new_custom(Box::new(session));
                let (app, shutdown, on_its_way) = (app.clone(), shutdown.clone(), active.enter());
                tokio::spawn(async move {
                    let _on_its_way = on_its_way;
                    incoming.run(app.process_new_http(session, &shutdown)).await;
                });
            }
            Ok(Some(H2Accept::Rejected)) => {
                active.moved();
                malformed += 1;
                gateway.metrics.request_refused("malformed_http2");
                if malformed >= MALFORMED {
                    stream.abrupt_shutdown(h2::Reason::ENHANCE_YOUR_CALM);
                }
            }
            Ok(None) => return,
            Err(error) => {
                if is_flood(&error) {
                    gateway.metrics.limit_hit(Limit::Http2Flood);
                }
                return;
            }
        }
    }
}

/// Whether the client was told to calm down; what made us say so, h2 keeps to itself.
fn is_flood(error: &Error) -> bool {
    let cause = error.root_cause().downcast_ref::<h2::Error>();
    cause.is_some_and(|it| !it.is_remote() && it.reason() == Some(h2::Reason::ENHANCE_YOUR_CALM))
}

/// Windows bound what a client may have on its way to an endpoint that takes nothing; that of the connection
/// has room for all its requests, so that none waits for an endpoint of another's. The send buffer bounds
/// what waits for a client that takes nothing.
fn options(limits: &LimitsPlan) -> H2Options {
    const STREAM: u32 = 64 * 1024;
    let mut options = H2Options::new();
    options
        .max_header_list_size(limits.header_size)
        .max_concurrent_streams(limits.http2_streams)
        .max_pending_accept_reset_streams(limits.http2_resets as usize)
        .initial_window_size(STREAM)
        .initial_connection_window_size(STREAM.saturating_mul(limits.http2_streams))
        .max_send_buffer_size(STREAM as usize);
    options
}
