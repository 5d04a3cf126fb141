//! The texts of a diagnostic: as they are, for programs, and made safe to print, for people.
//!
//! Both are kept, because neither gives the other: a program that is told of `\n` cannot know whether
//! the file held a line break or a backslash, and whoever prints must not have to think of it.

use serde::{Serialize, Serializer};

/// The longest value that a message repeats, in characters.
const QUOTED: usize = 60;

/// A message, a label or a help.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Words {
    raw: String,
    safe: String,
}

impl Words {
    /// Without what would drive a terminal, and in one line.
    pub(crate) fn safe(&self) -> &str {
        &self.safe
    }
}

impl<T: Into<String>> From<T> for Words {
    fn from(text: T) -> Self {
        let raw = text.into();
        Self { safe: escape(&raw), raw }
    }
}

/// As it is.
impl Serialize for Words {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.raw)
    }
}

/// Text from outside, with everything escaped that would move the cursor or reorder the line.
pub(crate) fn escape(text: &str) -> String {
    text.chars()
        .map(|character| if character == '\t' { "\\t".into() } else { visible(character) })
        .collect()
}

/// A value from the file, for use in a sentence: in backticks, and cut when it is long. Not escaped:
/// [`Words`] do that.
pub(crate) fn quote(text: &str) -> String {
    match text.char_indices().nth(QUOTED) {
        None if text.is_empty() => "an empty text".into(),
        None => format!("`{text}`"),
        Some((end, _)) => format!("`{}…`", &text[..end]),
    }
}

/// What stands for a character on a terminal.
pub(super) fn visible(character: char) -> String {
    match character {
        '\t' => "    ".into(),
        // Marks that are invisible or turn the direction of the text around (Unicode TR 36).
        '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{2069}'
        | '\u{feff}' => character.escape_unicode().to_string(),
        c if c.is_control() => c.escape_default().to_string(),
        c => c.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_safe_to_print_and_kept_as_they_are() {
        let words = Words::from(quote("\u{202e}txt\n"));
        assert_eq!(words.safe(), "`\\u{202e}txt\\n`");
        assert_eq!(words.raw, "`\u{202e}txt\n`");
    }
}
