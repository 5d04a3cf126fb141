//! The line that a diagnostic shows, cut to a window and made safe to print.

use std::fmt;
use std::path::PathBuf;

use unicode_width::UnicodeWidthStr as _;

use super::hidden;
use super::words::{Words, escape, visible};
use crate::source::{Source, Span};

/// The widest excerpt, in terminal columns.
const WINDOW: usize = 100;
/// What is kept in front of the marked part when a line is cut.
const CONTEXT: usize = 30;

/// One line of a file with a part of it marked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Excerpt {
    pub(crate) path: PathBuf,
    pub(crate) line: u32,
    pub(crate) column: u32,
    /// How many characters are marked.
    pub(crate) marked: u32,
    pub(crate) label: Words,
    /// The line as it is, cut as `shown` is.
    pub(crate) text: String,
    shown: String,
    /// Terminal columns in front of the mark.
    indent: usize,
    /// Terminal columns of the mark.
    width: usize,
}

impl Excerpt {
    pub(crate) fn new(source: &Source, span: Span, label: Words) -> Self {
        let target = (span.column as usize).saturating_sub(1);
        let line = &hidden::line(source, span.line);
        let first = if is_wide(line) { target.saturating_sub(CONTEXT) } else { 0 };
        let cut = if first > 0 { "…" } else { "" };
        let mut window = Self {
            path: source.path().to_owned(),
            line: span.line,
            column: span.column,
            marked: span.width,
            label,
            text: cut.into(),
            shown: cut.into(),
            indent: 0,
            width: 0,
        };
        let mut columns = window.shown.width();
        window.indent = columns;
        let mut marked = 0;
        for (position, character) in line.chars().enumerate().skip(first) {
            let piece = visible(character);
            let width = piece.as_str().width();
            if columns + width > WINDOW {
                window.shown.push('…');
                window.text.push('…');
                break;
            }
            window.shown.push_str(&piece);
            window.text.push(character);
            columns += width;
            if position < target {
                window.indent = columns;
            } else if position < target.saturating_add(span.width as usize) {
                marked += width;
                // The parser counts the blanks after a quoted value to it.
                window.width = if character == ' ' { window.width } else { marked };
            }
        }
        window.width = window.width.max(1);
        window
    }

    /// Writes the arrow with the place, the line, and the mark with its label.
    pub(crate) fn render(
        &self,
        f: &mut fmt::Formatter<'_>,
        gutter: usize,
        arrow: &str,
        mark: char,
    ) -> fmt::Result {
        let path = escape(&self.path.to_string_lossy());
        write!(f, "\n{:gutter$}{arrow} {path}:{}:{}", "", self.line, self.column)?;
        write!(f, "\n{:gutter$} |", "")?;
        let shown = self.shown.trim_end();
        let space = if shown.is_empty() { "" } else { " " };
        write!(f, "\n{:>gutter$} |{space}{shown}", self.line)?;
        let marks = mark.to_string().repeat(self.width);
        let label = self.label.safe();
        let space = if label.is_empty() { "" } else { " " };
        write!(f, "\n{:gutter$} | {:indent$}{marks}{space}{}", "", "", label, indent = self.indent)
    }
}

/// Whether a line needs a window. Looks at no more of it than it must.
fn is_wide(line: &str) -> bool {
    let mut columns = 0;
    line.chars().any(|character| {
        columns += visible(character).as_str().width();
        columns > WINDOW
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(text: &str, column: u32, width: u32) -> (String, usize, usize) {
        let source = Source::new("x".into(), text);
        let excerpt = Excerpt::new(&source, Span { line: 1, column, width }, Words::default());
        (excerpt.shown, excerpt.indent, excerpt.width)
    }

    #[test]
    fn tabs_and_wide_characters_keep_the_mark_in_place() {
        assert_eq!(marked("\ta: b", 5, 1), ("    a: b".into(), 7, 1));
        assert_eq!(marked("名前: b", 5, 1), ("名前: b".into(), 6, 1));
        assert_eq!(marked("x: 名前", 4, 2), ("x: 名前".into(), 3, 4));
    }

    #[test]
    fn nothing_reaches_the_terminal_as_a_command() {
        let (shown, indent, _) = marked("a: \u{1b}[2J x", 9, 1);
        assert_eq!((shown.as_str(), indent), ("a: \\u{1b}[2J x", 13));
    }

    #[test]
    fn a_long_line_is_cut_around_the_mark() {
        let line = format!("{}HERE{}", "a".repeat(5000), "b".repeat(5000));
        let (shown, indent, width) = marked(&line, 5001, 4);
        assert!(shown.width() <= WINDOW + 1, "{}", shown.width());
        assert_eq!(&shown[shown.find("HERE").unwrap()..][..4], "HERE");
        assert_eq!((indent, width), (1 + CONTEXT, 4));
    }

    #[test]
    fn a_mark_past_the_end_of_the_line_is_one_column_wide() {
        assert_eq!(marked("ab", 3, 9), ("ab".into(), 2, 1));
    }
}
