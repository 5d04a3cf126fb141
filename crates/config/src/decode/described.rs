//! What the shapes are in a JSON Schema: nothing of their own, but for the shorthand.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::{Field, OrTable};
use crate::schema::kind::Shorthand;

/// As its value: that a key may be missing is said by the mapping that it is a key of.
impl<T: JsonSchema> JsonSchema for Field<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

impl<T: Shorthand> JsonSchema for OrTable<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let (text, table) = (generator.subschema_for::<T::Text>(), generator.subschema_for::<T>());
        json_schema!({ "anyOf": [text, table] })
    }
}
