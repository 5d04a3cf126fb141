//! What is inside of a value: a field's place, a list's entries, a mapping's keys.

use std::slice::Iter;

use serde::de::value::{SeqAccessDeserializer, StrDeserializer};
use serde::de::{DeserializeSeed, IntoDeserializer, MapAccess, SeqAccess};

use super::de::Value;
use super::mistake::{Error, What};
use crate::diagnostic::Reporter;
use crate::document::{Key, Kind, Node};
use crate::source::Span;

/// What a [`super::Field`] reads: its place, then its value. The value's error ends here.
pub(super) struct Place<'de, 'r> {
    pub(super) value: Value<'de, 'r>,
    pub(super) next: u8,
}

impl<'de> SeqAccess<'de> for Place<'de, '_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        let span = self.value.node.span;
        self.next += 1;
        let number = match self.next {
            1 => span.line,
            2 => span.column,
            3 => span.width,
            _ => {
                return Ok(seed
                    .deserialize(self.value)
                    .map_err(|Error(problem)| {
                        if let Some(problem) = problem {
                            self.value.reporter.error(span, problem);
                        }
                    })
                    .ok());
            }
        };
        seed.deserialize(IntoDeserializer::<Error>::into_deserializer(number)).map(Some)
    }
}

pub(super) struct Entries<'de, 'r> {
    pub(super) items: Iter<'de, Node>,
    pub(super) what: What<'de>,
    pub(super) reporter: &'r Reporter<'r>,
}

impl<'de> SeqAccess<'de> for Entries<'de, '_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        let (what, reporter) = (self.what, self.reporter);
        let value = self.items.next().map(|node| Value { node, what, reporter, wants: "" });
        value.map(|value| seed.deserialize(value)).transpose()
    }
}

/// The known keys of a mapping, then those that were meant by unknown ones.
pub(super) struct Keys<'de, 'r> {
    pub(super) known: std::vec::IntoIter<&'de (Key, Node)>,
    pub(super) broken: std::vec::IntoIter<&'static str>,
    pub(super) value: Option<Value<'de, 'r>>,
    pub(super) reporter: &'r Reporter<'r>,
}

impl<'de> MapAccess<'de> for Keys<'de, '_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        let (key, node) = match self.known.next() {
            Some((key, node)) => (key.text.as_str(), node),
            None => match self.broken.next() {
                Some(key) => (key, const { &Node { span: Span::START, kind: Kind::Broken } }),
                None => return Ok(None),
            },
        };
        self.value = Some(Value { node, what: What::Key(key), reporter: self.reporter, wants: "" });
        seed.deserialize(StrDeserializer::<Error>::new(key)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        match self.value.take() {
            Some(value) => seed.deserialize(value),
            None => Err(Error(None)),
        }
    }
}

/// The pairs of a mapping whose keys are the operator's.
pub(super) struct Pairs<'de, 'r> {
    pub(super) entries: Iter<'de, (Key, Node)>,
    pub(super) value: Option<Value<'de, 'r>>,
    pub(super) reporter: &'r Reporter<'r>,
}

impl<'de> MapAccess<'de> for Pairs<'de, '_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        let Some((key, node)) = self.entries.next() else {
            return Ok(None);
        };
        let (what, reporter) = (What::Key(&key.text), self.reporter);
        self.value = Some(Value { node, what, reporter, wants: "" });
        seed.deserialize(SeqAccessDeserializer::new(KeyPlace { key, next: 0 })).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        match self.value.take() {
            Some(value) => seed.deserialize(value),
            None => Err(Error(None)),
        }
    }
}

/// A key as a [`super::Field`] reads a value: its place, then its text.
struct KeyPlace<'de> {
    key: &'de Key,
    next: u8,
}

impl<'de> SeqAccess<'de> for KeyPlace<'de> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        let Key { text, span } = self.key;
        self.next += 1;
        let number = match self.next {
            1 => span.line,
            2 => span.column,
            3 => span.width,
            _ => return seed.deserialize(StrDeserializer::<Error>::new(text)).map(Some),
        };
        seed.deserialize(IntoDeserializer::<Error>::into_deserializer(number)).map(Some)
    }
}
