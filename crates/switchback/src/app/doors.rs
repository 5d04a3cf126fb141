//! The listening sockets of the process, and when its services may accept from them.
//!
//! All of them are bound here, at the start or by the process that went before, and never by Pingora, which
//! panics where it cannot bind. Services get duplicates: a socket is closed when its last duplicate is,
//! in whatever process. So a successor can have one, and no connection in its queue is lost as long as
//! anybody accepts from it.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::IntoRawFd;
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use pingora::server::{Fds, ListenFds, RuntimeOpts, ShutdownWatch};
use pingora::services::{ServiceReadyNotifier, ServiceWithDependents};
use switchback_core::plan::{AdminAddress, Plan};
use tokio::sync::watch;

use super::StartError;
use super::socket::Socket;
use super::unix::{self, SocketFile};

/// The listening sockets, and who may accept from them.
#[derive(Debug)]
pub(crate) struct Doors {
    sockets: Mutex<Vec<Socket>>,
    /// Of the operators' Unix socket.
    file: Option<SocketFile>,
    opened: watch::Sender<bool>,
    /// To clients; what Pingora takes for the shutdown.
    closed: watch::Sender<bool>,
    /// To operators as well.
    all_closed: watch::Sender<bool>,
}

/// Binds every address of a plan that is not inherited; what nobody wants any more is closed.
///
/// # Errors
///
/// If one cannot be bound; then none is.
pub(super) fn bind(plan: &Plan, mut inherited: Vec<Socket>) -> Result<Vec<Socket>, StartError> {
    let tcp = |(what, address): (&'static str, SocketAddr), inherited: &mut Vec<Socket>| {
        let socket = match inherited.iter().position(|it| it.is_tcp_at(address)) {
            Some(at) => Ok(inherited.swap_remove(at)),
            None => TcpListener::bind(address).map(Socket::Tcp),
        };
        let ready = socket.and_then(Socket::without_blocking).and_then(Socket::minding_clients);
        ready.map_err(|source| StartError::Bind { what, address, source })
    };
    let clients = plan.listeners.iter().map(|listener| ("listener", listener.address));
    let mut sockets =
        clients.map(|it| tcp(it, &mut inherited)).collect::<Result<Vec<_>, StartError>>()?;
    // The last, because a file stays where another socket cannot be bound.
    sockets.push(match &plan.admin.at {
        AdminAddress::Tcp(address) => tcp(("admin listener", *address), &mut inherited)?,
        AdminAddress::Unix(path) => {
            let found = inherited.iter().position(|it| it.is_unix_at(path));
            let socket = match found {
                Some(at) => Ok(inherited.swap_remove(at)),
                None => unix::bound(path).map(Socket::Unix),
            };
            let ready = socket.and_then(|socket| Ok(socket.without_blocking()?));
            ready.map_err(|source| StartError::Socket { path: path.clone(), source })?
        }
    });
    Ok(sockets)
}

impl Doors {
    /// Doors that are not open yet, of the sockets that were [bound](bind) for this address of operators.
    pub(super) fn new(sockets: Vec<Socket>, admin: &AdminAddress) -> Self {
        let file = match admin {
            AdminAddress::Tcp(_) => None,
            AdminAddress::Unix(path) => SocketFile::at(path).ok(),
        };
        Self {
            sockets: Mutex::new(sockets),
            file,
            opened: watch::Sender::new(false),
            closed: watch::Sender::new(false),
            all_closed: watch::Sender::new(false),
        }
    }

    /// Lets services accept.
    pub(super) fn open(&self) {
        self.opened.send_replace(true);
    }

    /// Whether services accept, or have accepted.
    pub(crate) fn are_open(&self) -> bool {
        *self.opened.borrow()
    }

    /// Waits until services may accept.
    pub(super) async fn opened(&self) {
        reached(&self.opened).await;
    }

    /// Nobody accepts clients any more; operators are let in still.
    pub(crate) fn close(&self) {
        self.sockets.lock().clear();
        self.closed.send_replace(true);
    }

    /// Nobody accepts anybody any more: a successor does.
    pub(crate) fn close_all(&self) {
        self.close();
        self.all_closed.send_replace(true);
    }

    /// The process ends: takes the file of the Unix socket away, unless a successor has it.
    pub(super) fn leave(&self) {
        if let Some(file) = self.file.as_ref().filter(|_| !*self.all_closed.borrow()) {
            file.remove();
        }
    }

    /// Waits for [`Self::close_all`].
    pub(super) async fn all_closed(&self) {
        reached(&self.all_closed).await;
    }

    /// Duplicates of all sockets.
    ///
    /// # Errors
    ///
    /// If there are not enough descriptors for them.
    pub(crate) fn sockets(&self) -> io::Result<Vec<Socket>> {
        self.sockets.lock().iter().map(Socket::duplicate).collect()
    }

    /// A duplicate of the socket with this address; an address without one is not found.
    fn socket(&self, address: SocketAddr) -> io::Result<TcpListener> {
        match self.find(|it| it.is_tcp_at(address))? {
            Socket::Tcp(socket) => Ok(socket),
            Socket::Unix(_) => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// A duplicate of the operators' socket.
    pub(super) fn admin(&self, at: &AdminAddress) -> io::Result<Socket> {
        match at {
            AdminAddress::Tcp(address) => self.find(|it| it.is_tcp_at(*address)),
            AdminAddress::Unix(path) => self.find(|it| it.is_unix_at(path)),
        }
    }

    fn find(&self, wanted: impl Fn(&Socket) -> bool) -> io::Result<Socket> {
        let sockets = self.sockets.lock();
        sockets.iter().find(|it| wanted(it)).ok_or(io::ErrorKind::NotFound)?.duplicate()
    }
}

async fn reached(watched: &watch::Sender<bool>) {
    // It is us who have the sender.
    let _ = watched.subscribe().wait_for(|it| *it).await;
}

/// The service for clients, behind the doors.
pub(super) struct Behind<S> {
    service: S,
    doors: Arc<Doors>,
    sockets: ListenFds,
}

impl<S> Behind<S> {
    /// `addresses` are those on which the service listens.
    ///
    /// # Errors
    ///
    /// If there are not enough descriptors for duplicates of the sockets.
    pub(super) fn new(
        service: S,
        doors: Arc<Doors>,
        addresses: impl IntoIterator<Item = SocketAddr>,
    ) -> Result<Self, StartError> {
        let mut sockets = Fds::new();
        for address in addresses {
            let socket = doors.socket(address).map_err(|source| StartError::Bind {
                what: "listener",
                address,
                source,
            })?;
            // Pingora's from here on: it looks its sockets up by what they are called.
            sockets.add(address.to_string(), socket.into_raw_fd());
        }
        Ok(Self { service, doors, sockets: Arc::new(Mutex::new(sockets)) })
    }
}

#[async_trait]
impl<S: ServiceWithDependents> ServiceWithDependents for Behind<S> {
    /// Accepts from our sockets, from when the doors are opened until they are closed. Pingora's own
    /// shutdown comes when nobody is left.
    async fn start_service(
        &mut self,
        _fds: Option<ListenFds>,
        _shutdown: ShutdownWatch,
        listeners_per_fd: usize,
        ready: ServiceReadyNotifier,
    ) {
        self.doors.opened().await;
        let closed = self.doors.closed.subscribe();
        self.service
            .start_service(Some(self.sockets.clone()), closed, listeners_per_fd, ready)
            .await;
    }

    fn name(&self) -> &str {
        self.service.name()
    }

    fn threads(&self) -> Option<usize> {
        self.service.threads()
    }

    fn runtime_opts_override(&self, global: &RuntimeOpts) -> Option<RuntimeOpts> {
        self.service.runtime_opts_override(global)
    }

    fn listen_addresses(&self) -> Option<Vec<String>> {
        self.service.listen_addresses()
    }
}
