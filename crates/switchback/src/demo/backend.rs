//! A sample backend: an HTTP/1.1 server whose behavior can be switched while it runs.
//!
//! It treats its health path as it treats everything else: a process that hangs does not answer
//! probes either.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;

use super::ledger::Ledger;
use super::request;
use super::wire::{Connection, Message, RequestLine};

/// The path that probes ask for.
pub(super) const HEALTH: &str = "/healthz";

/// What a backend does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Behavior {
    /// It answers after a few milliseconds.
    Serving,
    /// Its port is closed and its connections were reset.
    Killed,
    /// It takes requests and never answers.
    Hanging,
    /// It answers 503 to everything.
    Answering503,
    /// It reads each request and closes the connection.
    Dropping,
}

impl Behavior {
    /// The words on the screen.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Serving => "serving",
            Self::Killed => "killed",
            Self::Hanging => "hanging",
            Self::Answering503 => "answering 503",
            Self::Dropping => "dropping",
        }
    }
}

/// A running backend.
pub(super) struct Backend {
    pub(super) name: char,
    pub(super) address: SocketAddr,
    behavior: watch::Sender<Behavior>,
    requests: AtomicU64,
    ledger: Arc<Ledger>,
}

impl Backend {
    /// Binds a port and serves, on the runtime that this is called on.
    pub(super) fn start(name: char, ledger: Arc<Ledger>) -> io::Result<Arc<Self>> {
        let socket = hold(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        let backend = Arc::new(Self {
            name,
            address: socket.local_addr()?,
            behavior: watch::Sender::new(Behavior::Serving),
            requests: AtomicU64::new(0),
            ledger,
        });
        tokio::spawn(backend.clone().live(socket.listen(1024)?));
        Ok(backend)
    }

    pub(super) fn behavior(&self) -> Behavior {
        *self.behavior.borrow()
    }

    pub(super) fn behave(&self, behavior: Behavior) {
        self.behavior.send_replace(behavior);
    }

    /// Requests that have come, whatever became of them; probes are none.
    pub(super) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Listens, dies and rises again.
    async fn live(self: Arc<Self>, mut listener: TcpListener) {
        let mut behavior = self.behavior.subscribe();
        loop {
            loop {
                tokio::select! {
                    _ = behavior.wait_for(|now| *now == Behavior::Killed) => break,
                    accepted = listener.accept() => if let Ok((socket, _)) = accepted {
                        tokio::spawn(self.clone().serve(socket));
                    },
                }
            }
            self.die(listener);
            // Bound and not listening, the port refuses connections, and nobody else is given it:
            // not even one of the gateway's own connections, which could then meet itself.
            let held = hold(self.address);
            let _ = behavior.wait_for(|now| *now != Behavior::Killed).await;
            drop(held);
            listener = loop {
                match hold(self.address).and_then(|socket| socket.listen(1024)) {
                    Ok(listener) => break listener,
                    Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
                }
            };
        }
    }

    /// Closes the port. Connections that the kernel had accepted by then die as those of ours do, so
    /// that the ledger hears of the requests on them.
    fn die(self: &Arc<Self>, listener: TcpListener) {
        let Ok(listener) = listener.into_std() else {
            return;
        };
        while let Ok((socket, _)) = listener.accept() {
            let socket = socket.set_nonblocking(true).map(|()| socket);
            if let Ok(socket) = socket.and_then(TcpStream::from_std) {
                tokio::spawn(self.clone().serve(socket));
            }
        }
    }

    async fn serve(self: Arc<Self>, socket: TcpStream) {
        let mut behavior = self.behavior.subscribe();
        let mut connection = Connection::new(socket);
        let killed = tokio::select! {
            biased;
            _ = behavior.wait_for(|now| *now == Behavior::Killed) => true,
            // A peer that closes or breaks its connection concerns nobody.
            _ = self.answer(&mut connection) => false,
        };
        if !killed {
            return;
        }
        let Some(cut) = connection.reset() else {
            self.ledger.reset_unread();
            return;
        };
        if let (request::POST, Some(id)) = (cut.start.method.as_str(), cut.fields.id) {
            self.ledger.reached(id);
        }
    }

    /// Answers request after request, as long as there is something to answer.
    async fn answer(&self, connection: &mut Connection) -> io::Result<()> {
        while let Some(asked) = connection.request().await? {
            let probe = asked.start.path == HEALTH;
            if !probe {
                self.note(&asked);
            }
            let status = match self.behavior() {
                Behavior::Serving if probe => 200,
                Behavior::Serving => {
                    let thinking = asked.fields.id.unwrap_or_default() % 5 + 1;
                    tokio::time::sleep(Duration::from_millis(thinking)).await;
                    // A body that was lost or mixed up on the way is the gateway's failure.
                    let whole = asked.body.is_empty() || request::is_body_of(&asked);
                    if whole { 200 } else { 400 }
                }
                Behavior::Answering503 => 503,
                Behavior::Hanging => {
                    connection.until_closed().await;
                    return Ok(());
                }
                Behavior::Dropping | Behavior::Killed => return Ok(()),
            };
            let id = asked.fields.id.unwrap_or_default().to_string();
            let length = id.len();
            let answer = format!("HTTP/1.1 {status} Demo\r\nContent-Length: {length}\r\n\r\n{id}");
            connection.send(answer.as_bytes()).await?;
        }
        Ok(())
    }

    fn note(&self, asked: &Message<RequestLine>) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        if let (request::POST, Some(id)) = (asked.start.method.as_str(), asked.fields.id) {
            self.ledger.executed(id);
        }
    }
}

/// Takes an address without listening on it.
fn hold(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}
