//! Mappings whose keys are the operator's.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Value, json};

use super::text::TOKEN;
use super::{File, Form, described};

/// What the keys and the values of a mapping look like.
fn mapping(title: &str, note: &str, example: Value, keys: &str, values: &Value) -> Schema {
    let looks = json!({
        "type": "object",
        "propertyNames": { "pattern": format!("^(?:{keys})$") },
        "additionalProperties": values,
    });
    described(title, note, &[example], looks)
}

/// Files by status: one (`503`), a range (`500-509`) or a class (`5xx`), from 400 to 599.
pub(crate) enum ErrorPages {}

impl JsonSchema for ErrorPages {
    fn schema_name() -> Cow<'static, str> {
        "ErrorPages".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let note = "Files by status: one (`503`), a range (`500-509`) or a class (`5xx`), from 400 to 599.";
        let example = json!({ "503": "errors/busy.html" });
        let status = r"\s*[45][0-9]{2}\s*";
        let keys = format!("{status}(?:-{status})?|[45]xx");
        let file = File::json_schema(generator).to_value();
        mapping("files by status", note, example, &keys, &file)
    }
}

/// Texts by the name of a header field. Visible ASCII, with spaces between.
pub(crate) enum HeaderFields {}

impl JsonSchema for HeaderFields {
    fn schema_name() -> Cow<'static, str> {
        "HeaderFields".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let note = "Texts by the name of a header field. Visible ASCII, with spaces between.";
        let example = json!({ "authorization": "Bearer ${OTLP_TOKEN}" });
        let value = Form::from("[!-~](?:[ -~]*[!-~])?").bare().looks();
        // No variables in keys: a `$` is one.
        let keys = format!("{}+", TOKEN.replace(r"\$\$|", ""));
        mapping("texts by name", note, example, &keys, &value)
    }
}
