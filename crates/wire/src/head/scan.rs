//! Runs of bytes of one kind, which is where the time of a head goes.
//!
//! Values and targets are looked at eight bytes at a time: whatever ends them lies below a bound or is
//! one of two bytes, and both questions are answered for a whole word by a subtraction (Mycroft, 1987).
//! The borrow of a byte that is found can mark one above it wrongly, never one below: the lowest mark
//! is right. Names are short and of too many kinds of bytes for that: they go through a table.

/// A byte of a token (RFC 9110, section 5.6.2): of methods, names and transfer codings.
pub(crate) const TOKEN: u8 = 1;
/// An underscore, which is one of them.
pub(crate) const UNDERSCORE: u8 = 2;
/// A byte of a name or an address in `Host`: unreserved (RFC 3986, section 2.3).
pub(crate) const HOST: u8 = 4;

static CLASSES: [u8; 256] = classes();

const ONES: u64 = u64::MAX / 255;
const HIGH_BITS: u64 = ONES * 0x80;

const fn classes() -> [u8; 256] {
    let mut classes = [0; 256];
    let mut byte = 0_u8;
    while byte < 0x80 {
        classes[byte as usize] = match byte {
            b'_' => TOKEN | UNDERSCORE | HOST,
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'.' | b'~' => TOKEN | HOST,
            b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'^' | b'`' | b'|' => TOKEN,
            _ => 0,
        };
        byte += 1;
    }
    classes
}

/// What a byte may be part of: [`TOKEN`], [`UNDERSCORE`], [`HOST`].
pub(crate) fn class(byte: u8) -> u8 {
    CLASSES[usize::from(byte)]
}

/// Whether these are a token.
pub fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|&byte| class(byte) & TOKEN != 0)
}

/// Whether this byte may stand in a value, HTAB aside.
pub(crate) fn is_text(byte: u8) -> bool {
    byte >= 0x20 && byte != 0x7f
}

/// How many bytes at the beginning are neither controls nor DEL.
pub(crate) fn text(bytes: &[u8]) -> usize {
    run(bytes, |word| below(word, 0x20) | equal(word, 0x7f))
}

/// How many bytes at the beginning may stand in a target: neither controls, nor DEL, nor a space,
/// nor `#`.
pub(crate) fn visible(bytes: &[u8]) -> usize {
    run(bytes, |word| below(word, 0x21) | equal(word, 0x7f) | equal(word, b'#'))
}

/// Without the spaces and tabs around (OWS).
pub(crate) fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

/// How many bytes stand before the first that `marks` marks.
fn run(bytes: &[u8], marks: impl Fn(u64) -> u64) -> usize {
    let (words, rest) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let marked = marks(u64::from_le_bytes(*word));
        if marked != 0 {
            return index * 8 + first(marked);
        }
    }
    let mut word = [b' '; 8];
    word[..rest.len()].copy_from_slice(rest);
    let marked = marks(u64::from_le_bytes(word));
    words.len() * 8 + first(marked).min(rest.len())
}

/// The first byte that is marked; eight: none.
fn first(marked: u64) -> usize {
    (marked.trailing_zeros() / 8) as usize
}

/// Marks the bytes below a bound of at most 0x80.
fn below(word: u64, bound: u8) -> u64 {
    word.wrapping_sub(ONES * u64::from(bound)) & !word & HIGH_BITS
}

/// Marks the bytes that are this one, below 0x80.
fn equal(word: u64, byte: u8) -> u64 {
    below(word ^ (ONES * u64::from(byte)), 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_byte_ends_a_run_or_does_not_wherever_it_stands() {
        for byte in 0..=u8::MAX {
            for at in 0..20 {
                for behind in 0..10 {
                    let mut bytes = vec![b'a'; at];
                    bytes.push(byte);
                    bytes.extend(std::iter::repeat_n(b'a', behind));
                    let end = |may: bool| if may { bytes.len() } else { at };
                    let control = byte < 0x20 || byte == 0x7f;
                    assert_eq!(text(&bytes), end(!control), "{byte} at {at}");
                    let separates = byte == b' ' || byte == b'#';
                    assert_eq!(visible(&bytes), end(!control && !separates), "{byte} at {at}");
                }
            }
        }
    }

    #[test]
    fn a_token_is_what_the_standard_lists() {
        for byte in 0..=u8::MAX {
            let is = byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
            assert_eq!(is_token(&[byte]), is, "{byte}");
        }
        assert!(!is_token(b""));
    }

    proptest! {
        #[test]
        fn a_run_ends_where_a_plain_loop_would_end_it(bytes in any::<Vec<u8>>()) {
            let plain = bytes.iter().position(|&byte| !is_text(byte)).unwrap_or(bytes.len());
            prop_assert_eq!(text(&bytes), plain);
        }
    }
}
