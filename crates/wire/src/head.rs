//! The head of a request of HTTP/1.0 or 1.1 (RFC 9112), looked at before anybody parses it.
//!
//! Pingora's parser accepts what others read in another way: lines that end in LF, a Content-Length
//! beside a Transfer-Encoding, any Host at all. So each head is held to the letter of the standard
//! first, on the bytes as they came; what passes is read alike by everybody. This is a check and no
//! parser: what it finds are the few facts that a connection needs to go on (where the head ends, how
//! the body is framed), and places in the buffer instead of copies.
//!
//! It is on the way of every request, and a client may send its head byte by byte. So the reader
//! remembers where it is, looks at each byte once, and allocates nothing. It refuses at the first byte
//! that leaves no way out rather than at the head's end; what is wrong with a field as a whole shows at
//! the end of its line.
//!
//! Where the standard lets a recipient be lenient, this is not: bare LF, folded lines, white space
//! around the parts of the request line, repeated fields with the same value. The one exception is an
//! empty line before the head (section 2.2), which old clients send after a body.
//!
//! Which answer comes for what is wrong in two ways is not promised, only that it does not depend on
//! how the bytes were cut.

mod field;
mod fields;
mod line;
mod said;
pub(crate) mod scan;

pub use fields::fields;
pub use scan::is_token;

use std::ops::Range;

use crate::refusal::Refusal;
use said::Said;

const TOO_LARGE: Refusal =
    Refusal { status: 431, code: "header_too_large", details: "the header is too large" };
const MISSING_HOST: Refusal = Refusal::bad("missing_host", "a Host field is missing");

/// How large a head may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadLimits {
    /// The most bytes, with the first line, all line ends and an empty line before.
    pub size: usize,
    /// The most fields.
    pub fields: usize,
    /// The most bytes of the target.
    pub target: usize,
}

/// The version of HTTP/1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.0.
    Http10,
    /// HTTP/1.1.
    Http11,
}

/// How the end of the body is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There is no body.
    None,
    /// By its length in bytes.
    Length(u64),
    /// By a last chunk.
    Chunked,
}

/// What a head says. Places are within the buffer that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// How many bytes of an empty line before the head are to be dropped: 0 or 2.
    pub skip: usize,
    /// The bytes of the head, with its last empty line and [`Self::skip`].
    pub len: usize,
    /// Its version.
    pub version: Version,
    /// How its body is framed.
    pub framing: Framing,
    /// Whether the client keeps the connection after it (RFC 9112, section 9.3).
    pub persistent: bool,
    /// Whether it asks for an upgrade: HTTP/1.1, with an `Upgrade` that `Connection` names.
    pub upgrade: bool,
    /// Whether the client awaits a 100 before it sends the body; never in HTTP/1.0.
    pub expects_continue: bool,
    /// Whether a field's name holds an underscore, which CGI takes for a hyphen.
    pub underscores: bool,
    /// The number of fields.
    pub fields: usize,
    /// Where the method stands.
    pub method: Range<usize>,
    /// Where the target stands.
    pub target: Range<usize>,
    /// Where the host stands, with its port: the value of `Host`, without one the authority of an
    /// absolute target.
    pub host: Option<Range<usize>>,
}

/// Reads one head, however it is cut into pieces.
#[derive(Clone, Debug)]
pub struct HeadReader {
    limits: HeadLimits,
    part: Part,
    /// Whatever stands before it has been looked at.
    at: usize,
    /// Where what `part` names begins.
    start: usize,
    skip: usize,
    method: Range<usize>,
    target: Range<usize>,
    version: Version,
    said: Said,
}

/// What the next byte belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// An empty line, or the method.
    Before,
    /// The LF of an empty line before the head.
    BeforeEnd,
    Method,
    Target,
    /// The version, with the line's end.
    Version,
    /// The beginning of a line after the first.
    Line,
    Name,
    /// The value of the field whose name ends here.
    Value(usize),
    /// The LF of its line.
    ValueEnd(usize),
    /// The LF of the last line.
    End,
    Done,
}

impl HeadReader {
    /// A reader of one head.
    #[must_use]
    pub fn new(limits: HeadLimits) -> Self {
        Self {
            limits,
            part: Part::Before,
            at: 0,
            start: 0,
            skip: 0,
            method: 0..0,
            target: 0..0,
            version: Version::Http11,
            said: Said::default(),
        }
    }

    /// Reads on. `bytes` is everything since the head's beginning, so it only grows from call to call;
    /// what follows the head is left alone. `None`: more is needed.
    ///
    /// # Errors
    ///
    /// The refusal, as soon as nothing that may follow would help. The reader is of no use afterwards.
    pub fn read(&mut self, bytes: &[u8]) -> Result<Option<Head>, Refusal> {
        let head = bytes.get(..self.limits.size).unwrap_or(bytes);
        if head.len() < self.at {
            return Ok(None);
        }
        while self.step(head)? {
            if self.part == Part::Done {
                return self.head().map(Some);
            }
        }
        if bytes.len() > self.limits.size { Err(TOO_LARGE) } else { Ok(None) }
    }

    /// Reads one part to its end; false: it does not end yet.
    fn step(&mut self, bytes: &[u8]) -> Result<bool, Refusal> {
        match self.part {
            Part::Before | Part::BeforeEnd => self.before(bytes),
            Part::Method => self.method(bytes),
            Part::Target => self.target(bytes),
            Part::Version => self.version(bytes),
            Part::Line | Part::Name | Part::Value(_) | Part::ValueEnd(_) | Part::End => {
                self.fields(bytes)
            }
            Part::Done => Ok(true),
        }
    }

    /// What the whole says.
    fn head(&self) -> Result<Head, Refusal> {
        let is_http11 = self.version == Version::Http11;
        if is_http11 && !self.said.has_host() {
            return Err(MISSING_HOST);
        }
        Ok(Head {
            skip: self.skip,
            len: self.at,
            version: self.version,
            framing: self.said.framing(),
            persistent: !self.said.close && (is_http11 || self.said.keep_alive),
            upgrade: is_http11 && self.said.upgrade(),
            expects_continue: is_http11 && self.said.expects_continue,
            underscores: self.said.underscores,
            fields: self.said.fields,
            method: self.method.clone(),
            target: self.target.clone(),
            host: self.said.host(),
        })
    }
}

#[cfg(test)]
mod tests;
