//! The fields after the last chunk.

use crate::head::scan;
use crate::refusal::Refusal;

const INVALID: Refusal = Refusal::bad("invalid_trailer", "a trailer field is malformed");
const TOO_LARGE: Refusal = Refusal::bad("invalid_trailer", "the trailer section is too large");
const FORBIDDEN: Refusal =
    Refusal::bad("invalid_trailer", "a trailer field would frame or address the message");

/// The most bytes, with line ends.
const SIZE: u16 = 8 * 1024;
/// The most fields.
const FIELDS: u8 = 32;
/// The fields that may not be there (RFC 9110, section 6.5.1): they decide where the message ends and
/// whom it is for.
const FRAMING: [&[u8]; 3] = [b"content-length", b"transfer-encoding", b"host"];
/// The longest of their names.
const LONGEST: usize = 17;

/// The trailer section, so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Trailers {
    part: Part,
    bytes: u16,
    fields: u8,
    /// The beginning of the field's name.
    name: [u8; LONGEST],
    /// The bytes of the name; more than [`LONGEST`]: some number above.
    length: usize,
}

#[derive(Clone, Copy, Debug, Default)]
enum Part {
    #[default]
    Line,
    Name,
    Value,
    ValueEnd,
    End,
}

impl Trailers {
    /// The section with one more byte; `None`: it is complete.
    pub(super) fn with(mut self, byte: u8) -> Result<Option<Self>, Refusal> {
        self.bytes += 1;
        if self.bytes > SIZE {
            return Err(TOO_LARGE);
        }
        self.part = match (self.part, byte) {
            (Part::Line, b'\r') => Part::End,
            (Part::Line, _) if self.fields == FIELDS => return Err(TOO_LARGE),
            (Part::Line, _) => {
                self.fields += 1;
                self.length = 0;
                self.named(byte)?
            }
            (Part::Name, b':') if self.frames() => return Err(FORBIDDEN),
            (Part::Name, b':') => Part::Value,
            (Part::Name, _) => self.named(byte)?,
            (Part::Value, b'\r') => Part::ValueEnd,
            (Part::Value, _) if scan::is_text(byte) || byte == b'\t' => Part::Value,
            (Part::ValueEnd, b'\n') => Part::Line,
            (Part::End, b'\n') => return Ok(None),
            _ => return Err(INVALID),
        };
        Ok(Some(self))
    }

    /// One more byte of the name.
    fn named(&mut self, byte: u8) -> Result<Part, Refusal> {
        if scan::class(byte) & scan::TOKEN == 0 {
            return Err(INVALID);
        }
        if let Some(place) = self.name.get_mut(self.length) {
            *place = byte;
        }
        self.length += 1;
        Ok(Part::Name)
    }

    fn frames(&self) -> bool {
        let name = self.name.get(..self.length);
        name.is_some_and(|name| FRAMING.iter().any(|known| name.eq_ignore_ascii_case(known)))
    }
}
