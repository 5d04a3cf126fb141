//! Text that came from a client: any bytes, but not any number of them.
//!
//! A record waits in the queue, and the queue is bounded in records. What a client sends is bounded
//! only by the size of a request header: 16,384 waiting records with a path of 32 KiB each are half a gigabyte
//! that an attacker chose. Hence a type that clips when it is made.

use std::fmt;

/// Owned or static bytes of a log record, at most [`Text::LIMIT`] long.
///
/// The bytes need not be UTF-8; the writer replaces what is not with U+FFFD. Few of them, as of an id, a method,
/// most hosts and many paths, are held in place: an allocation here is freed by another thread, the writer's, which
/// costs twice.
#[derive(Clone)]
pub struct Text(Repr);

#[derive(Clone)]
enum Repr {
    Static(&'static str),
    Short(u8, [u8; SHORT]),
    Owned(Box<[u8]>),
}

/// How many bytes are held in place: what makes a text as large as four pointers.
const SHORT: usize = 30;

impl Text {
    /// Longest text that is kept whole, in bytes. A longer one is cut there and ends in `…`.
    pub const LIMIT: usize = 2048;

    const ELLIPSIS: &'static [u8] = "…".as_bytes();

    /// Text known at compile time; costs no allocation. Not clipped.
    #[must_use]
    pub const fn from_static(text: &'static str) -> Self {
        Self(Repr::Static(text))
    }

    /// A copy of `bytes`, clipped to [`Text::LIMIT`].
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        match bytes.get(..Self::LIMIT) {
            Some(kept) if bytes.len() > Self::LIMIT => {
                Self(Repr::Owned([kept, Self::ELLIPSIS].concat().into_boxed_slice()))
            }
            _ => Self::short(bytes).unwrap_or_else(|| Self(Repr::Owned(bytes.into()))),
        }
    }

    fn short(bytes: &[u8]) -> Option<Self> {
        let mut held = [0; SHORT];
        held.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(Self(Repr::Short(u8::try_from(bytes.len()).ok()?, held)))
    }

    /// The bytes as they will be written, before escaping.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Repr::Static(text) => text.as_bytes(),
            Repr::Short(length, held) => &held[..usize::from(*length)],
            Repr::Owned(bytes) => bytes,
        }
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Text {}

impl From<&[u8]> for Text {
    fn from(bytes: &[u8]) -> Self {
        Self::new(bytes)
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::new(text.as_bytes())
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        if text.len() > Self::LIMIT {
            return Self::new(text.as_bytes());
        }
        Self(Repr::Owned(text.into_bytes().into_boxed_slice()))
    }
}

impl From<Box<[u8]>> for Text {
    fn from(bytes: Box<[u8]>) -> Self {
        if bytes.len() > Self::LIMIT {
            return Self::new(&bytes);
        }
        Self(Repr::Owned(bytes))
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.as_bytes().escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_up_to_the_limit_is_kept_whole() {
        let whole = "a".repeat(Text::LIMIT);
        assert_eq!(Text::from(whole.as_str()).as_bytes(), whole.as_bytes());
        assert_eq!(Text::from(whole.clone()).as_bytes(), whole.as_bytes());
    }

    #[test]
    fn texts_are_the_same_however_they_are_held() {
        assert_eq!(size_of::<Text>(), 32);
        for text in ["", "GET", "012345678901234567890123456789", "0123456789012345678901234567890"]
        {
            let copied = Text::from(text);
            assert_eq!(copied.as_bytes(), text.as_bytes());
            assert_eq!(copied, Text::from(text.to_owned()));
        }
        assert_eq!(Text::from("GET"), Text::from_static("GET"));
        assert_ne!(Text::from("GET"), Text::from("GE"));
    }

    #[test]
    fn longer_text_is_clipped_and_says_so() {
        let long = "a".repeat(Text::LIMIT + 1);
        let expected = format!("{}…", "a".repeat(Text::LIMIT));
        for text in [
            Text::from(long.as_str()),
            Text::from(long.clone()),
            Text::from(long.as_bytes()),
            Text::from(long.clone().into_bytes().into_boxed_slice()),
        ] {
            assert_eq!(text.as_bytes(), expected.as_bytes());
        }
    }
}
