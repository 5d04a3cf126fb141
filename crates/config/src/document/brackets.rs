//! Which bracket is still open at a place of the text.
//!
//! The scanner gives up where the next thing does not fit, often a line below the mistake. What has
//! to be closed is known to nobody then, so it is looked for here: by a look at quotes and comments,
//! not by YAML's rules, which is enough to point at a bracket.

use crate::source::{Source, Span};

/// How many lines above are looked at.
const LINES: u32 = 200;

/// The innermost bracket that is open in front of `end`.
pub(super) fn open(end: Span, source: &Source) -> Option<Span> {
    let mut open = Vec::new();
    let mut quote = None;
    for line in end.line.saturating_sub(LINES).max(1)..=end.line {
        let mut before = ' ';
        for (column, character) in (1..).zip(source.line(line).chars()) {
            if line == end.line && column >= end.column {
                break;
            }
            match (quote, character) {
                (Some(opened), _) if character == opened => quote = None,
                (Some(_), _) => {}
                // Within a word it is an apostrophe.
                (None, '"' | '\'') if !before.is_alphanumeric() => quote = Some(character),
                (None, '#') if before.is_whitespace() => break,
                (None, '[' | '{') => open.push(Span { line, column, width: 1 }),
                (None, ']' | '}') => drop(open.pop()),
                (None, _) => {}
            }
            before = character;
        }
    }
    open.pop()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_open_bracket_is_found() {
        for (text, wanted) in [
            ("a: [ b", Some((1, 4))),
            ("a: [ { b: c", Some((1, 6))),
            ("a: [ { b: c }", Some((1, 4))),
            ("a: [ b ]\nc: [\n  d", Some((2, 4))),
            ("a: '[' # [\nb", None),
            ("a: it's [\nb", Some((1, 9))),
            ("a: ]\nb", None),
        ] {
            let source = Source::new("x".into(), text);
            let line = source.line_count();
            let column = u32::try_from(source.line(line).chars().count()).unwrap() + 1;
            let found = open(Span { line, column, width: 1 }, &source);
            assert_eq!(found.map(|span| (span.line, span.column)), wanted, "{text}");
        }
    }
}
