//! A YAML file as a tree in which every thing knows its place.
//!
//! The tree is the one reading of the text: keys, values, and the places that diagnostics point
//! to all come from it, so they cannot disagree. A scalar is its text, and what it *means* is decided
//! by the key it stands at, not by its looks. So none of YAML's surprises exists here: `off`, `no`, `22:22`
//! and `010` are what was written.
//!
//! Refused, because each is more often a slip than an intention, or reads differently in
//! different tools: several documents in a file, merge keys, tags, keys that are not plain text,
//! a key twice in a mapping. Anchors and aliases are supported within bounds.
//!
//! Bounds: the text is at most [`crate::MAX_FILE_BYTES`]; a tree has at most [`MAX_NODES`] nodes with
//! aliases expanded, and [`MAX_DEPTH`] levels. So it is safe to walk recursively, and a file of a
//! few lines that would expand to gigabytes ("billion laughs") ends in a diagnostic.

mod brackets;
mod build;
mod expand;
mod syntax;
#[cfg(test)]
mod tests;
mod tree;

use crate::diagnostic::Reporter;
use crate::environment::Environment;
use crate::source::Span;

/// The most nodes of a file. 4 MiB hold about as many endpoints.
const MAX_NODES: usize = 250_000;
/// The most levels of a file. The schema needs six.
const MAX_DEPTH: usize = 32;

/// A value in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) span: Span,
    pub(crate) kind: Kind,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A text. `plain`: written without quotes, so that it may be a number or a truth value.
    Scalar { text: String, plain: bool },
    /// Nothing, or a `null`.
    Null,
    /// A list.
    Sequence(Vec<Node>),
    /// Keys and values, in the order of the file; no key twice.
    Mapping(Vec<(Key, Node)>),
    /// Something that has already been reported.
    Broken,
}

/// A key of a mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) text: String,
    pub(crate) span: Span,
}

/// Reads the reporter's source, with variables expanded. `None` if there is no tree at all; what is
/// wrong is reported, in any case.
pub(crate) fn read(reporter: &Reporter<'_>, environment: &dyn Environment) -> Option<Node> {
    build::read(reporter, environment)
}
