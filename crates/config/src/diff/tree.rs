//! Which keys of two trees differ.
//!
//! A walk along both, down to what is no mapping on both sides. It knows no keys but for how to read
//! some of them:
//!
//! - Entries of a list of mappings are the same by what identifies them, where that is unique; they are
//!   keyed `certificates[certs/shop.pem]`. Otherwise a list is one value.
//! - Of some lists the order means nothing.
//! - Where one of several keys is to be given (`pool`, `split` or `redirect`), the one that comes takes
//!   the place of the one that goes: one difference, not two.
//! - Where `enabled` changes, the keys that come or go with it are part of that.

use std::borrow::Cow;
use std::collections::HashMap;

use serde_yaml::{Mapping, Value};

use super::value;
use crate::effective::secret;

/// Lists of which the order means nothing.
const UNORDERED: &[&str] = &["trusted_proxies", "statuses", "expect", "split"];
/// Keys of which one is given.
const ALTERNATIVES: &[&[&str]] =
    &[&["http", "tcp", "grpc"], &["pool", "split", "redirect"], &["address", "socket"]];
/// What the entries of a list may be identified by: the first that all have, each its own.
const IDENTITIES: &[&str] = &["address", "name", "pool", "cert", "certificate"];
/// Mappings that, where only one side has them, are told key by key.
const OPEN: &[&str] = &["timeouts", "retry", "error_pages"];

/// A key that has another value.
#[derive(Debug)]
pub(super) struct Difference<'a> {
    /// From the top of the two trees.
    pub(super) key: String,
    pub(super) old: Option<&'a Value>,
    pub(super) new: Option<&'a Value>,
    /// The key that had the old value, where it is another one.
    pub(super) instead_of: Option<String>,
    /// What comes with `enabled: true`.
    pub(super) with: Option<String>,
    /// The values must not be told.
    pub(super) is_secret: bool,
}

impl<'a> Difference<'a> {
    pub(super) fn new(key: String, old: Option<&'a Value>, new: Option<&'a Value>) -> Self {
        Self { key, old, new, instead_of: None, with: None, is_secret: false }
    }
}

/// The keys of two mappings that differ, but for those of the first level in `except`.
pub(super) fn differences<'a>(
    old: &'a Mapping,
    new: &'a Mapping,
    except: &[&str],
) -> Vec<Difference<'a>> {
    let mut walk = Walk { found: Vec::new() };
    walk.mappings("", Some(old), Some(new), except);
    walk.found
}

struct Walk<'a> {
    found: Vec<Difference<'a>>,
}

impl<'a> Walk<'a> {
    fn mappings(
        &mut self,
        above: &str,
        old: Option<&'a Mapping>,
        new: Option<&'a Mapping>,
        except: &[&str],
    ) {
        let told = |key: &Value| !key.as_str().is_some_and(|key| except.contains(&key));
        let is_in =
            |key: &Value, side: Option<&Mapping>| side.is_some_and(|is| is.contains_key(key));
        let of =
            |side: Option<&'a Mapping>| side.into_iter().flatten().filter(|(key, _)| told(key));
        let mut gone: Vec<_> = of(old).filter(|(key, _)| !is_in(key, new)).collect();
        let mut come: Vec<_> = of(new).filter(|(key, _)| !is_in(key, old)).collect();
        let mut switched = false;
        for (key, old) in of(old) {
            let Some(new) = new.and_then(|new| new.get(key)) else {
                continue;
            };
            let before = self.found.len();
            self.values(join(above, key), name(key), Some(old), Some(new));
            if key == "enabled" && self.found.len() > before {
                switched = true;
                self.comes_with(&come);
            }
        }
        if switched {
            return;
        }
        for group in ALTERNATIVES {
            let at = |list: &[(&Value, &Value)]| {
                list.iter().position(|(key, _)| group.contains(&key.as_str().unwrap_or_default()))
            };
            if let (Some(from), Some(to)) = (at(&gone), at(&come)) {
                let ((from, old), (to, new)) = (gone.remove(from), come.remove(to));
                let instead_of = Some(join(above, from));
                let difference = Difference::new(join(above, to), Some(old), Some(new));
                self.found.push(Difference { instead_of, ..difference });
            }
        }
        for (key, old) in gone {
            self.values(join(above, key), name(key), Some(old), None);
        }
        for (key, new) in come {
            self.values(join(above, key), name(key), None, Some(new));
        }
    }

    /// Tells of the keys that come with the difference found last.
    fn comes_with(&mut self, come: &[(&Value, &Value)]) {
        let come: Mapping = come.iter().map(|&(key, value)| (key.clone(), value.clone())).collect();
        if let Some(last) = self.found.last_mut().filter(|_| !come.is_empty()) {
            last.with = Some(value::brief(&Value::Mapping(come)));
        }
    }

    /// Compares what stands at a key with this name.
    fn values(&mut self, key: String, name: &str, old: Option<&'a Value>, new: Option<&'a Value>) {
        if secret::is_secret(name) {
            return self.secrets(key, old, new);
        }
        match (old, new) {
            (Some(old), Some(new)) if value::same(old, new) => return,
            (Some(Value::Mapping(old)), Some(Value::Mapping(new))) => {
                return self.mappings(&key, Some(old), Some(new), &[]);
            }
            (Some(Value::Mapping(old)), None) if OPEN.contains(&name) && !old.is_empty() => {
                return self.mappings(&key, Some(old), None, &[]);
            }
            (None, Some(Value::Mapping(new))) if OPEN.contains(&name) && !new.is_empty() => {
                return self.mappings(&key, None, Some(new), &[]);
            }
            (Some(Value::Sequence(old)), Some(Value::Sequence(new))) => {
                if UNORDERED.contains(&name) {
                    if sorted(old) == sorted(new) {
                        return;
                    }
                } else if self.entries(&key, old, new) {
                    return;
                }
            }
            _ => {}
        }
        self.found.push(Difference::new(key, old, new));
    }

    /// Compares what must not be told; of a mapping, which keys differ may be.
    fn secrets(&mut self, key: String, old: Option<&'a Value>, new: Option<&'a Value>) {
        match (old, new) {
            (Some(old), Some(new)) if secret::same(old, new) => {}
            (Some(Value::Mapping(old)), Some(Value::Mapping(new))) => {
                for (name, old) in old {
                    self.secrets(join(&key, name), Some(old), new.get(name));
                }
                for (name, new) in new.iter().filter(|(name, _)| !old.contains_key(name)) {
                    self.secrets(join(&key, name), None, Some(new));
                }
            }
            _ => {
                let difference = Difference::new(key, old, new);
                self.found.push(Difference { is_secret: true, ..difference });
            }
        }
    }

    /// Compares lists entry by entry; `false`: their entries are not to be told apart.
    fn entries(&mut self, key: &str, old: &'a [Value], new: &'a [Value]) -> bool {
        let lists = IDENTITIES.iter().find_map(|by| {
            let name = |entry: &'a Mapping| Some(entry.get(by)?.as_str()?.into());
            Some((Named::new(old, name)?, Named::new(new, name)?))
        });
        let Some((old, new)) = lists else {
            return false;
        };
        for (name, entry) in old.without(&new) {
            self.found.push(Difference::new(format!("{key}[{name}]"), Some(entry), None));
        }
        for (name, entry) in &new.list {
            self.values(format!("{key}[{name}]"), "", old.find(name), Some(entry));
        }
        true
    }
}

/// Mappings of a list, each with what identifies it.
#[derive(Debug)]
pub(super) struct Named<'a> {
    pub(super) list: Vec<(Cow<'a, str>, &'a Value)>,
    positions: HashMap<Cow<'a, str>, usize>,
}

impl<'a> Named<'a> {
    /// `None`: one of them is no mapping, or has no name, or that of another.
    pub(super) fn new(
        list: &'a [Value],
        name: impl Fn(&'a Mapping) -> Option<Cow<'a, str>>,
    ) -> Option<Self> {
        let mut named = Vec::with_capacity(list.len());
        let mut positions = HashMap::with_capacity(list.len());
        for (position, entry) in list.iter().enumerate() {
            let name = name(entry.as_mapping()?)?;
            if positions.insert(name.clone(), position).is_some() {
                return None;
            }
            named.push((name, entry));
        }
        Some(Self { list: named, positions })
    }

    /// The list at a key of a file; an empty one where there is none.
    pub(super) fn at(
        tree: &'a Mapping,
        key: &str,
        name: impl Fn(&'a Mapping) -> Option<Cow<'a, str>>,
    ) -> Option<Self> {
        match tree.get(key) {
            None => Self::new(&[], name),
            Some(list) => Self::new(list.as_sequence()?, name),
        }
    }

    pub(super) fn find(&self, name: &str) -> Option<&'a Value> {
        Some(self.list.get(*self.positions.get(name)?)?.1)
    }

    /// Those that the other list has not.
    pub(super) fn without<'s>(
        &'s self,
        other: &'s Named<'_>,
    ) -> impl Iterator<Item = (&'s str, &'a Value)> {
        let list = self.list.iter().map(|(name, entry)| (name.as_ref(), *entry));
        list.filter(|(name, _)| !other.positions.contains_key(*name))
    }

    /// Those that both lists have.
    pub(super) fn common<'s>(
        &'s self,
        old: &'s Named<'a>,
    ) -> impl Iterator<Item = (&'s str, &'a Value, &'a Value)> {
        let list = self.list.iter().map(|(name, entry)| (name.as_ref(), *entry));
        list.filter_map(|(name, entry)| Some((name, old.find(name)?, entry)))
    }
}

/// The differences between two entries, which are mappings.
pub(super) fn between<'a>(old: &'a Value, new: &'a Value) -> Vec<Difference<'a>> {
    match (old.as_mapping(), new.as_mapping()) {
        _ if old == new => Vec::new(),
        (Some(old), Some(new)) => differences(old, new, &[]),
        _ => Vec::new(),
    }
}

fn sorted(list: &[Value]) -> Vec<String> {
    let mut texts: Vec<_> = list.iter().map(value::whole).collect();
    texts.sort_unstable();
    texts
}

fn name(key: &Value) -> &str {
    key.as_str().unwrap_or_default()
}

fn join(above: &str, key: &Value) -> String {
    match above {
        "" => value::whole(key),
        above => format!("{above}.{}", value::whole(key)),
    }
}
