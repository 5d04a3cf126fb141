//! A mapping whose keys are, where it leaves them away, another's.

use std::borrow::Cow;
use std::convert::Infallible;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Value, json};

use super::json::{DEFAULT, MEANING, meaning_and_why};

/// `T` of a route, for which the pool's keys hold as far as it says nothing: no default of its own, and
/// no reason for one. The reference does not repeat what the keys mean; an editor does.
pub(crate) struct Inherited<T>(PhantomData<T>, Infallible);

impl<T: JsonSchema> JsonSchema for Inherited<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("Inherited{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = T::json_schema(generator);
        let keys = schema.get_mut("properties").and_then(Value::as_object_mut);
        for key in keys.into_iter().flat_map(|keys| keys.values_mut()) {
            let Some(key) = key.as_object_mut() else {
                continue;
            };
            let description = key.get("description").and_then(Value::as_str).unwrap_or_default();
            let (meaning, _) = meaning_and_why(description);
            key.insert("description".into(), json!(meaning));
            key.remove("default");
            key.insert(DEFAULT.into(), json!("the pool's"));
            key.insert(MEANING.into(), json!("As in a pool"));
        }
        schema
    }
}
