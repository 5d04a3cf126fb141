//! A body that is written while it is read.
//!
//! All endpoints of a large gateway are tens of megabytes of JSON. Whoever reads them slowly would hold them
//! for half a minute, and a hundred such readers would hold gigabytes. So a thread writes as much as
//! was taken, a piece ahead, and stops when nobody reads any more. It may block; the runtime does not.

use std::io::{self, Write};
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use futures_core::Stream;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::spawn_blocking;

/// The size of a piece, in bytes.
const PIECE: usize = 64 * 1024;

struct Pieces(Receiver<io::Result<Bytes>>);

impl Stream for Pieces {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(context)
    }
}

/// Where a body is written; an error means that nobody reads it any more.
pub(crate) struct Writer {
    piece: Vec<u8>,
    to: Sender<io::Result<Bytes>>,
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= PIECE {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.piece.is_empty() {
            return Ok(());
        }
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE + PIECE / 8));
        let sent = self.to.blocking_send(Ok(piece.into()));
        sent.map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

/// A body that `write` writes on a thread of its own. Should that fail or panic, the body is cut off, and the
/// reader can see it.
pub(crate) fn written(write: impl FnOnce(&mut Writer) -> io::Result<()> + Send + 'static) -> Body {
    let (to, pieces) = channel(1);
    let mut writer = Writer { piece: Vec::new(), to: to.clone() };
    let written = spawn_blocking(move || write(&mut writer).and_then(|()| writer.flush()));
    tokio::spawn(async move {
        if !matches!(written.await, Ok(Ok(()))) {
            // Nobody may be there any more, which is the usual reason.
            let _ = to.send(Err(io::ErrorKind::Other.into())).await;
        }
    });
    Body::from_stream(Pieces(pieces))
}
