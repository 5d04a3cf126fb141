//! A difference in words.

use std::collections::HashMap;

use serde_yaml::Value;

use super::tree::Difference;
use super::value::{self, brief, cut};

/// Lists with more entries on both sides than this are told by what is added and removed.
const SHORT: usize = 6;
/// So many of them, by name.
const NAMED: usize = 10;

/// `health.interval: 2s → 5s`, without the subject.
pub(super) fn of(difference: &Difference<'_>) -> String {
    let key = cut(&difference.key);
    if difference.is_secret {
        return match (difference.old, difference.new) {
            (None, _) => format!("{key}: set"),
            (_, None) => format!("{key}: removed"),
            _ => format!("{key}: changed"),
        };
    }
    let with = difference.with.as_ref().map(|with| format!(", with {with}")).unwrap_or_default();
    match (difference.old, difference.new, &difference.instead_of) {
        (Some(old), Some(new), Some(other)) => {
            format!("{key}: {} instead of {}: {}", brief(new), cut(other), brief(old))
        }
        (Some(Value::Sequence(old)), Some(Value::Sequence(new)), _) if is_long(old, new) => {
            format!("{key}: {}", moved(old, new))
        }
        (Some(old), Some(new), _) => format!("{key}: {} → {}{with}", brief(old), brief(new)),
        (Some(old), None, _) if key.ends_with(']') => format!("{key}: removed: {}", brief(old)),
        (None, Some(new), _) if key.ends_with(']') => format!("{key}: added: {}", brief(new)),
        (old, new, _) => {
            let told = |value: Option<&Value>| value.map_or(absent(&key).to_owned(), brief);
            format!("{key}: {} → {}", told(old), told(new))
        }
    }
}

/// What it means that a key has no value.
fn absent(key: &str) -> &'static str {
    match key {
        "threads" => "one for each CPU",
        "limits.connections" => "what memory and descriptors allow",
        "tls.ca" => "the system's",
        "sticky" | "tls" | "tls.client_certificates" | "proxy_protocol" | "tracing" => "off",
        _ => "none",
    }
}

fn is_long(old: &[Value], new: &[Value]) -> bool {
    let is_plain = |value: &Value| !matches!(value, Value::Mapping(_) | Value::Sequence(_));
    old.len() + new.len() > SHORT && old.iter().chain(new).all(is_plain)
}

/// What is in one list only.
fn moved(old: &[Value], new: &[Value]) -> String {
    let texts = |list: &[Value]| list.iter().map(value::whole).collect::<Vec<_>>();
    let (old, new) = (texts(old), texts(new));
    let added = left(&new, &old);
    let removed = left(&old, &new);
    let told = [(added, "added"), (removed, "removed")].map(|(list, what)| match list.as_slice() {
        [] => None,
        list if list.len() > NAMED => {
            Some(format!("{} and {} more {what}", joined(&list[..NAMED]), list.len() - NAMED))
        }
        list => Some(format!("{} {what}", joined(list))),
    });
    let told: Vec<_> = told.into_iter().flatten().collect();
    match told.as_slice() {
        [] => "in another order".to_owned(),
        told => told.join("; "),
    }
}

fn joined(list: &[&str]) -> String {
    list.iter().map(|text| cut(text)).collect::<Vec<_>>().join(", ")
}

/// What `list` has more of than `other`.
fn left<'a>(list: &'a [String], other: &[String]) -> Vec<&'a str> {
    let mut counts: HashMap<&str, usize> = HashMap::with_capacity(other.len());
    for text in other {
        *counts.entry(text).or_default() += 1;
    }
    let is_left = |text: &&str| match counts.get_mut(*text) {
        Some(count) if *count > 0 => {
            *count -= 1;
            false
        }
        _ => true,
    };
    list.iter().map(String::as_str).filter(is_left).collect()
}
