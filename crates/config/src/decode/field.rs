//! The shapes that a schema is made of.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use crate::diagnostic::{Problem, Reporter};
use crate::source::Span;

/// By these names the deserializer recognises what asks it; no YAML can hold them.
pub(super) const FIELD: &str = "\0field";
pub(super) const OR_TABLE: &str = "\0or_table";
pub(super) const ONE_OR_MANY: &str = "\0one_or_many";
pub(super) const PAIRS: &str = "\0pairs";

/// A key of the schema, as a file has it.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(crate) enum Field<T> {
    /// The key is not there.
    #[default]
    Missing,
    /// It is there, and what is wrong with it has been reported.
    Bad,
    /// It has a value.
    Given(Given<T>),
}

/// A value, and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Given<T> {
    pub(crate) value: T,
    pub(crate) span: Span,
}

impl<T> Field<T> {
    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, Self::Missing)
    }

    /// The value, where there is a good one.
    pub(crate) fn given(&self) -> Option<&Given<T>> {
        match self {
            Self::Given(given) => Some(given),
            _ => None,
        }
    }

    /// The value without its place.
    pub(crate) fn value(&self) -> Option<&T> {
        self.given().map(|given| &given.value)
    }

    /// Takes the next step of parsing; an error of it is reported where the value stands.
    pub(crate) fn parse<R>(
        &self,
        reporter: &Reporter<'_>,
        step: impl FnOnce(&T) -> Result<R, Problem>,
    ) -> Field<R> {
        match self {
            Self::Missing => Field::Missing,
            Self::Bad => Field::Bad,
            Self::Given(Given { value, span }) => match step(value) {
                Ok(value) => Field::Given(Given { value, span: *span }),
                Err(problem) => {
                    reporter.error(*span, problem);
                    Field::Bad
                }
            },
        }
    }

    /// The value, or the default of a key that is not there. A bad one has the default too, for
    /// want of anything: no plan comes of it.
    pub(crate) fn or(self, default: T) -> T {
        match self {
            Self::Given(given) => given.value,
            _ => default,
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Field<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FieldVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for FieldVisitor<T> {
            type Value = Field<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            /// Line, column, width, and the value unless it was bad.
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Field<T>, A::Error> {
                let mut number = || {
                    seq.next_element::<u32>()?
                        .ok_or_else(|| A::Error::custom("a field has a place"))
                };
                let span = Span { line: number()?, column: number()?, width: number()? };
                Ok(match seq.next_element::<T>()? {
                    Some(value) => Field::Given(Given { value, span }),
                    None => Field::Bad,
                })
            }
        }

        deserializer.deserialize_newtype_struct(FIELD, FieldVisitor(PhantomData))
    }
}

/// The shorthand of a mapping: a text for its common case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum OrTable<T> {
    Text(String),
    Table(T),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OrTable<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OrTableVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for OrTableVisitor<T> {
            type Value = OrTable<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or a mapping")
            }

            fn visit_str<E>(self, text: &str) -> Result<OrTable<T>, E> {
                Ok(OrTable::Text(text.to_owned()))
            }

            fn visit_newtype_struct<D: Deserializer<'de>>(
                self,
                deserializer: D,
            ) -> Result<OrTable<T>, D::Error> {
                T::deserialize(deserializer).map(OrTable::Table)
            }
        }

        deserializer.deserialize_newtype_struct(OR_TABLE, OrTableVisitor(PhantomData))
    }
}

/// A list of texts, or one text for a list of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OneOrMany(pub(crate) Vec<Field<String>>);

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrManyVisitor;

        impl<'de> Visitor<'de> for OneOrManyVisitor {
            type Value = OneOrMany;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or a list of strings")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<OneOrMany, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    items.push(item);
                }
                Ok(OneOrMany(items))
            }
        }

        deserializer.deserialize_newtype_struct(ONE_OR_MANY, OneOrManyVisitor)
    }
}

/// A mapping whose keys are the operator's, in the order of the file, each with its place. A key is never
/// [`Field::Bad`] here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pairs<T>(pub(crate) Vec<(Field<String>, Field<T>)>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Pairs<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PairsVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for PairsVisitor<T> {
            type Value = Pairs<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a mapping")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs<T>, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }

        deserializer.deserialize_newtype_struct(PAIRS, PairsVisitor(PhantomData))
    }
}
