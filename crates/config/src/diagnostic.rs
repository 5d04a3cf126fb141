//! What is wrong with a configuration, where, and what would be right.
//!
//! A diagnostic is complete in itself: it holds the line that it shows, not the file, so that it
//! outlives the reading, can be logged by a reload and rendered by `check --format json`. The text
//! form follows rustc's, because operators and their editors already know how to read it.
//!
//! Whatever comes from a file is shown with its control characters escaped: a configuration that
//! somebody else wrote must not be able to drive the terminal of whoever checks it. The form for
//! programs, which serde makes, has the texts as they are: escaping is its format's affair there.

mod excerpt;
mod form;
mod hidden;
mod report;
mod words;

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

pub(crate) use excerpt::Excerpt;
pub(crate) use report::{Problem, Report, Reporter};
pub(crate) use words::{Words, escape, quote};

/// How many diagnostics the text form shows before it only counts.
const SHOWN: usize = 50;

/// Whether a configuration can be used in spite of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// It cannot: there is no plan.
    Error,
    /// It can, but would surprise in operation.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

/// One thing that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    severity: Severity,
    message: Words,
    path: PathBuf,
    excerpt: Option<Excerpt>,
    related: Option<Excerpt>,
    help: Option<Words>,
    /// The file's turn: the main file is 0, pools follow in their order.
    order: usize,
}

impl Diagnostic {
    /// Whether it stands in the way of a plan.
    pub fn severity(&self) -> Severity {
        self.severity
    }

    /// What is wrong, in one line, safe to print.
    pub fn message(&self) -> &str {
        self.message.safe()
    }

    /// The file, as the caller of [`crate::load`] would reach it.
    pub fn file(&self) -> &Path {
        &self.path
    }

    /// The line, from 1; `None` where the file could not be read at all.
    pub fn line(&self) -> Option<u32> {
        self.excerpt.as_ref().map(|excerpt| excerpt.line)
    }

    /// The column in characters, from 1.
    pub fn column(&self) -> Option<u32> {
        self.excerpt.as_ref().map(|excerpt| excerpt.column)
    }

    /// What is said of the marked part of the line; empty where the message says it all.
    pub fn label(&self) -> &str {
        self.excerpt.as_ref().map_or("", |excerpt| excerpt.label.safe())
    }

    /// What would be right.
    pub fn help(&self) -> Option<&str> {
        self.help.as_ref().map(Words::safe)
    }

    fn position(&self) -> (usize, u32, u32) {
        (self.order, self.line().unwrap_or(0), self.column().unwrap_or(0))
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let frames = || self.excerpt.iter().chain(&self.related);
        let gutter = frames().map(|frame| frame.line.to_string().len()).max().unwrap_or(1);
        write!(f, "{}: {}", self.severity, self.message())?;
        match &self.excerpt {
            Some(excerpt) => excerpt.render(f, gutter, "-->", '^')?,
            None => write!(f, "\n{:gutter$}--> {}", "", escape(&self.path.to_string_lossy()))?,
        }
        if let Some(related) = &self.related {
            related.render(f, gutter, ":::", '-')?;
        }
        if let Some(help) = self.help() {
            write!(f, "\n{:gutter$} = help: {help}", "")?;
        }
        Ok(())
    }
}

/// Everything that is wrong with a configuration: in the order of the files, then of the lines.
///
/// As text: each diagnostic, a blank line after it, and a last line that counts them. Empty as
/// text where there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnostics {
    list: Vec<Diagnostic>,
    errors: usize,
    warnings: usize,
}

impl Diagnostics {
    /// How many stand in the way of a plan.
    pub fn errors(&self) -> usize {
        self.errors
    }

    /// How many do not.
    pub fn warnings(&self) -> usize {
        self.warnings
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.errors + self.warnings == 0
    }

    /// One after the other: of more than 200 not all, while the counts are of all.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.list.iter()
    }
}

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for diagnostic in self.list.iter().take(SHOWN) {
            writeln!(f, "{diagnostic}\n")?;
        }
        let total = self.errors + self.warnings;
        let hidden = total - self.list.len().min(SHOWN);
        if hidden > 0 {
            writeln!(f, "… and {hidden} more\n")?;
        }
        let count = |n: usize, of: &str| format!("{n} {of}{}", if n == 1 { "" } else { "s" });
        match (self.errors, self.warnings) {
            (0, 0) => Ok(()),
            (errors, 0) => f.write_str(&count(errors, "error")),
            (0, warnings) => f.write_str(&count(warnings, "warning")),
            (errors, warnings) => {
                write!(f, "{}, {}", count(errors, "error"), count(warnings, "warning"))
            }
        }
    }
}

impl std::error::Error for Diagnostics {}
