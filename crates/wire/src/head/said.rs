//! What the fields say that decides where the request ends and whom it is for.
//!
//! Each of these fields may come once, even with the same value twice: who takes the first and who takes
//! the last would agree today, and nobody knows of the sum (`Content-Length: 5, 5`). Content-Length
//! and Transfer-Encoding exclude each other (RFC 9112, section 6.1, leaves it to the server).

use std::ops::Range;

use super::{Framing, Version, scan};
use crate::host::is_host;
use crate::refusal::Refusal;

const REPEATED_HOST: Refusal = Refusal::bad("repeated_host", "there is more than one Host field");
const INVALID_HOST: Refusal = Refusal::bad("invalid_host", "the Host field is not a host");
const HOST_DISAGREES: Refusal =
    Refusal::bad("host_disagrees", "the target and the Host field name different hosts");
const INVALID_LENGTH: Refusal =
    Refusal::bad("invalid_content_length", "the Content-Length is repeated or not a number");
const AMBIGUOUS: Refusal =
    Refusal::bad("ambiguous_framing", "there is a Content-Length as well as a Transfer-Encoding");
const INVALID_CODING: Refusal = Refusal::bad(
    "invalid_transfer_encoding",
    "the Transfer-Encoding is repeated, malformed or in HTTP/1.0",
);
const UNKNOWN_CODING: Refusal = Refusal {
    status: 501,
    code: "unknown_transfer_coding",
    details: "the only transfer coding that is known here is chunked",
};

/// The digits of the largest length.
const DIGITS: usize = 20;

/// What the lines so far say.
#[derive(Clone, Debug, Default)]
pub(super) struct Said {
    /// The number of fields.
    pub(super) fields: usize,
    pub(super) underscores: bool,
    pub(super) expects_continue: bool,
    authority: Option<Range<usize>>,
    host: Option<Range<usize>>,
    length: Option<u64>,
    chunked: bool,
    /// There is an `Upgrade`.
    upgrade: bool,
    /// `Connection` names it.
    connection_upgrade: bool,
    /// `Connection` says that this is the last request.
    pub(super) close: bool,
    /// `Connection` asks for the connection to be kept.
    pub(super) keep_alive: bool,
}

impl Said {
    /// The target is absolute, and its authority stands here.
    pub(super) fn authority(&mut self, at: Range<usize>) {
        self.authority = Some(at);
    }

    pub(super) fn has_host(&self) -> bool {
        self.host.is_some()
    }

    pub(super) fn host(&self) -> Option<Range<usize>> {
        self.host.clone().or_else(|| self.authority.clone())
    }

    pub(super) fn upgrade(&self) -> bool {
        self.upgrade && self.connection_upgrade
    }

    pub(super) fn framing(&self) -> Framing {
        match self.length {
            _ if self.chunked => Framing::Chunked,
            Some(length) => Framing::Length(length),
            None => Framing::None,
        }
    }

    /// A field, whose bytes are such as may stand there.
    pub(super) fn field(
        &mut self,
        bytes: &[u8],
        name: Range<usize>,
        value: Range<usize>,
        version: Version,
    ) -> Result<(), Refusal> {
        self.fields += 1;
        let name = &bytes[name];
        let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
        let first = name.first().map(u8::to_ascii_lowercase);
        match (name.len(), first) {
            (4, Some(b'h')) if is(b"host") => self.is_for(bytes, value),
            (14, Some(b'c')) if is(b"content-length") => self.has_length(&bytes[value]),
            (17, Some(b't')) if is(b"transfer-encoding") => self.has_coding(&bytes[value], version),
            (10, Some(b'c')) if is(b"connection") => {
                for option in bytes[value].split(|&byte| byte == b',').map(scan::trim) {
                    self.connection_upgrade |= option.eq_ignore_ascii_case(b"upgrade");
                    self.close |= option.eq_ignore_ascii_case(b"close");
                    self.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
                }
                Ok(())
            }
            (7, Some(b'u')) if is(b"upgrade") => {
                self.upgrade = true;
                Ok(())
            }
            (6, Some(b'e')) if is(b"expect") => {
                let expected = scan::trim(&bytes[value]);
                self.expects_continue |= expected.eq_ignore_ascii_case(b"100-continue");
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn is_for(&mut self, bytes: &[u8], value: Range<usize>) -> Result<(), Refusal> {
        if self.host.is_some() {
            return Err(REPEATED_HOST);
        }
        let is_blank = |&byte: &u8| byte == b' ' || byte == b'\t';
        let before = bytes[value.clone()].iter().take_while(|byte| is_blank(byte)).count();
        let start = value.start + before;
        let at = start..start + scan::trim(&bytes[value]).len();
        let host = &bytes[at.clone()];
        if !is_host(host) {
            return Err(INVALID_HOST);
        }
        let authority = self.authority.clone().map(|authority| &bytes[authority]);
        // To the letter, as Pingora compares them.
        if authority.is_some_and(|authority| authority != host) {
            return Err(HOST_DISAGREES);
        }
        self.host = Some(at);
        Ok(())
    }

    fn has_length(&mut self, value: &[u8]) -> Result<(), Refusal> {
        if self.chunked {
            return Err(AMBIGUOUS);
        }
        let length = length(scan::trim(value)).filter(|_| self.length.is_none());
        self.length = Some(length.ok_or(INVALID_LENGTH)?);
        Ok(())
    }

    fn has_coding(&mut self, value: &[u8], version: Version) -> Result<(), Refusal> {
        if self.length.is_some() {
            return Err(AMBIGUOUS);
        }
        if self.chunked || version == Version::Http10 {
            return Err(INVALID_CODING);
        }
        let value = scan::trim(value);
        if value.eq_ignore_ascii_case(b"chunked") {
            self.chunked = true;
            return Ok(());
        }
        let mut codings = value.split(|&byte| byte == b',').map(scan::trim);
        Err(if codings.all(scan::is_token) { UNKNOWN_CODING } else { INVALID_CODING })
    }
}

/// Digits only: `parse` alone would take a sign.
fn length(digits: &[u8]) -> Option<u64> {
    let more = |sum: u64, digit: &u8| match digit {
        b'0'..=b'9' => sum.checked_mul(10)?.checked_add(u64::from(digit - b'0')),
        _ => None,
    };
    let fits = (1..=DIGITS).contains(&digits.len());
    fits.then(|| digits.iter().try_fold(0, more)).flatten()
}
