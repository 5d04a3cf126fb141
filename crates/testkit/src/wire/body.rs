//! Where a message's body ends: RFC 9112, section 6, for both directions.
//!
//! A decoder that is fed bytes, not a reader that asks for them: the backend must be able to stop in
//! the middle of a body and the client must know in which state the end of the connection met it.

use bytes::{Buf, BytesMut};

use super::{has_token, header};

/// What a decoder could not make sense of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Malformed(pub(crate) String);

/// The framing of one body and how far it has been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyDecoder {
    /// No body at all.
    Empty,
    /// Bytes left of a `Content-Length`.
    Length(u64),
    /// Inside a chunked body.
    Chunked(Chunk),
    /// Until the connection ends (answers only).
    UntilClose,
}

/// The position inside a chunked body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Chunk {
    /// Before or in a size line.
    Size,
    /// Bytes left of this chunk.
    Data(u64),
    /// Before the line end that closes a chunk.
    DataEnd,
    /// In the trailer section.
    Trailer,
    /// After the last line.
    Done,
}

impl BodyDecoder {
    /// The framing of a request's body.
    pub(crate) fn of_request(headers: &[(String, String)]) -> Result<Self, Malformed> {
        Ok(Self::of_headers(headers)?.unwrap_or(Self::Empty))
    }

    /// The framing of an answer's body, given its status and whether it answers a HEAD.
    pub(crate) fn of_answer(
        status: u16,
        to_head: bool,
        headers: &[(String, String)],
    ) -> Result<Self, Malformed> {
        if to_head || status < 200 || status == 204 || status == 304 {
            return Ok(Self::Empty);
        }
        Ok(Self::of_headers(headers)?.unwrap_or(Self::UntilClose))
    }

    fn of_headers(headers: &[(String, String)]) -> Result<Option<Self>, Malformed> {
        if has_token(headers, "transfer-encoding", "chunked") {
            return Ok(Some(Self::Chunked(Chunk::Size)));
        }
        let Some(length) = header(headers, "content-length") else {
            return Ok(None);
        };
        let length = length.trim().parse();
        length
            .map(|n| Some(Self::Length(n)))
            .map_err(|_| Malformed("content-length is no number".into()))
    }

    /// Nothing more belongs to this body.
    pub(crate) fn is_done(&self) -> bool {
        matches!(self, Self::Empty | Self::Length(0) | Self::Chunked(Chunk::Done))
    }

    /// Moves what `buf` holds of this body to `out`, at most `limit` bytes of content; bytes behind
    /// the body stay in `buf`.
    pub(crate) fn decode(
        &mut self,
        buf: &mut BytesMut,
        out: &mut Vec<u8>,
        limit: usize,
    ) -> Result<(), Malformed> {
        let start = out.len();
        while !self.is_done() && !buf.is_empty() && out.len() - start < limit {
            let room = limit - (out.len() - start);
            match self {
                Self::Empty => {}
                Self::UntilClose => take(buf, out, room as u64),
                Self::Length(left) => *left -= taken(buf, out, *left, room),
                Self::Chunked(chunk) => match chunk.step(buf, out, room)? {
                    Some(next) => *chunk = next,
                    None => break,
                },
            }
        }
        Ok(())
    }
}

impl Chunk {
    /// The next state, or `None` when more bytes are needed.
    fn step(
        self,
        buf: &mut BytesMut,
        out: &mut Vec<u8>,
        room: usize,
    ) -> Result<Option<Self>, Malformed> {
        if let Self::Data(left) = self {
            let left = left - taken(buf, out, left, room);
            return Ok(Some(if left == 0 { Self::DataEnd } else { Self::Data(left) }));
        }
        let Some(end) = buf.windows(2).position(|w| w == b"\r\n") else {
            return Ok(None);
        };
        let line = buf.split_to(end);
        buf.advance(2);
        match self {
            Self::Size => {
                let text = String::from_utf8_lossy(&line);
                let size = text.split(';').next().unwrap_or_default().trim();
                let size = u64::from_str_radix(size, 16);
                let size = size.map_err(|_| Malformed(format!("chunk size {text:?}")))?;
                Ok(Some(if size == 0 { Self::Trailer } else { Self::Data(size) }))
            }
            Self::DataEnd if line.is_empty() => Ok(Some(Self::Size)),
            Self::DataEnd => Err(Malformed("no line end after a chunk".into())),
            _ if line.is_empty() => Ok(Some(Self::Done)),
            _ => Ok(Some(Self::Trailer)),
        }
    }
}

/// Moves at most `left` and `room` bytes; says how many.
fn taken(buf: &mut BytesMut, out: &mut Vec<u8>, left: u64, room: usize) -> u64 {
    let before = out.len();
    take(buf, out, left.min(room as u64));
    (out.len() - before) as u64
}

fn take(buf: &mut BytesMut, out: &mut Vec<u8>, most: u64) {
    let n = usize::try_from(most).unwrap_or(usize::MAX).min(buf.len());
    out.extend_from_slice(&buf.split_to(n));
}

/// One chunk of a chunked body. An empty one would end the body, so it is left out.
pub(crate) fn chunk(data: &[u8]) -> Vec<u8> {
    if data.is_empty() {
        return Vec::new();
    }
    let mut out = format!("{:x}\r\n", data.len()).into_bytes();
    out.extend_from_slice(data);
    out.extend_from_slice(b"\r\n");
    out
}

/// What ends a chunked body.
pub(crate) const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunked_body_is_read_however_it_is_cut() {
        let wire = b"3\r\nabc\r\n4;ext=1\r\ndefg\r\n0\r\nx-trailer: 1\r\n\r\nNEXT";
        for cut in 1..wire.len() {
            let (mut buf, mut out) = (BytesMut::new(), Vec::new());
            let mut decoder = BodyDecoder::Chunked(Chunk::Size);
            for part in [&wire[..cut], &wire[cut..]] {
                buf.extend_from_slice(part);
                decoder.decode(&mut buf, &mut out, usize::MAX).expect("well formed");
            }
            assert!(decoder.is_done(), "cut at {cut}");
            assert_eq!((&out[..], &buf[..]), (&b"abcdefg"[..], &b"NEXT"[..]), "cut at {cut}");
        }
    }

    #[test]
    fn a_limit_stops_inside_a_body() {
        let mut buf = BytesMut::from(&b"abcdef"[..]);
        let (mut out, mut decoder) = (Vec::new(), BodyDecoder::Length(10));
        decoder.decode(&mut buf, &mut out, 4).expect("well formed");
        assert_eq!((&out[..], decoder), (&b"abcd"[..], BodyDecoder::Length(6)));
    }

    #[test]
    fn head_and_no_content_have_no_body_whatever_the_headers_say() {
        let headers = [("Content-Length".to_owned(), "5".to_owned())];
        for (status, to_head) in [(200, true), (204, false), (304, false), (103, false)] {
            let framing = BodyDecoder::of_answer(status, to_head, &headers);
            assert_eq!(framing, Ok(BodyDecoder::Empty), "{status}");
        }
    }
}
