//! A port that stays ours while nobody listens on it.
//!
//! A closed listener gives its port back, and on a busy machine the next outgoing connection may get
//! it: then "refused" becomes "answered by a stranger". So a second socket, bound and never listening,
//! holds the port for the backend's whole life. Both carry `SO_REUSEPORT`, without which the second
//! bind would fail; a socket that does not listen never gets a connection, so the kernel refuses.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::{TcpListener, TcpSocket};

/// Connections that the kernel holds for a listener that does not accept.
const BACKLOG: u32 = 1024;

#[derive(Debug)]
pub(crate) struct Port {
    addr: SocketAddr,
    _reservation: TcpSocket,
}

impl Port {
    /// Reserves a free port of 127.0.0.1.
    pub(crate) fn reserve() -> io::Result<Self> {
        let reservation = bound((Ipv4Addr::LOCALHOST, 0).into())?;
        Ok(Self { addr: reservation.local_addr()?, _reservation: reservation })
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Starts to listen; connections are refused again as soon as the listener is dropped.
    pub(crate) fn listen(&self) -> io::Result<TcpListener> {
        bound(self.addr)?.listen(BACKLOG)
    }
}

fn bound(addr: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.set_reuseport(true)?;
    socket.bind(addr)?;
    Ok(socket)
}
