//! The form for programs: what `check --format json` prints and whoever refuses a reload answers.
//!
//! `docs/CONFIGURATION.md` describes it field by field, and what is described stays: a field may be
//! added, but none renamed, moved or given another meaning without a new [`VERSION`]. Every field is
//! always there, `null` where there is nothing to say, so that no reader must tell "absent" from "none".
//!
//! Texts are as they are in the file. A serializer for JSON escapes what JSON cannot hold; the rest
//! (DEL, C1, marks that turn the direction of the text) is up to whoever prints it on a terminal.

use std::borrow::Cow;

use serde::{Serialize, Serializer};

use super::{Diagnostic, Diagnostics, Excerpt, Severity, Words};

/// Of the form; a new one for what a reader of the old could misunderstand.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct All<'a> {
    version: u32,
    errors: usize,
    warnings: usize,
    /// How many are in the list, and how many are only counted.
    shown: usize,
    omitted: usize,
    diagnostics: &'a [Diagnostic],
}

#[derive(Serialize)]
struct One<'a> {
    severity: Severity,
    message: &'a Words,
    file: Cow<'a, str>,
    line: Option<u32>,
    column: Option<u32>,
    width: Option<u32>,
    label: Option<&'a Words>,
    excerpt: Option<&'a str>,
    related: Option<Related<'a>>,
    help: Option<&'a Words>,
}

#[derive(Serialize)]
struct Related<'a> {
    file: Cow<'a, str>,
    line: u32,
    column: u32,
    width: u32,
    label: &'a Words,
    excerpt: &'a str,
}

impl<'a> From<&'a Excerpt> for Related<'a> {
    fn from(excerpt: &'a Excerpt) -> Self {
        Self {
            file: excerpt.path.to_string_lossy(),
            line: excerpt.line,
            column: excerpt.column,
            width: excerpt.marked,
            label: &excerpt.label,
            excerpt: &excerpt.text,
        }
    }
}

impl Serialize for Diagnostic {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let place = self.excerpt.as_ref();
        let one = One {
            severity: self.severity,
            message: &self.message,
            file: self.path.to_string_lossy(),
            line: self.line(),
            column: self.column(),
            width: place.map(|place| place.marked),
            label: place.map(|place| &place.label),
            excerpt: place.map(|place| place.text.as_str()),
            related: self.related.as_ref().map(Related::from),
            help: self.help.as_ref(),
        };
        one.serialize(serializer)
    }
}

impl Serialize for Diagnostics {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let all = All {
            version: VERSION,
            errors: self.errors,
            warnings: self.warnings,
            shown: self.list.len(),
            omitted: (self.errors + self.warnings).saturating_sub(self.list.len()),
            diagnostics: &self.list,
        };
        all.serialize(serializer)
    }
}
