//! The first line: `METHOD SP TARGET SP HTTP/d.d CRLF`, and nothing else.

use super::{HeadReader, Part, Version, scan};
use crate::refusal::Refusal;
use crate::target;

const MALFORMED: Refusal = Refusal::bad("malformed_request_line", "the request line is malformed");
const TARGET_TOO_LONG: Refusal =
    Refusal { status: 414, code: "target_too_long", details: "the target is too long" };
const UNKNOWN_VERSION: Refusal = Refusal {
    status: 505,
    code: "version_not_supported",
    details: "only HTTP/1.0 and HTTP/1.1 are spoken here",
};

/// The end of the line; a zero stands for any digit.
const VERSION: &[u8; 10] = b"HTTP/0.0\r\n";

impl HeadReader {
    /// One empty line before the head is dropped.
    pub(super) fn before(&mut self, bytes: &[u8]) -> Result<bool, Refusal> {
        let Some(&byte) = bytes.get(self.at) else { return Ok(false) };
        match (self.part, byte) {
            (Part::Before, b'\r') if self.skip == 0 => {
                self.part = Part::BeforeEnd;
                self.at += 1;
            }
            (Part::BeforeEnd, b'\n') => {
                self.part = Part::Before;
                self.at += 1;
                self.skip = self.at;
            }
            (Part::BeforeEnd, _) | (_, b'\r' | b'\n') => return Err(MALFORMED),
            _ => {
                self.part = Part::Method;
                self.start = self.at;
            }
        }
        Ok(true)
    }

    pub(super) fn method(&mut self, bytes: &[u8]) -> Result<bool, Refusal> {
        let rest = bytes[self.at..].iter();
        self.at += rest.take_while(|&&byte| scan::class(byte) & scan::TOKEN != 0).count();
        match bytes.get(self.at) {
            None => return Ok(false),
            Some(b' ') => target::is_method(&bytes[self.start..self.at])?,
            Some(b'\r' | b'\n') => return Err(MALFORMED),
            Some(_) => return Err(target::invalid_method()),
        }
        self.method = self.start..self.at;
        self.at += 1;
        self.start = self.at;
        self.part = Part::Target;
        Ok(true)
    }

    pub(super) fn target(&mut self, bytes: &[u8]) -> Result<bool, Refusal> {
        self.at += scan::visible(&bytes[self.at..]);
        if self.at - self.start > self.limits.target {
            return Err(TARGET_TOO_LONG);
        }
        match bytes.get(self.at) {
            None => return Ok(false),
            Some(b' ') if self.at > self.start => {}
            Some(b' ' | b'\r' | b'\n') => return Err(MALFORMED),
            Some(_) => return Err(target::invalid_byte()),
        }
        self.target = self.start..self.at;
        let (method, target) = (&bytes[self.method.clone()], &bytes[self.target.clone()]);
        if let Some(within) = target::authority(method, target)? {
            self.said.authority(self.start + within.start..self.start + within.end);
        }
        self.at += 1;
        self.start = self.at;
        self.part = Part::Version;
        Ok(true)
    }

    pub(super) fn version(&mut self, bytes: &[u8]) -> Result<bool, Refusal> {
        let come = &bytes[self.start..bytes.len().min(self.start + VERSION.len())];
        let fits = |(&byte, &expected): (&u8, &u8)| match expected {
            b'0' => byte.is_ascii_digit(),
            _ => byte == expected,
        };
        if !come.iter().zip(VERSION).skip(self.at - self.start).all(fits) {
            return Err(MALFORMED);
        }
        self.at = self.start + come.len();
        if come.len() < VERSION.len() {
            return Ok(false);
        }
        self.version = match &come[5..8] {
            b"1.1" => Version::Http11,
            b"1.0" => Version::Http10,
            _ => return Err(UNKNOWN_VERSION),
        };
        self.part = Part::Line;
        Ok(true)
    }
}
