//! A backend that speaks HTTP/2 with prior knowledge, and the faults that only HTTP/2 has.
//!
//! Here a library does the protocol: its state machine is no subject of these tests, and a stream that
//! is refused or reset is within what it can do. What it cannot is to disown a request that it has seen
//! (a GOAWAY below it); that is written by hand in [`raw`].
//!
//! Probes are not told apart: a test with this backend switches them off.

mod lingering;
mod raw;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use h2::server::{Connection, SendResponse};
use h2::{Reason, RecvStream};
use http::{Request, Response};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};

use self::lingering::Lingering;
use crate::backend::port::{BACKLOG, Port};
use crate::backend::record::{Entry, Log, rehash};
use crate::wire::Headers;
use crate::{Proxied, Recorded, proxy_protocol};

/// What an HTTP/2 backend does. Where nothing else is said, a request is read in full first, and with
/// that counts as executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum H2Behavior {
    /// Answers with this status and a short body.
    Answer(u16),
    /// RST_STREAM with REFUSED_STREAM for each request, its body unread: nothing was processed.
    Refuse,
    /// The same for so many requests, counted over all connections; the others are answered.
    RefuseFirst(u64),
    /// A connection answers so many requests with an empty 200. To the next it says GOAWAY (NO_ERROR) that
    /// names the last one answered, so that this one was not processed. What it answered is counted,
    /// not recorded. Chosen when a connection is accepted.
    GoawayBelow {
        /// Answers on a connection.
        answers: u32,
        /// Whether it closes then, or waits for the peer to do so.
        close: bool,
    },
    /// Answers, and shuts the connection down gracefully: the next request needs another one.
    AnswerAndGoaway,
    /// GOAWAY that names the request, and the end without an answer.
    GoawayThenClose,
    /// RST_STREAM with this code (RFC 9113, section 7) instead of an answer; 8 is CANCEL, 2 is
    /// INTERNAL_ERROR.
    Reset(u32),
    /// The connection ends instead of an answer.
    CloseBeforeAnswer,
    /// Nothing, ever.
    Hang,
}

/// A running HTTP/2 backend; dropping it closes every connection and frees the port.
#[derive(Debug)]
pub struct H2Backend {
    shared: Arc<Shared>,
    acceptor: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    port: Port,
    behavior: Mutex<H2Behavior>,
    connections: AtomicU64,
    requests: AtomicU64,
    turned_away: AtomicU64,
    /// Whether each connection has to begin with a PROXY header.
    demands_header: AtomicBool,
    log: Log,
}

impl H2Backend {
    /// Starts on a free port of 127.0.0.1.
    pub async fn with(behavior: H2Behavior) -> Self {
        let shared = Arc::new(Shared {
            port: Port::reserve().expect("a free port"),
            behavior: Mutex::new(behavior),
            connections: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            turned_away: AtomicU64::new(0),
            demands_header: AtomicBool::new(false),
            log: Log::default(),
        });
        let listener = shared.port.listen(BACKLOG).expect("the port is reserved for us");
        let acceptor = tokio::spawn(accept(Arc::clone(&shared), listener));
        Self { shared, acceptor }
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.shared.port.addr()
    }

    /// Switches what the next request (or connection) meets.
    pub fn set(&self, behavior: H2Behavior) {
        *self.shared.behavior() = behavior;
    }

    /// From now on a connection that does not begin with a PROXY header is closed.
    pub fn demand_proxy_header(&self) {
        self.shared.demands_header.store(true, Ordering::SeqCst);
    }

    /// Connections accepted since the start.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Requests whose head has arrived, refused ones included.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.shared.requests.load(Ordering::SeqCst)
    }

    /// Requests that were refused, or disowned by a GOAWAY, unread.
    #[must_use]
    pub fn turned_away(&self) -> u64 {
        self.shared.turned_away.load(Ordering::SeqCst)
    }

    /// How often the request with this `x-test-id` was received in full.
    #[must_use]
    pub fn executions(&self, id: &str) -> u64 {
        self.shared.log.executions_by_id().get(id).copied().unwrap_or_default()
    }

    /// Every request that was read, in order of arrival.
    #[must_use]
    pub fn recorded(&self) -> Vec<Recorded> {
        self.shared.log.traffic(<[_]>::to_vec)
    }
}

impl Drop for H2Backend {
    fn drop(&mut self) {
        self.acceptor.abort();
    }
}

impl Shared {
    fn behavior(&self) -> MutexGuard<'_, H2Behavior> {
        self.behavior.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn turn_away(&self) {
        self.turned_away.fetch_add(1, Ordering::SeqCst);
    }
}

async fn accept(shared: Arc<Shared>, listener: TcpListener) {
    // Dropped with this task, and its connections with it.
    let mut open = JoinSet::new();
    loop {
        // The peer was gone before it was accepted; the next one may be there.
        let Ok((mut stream, _)) = listener.accept().await else { continue };
        let number = shared.connections.fetch_add(1, Ordering::SeqCst);
        let behavior = *shared.behavior();
        let shared = Arc::clone(&shared);
        open.spawn(async move {
            let mut proxied = None;
            if shared.demands_header.load(Ordering::SeqCst) {
                let Ok(header) = proxy_protocol::take(&mut stream).await else { return };
                proxied = Some(header);
            }
            // An error is the peer's doing; the connection is over in any case.
            match behavior {
                H2Behavior::GoawayBelow { answers, close } => {
                    _ = raw::serve(&shared, stream, answers, close).await;
                }
                _ => _ = serve(&shared, stream, number, proxied).await,
            }
        });
    }
}

/// What a request demands of its connection; an unanswered one goes with it, as dropping it would
/// reset the stream before.
enum Demand {
    LastOne,
    Goaway(SendResponse<Bytes>),
    Close(SendResponse<Bytes>),
}

async fn serve(
    shared: &Arc<Shared>,
    stream: TcpStream,
    number: u64,
    proxied: Option<Proxied>,
) -> Result<(), h2::Error> {
    let mut connection: Connection<_, Bytes> =
        h2::server::handshake(Lingering::new(stream)).await?;
    let (demand, mut demands) = mpsc::unbounded_channel();
    let mut streams = JoinSet::new();
    let (mut nth, mut unanswered) = (0, Vec::new());
    loop {
        tokio::select! {
            request = connection.accept() => {
                let Some(request) = request else { return Ok(()) };
                let (request, respond) = request?;
                let turn = Turn { shared: Arc::clone(shared), demand: demand.clone(), number, nth, proxied };
                streams.spawn(turn.run(request, respond));
                nth += 1;
            }
            Some(demand) = demands.recv() => match demand {
                Demand::LastOne => connection.graceful_shutdown(),
                Demand::Goaway(respond) => {
                    unanswered.push(respond);
                    connection.abrupt_shutdown(Reason::NO_ERROR);
                }
                Demand::Close(_unanswered) => {
                    drop(connection);
                    return Ok(());
                }
            },
        }
    }
}

/// One request and what becomes of it.
struct Turn {
    shared: Arc<Shared>,
    demand: mpsc::UnboundedSender<Demand>,
    number: u64,
    nth: u32,
    proxied: Option<Proxied>,
}

impl Turn {
    async fn run(
        self,
        request: Request<RecvStream>,
        mut respond: SendResponse<Bytes>,
    ) -> Result<(), h2::Error> {
        let index = self.shared.requests.fetch_add(1, Ordering::SeqCst);
        let behavior = *self.shared.behavior();
        let refused = match behavior {
            H2Behavior::Refuse => true,
            H2Behavior::RefuseFirst(count) => index < count,
            _ => false,
        };
        if refused {
            self.shared.turn_away();
            respond.send_reset(Reason::REFUSED_STREAM);
            return Ok(());
        }
        let to_head = request.method() == http::Method::HEAD;
        let entry = self.read(request).await?;
        // A connection that is gone has no demands any more.
        match behavior {
            H2Behavior::Hang => std::future::pending().await,
            H2Behavior::Reset(code) => respond.send_reset(code.into()),
            H2Behavior::CloseBeforeAnswer => _ = self.demand.send(Demand::Close(respond)),
            H2Behavior::GoawayThenClose => _ = self.demand.send(Demand::Goaway(respond)),
            H2Behavior::AnswerAndGoaway => {
                self.answer(respond, 200, to_head, entry)?;
                _ = self.demand.send(Demand::LastOne);
            }
            H2Behavior::Answer(status) => self.answer(respond, status, to_head, entry)?,
            _ => self.answer(respond, 200, to_head, entry)?,
        }
        Ok(())
    }

    /// Reads and records the whole request.
    async fn read(&self, request: Request<RecvStream>) -> Result<Entry, h2::Error> {
        let (head, mut body) = request.into_parts();
        let text =
            |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = head.headers.iter().map(|(name, value)| (name.to_string(), text(value)));
        let headers: Headers = headers.collect();
        let target = head.uri.path_and_query().map_or("", |target| target.as_str());
        let on = (self.number, self.nth);
        let entry = self.shared.log.begin(
            false,
            (head.method.as_str(), target, &headers),
            on,
            self.proxied,
        );
        while let Some(data) = body.data().await {
            let data = data?;
            body.flow_control().release_capacity(data.len())?;
            self.shared.log.update(entry, |r| {
                r.body_len += data.len() as u64;
                r.body_hash = rehash(r.body_hash, &data);
            });
        }
        self.shared.log.update(entry, |r| r.complete = true);
        Ok(entry)
    }

    fn answer(
        &self,
        mut respond: SendResponse<Bytes>,
        status: u16,
        to_head: bool,
        entry: Entry,
    ) -> Result<(), h2::Error> {
        let mut head = Response::new(());
        *head.status_mut() = http::StatusCode::from_u16(status).expect("a status");
        let backend = self.shared.port.addr().to_string();
        let backend = http::HeaderValue::try_from(backend).expect("an address");
        head.headers_mut().insert("x-backend", backend);
        let mut body = respond.send_response(head, to_head)?;
        if !to_head {
            body.send_data(Bytes::from_static(b"ok\n"), true)?;
        }
        self.shared.log.update(entry, |r| r.answered = true);
        Ok(())
    }
}
