//! A configuration file's text, and places in it.
//!
//! Lines and columns count from 1 and columns count characters, as editors do: an operator types
//! the numbers of a diagnostic into one. A line ends at LF, CRLF or a lone CR, as YAML 1.2 section 5.4
//! has it; the parser counts the same way, and a place from it must find the same line here.

use std::path::{Path, PathBuf};

/// A place: the beginning of a thing, and how much of its line the thing takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Span {
    /// The line, from 1.
    pub(crate) line: u32,
    /// The column in characters, from 1.
    pub(crate) column: u32,
    /// The width in characters, within the line.
    pub(crate) width: u32,
}

impl Span {
    /// The first character of a file: the place of what concerns it as a whole.
    pub(crate) const START: Self = Self { line: 1, column: 1, width: 1 };
}

/// A file that has been read.
#[derive(Debug)]
pub(crate) struct Source {
    path: PathBuf,
    text: String,
    /// The byte at which each line begins; never empty.
    lines: Vec<usize>,
}

impl Source {
    /// A text, under the name that diagnostics give it. A byte order mark is dropped.
    pub(crate) fn new(path: PathBuf, text: &str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text).to_owned();
        let mut lines = vec![0];
        let bytes = text.as_bytes();
        for (at, byte) in bytes.iter().enumerate() {
            let ends_line = match byte {
                b'\n' => true,
                b'\r' => bytes.get(at + 1) != Some(&b'\n'),
                _ => false,
            };
            if ends_line {
                lines.push(at + 1);
            }
        }
        Self { path, text, lines }
    }

    /// The name for diagnostics.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The text.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// How many lines there are, the one after the last line break included.
    pub(crate) fn line_count(&self) -> u32 {
        u32::try_from(self.lines.len()).unwrap_or(u32::MAX)
    }

    /// The text of a line without its break; empty past the end.
    pub(crate) fn line(&self, number: u32) -> &str {
        let index = (number as usize).saturating_sub(1);
        let Some(&start) = self.lines.get(index) else {
            return "";
        };
        let end = self.lines.get(index + 1).copied().unwrap_or(self.text.len());
        self.text[start..end].trim_end_matches(['\n', '\r'])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_break_of_yaml_ends_a_line() {
        let source = Source::new("x".into(), "a\nb\r\nc\rd");
        let lines: Vec<_> = (1..=5).map(|line| source.line(line)).collect();
        assert_eq!(lines, ["a", "b", "c", "d", ""]);
        assert_eq!(source.line_count(), 4);
    }
}
