//! HTTP/2 frames by hand, as few as it takes to disown a request (RFC 9113, section 6.8).
//!
//! Nothing of a header is decoded, so no request can be recorded by its id; an answer needs one byte,
//! the static table's entry for `:status: 200`.

use std::collections::BTreeSet;
use std::io;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::Shared;
use crate::wire;

const PREFACE: usize = 24;
const HEAD: usize = 9;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;

/// END_STREAM of DATA and HEADERS, ACK of SETTINGS.
const FLAG_1: u8 = 1;
const END_HEADERS: u8 = 4;
/// `:status: 200`, RFC 7541 appendix A.
const STATUS_200: &[u8] = &[0x88];

/// SETTINGS_INITIAL_WINDOW_SIZE, and the increment of the connection's: more than any test sends, as
/// nothing is counted here.
const WINDOW: [u8; 4] = (1_u32 << 30).to_be_bytes();
const INITIAL_WINDOW_SIZE: [u8; 2] = [0, 4];

/// How long a half-closed connection is drained: a reset, which data that nobody reads would cause,
/// could come before the GOAWAY is read.
const LINGER: Duration = Duration::from_secs(1);

struct Frame {
    kind: u8,
    flags: u8,
    stream: u32,
}

/// Answers so many requests; disowns the next and whatever follows.
pub(super) async fn serve(
    shared: &Shared,
    mut stream: TcpStream,
    answers: u32,
    close: bool,
) -> io::Result<()> {
    let mut buf = BytesMut::new();
    while buf.len() < PREFACE {
        fill(&stream, &mut buf).await?;
    }
    buf.advance(PREFACE);
    send(&stream, SETTINGS, 0, 0, &[&INITIAL_WINDOW_SIZE[..], &WINDOW].concat()).await?;
    send(&stream, WINDOW_UPDATE, 0, 0, &WINDOW).await?;
    let (mut begun, mut unanswered) = (0, BTreeSet::new());
    loop {
        let frame = read(&stream, &mut buf).await?;
        if frame.kind == SETTINGS && frame.flags & FLAG_1 == 0 {
            send(&stream, SETTINGS, FLAG_1, 0, &[]).await?;
        }
        if frame.kind == HEADERS {
            shared.requests.fetch_add(1, Ordering::SeqCst);
            begun += 1;
            unanswered.insert(frame.stream);
            if begun > answers {
                break;
            }
        }
        let ends = matches!(frame.kind, HEADERS | DATA) && frame.flags & FLAG_1 != 0;
        if ends {
            send(&stream, HEADERS, FLAG_1 | END_HEADERS, frame.stream, STATUS_200).await?;
            unanswered.remove(&frame.stream);
        }
    }
    shared.turn_away();
    // With what has begun and not been answered: nothing was done for it.
    let last = unanswered.first().map_or(0, |first| first - 1);
    let no_error = [last.to_be_bytes(), [0; 4]].concat();
    send(&stream, GOAWAY, 0, 0, &no_error).await?;
    if close {
        stream.shutdown().await?;
        let _ = tokio::time::timeout(LINGER, drained(&stream)).await;
    } else {
        drained(&stream).await;
    }
    wire::close(stream);
    Ok(())
}

/// The next frame; its payload is thrown away.
async fn read(stream: &TcpStream, buf: &mut BytesMut) -> io::Result<Frame> {
    while buf.len() < HEAD {
        fill(stream, buf).await?;
    }
    let length = buf.get_uint(3) as usize;
    let frame =
        Frame { kind: buf.get_u8(), flags: buf.get_u8(), stream: buf.get_u32() & (u32::MAX >> 1) };
    while buf.len() < length {
        fill(stream, buf).await?;
    }
    buf.advance(length);
    Ok(frame)
}

/// Reads until the peer ends the connection, however it does.
async fn drained(stream: &TcpStream) {
    let mut scrap = BytesMut::new();
    while fill(stream, &mut scrap).await.is_ok() {
        scrap.clear();
    }
}

async fn fill(stream: &TcpStream, buf: &mut BytesMut) -> io::Result<()> {
    match wire::fill(stream, buf).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}

async fn send(stream: &TcpStream, kind: u8, flags: u8, id: u32, payload: &[u8]) -> io::Result<()> {
    let length = u32::try_from(payload.len()).unwrap_or_default().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(id.to_be_bytes());
    frame.extend(payload);
    wire::send(stream, &frame).await
}
