//! Sizes.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::json;

use super::{Form, described};
use crate::value::size;

/// The unit (`B`, `KiB`, `MiB`, `GiB`, `TiB`) is always written; each is 1024 times the one before.
pub(crate) enum Size<const LOW: u64, const HIGH: u64> {}

impl<const LOW: u64, const HIGH: u64> JsonSchema for Size<LOW, HIGH> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Size_{LOW}_{HIGH}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let note = "The unit (`B`, `KiB`, `MiB`, `GiB`, `TiB`) is always written; each is 1024 times the one before.";
        let form = Form::from(r"\s*[0-9]+(?:[KMGT]i)?B\s*");
        let form = if LOW > 0 { form.not(r"^\s*0+(?:[KMGT]i)?B\s*$") } else { form };
        let title = format!("size, {} to {}", size::display(LOW), size::display(HIGH));
        described(&title, note, &[json!("500B"), json!("32KiB")], form.looks())
    }
}
