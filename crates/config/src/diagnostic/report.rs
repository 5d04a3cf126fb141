//! Collecting diagnostics, file by file.

use std::cell::RefCell;
use std::collections::HashSet;
use std::path::Path;

use super::{Diagnostic, Diagnostics, Excerpt, Severity};
use crate::source::{Source, Span};

/// How many diagnostics are kept; the rest is counted. A file of a hundred thousand mistakes is
/// one mistake, and must not cost a hundred thousand excerpts.
const KEPT: usize = 200;

/// What is wrong, before it has a place. Values are parsed to one of these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    message: String,
    label: String,
    help: Option<String>,
    related: Option<(Span, String)>,
}

impl Problem {
    /// What is wrong, and what is said of the marked part (may be empty).
    pub(crate) fn new(message: impl Into<String>, label: impl Into<String>) -> Self {
        Self { message: message.into(), label: label.into(), help: None, related: None }
    }

    /// What would be right.
    pub(crate) fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }

    /// Another place of the same file that explains it.
    pub(crate) fn related(self, span: Span, label: impl Into<String>) -> Self {
        Self { related: Some((span, label.into())), ..self }
    }
}

/// The diagnostics of one reading.
#[derive(Debug, Default)]
pub(crate) struct Report {
    kept: RefCell<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    list: Vec<Diagnostic>,
    seen: HashSet<(usize, Span, String)>,
    errors: usize,
    warnings: usize,
}

impl Report {
    /// Reports on a file; `order` is its turn in the output.
    pub(crate) fn of<'a>(&'a self, source: &'a Source, order: usize) -> Reporter<'a> {
        Reporter { report: self, source, order }
    }

    /// An error about a file that has no text to show.
    pub(crate) fn unreadable(&self, path: &Path, order: usize, problem: Problem) {
        self.keep(Diagnostic {
            severity: Severity::Error,
            message: problem.message.into(),
            path: path.to_owned(),
            excerpt: None,
            related: None,
            help: problem.help.map(Into::into),
            order,
        });
    }

    /// How many errors there are so far.
    pub(crate) fn errors(&self) -> usize {
        self.kept.borrow().errors
    }

    /// All of them, in order.
    pub(crate) fn finish(self) -> Diagnostics {
        let Kept { mut list, errors, warnings, .. } = self.kept.into_inner();
        list.sort_by_key(Diagnostic::position);
        Diagnostics { list, errors, warnings }
    }

    fn is_full(&self) -> bool {
        self.kept.borrow().list.len() >= KEPT
    }

    fn keep(&self, diagnostic: Diagnostic) {
        self.count(diagnostic.severity);
        self.kept.borrow_mut().list.push(diagnostic);
    }

    fn count(&self, severity: Severity) {
        let mut kept = self.kept.borrow_mut();
        match severity {
            Severity::Error => kept.errors += 1,
            Severity::Warning => kept.warnings += 1,
        }
    }
}

/// Reports on one file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reporter<'a> {
    report: &'a Report,
    source: &'a Source,
    order: usize,
}

impl<'a> Reporter<'a> {
    /// The file.
    pub(crate) fn source(&self) -> &'a Source {
        self.source
    }

    /// Whether this is the main file.
    pub(crate) fn is_main(&self) -> bool {
        self.order == 0
    }

    /// Whether enough has been said that near misses need no longer be looked for.
    pub(crate) fn is_full(&self) -> bool {
        self.report.is_full()
    }

    /// Reports an error.
    pub(crate) fn error(&self, span: Span, problem: Problem) {
        self.report_as(Severity::Error, span, problem);
    }

    /// Reports a warning.
    pub(crate) fn warn(&self, span: Span, problem: Problem) {
        self.report_as(Severity::Warning, span, problem);
    }

    /// What stands once in the file is reported once, however many aliases repeat it.
    fn report_as(&self, severity: Severity, span: Span, problem: Problem) {
        if self.report.is_full() {
            return self.report.count(severity);
        }
        let identity = (self.order, span, problem.message.clone());
        if !self.report.kept.borrow_mut().seen.insert(identity) {
            return;
        }
        let related =
            problem.related.map(|(span, label)| Excerpt::new(self.source, span, label.into()));
        self.report.keep(Diagnostic {
            severity,
            message: problem.message.into(),
            path: self.source.path().to_owned(),
            excerpt: Some(Excerpt::new(self.source, span, problem.label.into())),
            related,
            help: problem.help.map(Into::into),
            order: self.order,
        });
    }
}
