//! The lines after the first: what may stand in them, byte for byte.

use super::{HeadReader, Part, scan};
use crate::refusal::Refusal;

const FOLDED: Refusal = Refusal::bad("folded_field", "a line begins with white space");
const INVALID_NAME: Refusal = Refusal::bad("invalid_field_name", "a field name is not a token");
const INVALID_VALUE: Refusal =
    Refusal::bad("invalid_field_value", "a field value holds a control character");
const TOO_MANY: Refusal =
    Refusal { status: 431, code: "too_many_fields", details: "the header has too many fields" };

impl HeadReader {
    /// Reads lines up to the empty one that ends the head; false: it has not come yet.
    pub(super) fn fields(&mut self, bytes: &[u8]) -> Result<bool, Refusal> {
        loop {
            if self.part == Part::Line && !self.begin(bytes)? {
                return Ok(false);
            }
            if self.part == Part::Name && !self.name(bytes)? {
                return Ok(false);
            }
            if let Part::Value(colon) = self.part
                && !self.value(bytes, colon)?
            {
                return Ok(false);
            }
            let Some(&end) = bytes.get(self.at) else { return Ok(false) };
            if end != b'\n' {
                return Err(INVALID_VALUE);
            }
            self.at += 1;
            let Part::ValueEnd(colon) = self.part else { break };
            let (name, value) = (self.start..colon, colon + 1..self.at - 2);
            self.said.field(bytes, name, value, self.version)?;
            self.part = Part::Line;
        }
        self.part = Part::Done;
        Ok(true)
    }

    fn begin(&mut self, bytes: &[u8]) -> Result<bool, Refusal> {
        let Some(&byte) = bytes.get(self.at) else { return Ok(false) };
        self.part = match byte {
            b'\r' => {
                self.at += 1;
                Part::End
            }
            b' ' | b'\t' => return Err(FOLDED),
            _ if self.said.fields == self.limits.fields => return Err(TOO_MANY),
            _ => Part::Name,
        };
        self.start = self.at;
        Ok(true)
    }

    fn name(&mut self, bytes: &[u8]) -> Result<bool, Refusal> {
        let mut classes = 0;
        let mut at = self.at;
        let end = loop {
            let Some(&byte) = bytes.get(at) else { break None };
            let class = scan::class(byte);
            if class & scan::TOKEN == 0 {
                break Some(byte);
            }
            classes |= class;
            at += 1;
        };
        self.said.underscores |= classes & scan::UNDERSCORE != 0;
        self.at = at;
        match end {
            None => return Ok(false),
            Some(b':') if at > self.start => {}
            Some(_) => return Err(INVALID_NAME),
        }
        self.part = Part::Value(at);
        self.at += 1;
        Ok(true)
    }

    fn value(&mut self, bytes: &[u8], colon: usize) -> Result<bool, Refusal> {
        loop {
            self.at += scan::text(&bytes[self.at..]);
            match bytes.get(self.at) {
                None => return Ok(false),
                Some(b'\t') => self.at += 1,
                Some(b'\r') => break,
                Some(_) => return Err(INVALID_VALUE),
            }
        }
        self.part = Part::ValueEnd(colon);
        self.at += 1;
        Ok(true)
    }
}
