//! A value in one line, as it would be written in a file, without quotes that no reader needs.
//!
//! What stands at the key of a secret is told as `(hidden)`, at any depth.

use serde_yaml::{Mapping, Value};

use crate::diagnostic::escape;
use crate::effective::secret;

/// So many characters of a value stand in a sentence.
const SHOWN: usize = 160;

/// All of it.
pub(super) fn whole(value: &Value) -> String {
    let mut text = String::new();
    write(value, &mut text);
    text
}

/// For a sentence: escaped, and cut when it is long.
pub(super) fn brief(value: &Value) -> String {
    cut(&whole(value))
}

/// A text for a sentence.
pub(super) fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        None => escape(text),
        Some((end, _)) => format!("{}…", escape(&text[..end])),
    }
}

/// A text of the file as it is meant: where a `$` is doubled, one of them.
pub(super) fn meant(text: &str) -> String {
    text.replace("$$", "$")
}

/// Whether it says the same, however it is written.
pub(super) fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::String(a), Value::String(b)) => a == b,
        (Value::Mapping(_) | Value::Sequence(_), _)
        | (_, Value::Mapping(_) | Value::Sequence(_)) => a == b,
        _ => a == b || whole(a) == whole(b),
    }
}

fn write(value: &Value, text: &mut String) {
    match value {
        Value::Null => text.push_str("null"),
        Value::Bool(is) => text.push_str(&is.to_string()),
        Value::Number(number) => text.push_str(&number.to_string()),
        Value::String(word) if word.is_empty() || word.trim() != word => {
            text.push_str(&format!("\"{word}\""));
        }
        Value::String(word) => text.push_str(word),
        Value::Sequence(items) => {
            text.push('[');
            for (at, item) in items.iter().enumerate() {
                text.push_str(if at == 0 { "" } else { ", " });
                write(item, text);
            }
            text.push(']');
        }
        Value::Mapping(entries) => match share(entries) {
            Some(share) => text.push_str(&share),
            None => mapping(entries, text),
        },
        Value::Tagged(tagged) => {
            text.push_str(&format!("{} ", tagged.tag));
            write(&tagged.value, text);
        }
    }
}

fn mapping(entries: &Mapping, text: &mut String) {
    text.push_str(if entries.is_empty() { "{" } else { "{ " });
    for (at, (key, value)) in entries.iter().enumerate() {
        text.push_str(if at == 0 { "" } else { ", " });
        let key = whole(key);
        text.push_str(&format!("{key}: "));
        match secret::is_secret(&key) {
            true => text.push_str("(hidden)"),
            false => write(value, text),
        }
    }
    text.push_str(if entries.is_empty() { "}" } else { " }" });
}

/// An entry of `split`: `web 95`.
fn share(entries: &Mapping) -> Option<String> {
    let (pool, weight) = (entries.get("pool")?.as_str()?, entries.get("weight")?.as_u64()?);
    (entries.len() == 2).then(|| format!("{pool} {weight}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_one_line_and_without_secrets() {
        for (yaml, wanted) in [
            ("5s", "5s"),
            ("'5'", "5"),
            ("''", "\"\""),
            ("' a'", "\" a\""),
            ("[ 502-504, 429 ]", "[502-504, 429]"),
            ("[]", "[]"),
            ("{}", "{}"),
            ("{ file: logs/a.log }", "{ file: logs/a.log }"),
            ("[ { pool: web, weight: 95 }, { pool: b, weight: 5 } ]", "[web 95, b 5]"),
            ("{ pool: web, weight: 95, x: 1 }", "{ pool: web, weight: 95, x: 1 }"),
            ("{ a: [ { secret: 0123456789abcdef } ] }", "{ a: [{ secret: (hidden) }] }"),
        ] {
            assert_eq!(whole(&serde_yaml::from_str(yaml).unwrap()), wanted, "{yaml}");
        }
    }

    #[test]
    fn what_is_long_or_would_drive_a_terminal_is_not_shown_as_it_is() {
        let text = Value::String(format!("\u{1b}[2J{}", "x".repeat(10_000)));
        let brief = brief(&text);
        assert!(!brief.contains('\u{1b}') && brief.chars().count() < 200, "{brief}");
    }

    #[test]
    fn a_doubled_dollar_is_one() {
        for (text, wanted) in [("^/x$", "^/x$"), ("$${A}", "${A}"), ("$$$", "$$"), ("$$$${", "$${")]
        {
            assert_eq!(meant(text), wanted, "{text}");
        }
    }
}
