//! All changes together.

use std::collections::HashSet;
use std::fmt;

use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::{Change, Subject};

/// How many lines the text form shows before it only counts.
const SHOWN: usize = 100;

/// What a reload would change: first what concerns the gateway and its listeners, then pools, then
/// routes.
///
/// As text: a line for each change, for the first hundred, and a last line that counts what is
/// concerned: `3 changes: 1 pool, 2 endpoints`. `nothing would change` where there is none.
///
/// Serialized whole: `same` (whether there is none), `needs_restart` (whether one of them does),
/// `summary` (the last line of the text) and `changes`, a list of [`Change`]. Other fields may be added.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    list: Vec<Change>,
}

impl Changes {
    pub(super) fn new(list: Vec<Change>) -> Self {
        Self { list }
    }

    /// Whether nothing would change.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether one of them takes a restart, so that a reload is refused.
    pub fn needs_restart(&self) -> bool {
        self.list.iter().any(|change| change.needs_restart)
    }

    /// One after the other, all of them.
    pub fn iter(&self) -> std::slice::Iter<'_, Change> {
        self.list.iter()
    }

    /// How many, of what, and what to do where a restart is needed; one line.
    pub fn summary(&self) -> String {
        if self.is_empty() {
            return "nothing would change".to_owned();
        }
        let concerned: HashSet<&Subject> = self.iter().map(|change| &change.subject).collect();
        let kinds = ["gateway", "listener", "pool", "endpoint", "route"].map(|kind| {
            match (kind, concerned.iter().filter(|subject| subject.kind() == kind).count()) {
                (_, 0) => None,
                ("gateway", _) => Some("the gateway".to_owned()),
                (kind, count) => Some(counted(count, kind)),
            }
        });
        let kinds: Vec<_> = kinds.into_iter().flatten().collect();
        let mut text = format!("{}: {}", counted(self.len(), "change"), kinds.join(", "));
        let restarts = self.iter().filter(|change| change.needs_restart).count();
        if restarts > 0 {
            let need = if restarts == 1 { "needs" } else { "need" };
            text.push_str(&format!(
                "; {restarts} {need} a restart, so a reload is refused: restart the gateway, or take it back; no other change is taken on until then"
            ));
        }
        text
    }
}

/// `1 pool`, `2 pools`.
pub(super) fn counted(count: usize, of: &str) -> String {
    format!("{count} {of}{}", if count == 1 { "" } else { "s" })
}

impl<'a> IntoIterator for &'a Changes {
    type Item = &'a Change;
    type IntoIter = std::slice::Iter<'a, Change>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for change in self.iter().take(SHOWN) {
            writeln!(f, "{change}")?;
        }
        if let Some(hidden) = self.len().checked_sub(SHOWN).filter(|hidden| *hidden > 0) {
            writeln!(f, "… and {hidden} more")?;
        }
        f.write_str(&self.summary())
    }
}

impl Serialize for Changes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Changes", 4)?;
        fields.serialize_field("same", &self.is_empty())?;
        fields.serialize_field("needs_restart", &self.needs_restart())?;
        fields.serialize_field("summary", &self.summary())?;
        fields.serialize_field("changes", &self.list)?;
        fields.end()
    }
}
