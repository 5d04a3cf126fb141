//! The words for values that are not what the schema wants, and for keys that it does not have.

use std::fmt;

use serde::de;

use super::de::Value;
use crate::diagnostic::{Problem, quote};
use crate::document::{Key, Kind};
use crate::effective::secret::is_secret;
use crate::suggest;

/// What a value is called in a message.
#[derive(Clone, Copy)]
pub(super) enum What<'a> {
    File,
    Key(&'a str),
    Entry(&'a str),
}

impl fmt::Display for What<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File => f.write_str("the file"),
            Self::Key(key) => write!(f, "`{key}`"),
            Self::Entry(key) => write!(f, "an entry of `{key}`"),
        }
    }
}

/// On its way to the nearest field. `None`: reported already.
#[derive(Debug)]
pub(super) struct Error(pub(super) Option<Problem>);

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value is wrong")
    }
}

impl std::error::Error for Error {}

impl de::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(Some(Problem::new(message.to_string(), "")))
    }
}

/// Whether what is called so must not be repeated.
fn is_secret_at(what: What<'_>) -> bool {
    matches!(what, What::Key(key) if is_secret(key))
}

/// Mappings in which no key is required.
const OPTIONAL: &[&str] = &[
    "drain",
    "ejection",
    "grpc",
    "hash",
    "health",
    "http",
    "limits",
    "retry",
    "retry_budget",
    "slow_start",
    "tcp",
    "timeouts",
    "tls",
];
pub(super) const LIST: &str = "a list";
pub(super) const MAPPING: &str = "a mapping";
pub(super) const NUMBER: &str = "a whole number";
pub(super) const TRUTH: &str = "`true` or `false`";

impl<'de> Value<'de, '_> {
    /// The value is not of the kind that the schema wants.
    pub(super) fn mismatch(&self, wanted: &str, help: Option<String>) -> Error {
        let (what, wants) = (self.what, self.wants);
        let label = match &self.node.kind {
            Kind::Broken => return Error(None),
            Kind::Null if self.is_variable() => {
                let problem = Problem::new(
                    format!("{what} has no value"),
                    "what the variable holds is empty",
                );
                return Error(Some(problem.help(
                    "set the variable, give a default that is not empty, or remove the key",
                )));
            }
            Kind::Null => {
                let problem = Problem::new(
                    format!("{what} has no value"),
                    format!("{wants}{wanted} should follow"),
                );
                return Error(Some(problem.help(match what {
                    What::Key(_) if wanted == LIST => {
                        "write its entries below it, each after a `- `".into()
                    }
                    What::Key(key) if OPTIONAL.contains(&key) => {
                        format!("write `{key}: {{}}` for all defaults, or remove the key")
                    }
                    What::Key(_) => "write one, or remove the key".into(),
                    What::Entry(_) | What::File => "write one, or remove the `-`".to_owned(),
                })));
            }
            Kind::Sequence(_) => "this is a list".to_owned(),
            Kind::Mapping(_) => "this is a mapping".to_owned(),
            Kind::Scalar { text, plain: true } if wanted == NUMBER => {
                format!("{} is none", quote(text))
            }
            Kind::Scalar { text, plain: true } if wanted == TRUTH => {
                format!("{} is neither", quote(text))
            }
            Kind::Scalar { text, .. } if text.contains('@') || is_secret_at(what) => {
                "this is a single value".to_owned()
            }
            Kind::Scalar { text, plain: true } => {
                format!("this is the single value {}", quote(text))
            }
            Kind::Scalar { .. } => "this is a quoted string".to_owned(),
        };
        let problem = Problem::new(format!("{what} must be {wants}{wanted}"), label);
        Error(Some(match help {
            Some(help) => problem.help(help),
            None => problem,
        }))
    }

    /// Whether a variable stands here. Looks at the line, which may be the whole file, so no more often
    /// than diagnostics are shown.
    fn is_variable(&self) -> bool {
        if self.reporter.is_full() {
            return false;
        }
        let span = self.node.span;
        let line = self.reporter.source().line(span.line);
        let at = |column: u32| line.chars().skip(column.saturating_sub(1) as usize);
        at(span.column).take(span.width as usize).any(|character| character == '$')
    }

    /// The value is none where one text is wanted.
    pub(super) fn no_text(&self) -> Error {
        let help = match (&self.node.kind, self.what) {
            (Kind::Sequence(_), What::Key("host")) => {
                Some("it takes one; several hosts are several routes".to_owned())
            }
            (Kind::Sequence(_), What::Key(_)) => Some("it takes one value, not a list".to_owned()),
            // `balance: { round_robin: {} }`, as some gateways have it.
            (Kind::Mapping(entries), What::Key(key @ ("balance" | "protocol"))) => {
                match entries.as_slice() {
                    [(only, _)] => {
                        let word = quote(&format!("{key}: {}", only.text));
                        Some(format!("write one word, as in {word}"))
                    }
                    _ => None,
                }
            }
            // `template: {client} {status}`, which YAML takes for a mapping.
            (Kind::Mapping(_), What::Key("template")) => {
                Some("put it in quotes: `template: '{client} {status}'`".to_owned())
            }
            _ => None,
        };
        self.mismatch("a string", help)
    }

    /// Reports an unknown key, and returns the one that was probably meant.
    pub(super) fn unknown_key(
        &self,
        key: &Key,
        fields: &'static [&'static str],
    ) -> Option<&'static str> {
        let near = if self.reporter.is_full() {
            None
        } else {
            suggest::nearest(&key.text, fields.iter().copied())
        };
        let place = match self.what {
            What::File => "this file".to_owned(),
            what => what.to_string(),
        };
        let message = format!("unknown key {}", quote(&key.text));
        let problem = match (near, suggest::home(&key.text, &place)) {
            (Some(near), _) => Problem::new(message, format!("did you mean `{near}`?")),
            (None, Some(home)) => Problem::new(message, home).help(keys(&place, fields)),
            (None, None) => {
                Problem::new(message, format!("{place} has no such key")).help(keys(&place, fields))
            }
        };
        self.reporter.error(key.span, problem);
        near
    }
}

/// The help that lists the keys of a mapping.
pub(super) fn keys(place: &str, fields: &[&str]) -> String {
    format!("{place} takes {}", suggest::listed(fields, "and"))
}
