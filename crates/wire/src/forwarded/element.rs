//! The elements of `Forwarded` (RFC 7239, section 4): `for="[2001:db8::1]:443";proto=https;host=a.example`.

use crate::head::scan::{self, trim};
use crate::host::is_host;

/// What an element says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Element<'a> {
    /// `for`, whatever it holds.
    pub(super) node: Option<&'a [u8]>,
    /// `proto`, if it is `http` or `https`.
    pub(super) proto: Option<&'a [u8]>,
    /// `host`, if it is one.
    pub(super) host: Option<&'a [u8]>,
}

/// The elements of a field, the last first.
pub(super) fn from_the_right(field: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(field);
    std::iter::from_fn(move || {
        let field = rest?;
        let Some(comma) = last_comma(field) else {
            rest = None;
            return Some(field);
        };
        rest = Some(&field[..comma]);
        Some(&field[comma + 1..])
    })
}

/// The last comma outside of quotes.
fn last_comma(field: &[u8]) -> Option<usize> {
    let mut quoted = false;
    (0..field.len()).rev().find(|&at| {
        match field[at] {
            // From the right the first quote closes a string, and the next opens it, unless it is
            // escaped.
            b'"' if !(quoted && is_escaped(&field[..at])) => quoted = !quoted,
            _ => {}
        }
        field[at] == b',' && !quoted
    })
}

/// Whether what follows these bytes is escaped: an odd number of backslashes stands before it.
fn is_escaped(before: &[u8]) -> bool {
    before.iter().rev().take_while(|&&byte| byte == b'\\').count() % 2 == 1
}

/// What an element says; `None`: it is malformed, or says something twice.
pub(super) fn parse(text: &[u8]) -> Option<Element<'_>> {
    let mut element = Element::default();
    let (mut proto, mut host) = (None, None);
    let mut rest = trim(text);
    while !rest.is_empty() {
        // A pair may be missing.
        if let [b';', behind @ ..] = rest {
            rest = trim(behind);
            continue;
        }
        let (name, value, behind) = pair(rest)?;
        let place = match name {
            _ if name.eq_ignore_ascii_case(b"for") => Some(&mut element.node),
            _ if name.eq_ignore_ascii_case(b"proto") => Some(&mut proto),
            _ if name.eq_ignore_ascii_case(b"host") => Some(&mut host),
            _ => None,
        };
        if let Some(place) = place
            && place.replace(value).is_some()
        {
            return None;
        }
        rest = trim(behind);
        if !matches!(rest, [] | [b';', ..]) {
            return None;
        }
    }
    let is_proto =
        |value: &&[u8]| value.eq_ignore_ascii_case(b"http") || value.eq_ignore_ascii_case(b"https");
    element.proto = proto.filter(is_proto);
    element.host = host.filter(|value| is_host(value));
    Some(element)
}

/// A name, its value without quotes, and what follows. Escapes are left as they are: nothing that is
/// looked for here needs any, so a value with one is none.
fn pair(text: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let equals = text.iter().position(|&byte| byte == b'=')?;
    let (name, value) = (&text[..equals], &text[equals + 1..]);
    if !scan::is_token(name) {
        return None;
    }
    let [b'"', quoted @ ..] = value else {
        let end = value.iter().position(|&byte| !is_plain(byte)).unwrap_or(value.len());
        return (end > 0).then(|| (name, &value[..end], &value[end..]));
    };
    let mut escaped = false;
    let end = quoted.iter().position(|&byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    })?;
    Some((name, &quoted[..end], &quoted[end + 1..]))
}

/// A value as it is, or in quotes if it is no token. A host has no byte that would need an escape.
pub(super) fn quoted(value: &str) -> String {
    if scan::is_token(value.as_bytes()) { value.to_owned() } else { format!("\"{value}\"") }
}

/// A byte of a value without quotes: a token's, and what stands in addresses, which many proxies do
/// not quote.
fn is_plain(byte: u8) -> bool {
    scan::class(byte) & scan::TOKEN != 0 || matches!(byte, b':' | b'[' | b']')
}
