//! serde's `Deserializer` over the tree.

use serde::de::{self, Deserialize as _, Deserializer, Visitor};
use serde::forward_to_deserialize_any;

use super::access::{Entries, Keys, Pairs, Place};
use super::field::{FIELD, Field, ONE_OR_MANY, OR_TABLE, PAIRS};
use super::mistake::{Error, LIST, MAPPING, NUMBER, TRUTH, What, keys};
use crate::diagnostic::{Reporter, quote};
use crate::document::{Kind, Node};

pub(super) fn document<'de, T: de::Deserialize<'de>>(
    node: &'de Node,
    reporter: &Reporter<'_>,
) -> Field<T> {
    let value = Value { node, what: What::File, reporter, wants: "" };
    // A field takes every error of its value: there is none left to return.
    Field::deserialize(value).unwrap_or(Field::Bad)
}

/// A value on its way into the schema.
#[derive(Clone, Copy)]
pub(super) struct Value<'de, 'r> {
    pub(super) node: &'de Node,
    pub(super) what: What<'de>,
    pub(super) reporter: &'r Reporter<'r>,
    /// `a string or ` where a shorthand would do.
    pub(super) wants: &'static str,
}

impl<'de> Value<'de, '_> {
    fn text(&self) -> Result<&'de str, Error> {
        match &self.node.kind {
            Kind::Scalar { text, .. } => Ok(text),
            _ => Err(self.no_text()),
        }
    }

    /// The text of an unquoted scalar.
    fn plain(&self, wanted: &str) -> Result<&'de str, Error> {
        match &self.node.kind {
            Kind::Scalar { text, plain: true } => Ok(text),
            Kind::Scalar { .. } => Err(self.mismatch(wanted, Some("remove the quotes".into()))),
            _ => Err(self.mismatch(wanted, None)),
        }
    }

    /// What the values of this one's entries are called.
    fn entry(&self) -> What<'de> {
        match self.what {
            What::Key(key) | What::Entry(key) => What::Entry(key),
            What::File => What::File,
        }
    }
}

impl<'de> Deserializer<'de> for Value<'de, '_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_str(self.text()?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_str(self.text()?)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.plain(TRUTH)? {
            "true" => visitor.visit_bool(true),
            "false" => visitor.visit_bool(false),
            text => {
                let meant = match text.to_ascii_lowercase().as_str() {
                    "yes" | "on" | "true" | "1" | "y" => Some("write `true`".into()),
                    "no" | "off" | "false" | "0" | "n" => Some("write `false`".into()),
                    _ => None,
                };
                Err(self.mismatch(TRUTH, meant))
            }
        }
    }

    /// Decimal digits alone: what YAML 1.1 and 1.2 read differently (`010`, `1_000`, `0x1F`, `1e3`)
    /// is refused.
    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let text = self.plain(NUMBER)?;
        let digits = text.strip_prefix('-').unwrap_or(text);
        let is_decimal = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        if !is_decimal || (digits.len() > 1 && digits.starts_with('0')) {
            let help = match digits.trim_start_matches('0') {
                _ if !is_decimal => {
                    "write it in decimal digits, without unit, point or exponent".into()
                }
                "" => "write 0".into(),
                digits => format!("write {digits}, without a leading zero"),
            };
            return Err(self.mismatch(NUMBER, Some(help)));
        }
        // More digits than fit are out of every range.
        let number =
            text.parse().unwrap_or(if digits.len() < text.len() { i64::MIN } else { i64::MAX });
        visitor.visit_i64(number)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.node.kind {
            Kind::Sequence(items) => {
                let (what, reporter) = (self.entry(), self.reporter);
                visitor.visit_seq(Entries { items: items.iter(), what, reporter })
            }
            Kind::Mapping(_) => Err(self.mismatch(LIST, Some("begin each entry with `- `".into()))),
            Kind::Scalar { text, .. } => {
                Err(self.mismatch(LIST, Some(format!("write {}", quote(&format!("[{text}]"))))))
            }
            _ => Err(self.mismatch(LIST, None)),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let Kind::Mapping(entries) = &self.node.kind else {
            let help = match (&self.node.kind, self.what) {
                (Kind::Sequence(_), What::Key("path")) => {
                    "it takes one; several paths are several routes, or one `regex`".to_owned()
                }
                _ => keys("it", fields),
            };
            return Err(self.mismatch(MAPPING, Some(help)));
        };
        let (known, unknown): (Vec<_>, Vec<_>) =
            entries.iter().partition(|(key, _)| fields.contains(&key.text.as_str()));
        let meant: Vec<_> = unknown.iter().map(|(key, _)| self.unknown_key(key, fields)).collect();
        // A key that was meant is not missing, and where not one key is known, none is: the mistake
        // has been told.
        let is_foreign = known.is_empty() && !unknown.is_empty();
        let is_broken = |field: &str| is_foreign || meant.contains(&Some(field));
        let is_given = |field: &str| known.iter().any(|(key, _)| key.text == field);
        let broken = fields.iter().copied().filter(|field| is_broken(field) && !is_given(field));
        let broken: Vec<_> = broken.collect();
        visitor.visit_map(Keys {
            known: known.into_iter(),
            broken: broken.into_iter(),
            value: None,
            reporter: self.reporter,
        })
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        match (name, &self.node.kind) {
            (FIELD, _) => visitor.visit_seq(Place { value: self, next: 0 }),
            (OR_TABLE, Kind::Scalar { text, .. }) => visitor.visit_str(text),
            (OR_TABLE, _) => visitor.visit_newtype_struct(Self { wants: "a string or ", ..self }),
            (ONE_OR_MANY, Kind::Sequence(_)) => self.deserialize_seq(visitor),
            (ONE_OR_MANY, Kind::Scalar { .. }) => {
                let items = std::slice::from_ref(self.node).iter();
                visitor.visit_seq(Entries { items, what: self.what, reporter: self.reporter })
            }
            (ONE_OR_MANY, _) => Err(Self { wants: "a string or ", ..self }.mismatch(LIST, None)),
            (PAIRS, Kind::Mapping(entries)) => {
                let (entries, reporter) = (entries.iter(), self.reporter);
                visitor.visit_map(Pairs { entries, value: None, reporter })
            }
            (PAIRS, _) => Err(self.mismatch(MAPPING, None)),
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf option unit unit_struct
        tuple tuple_struct map enum identifier
    }
}
