//! Where the body of a request of HTTP/1 ends, while it passes by (RFC 9112, sections 6 and 7).
//!
//! Whoever reads the chunked coding in another way than the next one finds a request where that one
//! finds data. So it is held to the letter: a size has digits, lines end in CRLF, and what may be long
//! without being data is bounded, as nobody else counts it (CVE-2023-39326): chunk extensions, which
//! nobody uses, and trailers. A trailer that would frame the message, had it come in the head, is
//! refused.
//!
//! Nothing is kept or copied, and the data of a chunk is skipped, not looked at.

mod trailer;

use std::ops::Range;

use crate::head::Framing;
use crate::head::scan::is_text;
use crate::refusal::Refusal;
use trailer::Trailers;

const INVALID_CHUNK: Refusal = Refusal::bad("invalid_chunk", "the chunked coding is malformed");
const EXTENSIONS: Refusal = Refusal::bad("chunk_extensions", "the chunk extensions are too large");

/// The most digits of a chunk's size: those of 64 bits.
const DIGITS: u8 = 16;
/// The most bytes of the line that begins a chunk, without CRLF.
const LINE: u16 = 256;
/// The most bytes of all extensions of a body, with the white space before them.
const ALL_EXTENSIONS: u16 = 16 * 1024;

/// How much is still to come of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// So many bytes, and then it has ended.
    Exactly(u64),
    /// So many bytes, and something after them.
    AtLeast(u64),
}

/// The body of one request.
#[derive(Clone, Debug)]
pub struct Body {
    part: Part,
    received: u64,
    /// The bytes of extensions so far.
    extensions: u16,
}

/// What the next byte belongs to.
#[derive(Clone, Copy, Debug)]
enum Part {
    /// So much is missing of the announced length.
    Length(u64),
    Size(Line),
    /// White space between the size and an extension.
    Blank(Line),
    Extension(Line),
    /// The LF of the line that begins a chunk of this size.
    SizeEnd(u64),
    /// So much is missing of a chunk.
    Data(u64),
    /// The CR behind a chunk's data.
    DataEnd,
    /// The LF after it.
    DataLf,
    Trailers(Trailers),
    Done,
    Refused(Refusal),
}

/// The line that begins a chunk, so far.
#[derive(Clone, Copy, Debug, Default)]
struct Line {
    size: u64,
    digits: u8,
    bytes: u16,
}

impl Body {
    /// A body framed so.
    #[must_use]
    pub fn new(framing: Framing) -> Self {
        let part = match framing {
            Framing::None | Framing::Length(0) => Part::Done,
            Framing::Length(length) => Part::Length(length),
            Framing::Chunked => Part::Size(Line::default()),
        };
        Self { part, received: 0, extensions: 0 }
    }

    /// Looks at the next bytes of the connection, and tells how many of them belong to the message:
    /// fewer than all only if it ends there.
    ///
    /// # Errors
    ///
    /// The refusal, as soon as nothing that may follow would help, and at each call from then on.
    pub fn read(&mut self, bytes: &[u8]) -> Result<usize, Refusal> {
        self.read_data(bytes, |_| {})
    }

    /// As [`Self::read`], and names the places within `bytes` that hold data, in their order: what is left are sizes,
    /// line ends, extensions and trailers.
    ///
    /// # Errors
    ///
    /// As [`Self::read`].
    pub fn read_data(
        &mut self,
        bytes: &[u8],
        mut data: impl FnMut(Range<usize>),
    ) -> Result<usize, Refusal> {
        let mut at = 0;
        loop {
            let rest = &bytes[at..];
            self.part = match self.part {
                Part::Done => return Ok(at),
                Part::Refused(refusal) => return Err(refusal),
                _ if rest.is_empty() => return Ok(at),
                Part::Length(left) => {
                    let here = self.skip(rest, left);
                    data(at..at + here);
                    at += here;
                    match left - here as u64 {
                        0 => Part::Done,
                        left => Part::Length(left),
                    }
                }
                Part::Data(left) => {
                    let here = self.skip(rest, left);
                    data(at..at + here);
                    at += here;
                    match left - here as u64 {
                        0 => Part::DataEnd,
                        left => Part::Data(left),
                    }
                }
                part => {
                    at += 1;
                    self.after(part, rest[0]).unwrap_or_else(Part::Refused)
                }
            };
        }
    }

    /// Whether the message has come to its end.
    #[must_use]
    pub fn is_done(&self) -> bool {
        matches!(self.part, Part::Done)
    }

    /// How many bytes of the message are still to come, as far as that is known: all of a body that has a length, at least the
    /// rest of a chunk that has begun.
    #[must_use]
    pub fn due(&self) -> Due {
        match self.part {
            Part::Length(left) => Due::Exactly(left),
            Part::Data(left) => Due::AtLeast(left),
            _ => Due::AtLeast(0),
        }
    }

    /// The bytes of the body so far, without the chunked coding.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.received
    }

    /// How much of the data that is left is here.
    fn skip(&mut self, bytes: &[u8], left: u64) -> usize {
        let here = usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()));
        self.received = self.received.saturating_add(here as u64);
        here
    }

    /// What comes after this byte of the chunked coding.
    fn after(&mut self, part: Part, byte: u8) -> Result<Part, Refusal> {
        Ok(match (part, byte) {
            (Part::Size(line), b'\r') if line.digits > 0 => Part::SizeEnd(line.size),
            (Part::Size(line), b' ' | b'\t') if line.digits > 0 => Part::Blank(self.extend(line)?),
            (Part::Size(line), b';') if line.digits > 0 => Part::Extension(self.extend(line)?),
            (Part::Size(line), digit) => Part::Size(line.with(digit).ok_or(INVALID_CHUNK)?),
            (Part::Blank(line), b' ' | b'\t') => Part::Blank(self.extend(line)?),
            (Part::Blank(line), b';') => Part::Extension(self.extend(line)?),
            (Part::Extension(line), b'\r') => Part::SizeEnd(line.size),
            (Part::Extension(line), byte) if is_text(byte) || byte == b'\t' => {
                Part::Extension(self.extend(line)?)
            }
            (Part::SizeEnd(0), b'\n') => Part::Trailers(Trailers::default()),
            (Part::SizeEnd(size), b'\n') => Part::Data(size),
            (Part::DataEnd, b'\r') => Part::DataLf,
            (Part::DataLf, b'\n') => Part::Size(Line::default()),
            (Part::Trailers(trailers), byte) => {
                trailers.with(byte)?.map_or(Part::Done, Part::Trailers)
            }
            _ => return Err(INVALID_CHUNK),
        })
    }

    /// The line with one more byte that is no digit of the size.
    fn extend(&mut self, line: Line) -> Result<Line, Refusal> {
        self.extensions += 1;
        let line = Line { bytes: line.bytes + 1, ..line };
        if line.bytes > LINE || self.extensions > ALL_EXTENSIONS {
            return Err(EXTENSIONS);
        }
        Ok(line)
    }
}

impl Line {
    /// The line with one more digit; `None`: it is none, or one too many.
    fn with(self, digit: u8) -> Option<Self> {
        let value = char::from(digit).to_digit(16).filter(|_| self.digits < DIGITS)?;
        let size = self.size << 4 | u64::from(value);
        Some(Self { size, digits: self.digits + 1, bytes: self.bytes + 1 })
    }
}

#[cfg(test)]
mod tests;
