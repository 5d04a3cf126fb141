//! The few pieces of JSON that a line needs, written into a reused buffer.
//!
//! Strings may be any bytes. What is not UTF-8 becomes U+FFFD, one for each maximal invalid sequence,
//! as `String::from_utf8_lossy` does. Beyond what RFC 8259 section 7 demands, DEL and the C1 controls
//! are escaped too, so that a path cannot drive the terminal of whoever reads the log.

use std::time::Duration;

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Appends a JSON string of any bytes, quotes included.
pub(super) fn push_string(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    if bytes.iter().all(|&byte| is_plain(byte)) {
        out.extend_from_slice(bytes);
    } else {
        push_escaped(out, bytes);
    }
    out.push(b'"');
}

/// Whether an ASCII byte stands for itself. A byte of a longer sequence is left to the slow path.
const fn is_plain(byte: u8) -> bool {
    byte >= 0x20 && byte < 0x7f && byte != b'"' && byte != b'\\'
}

fn push_escaped(out: &mut Vec<u8>, bytes: &[u8]) {
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            push_character(out, character);
        }
        if !chunk.invalid().is_empty() {
            push_character(out, char::REPLACEMENT_CHARACTER);
        }
    }
}

fn push_character(out: &mut Vec<u8>, character: char) {
    match character {
        '"' => out.extend_from_slice(b"\\\""),
        '\\' => out.extend_from_slice(b"\\\\"),
        '\n' => out.extend_from_slice(b"\\n"),
        '\r' => out.extend_from_slice(b"\\r"),
        '\t' => out.extend_from_slice(b"\\t"),
        control if control.is_control() => {
            // Every control character lies below U+00A0.
            let code = u32::from(control) as usize;
            out.extend_from_slice(b"\\u00");
            out.extend([HEX[code >> 4 & 0xf], HEX[code & 0xf]]);
        }
        other => out.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
    }
}

/// Appends bytes as hexadecimal digits, in lower case.
pub(super) fn push_hex(out: &mut Vec<u8>, bytes: &[u8]) {
    for &byte in bytes {
        out.extend([HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 0xf)]]);
    }
}

/// Appends a whole number.
pub(super) fn push_u64(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[start..]);
}

/// Appends a whole number, filled up with zeros to `width` digits.
pub(super) fn push_padded(out: &mut Vec<u8>, value: u64, width: u32) {
    for place in (1..width).rev() {
        if value >= 10_u64.pow(place) {
            break;
        }
        out.push(b'0');
    }
    push_u64(out, value);
}

/// Appends a duration in milliseconds: microseconds are kept, what is below them is cut, and there is one
/// decimal at least, except that nothing is `0`.
pub(super) fn push_millis(out: &mut Vec<u8>, duration: Duration) {
    let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    push_u64(out, micros / 1000);
    if micros == 0 {
        return;
    }
    out.push(b'.');
    match micros % 1000 {
        rest if rest % 100 == 0 => push_padded(out, rest / 100, 1),
        rest if rest % 10 == 0 => push_padded(out, rest / 10, 2),
        rest => push_padded(out, rest, 3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    proptest! {
        #[test]
        fn any_bytes_become_a_json_string_that_reads_as_their_lossy_text(
            bytes in proptest::collection::vec(any::<u8>(), 0..64)
        ) {
            let json = written(|out| push_string(out, &bytes));
            let read: String = serde_json::from_str(&json).unwrap();
            prop_assert_eq!(read, String::from_utf8_lossy(&bytes));
        }

        #[test]
        fn any_text_survives_and_holds_no_raw_control(text in any::<String>()) {
            let json = written(|out| push_string(out, text.as_bytes()));
            prop_assert!(!json.chars().any(char::is_control));
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }

        #[test]
        fn numbers_are_written_as_rust_writes_them(value in any::<u64>()) {
            prop_assert_eq!(written(|out| push_u64(out, value)), value.to_string());
            prop_assert_eq!(written(|out| push_padded(out, value, 4)), format!("{value:04}"));
        }

        #[test]
        fn milliseconds_read_back_to_the_microsecond(micros in 0_u64..1 << 50) {
            let json = written(|out| push_millis(out, Duration::from_micros(micros)));
            let read: f64 = serde_json::from_str(&json).unwrap();
            prop_assert_eq!((read * 1000.0).round() as u64, micros);
        }
    }

    #[test]
    fn milliseconds_have_no_needless_digits() {
        for (micros, expected) in [
            (0, "0"),
            (1, "0.001"),
            (10, "0.01"),
            (400, "0.4"),
            (12_000, "12.0"),
            (38_100, "38.1"),
            (38_120, "38.12"),
            (38_123, "38.123"),
            (60_000_005, "60000.005"),
        ] {
            let json = written(|out| push_millis(out, Duration::from_micros(micros)));
            assert_eq!(json, expected);
        }
        assert_eq!(written(|out| push_millis(out, Duration::from_nanos(999))), "0");
    }

    #[test]
    fn the_longest_duration_does_not_panic() {
        assert!(written(|out| push_millis(out, Duration::MAX)).parse::<f64>().is_ok());
    }
}
