//! The new process: waits for the sockets and takes them.

use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::Duration;

use rustix::net::sockopt::socket_acceptconn;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use switchback_core::plan::Plan;
use thiserror::Error;
use tokio::io::Interest;
use tokio::net::UnixStream;
use tokio::time::{Instant, sleep, timeout};

use super::place::{Place, PlaceError};
use super::{END, GREETING, Inherited, PATIENCE, Predecessor, SOCKET};
use crate::app::socket::Socket;
use crate::app::{StartError, doors};

/// Why nothing was taken over.
#[derive(Debug, Error)]
pub(crate) enum TakeError {
    /// The place cannot be used.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// Nobody has handed anything over, and the addresses are in use.
    #[error(
        "nobody has handed the listeners over at {} within {PATIENCE:?} (the running gateway does so on \
         SIGQUIT), and they cannot be bound: {source}", .path.display()
    )]
    Nobody { path: PathBuf, source: StartError },
}

/// Between two looks.
const LOOK: Duration = Duration::from_millis(50);

/// How long the sockets may take, once somebody is there.
const RECEIVING: Duration = Duration::from_secs(10);

/// Waits for another process to hand its sockets over. Should that one have ended, its addresses are
/// free, and are bound instead: then nobody is left who could hand them over.
///
/// # Errors
///
/// If neither is possible.
pub(crate) async fn take(place: &Place, plan: &Plan) -> Result<Inherited, TakeError> {
    let end = Instant::now() + PATIENCE;
    let (mut told, mut failed) = (false, false);
    loop {
        if let Some(stream) = place.visit().await? {
            match timeout(RECEIVING, receive(&stream)).await {
                Ok(Ok(sockets)) => {
                    let stream = stream.into_std();
                    let blocking = stream.and_then(|it| it.set_nonblocking(false).map(|()| it));
                    if let Ok(stream) = blocking {
                        let predecessor = Some(Predecessor(stream));
                        return Ok(Inherited { sockets, predecessor });
                    }
                }
                // It may be on its way out. Told once: there are many looks in a minute.
                _ if failed => {}
                Ok(Err(error)) => {
                    failed = true;
                    log::warn!("the listeners were not received: {error}");
                }
                Err(_) => {
                    failed = true;
                    log::warn!("the listeners were not received within {RECEIVING:?}");
                }
            }
        }
        match doors::bind(plan, Vec::new()) {
            Ok(sockets) => {
                log::warn!("nobody is there to take over from: starting");
                return Ok(Inherited { sockets, predecessor: None });
            }
            Err(source) if Instant::now() >= end => {
                return Err(TakeError::Nobody { path: place.path().to_owned(), source });
            }
            Err(_) => {}
        }
        if !std::mem::replace(&mut told, true) {
            log::info!(
                "waiting for the listeners at {}; SIGQUIT tells the running gateway",
                place.path().display()
            );
        }
        sleep(LOOK).await;
    }
}

async fn receive(stream: &UnixStream) -> io::Result<Vec<Socket>> {
    let unexpected = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    if part(stream).await?.0 != GREETING {
        return Err(unexpected("the other process speaks another version"));
    }
    let mut sockets = Vec::new();
    loop {
        match part(stream).await? {
            (SOCKET, Some(socket)) if socket_acceptconn(&socket).unwrap_or(false) => {
                sockets.push(Socket::of(socket)?);
            }
            (END, None) => return Ok(sockets),
            _ => return Err(unexpected("no listening socket")),
        }
    }
}

async fn part(stream: &UnixStream) -> io::Result<(u8, Option<OwnedFd>)> {
    let receive = || {
        let mut byte = [0];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut parts = [IoSliceMut::new(&mut byte)];
        let received = recvmsg(stream, &mut parts, &mut control, RecvFlags::CMSG_CLOEXEC)?;
        if received.bytes == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let sockets = control.drain().filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(sockets) => Some(sockets),
            _ => None,
        });
        let socket = sockets.flatten().next();
        Ok((byte[0], socket))
    };
    stream.async_io(Interest::READABLE, receive).await
}
