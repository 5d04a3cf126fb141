//! The tables of `docs/CONFIGURATION.md` and `docs/DEFAULTS.md`, from the schema.
//!
//! Only a test makes them: what is in the documents was reviewed with the change that it belongs to.

use schemars::{JsonSchema, SchemaGenerator};
use serde_json::Value;
use switchback_core::plan::LogField;

use super::json::{DEFAULT, File, MEANING, annotated, meaning_and_why};
use super::kind;

/// What the reference says of a key.
#[derive(Debug)]
pub(super) struct Row {
    /// Its path: `routes[].path.exact`.
    pub(super) key: String,
    /// Its type, in an operator's words.
    pub(super) kind: String,
    /// What holds without it: in backquotes, or in words.
    pub(super) default: String,
    pub(super) meaning: String,
    pub(super) example: Option<Value>,
    pub(super) why: Option<String>,
}

/// Every key of a file, in the order of the schema.
pub(super) fn rows(file: File) -> Vec<Row> {
    let root = annotated(file).to_value();
    let mut rows = Vec::new();
    Walk { root: &root, rows: &mut rows }.mapping(&root, "");
    rows
}

struct Walk<'a> {
    root: &'a Value,
    rows: &'a mut Vec<Row>,
}

impl<'a> Walk<'a> {
    fn mapping(&mut self, mapping: &'a Value, prefix: &str) {
        for (key, value) in mapping["properties"].as_object().into_iter().flatten() {
            let path = format!("{prefix}{key}");
            let description = value["description"].as_str().unwrap_or_default();
            let (meaning, why) = meaning_and_why(description);
            let meaning = value[MEANING].as_str().unwrap_or(meaning);
            self.rows.push(Row {
                kind: self.words(value).unwrap_or_default(),
                default: self.default(mapping, key, value),
                meaning: sentence(meaning),
                example: value["examples"].get(0).cloned(),
                why: why.map(sentence),
                key: path.clone(),
            });
            if let Some((suffix, inner)) = self.inner(value) {
                self.mapping(inner, &format!("{path}{suffix}."));
            }
        }
    }

    fn resolved(&self, schema: &'a Value) -> &'a Value {
        let reference = schema["$ref"].as_str().and_then(|path| path.strip_prefix('#'));
        reference.and_then(|path| self.root.pointer(path)).unwrap_or(schema)
    }

    /// The mapping that a value is, or that the entries of a list are.
    fn inner(&self, schema: &'a Value) -> Option<(&'static str, &'a Value)> {
        let schema = self.resolved(schema);
        match schema["type"].as_str() {
            Some("object") => Some(("", schema)),
            Some("array") => self.inner(&schema["items"]).map(|(_, inner)| ("[]", inner)),
            _ => schema["anyOf"].as_array()?.iter().find_map(|one| self.inner(one)),
        }
    }

    fn words(&self, schema: &'a Value) -> Option<String> {
        let title = |schema: &Value| schema["title"].as_str().map(str::to_owned);
        let resolved = self.resolved(schema);
        title(schema).or_else(|| title(resolved)).or_else(|| match resolved["type"].as_str() {
            Some("object") => Some("mapping".to_owned()),
            Some("array") if self.inner(resolved).is_some() => Some("list".to_owned()),
            Some("array") => Some(format!("list of {}s", self.words(&resolved["items"])?)),
            _ => Some(format!("{}, or mapping", self.words(resolved["anyOf"].get(0)?)?)),
        })
    }

    fn default(&self, mapping: &Value, key: &str, value: &'a Value) -> String {
        let is_named =
            |list: &Value| list.as_array().is_some_and(|list| list.contains(&key.into()));
        let choices: Vec<_> = mapping["oneOf"].as_array().into_iter().flatten().collect();
        if let Some(default) = value.get("default") {
            format!("`{}`", flow(default))
        } else if let Some(words) = value[DEFAULT].as_str() {
            words.to_owned()
        } else if is_named(&mapping["required"]) {
            "required".to_owned()
        } else if choices.iter().any(|choice| is_named(&choice["required"])) {
            let count = ["none", "one", "two", "three", "four"].get(choices.len());
            format!("required: one of {}", count.unwrap_or(&"many"))
        } else if self.inner(value).is_some() {
            "below".to_owned()
        } else {
            "—".to_owned()
        }
    }
}

/// As a cell has it: without a period at its end.
fn sentence(text: &str) -> String {
    text.trim().trim_end_matches('.').to_owned()
}

/// A value in YAML's flow style, quoted only where it must be.
pub(super) fn flow(value: &Value) -> String {
    written(value, false)
}

fn written(value: &Value, is_inside: bool) -> String {
    let inside = |value: &Value| written(value, true);
    match value {
        Value::String(text) => {
            let document = if is_inside { format!("[{text}]") } else { text.clone() };
            let read = serde_yaml::from_str::<Value>(&document).ok();
            let wanted = if is_inside { Value::from(vec![text.as_str()]) } else { value.clone() };
            match read {
                Some(read) if read == wanted => text.clone(),
                _ if text.contains(['\\', '"']) => format!("'{text}'"),
                _ => format!("\"{text}\""),
            }
        }
        Value::Array(list) if !list.is_empty() => {
            format!("[ {} ]", list.iter().map(inside).collect::<Vec<_>>().join(", "))
        }
        Value::Object(map) if !map.is_empty() => {
            let pairs = map.iter().map(|(key, value)| format!("{key}: {}", inside(value)));
            format!("{{ {} }}", pairs.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

/// The table of keys.
pub(super) fn keys(file: File) -> String {
    let rows = rows(file).into_iter().map(|row| {
        let example = row.example.map(|example| code(&flow(&example))).unwrap_or_default();
        vec![code(&row.key), row.kind, row.default, row.meaning, example]
    });
    table(&["key", "type", "default", "meaning", "example"], rows)
}

/// The table of defaults with their reasons.
pub(super) fn defaults(file: File) -> String {
    let rows = rows(file).into_iter().filter_map(|row| {
        let why = row.why?;
        Some(vec![code(&row.key), row.default, why])
    });
    table(&["key", "default", "why"], rows)
}

/// The table of kinds of values that have more to them than their name.
pub(super) fn values() -> String {
    let kinds = [
        of::<kind::Duration>(),
        of::<kind::Size<0, 0>>(),
        of::<kind::Number<0, 0>>(),
        of::<kind::Truth>(),
        of::<kind::Address>(),
        of::<kind::Network>(),
        of::<kind::Percentage<0, 100>>(),
        of::<kind::Statuses>(),
        of::<kind::Host>(),
    ];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let rows = kinds.iter().map(|kind| {
        let examples = kind["examples"].as_array().into_iter().flatten();
        let examples: Vec<_> = examples.map(|example| code(&flow(example))).collect();
        let title = text(&kind["title"]);
        let title = title.split(',').next().unwrap_or_default().to_owned();
        vec![title, examples.join(", "), sentence(&text(&kind["description"]))]
    });
    table(&["type", "written", ""], rows)
}

/// The table of fields that a template of the access log can name.
pub(super) fn log_fields() -> String {
    let rows = LogField::ALL
        .iter()
        .map(|(_, name, meaning)| vec![code(&format!("{{{name}}}")), sentence(meaning)]);
    table(&["field", "meaning"], rows)
}

fn of<T: JsonSchema>() -> Value {
    T::json_schema(&mut SchemaGenerator::default()).to_value()
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

fn table(head: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let line = |cells: &[String]| {
        let cells = cells.iter().map(|cell| match cell.replace('|', "\\|") {
            cell if cell.is_empty() => " ".to_owned(),
            cell => format!(" {cell} "),
        });
        format!("|{}|\n", cells.collect::<Vec<_>>().join("|"))
    };
    let head: Vec<_> = head.iter().map(|cell| (*cell).to_owned()).collect();
    let rule = "| --- ".repeat(head.len());
    rows.fold(format!("{}{rule}|\n", line(&head)), |table, row| table + &line(&row))
}

/// A document with this table between its marks.
pub(super) fn with_table(document: &str, name: &str, table: &str) -> String {
    let (mark, end) = (format!("<!-- generated: {name} -->\n"), "<!-- end -->");
    let parts = document
        .split_once(&mark)
        .and_then(|(before, rest)| rest.split_once(end).map(|(_, after)| (before, after)));
    let (before, after) = parts.unwrap_or_else(|| panic!("no table is marked as {name}"));
    format!("{before}{mark}{table}{end}{after}")
}
