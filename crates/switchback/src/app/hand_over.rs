//! Handing the listening sockets to another process, so that none of them is ever closed.
//!
//! ```text
//! old: serves                                                        new: `run --upgrade`
//!   SIGQUIT: makes the socket, for a minute                            configuration, all of it
//!   accepts, looks who it is                           ◄── connect ──  looks who it is
//!   a socket each, with a byte                      ── sockets, end ►  builds, probes
//!   ...serves all the while...                                         accepts
//!   closes its duplicates, drains, exits               ◄──── ready ──
//! ```
//!
//! Whichever comes first waits a minute for the other. Whatever goes wrong before the last step, the old
//! one has never stopped: it sees the connection end, and goes on. After the last step the new one
//! does not need it any more.
//!
//! **Not Pingora's way** (`Opt.upgrade`), for three reasons. There the old process leaves on SIGQUIT,
//! whether anybody has taken the sockets or not. It does so 5 s after sending them, whether the new one
//! serves or not. And the path is a fixed one in `/tmp`, which is created for everybody; who is at the
//! other end is not looked at. What is taken from Pingora is that it finds its sockets in a table.
//!
//! What is not handed over: connections, which the old process serves to their end, and whatever a gateway
//! has learned. TLS sessions cannot be resumed either, since each process has its own ticket keys: clients
//! make a full handshake once.

mod offer;
mod place;
mod take;

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use super::socket::Socket;

pub(crate) use offer::{OfferError, offer};
pub(crate) use place::Place;
pub(crate) use take::take;

/// How long one of the two waits for the other.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the old process says first; another version would say something else.
const GREETING: u8 = b'1';
/// Comes with a socket.
const SOCKET: u8 = b's';
/// There are no more of them.
const END: u8 = b'.';
/// What the new process says when it serves.
const READY: u8 = b'r';

/// What a process begins with.
#[derive(Debug, Default)]
pub(crate) struct Inherited {
    /// Sockets that listen already.
    pub(crate) sockets: Vec<Socket>,
    /// Who has handed them over; `None`: nobody has.
    pub(crate) predecessor: Option<Predecessor>,
}

/// The process that serves until it is released.
#[derive(Debug)]
pub(crate) struct Predecessor(UnixStream);

impl Predecessor {
    /// Tells it that its time is over. It may be gone already, which is as well.
    pub(crate) fn release(mut self) {
        match self.0.write_all(&[READY]) {
            Ok(()) => log::info!("serving; the process before leaves"),
            Err(error) => log::info!("serving; the process before has gone: {error}"),
        }
    }
}

/// Whether to talk to a process of this user: our own, or root, who needs no permission.
fn is_trusted(user: u32) -> bool {
    user == 0 || user == rustix::process::geteuid().as_raw()
}
