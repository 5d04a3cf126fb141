//! An endpoint that speaks HTTP/2 with prior knowledge and streams, as a gRPC server does.
//!
//! [`H2Backend`](crate::H2Backend) reads each request in full before it answers; what is to be seen here
//! are both directions at once, trailers, and what becomes of a stream whose peer has had enough. What a
//! request gets is in its path:
//!
//! | path | what is answered |
//! | --- | --- |
//! | `/echo` | 200 at once, each piece of the body as it comes, trailers (`grpc-status: 0`) |
//! | `/trailers-only` | 200 that ends with its header, which says `grpc-status: 12` |
//! | `/download/N` | 200 with N bytes, as fast as they are taken |
//! | `/early-hints` | 103 with a `link`, then as any other |
//! | `/hang` | nothing, ever |
//! | `/never-read` | nothing, and nothing is read |
//! | any other | 200 with the number of bytes of the request's body, after its end |

use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{RecvStream, SendStream};
use http::{HeaderMap, Request, Response};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use crate::backend::port::{BACKLOG, Port};
use crate::h2_client::{map, owned, send_all};
use crate::wire::{self, Headers};

/// A running endpoint; dropping it closes every connection and frees the port.
#[derive(Debug)]
pub struct H2Service {
    shared: Arc<Shared>,
    acceptor: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    port: Port,
    seen: Mutex<Vec<Seen>>,
}

/// A request, as far as it came.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// The method.
    pub method: String,
    /// The authority.
    pub authority: String,
    /// Path and query.
    pub target: String,
    /// The header's fields in order, with duplicates.
    pub headers: Headers,
    /// Bytes of its body.
    pub received: u64,
    /// Its trailers.
    pub trailers: Option<Headers>,
    /// Whether its body has come to its end.
    pub complete: bool,
    /// The code by which its peer gave it up.
    pub reset: Option<u32>,
}

impl Seen {
    /// The first value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        wire::header(&self.headers, name)
    }
}

impl H2Service {
    /// Starts on a free port of 127.0.0.1.
    pub async fn start() -> Self {
        let port = Port::reserve().expect("a free port");
        let listener = port.listen(BACKLOG).expect("the port is reserved for us");
        let shared = Arc::new(Shared { port, seen: Mutex::default() });
        let acceptor = tokio::spawn(accept(Arc::clone(&shared), listener));
        Self { shared, acceptor }
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.shared.port.addr()
    }

    /// Every request so far, in order of arrival.
    #[must_use]
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.seen().clone()
    }
}

impl Drop for H2Service {
    fn drop(&mut self) {
        self.acceptor.abort();
    }
}

impl Shared {
    fn seen(&self) -> MutexGuard<'_, Vec<Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, request: &Request<RecvStream>) -> usize {
        let mut seen = self.seen();
        let uri = request.uri();
        seen.push(Seen {
            method: request.method().to_string(),
            authority: uri.authority().map(ToString::to_string).unwrap_or_default(),
            target: uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
            headers: owned(request.headers()),
            ..Seen::default()
        });
        seen.len() - 1
    }

    fn update(&self, request: usize, change: impl FnOnce(&mut Seen)) {
        change(&mut self.seen()[request]);
    }
}

async fn accept(shared: Arc<Shared>, listener: TcpListener) {
    // Dropped with this task, and its connections with it.
    let mut open = JoinSet::new();
    loop {
        // The peer was gone before it was accepted; the next one may be there.
        let Ok((stream, _)) = listener.accept().await else { continue };
        let shared = Arc::clone(&shared);
        // An error is the peer's doing; the connection is over in any case.
        open.spawn(async move { drop(serve(&shared, stream).await) });
    }
}

async fn serve(shared: &Arc<Shared>, stream: TcpStream) -> Result<(), h2::Error> {
    // Fails only on a socket that the peer has reset already.
    let _ = stream.set_nodelay(true);
    let mut builder = h2::server::Builder::new();
    // What the gateway lets through in small pieces is none of this end's business.
    builder.data_frame_budget(usize::MAX / 2);
    let mut connection = builder.handshake(stream).await?;
    let mut streams = JoinSet::new();
    while let Some(accepted) = connection.accept().await {
        let (request, respond) = accepted?;
        let number = shared.begin(&request);
        let turn = Turn { shared: Arc::clone(shared), number };
        streams.spawn(async move {
            if let Err(error) = turn.run(request, respond).await {
                let reset = error.reason().filter(|_| error.is_reset()).map(u32::from);
                turn.shared.update(turn.number, |seen| seen.reset = reset);
            }
        });
    }
    Ok(())
}

/// One request and what becomes of it.
struct Turn {
    shared: Arc<Shared>,
    number: usize,
}

impl Turn {
    async fn run(
        &self,
        request: Request<RecvStream>,
        mut respond: SendResponse<Bytes>,
    ) -> Result<(), h2::Error> {
        let path = request.uri().path().to_owned();
        let mut body = request.into_body();
        match &*path {
            "/hang" | "/never-read" => {
                if path == "/hang" {
                    self.read(&mut body, None).await?;
                }
                let code = poll_fn(|cx| respond.poll_reset(cx)).await?;
                self.shared.update(self.number, |seen| seen.reset = Some(code.into()));
                Ok(())
            }
            "/echo" => {
                let mut answer = respond.send_response(head(&[GRPC]), false)?;
                self.read(&mut body, Some(&mut answer)).await?;
                answer.send_trailers(map(&[("grpc-status", "0"), ("grpc-message", "fine")]))
            }
            "/trailers-only" => {
                self.read(&mut body, None).await?;
                respond.send_response(head(&[GRPC, ("grpc-status", "12")]), true).map(drop)
            }
            _ => {
                if path == "/early-hints" {
                    let mut hint = head(&[("link", "</a.css>; rel=preload")]);
                    *hint.status_mut() = http::StatusCode::EARLY_HINTS;
                    respond.send_informational(hint)?;
                }
                self.read(&mut body, None).await?;
                let mut answer = respond.send_response(head(&[]), false)?;
                match path.strip_prefix("/download/").and_then(|size| size.parse().ok()) {
                    Some(size) => download(&mut answer, size).await,
                    None => {
                        let received = self.shared.seen()[self.number].received;
                        answer.send_data(received.to_string().into(), true)
                    }
                }
            }
        }
    }

    /// Reads the request to its end, and sends back what comes.
    async fn read(
        &self,
        body: &mut RecvStream,
        mut echo: Option<&mut SendStream<Bytes>>,
    ) -> Result<(), h2::Error> {
        while let Some(piece) = body.data().await {
            let piece = piece?;
            let length = piece.len();
            self.shared.update(self.number, |seen| seen.received += length as u64);
            if let Some(answer) = echo.as_deref_mut() {
                send_all(answer, piece, false).await?;
            }
            body.flow_control().release_capacity(length)?;
        }
        let trailers = body.trailers().await?;
        self.shared.update(self.number, |seen| {
            seen.trailers = trailers.as_ref().map(owned);
            seen.complete = true;
        });
        Ok(())
    }
}

const GRPC: (&str, &str) = ("content-type", "application/grpc");

fn head(fields: &[(&str, &str)]) -> Response<()> {
    let mut head = Response::new(());
    let fields: HeaderMap = map(fields);
    *head.headers_mut() = fields;
    head
}

async fn download(answer: &mut SendStream<Bytes>, size: u64) -> Result<(), h2::Error> {
    let piece = Bytes::from_static(&[b'x'; 16 * 1024]);
    let mut left = size;
    while left > 0 {
        let now = usize::try_from(left).unwrap_or(usize::MAX).min(piece.len());
        send_all(answer, piece.slice(..now), false).await?;
        left -= now as u64;
    }
    answer.send_data(Bytes::new(), true)
}
