//! A scriptable HTTP/1.1 server that can misbehave at any byte.
//!
//! Written over TCP, not over an HTTP server: those are built to make most of these faults impossible.
//! It lives in the test's own runtime, so a test can switch its behaviour between two requests and see
//! what it received without any protocol in between.
//!
//! Switching is synchronous where it can be: when [`Backend::set`] returns, a listener that is to be
//! closed is closed. That is why the listener stands behind a lock and is polled under it, instead of
//! being owned by the task that accepts.

pub(crate) mod answer;
pub(crate) mod behavior;
mod connection;
pub(crate) mod life;
pub(crate) mod port;
pub(crate) mod record;
mod reply;

use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use crate::Proxied;
use behavior::{Behavior, Ending, Health};
use connection::Connection;
use life::Leave;
use port::{Door, Port};
use record::{Log, Recorded};

/// The header by which a request is followed through the gateway; [`Load`](crate::Load) sets it.
pub const TEST_ID: &str = "x-test-id";

/// A running backend; dropping it resets every connection and frees the port.
#[derive(Debug)]
pub struct Backend {
    shared: Arc<Shared>,
    acceptor: JoinHandle<()>,
}

/// What the handle, the acceptor and the connections have in common.
#[derive(Debug)]
struct Shared {
    port: Port,
    door: Mutex<Door>,
    relisten: Notify,
    down: AtomicBool,
    leave: watch::Sender<Leave>,
    behavior: watch::Sender<Behavior>,
    health: Mutex<(String, Health)>,
    /// Whether each connection has to begin with a PROXY header.
    demands_header: AtomicBool,
    headers: Mutex<Vec<Proxied>>,
    paused: watch::Sender<bool>,
    /// Tells every open connection to end; a receiver is made under the door's lock, so that none
    /// slips between a kill and its accept.
    ended: watch::Sender<Ending>,
    /// The numbers of the open connections.
    open: watch::Sender<BTreeSet<u64>>,
    connections: AtomicU64,
    requests: AtomicU64,
    refused_on_reuse: AtomicU64,
    malformed: AtomicU64,
    log: Log,
}

impl Backend {
    /// Starts on a free port of 127.0.0.1, answering 200; its health path is `/healthz`.
    pub async fn start() -> Self {
        Self::with(Behavior::ok()).await
    }

    /// Starts with this behaviour.
    pub async fn with(behavior: Behavior) -> Self {
        let shared = Arc::new(Shared {
            port: Port::reserve().expect("a free port"),
            door: Mutex::new(Door::Closed),
            relisten: Notify::new(),
            down: AtomicBool::new(false),
            leave: watch::Sender::new(Leave::No),
            behavior: watch::Sender::new(behavior),
            health: Mutex::new(("/healthz".to_owned(), Health::Healthy)),
            demands_header: AtomicBool::new(false),
            headers: Mutex::default(),
            paused: watch::Sender::new(false),
            ended: watch::Sender::new(Ending::Rst),
            open: watch::Sender::new(BTreeSet::new()),
            connections: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            refused_on_reuse: AtomicU64::new(0),
            malformed: AtomicU64::new(0),
            log: Log::default(),
        });
        shared.update_listener();
        let acceptor = tokio::spawn(accept(Arc::clone(&shared)));
        Self { shared, acceptor }
    }

    /// Several at once, all answering 200.
    pub async fn start_many(count: usize) -> Vec<Self> {
        let mut backends = Vec::with_capacity(count);
        for _ in 0..count {
            backends.push(Self::start().await);
        }
        backends
    }

    /// Where it listens, also while it does not.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.shared.port.addr()
    }

    /// Switches what the next request (or connection) meets; requests under way end as they began.
    pub fn set(&self, behavior: Behavior) {
        self.shared.behavior.send_replace(behavior);
        self.shared.update_listener();
    }

    /// Switches what the health path answers.
    pub fn set_health(&self, health: Health) {
        self.shared.health().1 = health;
    }

    /// Sets the health path; a query behind it is ignored.
    pub fn set_health_path(&self, path: &str) {
        path.clone_into(&mut self.shared.health().0);
    }

    /// From now on a connection that does not begin with a PROXY header is reset, and counted by
    /// [`Backend::malformed`].
    pub fn demand_proxy_header(&self) {
        self.shared.demands_header.store(true, Ordering::SeqCst);
    }

    /// The PROXY headers so far, one a connection.
    #[must_use]
    pub fn proxy_headers(&self) -> Vec<Proxied> {
        self.shared.headers().clone()
    }

    /// Requests whose head has arrived, health requests not counted.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.shared.log.traffic(|list| list.len() as u64)
    }

    /// Health requests whose head has arrived.
    #[must_use]
    pub fn health_requests(&self) -> u64 {
        self.shared.log.health(|list| list.len() as u64)
    }

    /// Connections accepted since the start.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Connections open now. One that is silent without reading counts until it is killed.
    #[must_use]
    pub fn open_connections(&self) -> usize {
        self.shared.open.borrow().len()
    }

    /// Every request so far, health requests not counted, in order of arrival.
    #[must_use]
    pub fn recorded(&self) -> Vec<Recorded> {
        self.shared.log.traffic(<[_]>::to_vec)
    }

    /// Every health request so far.
    #[must_use]
    pub fn recorded_health(&self) -> Vec<Recorded> {
        self.shared.log.health(<[_]>::to_vec)
    }

    /// How often the request with this `x-test-id` was received in full.
    #[must_use]
    pub fn executions(&self, id: &str) -> u64 {
        let is_it = |r: &&Recorded| r.complete && r.id.as_deref() == Some(id);
        self.shared.log.traffic(|list| list.iter().filter(is_it).count() as u64)
    }

    /// [`Backend::executions`] of every id.
    #[must_use]
    pub fn executions_by_id(&self) -> HashMap<String, u64> {
        self.shared.log.executions_by_id()
    }

    /// Requests that [`Behavior::CloseOnReuse`] turned away unread.
    #[must_use]
    pub fn refused_on_reuse(&self) -> u64 {
        self.shared.refused_on_reuse.load(Ordering::SeqCst)
    }

    /// Heads that were no HTTP/1.x, each of which was answered with 400; and PROXY headers that were
    /// demanded and did not come.
    #[must_use]
    pub fn malformed(&self) -> u64 {
        self.shared.malformed.load(Ordering::SeqCst)
    }

    /// When the last request arrived, health requests not counted.
    #[must_use]
    pub fn last_request(&self) -> Option<Instant> {
        self.shared.log.traffic(|list| list.last().map(|recorded| recorded.at))
    }

    /// How many requests arrived in a span of time, health requests not counted.
    #[must_use]
    pub fn requests_within(&self, span: Range<Instant>) -> usize {
        self.shared.log.traffic(|list| list.iter().filter(|r| span.contains(&r.at)).count())
    }

    /// Takes the requests out of the record that arrived longer ago than this, for tests so long that all of
    /// them would be too many; health requests of that age are forgotten. No count knows of them any more.
    pub fn take_older_than(&self, age: Duration) -> Vec<Recorded> {
        self.shared.log.take_older_than(age)
    }

    /// Forgets what was recorded; `connections` and the counters of faults go on.
    pub fn clear(&self) {
        self.shared.log.clear();
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.acceptor.abort();
        self.shared.down.store(true, Ordering::SeqCst);
        self.shared.update_listener();
        self.shared.ended.send_replace(Ending::Rst);
    }
}

impl Shared {
    fn door(&self) -> MutexGuard<'_, Door> {
        self.door.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn headers(&self) -> MutexGuard<'_, Vec<Proxied>> {
        self.headers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn health(&self) -> MutexGuard<'_, (String, Health)> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the listener exist exactly when it should.
    fn update_listener(&self) {
        let wanted = match &*self.behavior.borrow() {
            _ if self.down.load(Ordering::SeqCst) => Door::closed,
            Behavior::RefuseConnections => Door::closed,
            Behavior::DropSyns => Door::full,
            _ => Door::open,
        };
        wanted(&mut self.door(), &self.port);
        self.relisten.notify_one();
    }

    fn poll_accept(self: &Arc<Self>, cx: &mut Context<'_>) -> Poll<Connection> {
        if *self.paused.borrow() {
            return Poll::Pending;
        }
        let guard = self.door();
        let Door::Open(listener) = &*guard else {
            return Poll::Pending;
        };
        loop {
            match listener.poll_accept(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok((stream, _))) => return Poll::Ready(self.connection(stream)),
                // The peer was gone before it was accepted; the next one may be there.
                Poll::Ready(Err(_)) => {}
            }
        }
    }

    fn connection(self: &Arc<Self>, stream: TcpStream) -> Connection {
        let number = self.connections.fetch_add(1, Ordering::SeqCst);
        self.open.send_modify(|open| _ = open.insert(number));
        // Fails only on a socket that the peer has reset already.
        let _ = stream.set_nodelay(true);
        Connection::new(Arc::clone(self), stream, number)
    }
}

async fn accept(shared: Arc<Shared>) {
    loop {
        tokio::select! {
            connection = std::future::poll_fn(|cx| shared.poll_accept(cx)) => {
                tokio::spawn(connection.run());
            }
            () = shared.relisten.notified() => {}
        }
    }
}
