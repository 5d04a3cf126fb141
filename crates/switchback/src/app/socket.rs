//! A listening socket of the process: TCP, or the Unix socket of the operators.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::Duration;

use rustix::net::sockopt::{
    set_socket_keepalive, set_tcp_keepcnt, set_tcp_keepidle, set_tcp_keepintvl,
};
use rustix::net::{AddressFamily, getsockname};

use super::unix;

/// A listening socket.
#[derive(Debug)]
pub(crate) enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Socket {
    /// What another process has handed over.
    ///
    /// # Errors
    ///
    /// If it is no socket.
    pub(super) fn of(socket: OwnedFd) -> io::Result<Self> {
        Ok(match getsockname(&socket)?.address_family() {
            AddressFamily::UNIX => Self::Unix(socket.into()),
            _ => Self::Tcp(socket.into()),
        })
    }

    /// A duplicate.
    pub(super) fn duplicate(&self) -> io::Result<Self> {
        Ok(match self {
            Self::Tcp(socket) => Self::Tcp(socket.try_clone()?),
            Self::Unix(socket) => Self::Unix(socket.try_clone()?),
        })
    }

    /// As Tokio wants it. Every duplicate has it with it.
    pub(super) fn without_blocking(self) -> io::Result<Self> {
        match &self {
            Self::Tcp(socket) => socket.set_nonblocking(true)?,
            Self::Unix(socket) => socket.set_nonblocking(true)?,
        }
        Ok(self)
    }

    /// Lets the system look after silent clients: one that vanished without a word is noticed after two
    /// minutes, also where it is silent by right (WebSocket). Set where they are accepted, for what is accepted
    /// has it from there; set on each connection it would be four system calls for each.
    pub(super) fn minding_clients(self) -> io::Result<Self> {
        if let Self::Tcp(socket) = &self {
            set_socket_keepalive(socket, true)?;
            set_tcp_keepidle(socket, Duration::from_secs(60))?;
            set_tcp_keepintvl(socket, Duration::from_secs(15))?;
            set_tcp_keepcnt(socket, 4)?;
        }
        Ok(self)
    }

    /// Whether clients reach it at this address.
    pub(super) fn is_tcp_at(&self, address: SocketAddr) -> bool {
        matches!(self, Self::Tcp(socket) if socket.local_addr().is_ok_and(|it| it == address))
    }

    /// Whether operators reach it at this path.
    pub(super) fn is_unix_at(&self, path: &Path) -> bool {
        matches!(self, Self::Unix(socket) if unix::is_at(socket, path))
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(socket) => socket.as_fd(),
            Self::Unix(socket) => socket.as_fd(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use rustix::net::sockopt::{socket_keepalive, tcp_keepcnt, tcp_keepidle, tcp_keepintvl};

    use super::*;

    #[test]
    fn a_client_is_minded_from_the_moment_it_is_accepted() {
        let socket = Socket::Tcp(TcpListener::bind("127.0.0.1:0").unwrap());
        let Socket::Tcp(socket) = socket.minding_clients().unwrap() else { unreachable!() };
        let _client = TcpStream::connect(socket.local_addr().unwrap()).unwrap();
        let (accepted, _) = socket.accept().unwrap();
        assert!(socket_keepalive(&accepted).unwrap());
        assert_eq!(tcp_keepidle(&accepted).unwrap(), Duration::from_secs(60));
        assert_eq!(tcp_keepintvl(&accepted).unwrap(), Duration::from_secs(15));
        assert_eq!(tcp_keepcnt(&accepted).unwrap(), 4);
    }
}
