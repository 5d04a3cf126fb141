//! The old process: offers its sockets, and learns whether another one serves.

use std::io::{self, IoSlice};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use thiserror::Error;
use tokio::io::{AsyncReadExt, Interest};
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::place::{Meeting, Place, PlaceError};
use super::{END, GREETING, PATIENCE, READY, SOCKET, is_trusted};
use crate::app::socket::Socket;

/// Why nobody has taken the sockets.
#[derive(Debug, Error)]
pub(crate) enum OfferError {
    /// There is no place for it.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// No other process has come.
    #[error("nobody has come within {0:?}")]
    Nobody(Duration),
    /// The connection to it failed.
    #[error("the other process could not be given the listeners: {0}")]
    Sending(io::Error),
    /// It ended before it served.
    #[error("the other process has ended before it was ready")]
    Ended,
}

/// Offers the sockets to one process and waits until that one serves.
///
/// # Errors
///
/// If nobody does. Then nothing has changed.
pub(crate) async fn offer(place: &Place, sockets: &[Socket]) -> Result<(), OfferError> {
    let meeting = place.meet().await?;
    log::info!("offering the listeners at {} for {PATIENCE:?}", place.path().display());
    let came = timeout(PATIENCE, somebody(&meeting)).await;
    let mut stream = came.map_err(|_| OfferError::Nobody(PATIENCE))?;
    drop(meeting);
    send(&stream, sockets).await.map_err(OfferError::Sending)?;
    log::info!("another process has the listeners; serving on until it does");
    match stream.read_u8().await {
        Ok(READY) => Ok(()),
        _ => Err(OfferError::Ended),
    }
}

/// Whoever comes first and may have the listeners. Of those who may not, and of failures, the first is told:
/// they may come as often as they like.
async fn somebody(meeting: &Meeting) -> UnixStream {
    let (mut refused, mut failed) = (false, false);
    loop {
        let came = match meeting.listener.accept().await {
            Ok((stream, _)) => stream.peer_cred().map(|peer| (stream, peer.uid())),
            Err(error) => Err(error),
        };
        match came {
            Ok((stream, user)) if is_trusted(user) => return stream,
            Ok((_, user)) => {
                if !std::mem::replace(&mut refused, true) {
                    log::warn!("user {user} asks for the listeners, and is refused");
                }
            }
            Err(error) => {
                if !std::mem::replace(&mut failed, true) {
                    log::warn!("nobody can be given the listeners: {error}");
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn send(stream: &UnixStream, sockets: &[Socket]) -> io::Result<()> {
    part(stream, GREETING, &[]).await?;
    for socket in sockets {
        part(stream, SOCKET, &[socket.as_fd()]).await?;
    }
    part(stream, END, &[]).await
}

/// A byte, and the socket that comes with it: so each is received with its own, however the stream is cut.
async fn part(stream: &UnixStream, byte: u8, sockets: &[BorrowedFd<'_>]) -> io::Result<()> {
    let send = || {
        let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !sockets.is_empty() {
            control.push(SendAncillaryMessage::ScmRights(sockets));
        }
        let sent = sendmsg(stream, &[IoSlice::new(&[byte])], &mut control, SendFlags::NOSIGNAL)?;
        if sent == 1 { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
    };
    stream.async_io(Interest::WRITABLE, send).await
}
