//! The schema's types as JSON Schemas: what `switchback schema` prints, for editors.
//!
//! A field says everything that there is to say of its key, once: the doc comment is its meaning and,
//! in a paragraph that begins with `Why:`, the reason for its default; `#[schemars(…)]` has its kind
//! ([`super::kind`]), its default and an example. `docs/CONFIGURATION.md` and `docs/DEFAULTS.md` are made
//! from the same (`reference.rs`, in a test). Nothing of this runs in a gateway.
//!
//! What JSON Schema has no word for stands under keys of our own, which are gone in what is printed:
//! `x-required`, because serde must not refuse what is missing (the resolver does, with better words);
//! `x-default`, what holds without the key where that is no value; `x-meaning`, what the reference says
//! instead of the description.

use schemars::generate::SchemaSettings;
use schemars::transform::transform_subschemas;
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

use super::{Gateway, Pool};

/// What holds without the key, in words.
pub(super) const DEFAULT: &str = "x-default";
/// What the reference says of a key, where the description says it elsewhere.
pub(super) const MEANING: &str = "x-meaning";
/// Whether the key must be there.
const REQUIRED: &str = "x-required";
/// How the reason for a default begins.
const WHY: &str = "Why:";

/// A file of a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum File {
    /// The main file.
    Gateway,
    /// A pool's.
    Pool,
}

/// The JSON Schema (draft 2020-12) of a file, with titles, descriptions, defaults and examples; always
/// the same text for the same release.
///
/// It is for editors: nothing that [`crate::load`] accepts is refused by it, but it accepts more, for
/// what goes beyond one value (a pool that does not exist) is not seen by it.
pub fn json_schema(file: File) -> String {
    let mut schema = annotated(file);
    publish(&mut schema);
    let mut text = format!("{:#}", schema.as_value());
    text.push('\n');
    text
}

/// The schema with all that its types say.
pub(super) fn annotated(file: File) -> Schema {
    let (mut schema, title) = match file {
        File::Gateway => (of::<Gateway>(), "Switchback: the main file"),
        File::Pool => (of::<Pool>(), "Switchback: a pool's file"),
    };
    // In this order, for a reader; what stands twice keeps its first place and its last value.
    let keys = std::mem::take(schema.ensure_object());
    let head = [("$schema".to_owned(), Value::Null), ("title".to_owned(), json!(title))];
    head.into_iter().chain(keys).collect::<Map<_, _>>().into()
}

fn of<T: JsonSchema>() -> Schema {
    let settings = SchemaSettings::draft2020_12().with_transform(join_lines);
    settings.with_transform(collect_required).into_generator().into_root_schema_for::<T>()
}

/// A doc comment is wrapped for the source; only its paragraphs are meant.
fn join_lines(schema: &mut Schema) {
    if let Some(Value::String(description)) = schema.get_mut("description") {
        let paragraphs = description.split("\n\n").map(|text| text.trim().replace('\n', " "));
        *description = paragraphs.collect::<Vec<_>>().join("\n\n");
    }
    transform_subschemas(&mut join_lines, schema);
}

/// Which keys must be there is said at each, and wanted in a list.
fn collect_required(schema: &mut Schema) {
    let keys = schema.get_mut("properties").and_then(Value::as_object_mut);
    let required = keys.into_iter().flatten().filter_map(|(key, value)| {
        value.as_object_mut()?.remove(REQUIRED).map(|_| Value::from(key.as_str()))
    });
    let required: Vec<_> = required.collect();
    if !required.is_empty() {
        schema.insert("required".into(), required.into());
    }
    transform_subschemas(&mut collect_required, schema);
}

/// The two parts of a description.
pub(super) fn meaning_and_why(description: &str) -> (&str, Option<&str>) {
    match description.split_once(WHY) {
        Some((meaning, why)) => (meaning.trim_end(), Some(why.trim_start())),
        None => (description, None),
    }
}

/// Leaves only what JSON Schema knows: the reason goes to the default, and links within the reference
/// to nowhere.
fn publish(schema: &mut Schema) {
    if let Some(keys) = schema.as_object_mut() {
        let default = keys.get("default").map(ToString::to_string);
        keys.retain(|key, _| !key.starts_with("x-"));
        if let Some(Value::String(description)) = keys.get_mut("description") {
            let (meaning, why) = meaning_and_why(description);
            let why = why.map(|why| match default {
                Some(default) => format!("\n\nDefault {}: {why}", default.trim_matches('"')),
                None => format!("\n\nNo default: {why}"),
            });
            *description = without_links(meaning) + &why.unwrap_or_default();
        }
    }
    transform_subschemas(&mut publish, schema);
}

/// `[zones](#zones)` to `zones`.
fn without_links(text: &str) -> String {
    let mut parts = text.split("](#");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        if let Some(at) = plain.rfind('[') {
            plain.remove(at);
        }
        plain.push_str(part.split_once(')').map_or(part, |(_, after)| after));
    }
    plain
}
