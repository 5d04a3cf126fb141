//! Every key that a type of the schema reads, asked of its own `Deserialize`.
//!
//! So documents about the schema are compared with the schema, not with a second list of it.

use std::cell::RefCell;

use serde::de::value::{Error, StrDeserializer, U32Deserializer};
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::field::{FIELD, ONE_OR_MANY};

/// The keys of `T` as paths, in the schema's order: `routes`, `routes[].path`, `routes[].path.exact`.
pub(crate) fn of<'de, T: Deserialize<'de>>() -> Vec<String> {
    let keys = RefCell::default();
    let top = Asked { path: String::new(), keys: &keys };
    T::deserialize(top).expect("the schema takes an answer to each of its keys");
    keys.into_inner()
}

/// A value that is whatever it is asked for, and notes the keys that are asked.
#[derive(Clone)]
struct Asked<'k> {
    path: String,
    keys: &'k RefCell<Vec<String>>,
}

impl<'de> Deserializer<'de> for Asked<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_str("")
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_bool(true)
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_i64(0)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let path = format!("{}[]", self.path);
        let entry = Self { path, ..self };
        visitor.visit_seq(Parts { numbers: 0, value: Some(entry) })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_map(Keys { of: self, fields: fields.iter(), key: "" })
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        match name {
            FIELD => visitor.visit_seq(Parts { numbers: 3, value: Some(self) }),
            ONE_OR_MANY => visitor.visit_seq(Parts { numbers: 0, value: None }),
            _ => visitor.visit_newtype_struct(self),
        }
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct tuple tuple_struct map enum identifier ignored_any
    }
}

/// A list of one, or a field: line, column and width before its value.
struct Parts<'k> {
    numbers: u32,
    value: Option<Asked<'k>>,
}

impl<'de> SeqAccess<'de> for Parts<'_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        if self.numbers > 0 {
            self.numbers -= 1;
            let number: U32Deserializer<Error> = 1u32.into_deserializer();
            return seed.deserialize(number).map(Some);
        }
        let value = self.value.take();
        value.map(|value| seed.deserialize(value)).transpose()
    }
}

struct Keys<'k> {
    of: Asked<'k>,
    fields: std::slice::Iter<'static, &'static str>,
    key: &'static str,
}

impl<'de> MapAccess<'de> for Keys<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        let Some(key) = self.fields.next() else {
            return Ok(None);
        };
        self.key = key;
        seed.deserialize(StrDeserializer::new(key)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let path = match self.of.path.as_str() {
            "" => self.key.to_owned(),
            path => format!("{path}.{}", self.key),
        };
        self.of.keys.borrow_mut().push(path.clone());
        let value = Asked { path, keys: self.of.keys };
        seed.deserialize(value)
    }
}
