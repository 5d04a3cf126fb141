//! An answer of HTTP/1 on its way to the client: its header, and its body framed as the header says.
//!
//! What is short is gathered, so that an answer that came as a whole goes out in one piece, header and body together; what is long
//! is not copied. A header that announces a body of some length waits for the first of it: until something has gone out, another
//! endpoint may still give the answer. One without a length may be of a stream, whose client wants to know at once, and does not wait.

use std::io::{self, Write};

use bytes::{Buf, BufMut, Bytes};
use http::header::{CONTENT_LENGTH, DATE, TRANSFER_ENCODING};
use http::{HeaderMap, StatusCode};
use pingora::http::ResponseHeader;
use pingora_core::protocols::http::date::get_cached_date;
use tokio::io::{AsyncWrite, AsyncWriteExt};

/// From how many bytes on a part of the body is not copied.
const LONG: usize = 8 * 1024;

/// What of an answer is still to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// Its header.
    Header,
    /// So many bytes of its body.
    Length(u64),
    /// Chunks.
    Chunks,
    /// Whatever comes before the connection's end.
    Rest,
    /// The same, of another protocol.
    Tunnel,
    /// Nothing of the other protocol.
    TunnelEnded,
    /// Nothing.
    Done,
}

/// Writes an answer.
#[derive(Debug)]
pub(super) struct AnswerWriter {
    part: Part,
    /// Whether it answers HEAD: nothing follows its header.
    to_head: bool,
    /// What is to go out.
    out: Vec<u8>,
    /// Whether what is to go out need not wait for more.
    urgent: bool,
    /// The bytes of the body that have been taken.
    sent: usize,
}

impl AnswerWriter {
    pub(super) fn new(to_head: bool) -> Self {
        Self { part: Part::Header, to_head, out: Vec::new(), urgent: false, sent: 0 }
    }

    /// Takes an interim answer, which goes out at once.
    pub(super) fn interim(&mut self, answer: &ResponseHeader) {
        self.header(answer);
        self.out.put_slice(b"\r\n");
        self.urgent = true;
    }

    /// Takes the header of the answer. `keep`: whether the connection is to be kept; `upgrade`: whether the client has asked for
    /// another protocol. Tells whether the connection can be kept.
    pub(super) fn begin(&mut self, answer: &ResponseHeader, keep: bool, upgrade: bool) -> bool {
        let status = answer.status;
        let switches = status == StatusCode::SWITCHING_PROTOCOLS;
        self.part = match status {
            StatusCode::SWITCHING_PROTOCOLS if upgrade => Part::Tunnel,
            StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED => Part::Done,
            _ if self.to_head => Part::Done,
            _ => framing(&answer.headers),
        };
        let keep = keep && !switches && self.part != Part::Rest;
        self.header(answer);
        if !switches {
            if !answer.headers.contains_key(DATE) {
                self.out.put_slice(b"Date: ");
                self.out.put_slice(get_cached_date().as_bytes());
                self.out.put_slice(b"\r\n");
            }
            self.out.put_slice(match keep {
                true => b"Connection: keep-alive\r\n",
                false => b"Connection: close\r\n",
            });
        }
        self.out.put_slice(b"\r\n");
        self.urgent |= !matches!(self.part, Part::Length(_));
        keep
    }

    /// The status line and the fields.
    fn header(&mut self, answer: &ResponseHeader) {
        self.out.reserve(512);
        self.out.put_slice(b"HTTP/1.1 ");
        self.out.put_slice(answer.status.as_str().as_bytes());
        self.out.put_u8(b' ');
        self.out.put_slice(answer.get_reason_phrase().unwrap_or_default().as_bytes());
        self.out.put_slice(b"\r\n");
        answer.header_to_h1_wire(&mut self.out);
    }

    /// Takes a part of the body, and sends it if it is long. What is more than the header says is dropped.
    pub(super) async fn data<W>(&mut self, stream: &mut W, mut data: Bytes) -> io::Result<()>
    where
        W: AsyncWrite + Unpin,
    {
        if let Part::Length(left) = self.part {
            data.truncate(usize::try_from(left).unwrap_or(usize::MAX));
        }
        if data.is_empty() || matches!(self.part, Part::Header | Part::Done | Part::TunnelEnded) {
            return Ok(());
        }
        let length = data.len();
        self.urgent = true;
        self.sent += length;
        if self.part == Part::Chunks {
            write!(self.out, "{length:X}\r\n")?;
        }
        if length < LONG {
            self.out.put_slice(&data);
        } else {
            stream.write_all_buf(&mut self.out.chain(data)).await?;
            self.out.clear();
        }
        match self.part {
            Part::Chunks => self.out.put_slice(b"\r\n"),
            Part::Length(left) if left == length as u64 => self.part = Part::Done,
            Part::Length(left) => self.part = Part::Length(left - length as u64),
            _ => {}
        }
        Ok(())
    }

    /// Sends what has been taken, unless it is a header that may wait for its body.
    pub(super) async fn flush<W: AsyncWrite + Unpin>(&mut self, stream: &mut W) -> io::Result<()> {
        if !self.urgent {
            return Ok(());
        }
        if !self.out.is_empty() {
            stream.write_all(&self.out).await?;
            self.out.clear();
        }
        stream.flush().await?;
        self.urgent = false;
        Ok(())
    }

    /// Takes the end of the answer; `false`: it comes too soon.
    pub(super) fn end(&mut self) -> bool {
        match self.part {
            Part::Length(_) => return false,
            Part::Chunks => {
                self.out.put_slice(b"0\r\n\r\n");
                self.urgent = true;
                self.part = Part::Done;
            }
            Part::Rest => self.part = Part::Done,
            Part::Tunnel => self.part = Part::TunnelEnded,
            Part::Header | Part::Done | Part::TunnelEnded => {}
        }
        true
    }

    /// Whether the header of the answer has been taken.
    pub(super) fn has_begun(&self) -> bool {
        self.part != Part::Header
    }

    /// Whether the header of the answer is still here, and so the client knows nothing of it.
    pub(super) fn is_held(&self) -> bool {
        matches!(self.part, Part::Length(_)) && !self.urgent && !self.out.is_empty()
    }

    /// Forgets a header that is held.
    pub(super) fn forget(&mut self) {
        if self.is_held() {
            self.part = Part::Header;
            self.out.clear();
        }
    }

    /// Whether all of the answer has been taken.
    pub(super) fn is_done(&self) -> bool {
        matches!(self.part, Part::Done | Part::TunnelEnded)
    }

    /// Whether all of the answer has been sent.
    pub(super) fn is_complete(&self) -> bool {
        self.is_done() && self.out.is_empty() && !self.urgent
    }

    /// Whether some of the answer has been sent, and not its end, which only the connection's end could tell.
    pub(super) fn is_cut_off(&self) -> bool {
        self.part == Part::Rest
    }

    /// Whether what follows the header is of another protocol.
    pub(super) fn is_tunnel(&self) -> bool {
        matches!(self.part, Part::Tunnel | Part::TunnelEnded)
    }

    /// The bytes of the body that have been taken, without their coding.
    pub(super) fn sent(&self) -> usize {
        self.sent
    }
}

/// How the end of the body is told (RFC 9112, section 6.3); [`crate::sound`] has seen that there is one way.
fn framing(headers: &HeaderMap) -> Part {
    if headers.contains_key(TRANSFER_ENCODING) {
        return Part::Chunks;
    }
    let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    match length {
        Some(0) => Part::Done,
        Some(length) => Part::Length(length),
        None => Part::Rest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, fields: &[(&'static str, &'static str)]) -> ResponseHeader {
        let mut answer = ResponseHeader::build(status, None).unwrap();
        for (name, value) in fields {
            answer.append_header(*name, *value).unwrap();
        }
        answer
    }

    /// What goes out of an answer whose body comes in these pieces, and whether it was complete.
    async fn sent(
        to_head: bool,
        answer: &ResponseHeader,
        keep: bool,
        pieces: &[&'static [u8]],
    ) -> (String, bool) {
        let (mut writer, mut out) = (AnswerWriter::new(to_head), Vec::new());
        writer.begin(answer, keep, true);
        for &piece in pieces {
            writer.data(&mut out, Bytes::from_static(piece)).await.unwrap();
            writer.flush(&mut out).await.unwrap();
        }
        writer.end();
        writer.flush(&mut out).await.unwrap();
        (String::from_utf8(out).unwrap(), writer.is_complete())
    }

    const DATE: (&str, &str) = ("Date", "now");

    #[tokio::test]
    async fn a_body_is_framed_as_its_header_says() {
        for (fields, end) in [
            (("Content-Length", "5"), "Connection: keep-alive\r\n\r\nhello"),
            (
                ("Transfer-Encoding", "chunked"),
                "Connection: keep-alive\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
            ),
            (("X-Rest", "1"), "Connection: close\r\n\r\nhello"),
        ] {
            let answer = answer(200, &[DATE, fields]);
            let (text, complete) = sent(false, &answer, true, &[b"hel", b"lo"]).await;
            assert!(text.starts_with("HTTP/1.1 200 OK\r\nDate: now\r\n"), "{text}");
            assert!(text.ends_with(end) && complete, "{text}");
        }
    }

    #[tokio::test]
    async fn what_has_no_body_gets_none() {
        for (to_head, status) in [(true, 200), (false, 204), (false, 304)] {
            let answer = answer(status, &[DATE, ("Content-Length", "5")]);
            let (text, complete) = sent(to_head, &answer, true, &[b"hello"]).await;
            assert!(text.ends_with("Connection: keep-alive\r\n\r\n") && complete, "{text}");
        }
    }

    #[tokio::test]
    async fn too_much_is_dropped_and_too_little_is_not_complete() {
        let answer = answer(200, &[DATE, ("Content-Length", "5")]);
        let (text, complete) = sent(false, &answer, true, &[b"hel", b"lo", b"more"]).await;
        assert!(text.ends_with("\r\n\r\nhello") && complete, "{text}");
        let (text, complete) = sent(false, &answer, true, &[b"hel"]).await;
        assert!(text.ends_with("\r\n\r\nhel") && !complete, "{text}");
    }

    #[tokio::test]
    async fn a_header_waits_for_the_body_that_it_announces() {
        for (fields, waits) in [
            (("Content-Length", "5"), true),
            (("Content-Length", "0"), false),
            (("Transfer-Encoding", "chunked"), false),
        ] {
            let (mut writer, mut out) = (AnswerWriter::new(false), Vec::new());
            writer.begin(&answer(200, &[fields]), true, false);
            writer.flush(&mut out).await.unwrap();
            assert_eq!((out.is_empty(), writer.is_held()), (waits, waits), "{fields:?}");
        }
    }

    #[tokio::test]
    async fn a_header_that_is_held_can_be_forgotten_and_one_that_is_sent_cannot() {
        let (mut writer, mut out) = (AnswerWriter::new(false), Vec::new());
        writer.begin(&answer(200, &[DATE, ("Content-Length", "5")]), true, false);
        writer.forget();
        assert!(!writer.has_begun());
        writer.begin(&answer(502, &[DATE, ("Content-Length", "3")]), false, false);
        writer.data(&mut out, Bytes::from_static(b"bad")).await.unwrap();
        writer.forget();
        writer.flush(&mut out).await.unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.starts_with("HTTP/1.1 502") && text.ends_with("\r\n\r\nbad"), "{text}");
        assert!(writer.is_complete());
    }

    #[tokio::test]
    async fn a_long_piece_follows_what_was_gathered() {
        static LONG_PIECE: [u8; LONG] = [b'x'; LONG];
        let answer = answer(200, &[DATE, ("Transfer-Encoding", "chunked")]);
        let (text, complete) = sent(false, &answer, false, &[b"a", &LONG_PIECE]).await;
        let expected = format!("1\r\na\r\n2000\r\n{}\r\n0\r\n\r\n", "x".repeat(LONG));
        assert!(text.ends_with(&expected) && complete);
    }

    #[tokio::test]
    async fn interim_answers_and_the_date_are_said() {
        let (mut writer, mut out) = (AnswerWriter::new(false), Vec::new());
        writer.interim(&answer(103, &[("Link", "x")]));
        writer.flush(&mut out).await.unwrap();
        assert_eq!(out, b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n");
        assert!(!writer.has_begun() && !writer.is_complete());
        assert!(writer.begin(&answer(200, &[("Content-Length", "0")]), true, false));
        writer.flush(&mut out).await.unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("\r\nDate: ") && text.contains(" GMT\r\n"), "{text}");
    }

    #[tokio::test]
    async fn another_protocol_passes_as_it_is() {
        let answer = answer(101, &[("Connection", "Upgrade"), ("Upgrade", "websocket")]);
        let (text, complete) = sent(false, &answer, true, &[b"frame"]).await;
        let expected = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\
                        Upgrade: websocket\r\n\r\nframe";
        assert_eq!(text, expected);
        assert!(complete);
    }
}
