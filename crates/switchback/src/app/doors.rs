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

/// The listening sockets, and who may accept from them.
#[derive(Debug)]
pub(crate) struct Doors {
    sockets: Mutex<Vec<TcpListener>>,
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
pub(super) fn bind(
    plan: &Plan,
    mut inherited: Vec<TcpListener>,
) -> Result<Vec<TcpListener>, StartError> {
    let clients = plan.listeners.iter().map(|listener| ("listener", listener.address));
    let addresses = clients.chain(tcp(&plan.admin.at).map(|address| ("admin listener", address)));
    let socket = |(what, address): (&'static str, SocketAddr)| {
        let found = inherited.iter().position(|it| it.local_addr().is_ok_and(|it| it == address));
        let socket = match found {
            Some(at) => Ok(inherited.swap_remove(at)),
            None => TcpListener::bind(address),
        };
        // As Tokio wants it. Every duplicate has it with it.
        let ready = socket.and_then(|socket| socket.set_nonblocking(true).map(|()| socket));
        ready.map_err(|source| StartError::Bind { what, address, source })
    };
    addresses.map(socket).collect()
}

impl Doors {
    /// Doors that are not open yet.
    pub(super) fn new(sockets: Vec<TcpListener>) -> Self {
        Self {
            sockets: Mutex::new(sockets),
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

    /// Waits for [`Self::close_all`].
    pub(super) async fn all_closed(&self) {
        reached(&self.all_closed).await;
    }

    /// Duplicates of all sockets.
    ///
    /// # Errors
    ///
    /// If there are not enough descriptors for them.
    pub(crate) fn sockets(&self) -> io::Result<Vec<TcpListener>> {
        self.sockets.lock().iter().map(TcpListener::try_clone).collect()
    }

    /// A duplicate of the socket with this address; an address without one is not found.
    pub(super) fn socket(&self, address: SocketAddr) -> io::Result<TcpListener> {
        let sockets = self.sockets.lock();
        let mut sockets = sockets.iter();
        let found = sockets.find(|it| it.local_addr().is_ok_and(|it| it == address));
        found.ok_or(io::ErrorKind::NotFound)?.try_clone()
    }
}

/// The address of a listener that is no Unix socket.
fn tcp(at: &AdminAddress) -> Option<SocketAddr> {
    match at {
        AdminAddress::Tcp(address) => Some(*address),
        AdminAddress::Unix(_) => None,
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
