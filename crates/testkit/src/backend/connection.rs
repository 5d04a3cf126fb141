//! One accepted connection: waits for a request, reads it, records it, lets [`super::reply`] answer.
//!
//! Everything that touches the socket goes through [`Connection::fill`] and [`Connection::send`],
//! which stand still while the backend is paused; the end by `kill` comes from outside, by dropping
//! the future that serves.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::Shared;
use super::behavior::{Behavior, Ending, Health, RequestInfo};
use super::life::Leave;
use super::record::{Entry, rehash};
use crate::wire::body::BodyDecoder;
use crate::wire::{self, MAX_HEAD};
use crate::{Proxied, proxy_protocol};

pub(super) struct Connection {
    pub(super) shared: Arc<Shared>,
    pub(super) stream: TcpStream,
    pub(super) buf: BytesMut,
    ended: watch::Receiver<Ending>,
    paused: watch::Receiver<bool>,
    number: u64,
    nth: u32,
    proxied: Option<Proxied>,
    _open: Open,
}

/// Counts the connection as open until it is closed; declared last, so dropped after the socket.
struct Open(Arc<Shared>, u64);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.send_modify(|open| _ = open.remove(&self.1));
    }
}

/// What becomes of the connection after an answer.
pub(super) enum Next {
    Keep,
    /// Kept, but closed after this much silence.
    KeepFor(Duration, Ending),
    End(Ending),
}

/// A request on its way through the connection.
pub(super) struct Request {
    pub(super) info: RequestInfo,
    pub(super) entry: Entry,
    pub(super) body: BodyDecoder,
    /// The peer wants to go on with this connection.
    pub(super) keep: bool,
    /// The content, as far as read; kept only for [`Behavior::Echo`].
    pub(super) content: Vec<u8>,
    /// The peer waits for a 100 before it sends the body.
    expects: bool,
}

impl Connection {
    pub(super) fn new(shared: Arc<Shared>, stream: TcpStream, number: u64) -> Self {
        let (ended, paused) = (shared.ended.subscribe(), shared.paused.subscribe());
        let (buf, open) = (BytesMut::new(), Open(Arc::clone(&shared), number));
        Self { shared, stream, buf, ended, paused, number, nth: 0, proxied: None, _open: open }
    }

    /// Serves until either side ends it.
    pub(super) async fn run(mut self) {
        let mut ended = self.ended.clone();
        let ending = tokio::select! {
            ending = self.serve() => ending,
            _ = ended.changed() => *ended.borrow(),
        };
        let Self { stream, _open, .. } = self;
        match ending {
            Ending::Rst => wire::reset(stream),
            Ending::Fin => wire::close(stream),
        }
    }

    async fn serve(&mut self) -> Ending {
        let met = self.shared.behavior.borrow().on_accept().cloned();
        match met {
            Some(Behavior::ResetOnAccept) => return Ending::Rst,
            Some(_) => std::future::pending().await,
            None => {}
        }
        if self.shared.demands_header.load(Ordering::SeqCst) && self.proxy_header().await.is_err() {
            return Ending::Rst;
        }
        let mut idle = None;
        loop {
            // An error is the peer's doing; there is nothing left to close but our side.
            match self.turn(idle).await.unwrap_or(Next::End(Ending::Fin)) {
                Next::Keep => idle = None,
                Next::KeepFor(time, ending) => idle = Some((time, ending)),
                Next::End(ending) => return ending,
            }
        }
    }

    /// Reads the PROXY header, and records it.
    async fn proxy_header(&mut self) -> io::Result<()> {
        let header = loop {
            match proxy_protocol::parse(&self.buf) {
                Ok(Some(header)) => break Ok(header),
                Ok(None) if self.fill().await? > 0 => {}
                // A connection that comes to nothing may be a probe's, or a client's that left.
                Ok(None) if self.buf.is_empty() => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(None) => break Err(io::ErrorKind::UnexpectedEof.into()),
                Err(error) => break Err(error),
            }
        };
        let (len, proxied) = header.inspect_err(|_| {
            self.shared.malformed.fetch_add(1, Ordering::SeqCst);
        })?;
        self.buf.advance(len);
        self.shared.headers().push(proxied);
        self.proxied = Some(proxied);
        Ok(())
    }

    /// One request and its answer.
    async fn turn(&mut self, idle: Option<(Duration, Ending)>) -> io::Result<Next> {
        if let Some(ending) = self.arrival(idle).await? {
            return Ok(Next::End(ending));
        }
        let Some((head, keep)) = self.head().await? else {
            return Ok(Next::End(Ending::Fin));
        };
        let health = self.health_of(&head.target);
        let info = RequestInfo { index: self.count(health.is_some()), ..head };
        let keep = keep && *self.shared.leave.borrow() == Leave::No;
        let behavior = self.behavior_of(&info, health);
        if let (Behavior::CloseOnReuse { executed: false, ending }, 1..) = (&behavior, info.nth) {
            self.shared.refused_on_reuse.fetch_add(1, Ordering::SeqCst);
            return Ok(Next::End(*ending));
        }
        let Ok(body) = BodyDecoder::of_request(&info.headers) else {
            return self.refuse().await;
        };
        let head = (&*info.method, &*info.target, &info.headers);
        let entry =
            self.shared.log.begin(health.is_some(), head, (self.number, info.nth), self.proxied);
        let expects = wire::has_token(&info.headers, "expect", "100-continue");
        let mut request = Request { info, entry, body, keep, content: Vec::new(), expects };
        if !behavior.is_early() || request.body.is_done() {
            self.read_body(&mut request, u64::MAX).await?;
        }
        self.reply(&mut request, behavior).await
    }

    /// Waits for the first byte of a request; `Some` when the connection is to end instead.
    async fn arrival(&mut self, idle: Option<(Duration, Ending)>) -> io::Result<Option<Ending>> {
        if !self.buf.is_empty() {
            return Ok(None);
        }
        let mut behavior = self.shared.behavior.subscribe();
        let refused = async { _ = behavior.wait_for(Behavior::is_closed_door).await };
        let mut leave = self.shared.leave.subscribe();
        let left = async { _ = leave.wait_for(|leave| *leave == Leave::Now).await };
        let expired = async {
            match idle {
                Some((time, ending)) => {
                    tokio::time::sleep(time).await;
                    ending
                }
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            // Who closes because he is told to looks first whether a request has just come.
            biased;
            ending = expired => Ok(Some(ending)),
            read = self.fill() => Ok((read? == 0).then_some(Ending::Fin)),
            () = refused => Ok(Some(Ending::Fin)),
            () = left => Ok(Some(Ending::Fin)),
        }
    }

    /// Reads and parses a head; `None` when the connection ended inside it or it was no HTTP.
    async fn head(&mut self) -> io::Result<Option<(RequestInfo, bool)>> {
        loop {
            let mut headers = [httparse::EMPTY_HEADER; 256];
            let mut parsed = httparse::Request::new(&mut headers);
            match parsed.parse(&self.buf) {
                Ok(httparse::Status::Complete(len)) => {
                    let head = RequestInfo {
                        method: parsed.method.unwrap_or_default().to_owned(),
                        target: parsed.path.unwrap_or_default().to_owned(),
                        headers: wire::owned(parsed.headers),
                        index: 0,
                        connection: self.number,
                        nth: self.nth,
                    };
                    let keep = match parsed.version {
                        Some(0) => wire::has_token(&head.headers, "connection", "keep-alive"),
                        _ => !wire::has_token(&head.headers, "connection", "close"),
                    };
                    self.buf.advance(len);
                    self.nth += 1;
                    return Ok(Some((head, keep)));
                }
                Ok(httparse::Status::Partial) if self.buf.len() < MAX_HEAD => {}
                _ => return self.refuse().await.map(|_| None),
            }
            if self.fill().await? == 0 {
                return Ok(None);
            }
        }
    }

    async fn refuse(&mut self) -> io::Result<Next> {
        self.shared.malformed.fetch_add(1, Ordering::SeqCst);
        let answer = b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
        self.send(answer).await?;
        Ok(Next::End(Ending::Fin))
    }

    /// What the health path is set to, if this is a request to it.
    fn health_of(&self, target: &str) -> Option<Health> {
        let health = self.shared.health();
        (target.split('?').next() == Some(&*health.0)).then_some(health.1)
    }

    fn behavior_of(&self, request: &RequestInfo, health: Option<Health>) -> Behavior {
        match health {
            Some(Health::Healthy) => Behavior::ok(),
            Some(Health::Status(status)) => Behavior::status(status),
            Some(Health::Hang) => Behavior::AcceptAndSilent { reads: true },
            Some(Health::SameAsTraffic) | None => {
                let current = self.shared.behavior.borrow().clone();
                // It came over a connection from before the door was closed; that one closes next.
                if current.is_closed_door() { Behavior::ok() } else { current.resolve(request) }
            }
        }
    }

    /// The request's position among the traffic.
    fn count(&self, health: bool) -> u64 {
        if health { 0 } else { self.shared.requests.fetch_add(1, Ordering::SeqCst) }
    }

    /// Reads `most` bytes of the body, or all of it; then the request counts as executed. An error if
    /// the peer ends before.
    pub(super) async fn read_body(&mut self, request: &mut Request, most: u64) -> io::Result<()> {
        if request.expects && self.buf.is_empty() && !request.body.is_done() {
            self.send(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
        request.expects = false;
        let mut read = 0;
        loop {
            let from = request.content.len();
            let limit = usize::try_from(most - read).unwrap_or(usize::MAX);
            let decoded = request.body.decode(&mut self.buf, &mut request.content, limit);
            decoded.map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e.0))?;
            let new = &request.content[from..];
            read += new.len() as u64;
            let complete = request.body.is_done();
            self.shared.log.update(request.entry, |r| {
                r.body_len += new.len() as u64;
                r.body_hash = rehash(r.body_hash, new);
                r.complete |= complete;
            });
            if complete || read >= most {
                return Ok(());
            }
            if self.fill().await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Reads more into `buf`, not while paused; zero means that the peer has closed.
    pub(super) async fn fill(&mut self) -> io::Result<usize> {
        loop {
            resumed(&mut self.paused).await;
            let mut paused = self.paused.clone();
            tokio::select! {
                read = wire::fill(&self.stream, &mut self.buf) => {
                    resumed(&mut self.paused).await;
                    return read;
                }
                () = async { let _ = paused.wait_for(|p| *p).await; } => {}
            }
        }
    }

    /// Writes all of it, not while paused.
    pub(super) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        for piece in bytes.chunks(64 * 1024) {
            resumed(&mut self.paused).await;
            wire::send(&self.stream, piece).await?;
        }
        Ok(())
    }
}

async fn resumed(paused: &mut watch::Receiver<bool>) {
    // An error means that the backend is gone; then the connection ends anyway.
    let _ = paused.wait_for(|p| !p).await;
}
