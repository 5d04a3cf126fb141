//! HTTP/2 frames by hand: what no library sends.
//!
//! Header blocks are literals that are never indexed and never Huffman coded, so that every byte is where
//! a test has put it. Of what comes back only as much is read as a verdict takes: which stream was
//! answered with which status, reset or disowned. The peer is asked for a header table of no
//! entries, so that its blocks can be read without remembering any.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use crate::wire;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEAD: usize = 9;

/// Flag of HEADERS and DATA that end their stream; ACK of SETTINGS and PING.
const FLAG_1: u8 = 1;
/// Flag of HEADERS and CONTINUATION that end their block.
const END_HEADERS: u8 = 4;

/// The types of frames (RFC 9113, section 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "their names are the standard's")]
pub enum Kind {
    Data = 0,
    Headers = 1,
    Priority = 2,
    RstStream = 3,
    Settings = 4,
    Ping = 6,
    Goaway = 7,
    WindowUpdate = 8,
    Continuation = 9,
}

/// A connection on which a test says whatever it likes.
#[derive(Debug)]
pub struct RawH2 {
    stream: TcpStream,
    buf: BytesMut,
    goaway: Option<u32>,
}

/// A frame as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawFrame {
    /// Its type.
    pub kind: u8,
    /// Its flags.
    pub flags: u8,
    /// Its stream.
    pub stream: u32,
    /// The rest.
    pub payload: Vec<u8>,
}

/// What became of a stream, or of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It was answered with this status.
    Answered(u16),
    /// RST_STREAM with this code (RFC 9113, section 7).
    Reset(u32),
    /// The connection has ended after a GOAWAY with this code.
    GoAway(u32),
    /// The connection has ended without a word.
    Closed,
    /// Nothing came until the deadline.
    Nothing,
}

impl RawH2 {
    /// Connects, and says the preface and SETTINGS of its own.
    pub async fn connect(addr: SocketAddr) -> io::Result<Self> {
        Self::connect_with(addr, &[]).await
    }

    /// Connects, and says the preface and these SETTINGS; 4 is the window of a stream.
    pub async fn connect_with(addr: SocketAddr, settings: &[(u16, u32)]) -> io::Result<Self> {
        let stream = TcpStream::connect(addr).await?;
        // Fails only on a socket that the peer has reset already.
        let _ = stream.set_nodelay(true);
        let mut this = Self { stream, buf: BytesMut::new(), goaway: None };
        let mut payload = Vec::new();
        // A header table of no entries.
        for (id, value) in [(1, 0)].iter().chain(settings) {
            payload.extend(u16::to_be_bytes(*id));
            payload.extend(u32::to_be_bytes(*value));
        }
        let settings = frame(Kind::Settings, 0, 0, &payload);
        this.send(&[PREFACE, &settings].concat()).await?;
        Ok(this)
    }

    /// Sends bytes as they are; what comes meanwhile is kept.
    pub async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Self { stream, buf, .. } = self;
        let sending = wire::send(stream, bytes);
        let reading = async {
            while matches!(wire::fill(stream, buf).await, Ok(1..)) {}
            // The write will find out.
            std::future::pending().await
        };
        tokio::select! {
            biased;
            sent = sending => sent,
            never = reading => never,
        }
    }

    /// Sends bytes as they are, and reads nothing.
    pub async fn send_only(&mut self, bytes: &[u8]) -> io::Result<()> {
        wire::send(&self.stream, bytes).await
    }

    /// Sends a request without a body, of these fields in this order.
    pub async fn request(&mut self, stream: u32, fields: &[(&str, &str)]) -> io::Result<()> {
        self.send(&headers(stream, true, &block(fields))).await
    }

    /// The next frame; settings are acknowledged and pings answered.
    ///
    /// # Errors
    ///
    /// The connection has ended, or nothing has come until the deadline.
    pub async fn next(&mut self, deadline: Instant) -> Result<RawFrame, Verdict> {
        let next = self.frame(deadline).await?;
        let reply = match next.kind {
            kind if kind == Kind::Settings as u8 => frame(Kind::Settings, FLAG_1, 0, &[]),
            kind if kind == Kind::Ping as u8 => frame(Kind::Ping, FLAG_1, 0, &next.payload),
            kind if kind == Kind::Goaway as u8 => {
                self.goaway = Some(code(next.payload.get(4..).unwrap_or_default()));
                return Ok(next);
            }
            _ => return Ok(next),
        };
        if next.flags & FLAG_1 == 0 {
            // Who has closed meanwhile does not want it.
            let _ = self.send(&reply).await;
        }
        Ok(next)
    }

    /// What becomes of a stream. What comes of others is dropped.
    pub async fn verdict(&mut self, stream: u32, within: Duration) -> Verdict {
        let [verdict] = self.verdicts([stream], within).await;
        verdict
    }

    /// What becomes of each of these streams.
    pub async fn verdicts<const N: usize>(
        &mut self,
        streams: [u32; N],
        within: Duration,
    ) -> [Verdict; N] {
        let deadline = Instant::now() + within;
        let mut verdicts = [None; N];
        while verdicts.iter().any(Option::is_none) {
            let frame = match self.next(deadline).await {
                Ok(frame) => frame,
                Err(end) => return verdicts.map(|verdict| verdict.unwrap_or(end)),
            };
            let verdict = match frame.kind {
                kind if kind == Kind::Headers as u8 => {
                    Verdict::Answered(status(&frame.payload).unwrap_or(0))
                }
                kind if kind == Kind::RstStream as u8 => Verdict::Reset(code(&frame.payload)),
                _ => continue,
            };
            if let Some(at) = streams.iter().position(|stream| *stream == frame.stream) {
                verdicts[at].get_or_insert(verdict);
            }
        }
        verdicts.map(|verdict| verdict.unwrap_or(Verdict::Nothing))
    }

    /// Waits for the end of the connection, and drops what comes.
    pub async fn end(&mut self, within: Duration) -> Verdict {
        let deadline = Instant::now() + within;
        loop {
            if let Err(end) = self.next(deadline).await {
                return end;
            }
        }
    }

    /// The code of the last GOAWAY that was read.
    #[must_use]
    pub fn goaway(&self) -> Option<u32> {
        self.goaway
    }

    async fn frame(&mut self, deadline: Instant) -> Result<RawFrame, Verdict> {
        while self.buf.len() < HEAD {
            self.fill(deadline).await?;
        }
        let [a, b, c] = [self.buf[0], self.buf[1], self.buf[2]].map(usize::from);
        let length = a << 16 | b << 8 | c;
        while self.buf.len() < HEAD + length {
            self.fill(deadline).await?;
        }
        self.buf.advance(3);
        let (kind, flags) = (self.buf.get_u8(), self.buf.get_u8());
        let stream = self.buf.get_u32() & (u32::MAX >> 1);
        Ok(RawFrame { kind, flags, stream, payload: self.buf.split_to(length).to_vec() })
    }

    async fn fill(&mut self, deadline: Instant) -> Result<(), Verdict> {
        match timeout_at(deadline, wire::fill(&self.stream, &mut self.buf)).await {
            Err(_) => Err(Verdict::Nothing),
            Ok(Ok(1..)) => Ok(()),
            Ok(_) => Err(self.goaway.map_or(Verdict::Closed, Verdict::GoAway)),
        }
    }
}

/// A frame.
///
/// # Panics
/// If the payload is longer than a frame's can be.
#[must_use]
pub fn frame(kind: Kind, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a payload").to_be_bytes();
    assert_eq!(length[0], 0, "a frame has 24 bits for its length");
    let mut frame = length[1..].to_vec();
    frame.extend([kind as u8, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// HEADERS with a whole block; with `end` nothing else follows.
#[must_use]
pub fn headers(stream: u32, end: bool, block: &[u8]) -> Vec<u8> {
    frame(Kind::Headers, END_HEADERS | u8::from(end), stream, block)
}

/// A header block of literals without indexing, not Huffman coded (RFC 7541, section 6.2.2).
#[must_use]
pub fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        text(&mut block, name.as_bytes());
        text(&mut block, value.as_bytes());
    }
    block
}

/// A literal that enters the header table, as its index 62 until the next does.
#[must_use]
pub fn indexed(name: &str, value: &str) -> Vec<u8> {
    let mut block = vec![0x40];
    text(&mut block, name.as_bytes());
    text(&mut block, value.as_bytes());
    block
}

/// A string whose length has a prefix of 7 bits (RFC 7541, sections 5.1 and 5.2).
fn text(block: &mut Vec<u8>, text: &[u8]) {
    let byte = |value: usize| u8::try_from(value).unwrap_or(u8::MAX);
    match text.len().checked_sub(127) {
        None => block.push(byte(text.len())),
        Some(mut rest) => {
            block.push(127);
            while rest >= 128 {
                block.push(byte((rest % 128) | 128));
                rest /= 128;
            }
            block.push(byte(rest));
        }
    }
    block.extend(text);
}

fn code(payload: &[u8]) -> u32 {
    payload.first_chunk().map_or(0, |code| u32::from_be_bytes(*code))
}

/// The status of an answer's header block, which is its first field.
fn status(mut block: &[u8]) -> Option<u16> {
    // Changes of the header table's size come before it (RFC 7541, section 6.3).
    while block.first()? & 0xe0 == 0x20 {
        block = &block[1..];
    }
    if block[0] & 0x80 != 0 {
        let known = [200, 204, 206, 304, 400, 404, 500];
        return known.get(usize::from(block[0] & 0x7f).checked_sub(8)?).copied();
    }
    let length = usize::from(*block.get(1)? & 0x7f);
    let value = block.get(2..2 + length)?;
    match block[1] & 0x80 {
        0 => std::str::from_utf8(value).ok()?.parse().ok(),
        _ => huffman_digits(value),
    }
}

/// A number of three digits in the Huffman code (RFC 7541, appendix B): 0 to 2 have five bits, 3 to 9
/// have six.
fn huffman_digits(value: &[u8]) -> Option<u16> {
    let bit = |at: usize| value.get(at / 8).map(|byte| u16::from(byte >> (7 - at % 8) & 1));
    let bits = |from: usize, count: usize| {
        (from..from + count).try_fold(0, |sum, at| Some(sum << 1 | bit(at)?))
    };
    let (mut at, mut number) = (0, 0);
    for _ in 0..3 {
        let short = bits(at, 5)?;
        let (length, digit) = match short {
            0..=2 => (5, short),
            _ => (6, bits(at, 6)?.checked_sub(0x19)? + 3),
        };
        at += length;
        number = number * 10 + digit;
    }
    Some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_read_in_each_of_its_forms() {
        for (block, expected) in [
            (&[0x88][..], 200),
            (&[0x20, 0x8c], 400),
            (&[0x48, 3, b'4', b'3', b'1'], 431),
            (&[0x08, 3, b'5', b'0', b'2'], 502),
            // RFC 7541, appendix C.6.1 and C.6.2.
            (&[0x48, 0x82, 0x64, 0x02], 302),
            (&[0x48, 0x83, 0x64, 0x0e, 0xff], 307),
        ] {
            assert_eq!(status(block), Some(expected), "{block:x?}");
        }
    }

    #[test]
    fn a_long_string_has_its_length_in_pieces() {
        let value = "a".repeat(1337);
        let block = block(&[("x", &value)]);
        // 1337 - 127 = 1210 = 9 * 128 + 58.
        assert_eq!(block[..6], [0, 1, b'x', 127, 0x80 | 58, 9]);
        assert_eq!(block.len(), 6 + 1337);
    }
}
