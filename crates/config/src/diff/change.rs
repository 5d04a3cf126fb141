//! One change.

use std::fmt;

use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::tree::Difference;
use super::{value, words};
use crate::diagnostic::escape;

/// What a change concerns.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// What is configured once.
    Gateway,
    /// A listener, by its address.
    Listener(String),
    /// A route, by its host and path as logs and metrics name it.
    Route(String),
    /// A pool, by its name.
    Pool(String),
    /// An endpoint of a pool.
    Endpoint {
        /// The pool's name.
        pool: String,
        /// The endpoint's address.
        address: String,
    },
}

impl Subject {
    /// What it is, in one word.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Listener(_) => "listener",
            Self::Route(_) => "route",
            Self::Pool(_) => "pool",
            Self::Endpoint { .. } => "endpoint",
        }
    }

    fn name(&self) -> Option<&str> {
        match self {
            Self::Gateway => None,
            Self::Listener(name) | Self::Route(name) | Self::Pool(name) => Some(name),
            Self::Endpoint { address, .. } => Some(address),
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Endpoint { pool, .. } = self {
            write!(f, "pool {}: ", escape(pool))?;
        }
        f.write_str(self.kind())?;
        match self.name() {
            Some(name) => write!(f, " {}", escape(name)),
            None => Ok(()),
        }
    }
}

/// What happens to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It is new.
    Added,
    /// It is no more.
    Removed,
    /// A key of it has another value, or one where it had none, or none any more.
    Changed,
}

impl Action {
    /// In one word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
        }
    }
}

/// One thing that differs. As text a line: `pool web: endpoint 10.0.1.11:8080: weight: 1 → 2`.
///
/// Serialized, it has these fields, of which none goes away: `about` (`gateway`, `listener`, `route`, `pool`
/// or `endpoint`), `pool` (of an endpoint), `name` (of all but the gateway), `action` (`added`, `removed`
/// or `changed`), `key`, `old`, `new`, `needs_restart`, `sentence`. What there is none of is `null`. Others
/// may be added.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// What it concerns.
    pub subject: Subject,
    /// What happens to it.
    pub action: Action,
    /// Which key, seen from the subject: `health.interval`. `None` where all of it comes or goes.
    pub key: Option<String>,
    /// The value in force; `None` where there is none, and for secrets.
    pub old: Option<String>,
    /// The value that follows; `None` where there is none, and for secrets.
    pub new: Option<String>,
    /// What happens, without the subject, in one line.
    pub sentence: String,
    /// Whether it takes a restart, so that a reload is refused.
    pub needs_restart: bool,
}

impl Change {
    pub(super) fn added(subject: Subject, sentence: String) -> Self {
        Self::of(subject, Action::Added, sentence)
    }

    pub(super) fn removed(subject: Subject, sentence: String) -> Self {
        Self::of(subject, Action::Removed, sentence)
    }

    /// A key that has another value; `note` is what the sentence adds to it.
    pub(super) fn changed(subject: Subject, difference: &Difference<'_>, note: &str) -> Self {
        let told = |of: Option<&serde_yaml::Value>| match difference.is_secret {
            true => None,
            false => of.map(value::whole),
        };
        let (old, new) = (told(difference.old), told(difference.new));
        let sentence = match note {
            "" => words::of(difference),
            note => format!("{}; {note}", words::of(difference)),
        };
        let key = Some(difference.key.clone());
        Self { key, old, new, ..Self::of(subject, Action::Changed, sentence) }
    }

    pub(super) fn of(subject: Subject, action: Action, sentence: String) -> Self {
        let (key, old, new) = (None, None, None);
        Self { subject, action, key, old, new, sentence, needs_restart: false }
    }

    /// The same, in force only after a restart if `is_so`.
    pub(super) fn restart(mut self, is_so: bool) -> Self {
        self.needs_restart = is_so;
        self
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.subject, self.sentence)?;
        f.write_str(if self.needs_restart { " (needs a restart)" } else { "" })
    }
}

impl Serialize for Change {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let pool = match &self.subject {
            Subject::Endpoint { pool, .. } => Some(pool),
            _ => None,
        };
        let mut fields = serializer.serialize_struct("Change", 9)?;
        fields.serialize_field("about", self.subject.kind())?;
        fields.serialize_field("pool", &pool)?;
        fields.serialize_field("name", &self.subject.name())?;
        fields.serialize_field("action", self.action.name())?;
        fields.serialize_field("key", &self.key)?;
        fields.serialize_field("old", &self.old)?;
        fields.serialize_field("new", &self.new)?;
        fields.serialize_field("needs_restart", &self.needs_restart)?;
        fields.serialize_field("sentence", &self.sentence)?;
        fields.end()
    }
}
