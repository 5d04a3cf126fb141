//! Numbers and truth values.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::json;

use super::{VARIABLE, described};

/// Decimal digits without quotes.
pub(crate) enum Number<const LOW: i64, const HIGH: i64> {}

impl<const LOW: i64, const HIGH: i64> JsonSchema for Number<LOW, HIGH> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Number_{LOW}_{HIGH}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let looks = json!({
            "type": ["integer", "string"],
            "minimum": LOW,
            "maximum": HIGH,
            "pattern": VARIABLE,
        });
        let title = format!("number, {LOW} to {HIGH}");
        described(&title, "Decimal digits without quotes.", &[json!(3)], looks)
    }
}

/// Nothing else: `yes`, `on` and `1` are refused with what to write.
pub(crate) enum Truth {}

impl JsonSchema for Truth {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Truth".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let note = "Nothing else: `yes`, `on` and `1` are refused with what to write.";
        let looks = json!({ "type": ["boolean", "string"], "pattern": VARIABLE });
        described("truth value", note, &[json!(true), json!(false)], looks)
    }
}
