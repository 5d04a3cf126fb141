//! What nginx makes of bytes that a client chose, in a line that is no JSON.
//!
//! Printable ASCII stands for itself, but for `"` and `\`; every other byte becomes `\xHH` (nginx's default,
//! `log_format … escape=default`). So no client can end a quoted field or a line, nor drive the terminal
//! of whoever reads it; and what reads nginx's logs reads these.

const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// Appends a text as nginx would.
pub(super) fn push_escaped(out: &mut Vec<u8>, bytes: &[u8]) {
    for &byte in bytes {
        match byte {
            b'"' | b'\\' | ..0x20 | 0x7f.. => {
                out.extend_from_slice(b"\\x");
                out.extend([HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 0xf)]]);
            }
            plain => out.push(plain),
        }
    }
}

/// Appends a text as nginx would, or `-` where there is none.
pub(super) fn push_or_dash(out: &mut Vec<u8>, text: Option<&[u8]>) {
    match text {
        Some(text) => push_escaped(out, text),
        None => out.push(b'-'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_end_a_field_or_a_line_is_escaped_and_nothing_else() {
        for (text, expected) in [
            (&b"Mozilla/5.0 (X11; Linux) ~!#$"[..], "Mozilla/5.0 (X11; Linux) ~!#$"),
            (b"a\"b\\c", r"a\x22b\x5Cc"),
            (b"a\r\n127.0.0.1 - -", r"a\x0D\x0A127.0.0.1 - -"),
            (b"\x1b[2J\x00\x7f", r"\x1B[2J\x00\x7F"),
            ("ü\u{9b}".as_bytes(), r"\xC3\xBC\xC2\x9B"),
            (b"", ""),
        ] {
            let mut out = Vec::new();
            push_escaped(&mut out, text);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
