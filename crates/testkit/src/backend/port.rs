//! A port that stays ours while nobody listens on it.
//!
//! A closed listener gives its port back, and on a busy machine the next outgoing connection may get
//! it: then "refused" becomes "answered by a stranger". So a second socket, bound and never listening,
//! holds the port for the backend's whole life. Both carry `SO_REUSEPORT`, without which the second
//! bind would fail; a socket that does not listen never gets a connection, so the kernel refuses.
//!
//! A port can also be *full*: somebody listens, never accepts, and the queue holds no more. Linux then
//! drops a SYN instead of refusing it (`tcp_abort_on_overflow` is off by default and concerns what
//! comes later), on loopback as well; so a connect meets silence, as with a host that is gone or a
//! firewall that drops.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};

/// Connections that the kernel holds for a listener that does not accept.
pub(crate) const BACKLOG: u32 = 1024;

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
    pub(crate) fn listen(&self, backlog: u32) -> io::Result<TcpListener> {
        bound(self.addr)?.listen(backlog)
    }

    /// Listens and fills the queue. A backlog of one holds two, as Linux compares with "more than".
    fn full(&self) -> io::Result<Full> {
        let listener = self.listen(1)?;
        // Both stand at once, as the kernel shakes hands without us.
        let connect = || TcpStream::connect_timeout(&self.addr, Duration::from_secs(1));
        Ok(Full { _queued: [connect()?, connect()?], _listener: listener })
    }
}

/// What stands at the port. A change closes before it opens, so that no two listeners share.
#[derive(Debug)]
pub(crate) enum Door {
    /// Nobody: connections are refused.
    Closed,
    /// A listener with room.
    Open(TcpListener),
    /// A listener without.
    Full(#[expect(dead_code, reason = "held open, never used")] Full),
}

/// A listener whose queue is full and is never taken from.
#[derive(Debug)]
pub(crate) struct Full {
    _queued: [TcpStream; 2],
    _listener: TcpListener,
}

impl Door {
    /// Refuses from now on.
    pub(crate) fn closed(&mut self, _: &Port) {
        *self = Self::Closed;
    }

    /// Listens, unless it does already.
    pub(crate) fn open(&mut self, port: &Port) {
        if !matches!(self, Self::Open(_)) {
            *self = Self::Closed;
            *self = Self::Open(port.listen(BACKLOG).expect("the port is reserved for us"));
        }
    }

    /// Drops SYNs, unless it does already.
    pub(crate) fn full(&mut self, port: &Port) {
        if !matches!(self, Self::Full(_)) {
            *self = Self::Closed;
            *self = Self::Full(port.full().expect("a queue of two to be filled"));
        }
    }
}

fn bound(addr: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.set_reuseport(true)?;
    socket.bind(addr)?;
    Ok(socket)
}
