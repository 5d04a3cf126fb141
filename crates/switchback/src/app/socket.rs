//! A listening socket of the process: TCP, or the Unix socket of the operators.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::path::Path;

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
