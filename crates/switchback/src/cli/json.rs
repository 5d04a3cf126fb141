//! JSON that may be printed.
//!
//! A serializer escapes what JSON cannot hold, and that is less than a terminal obeys: DEL, the C1
//! controls and the marks that turn the direction of the text around may stand in a JSON string as they
//! are. Somebody will look at this on a terminal, so they are escaped, too. A parser reads the same.

use std::fmt::Write;

use serde::Serialize;

/// With a line break at the end.
pub(super) fn text(value: &impl Serialize) -> String {
    let json = serde_json::to_string_pretty(value)
        .expect("text, numbers and truth values under fixed keys can be written as JSON");
    let mut safe = String::with_capacity(json.len() + 1);
    for character in json.chars() {
        // But for the serializer's own line breaks, none of these stands outside of a string, and all are
        // of the first plane.
        if character != '\n' && drives_a_terminal(character) {
            let _ = write!(safe, "\\u{:04x}", u32::from(character));
        } else {
            safe.push(character);
        }
    }
    safe.push('\n');
    safe
}

/// What a terminal obeys instead of showing it.
pub(super) fn drives_a_terminal(character: char) -> bool {
    let turns = matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
    turns || character.is_control()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_drives_a_terminal_is_left_and_a_parser_reads_the_same() {
        let bad = "\u{1b}[2J\u{7f}\u{9b}2J\u{202e}txt\n\t\"\\é\u{feff}\u{10ffff}";
        let text = text(&bad);
        assert!(!text.trim_end().contains(drives_a_terminal), "{text:?}");
        assert_eq!(serde_json::from_str::<String>(&text).unwrap(), bad);
    }
}
