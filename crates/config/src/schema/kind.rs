//! The kinds of values: what a text, number or truth value at a key must look like.
//!
//! Each is a type without values, for `#[schemars(with = "kind::Duration")]` at a field: its title is
//! the type in an operator's words, its doc comment what must be known of it, and its pattern accepts
//! what the parser in [`crate::value`] accepts, as nearly as a regular expression can. What it cannot
//! say (the longest duration, the groups of an IPv6 address, a range that is reversed) is accepted
//! here and refused there; never the other way round, or an editor would forbid what runs.
//!
//! Two things are true of all of them. A text that holds `${` may become anything, so numbers and truth
//! values may be such texts, too. And where a text is wanted, what YAML takes for a number or a truth
//! value is that text ([`crate::document`]): a host may be `10`.
//!
//! What an editor says of a value that is none is said once, too ([`described`]): a pattern is no
//! answer. `errorMessage` is not of the standard, which lets everybody pass over it; VS Code and
//! yaml-language-server know it.
//!
//! Patterns are of the part that all dialects share: no look-around, no `\d`, nothing escaped that need
//! not be, for editors compile them with ECMAScript's `u` flag.

mod address;
mod choice;
mod map;
mod number;
mod percentage;
mod size;
mod text;

use schemars::{JsonSchema, Schema, json_schema};
use serde_json::{Value, json};

pub(crate) use address::{Address, EndpointAddress, Network};
pub(crate) use choice::{
    AccessLogWord, Balance, BehindWord, LogFormatWord, Protocol, ProxyProtocol, RedirectStatus,
    SameSite, Secure, TlsVersion, Underscores,
};
pub(crate) use map::{ErrorPages, HeaderFields};
pub(crate) use number::{Number, Truth};
pub(crate) use percentage::{BoundedLoad, Percentage};
pub(crate) use size::Size;
pub(crate) use text::{
    BaseUrl, BearerToken, Cookie, Duration, DurationOrZero, File, Files, HashKey, Host, HostName,
    LogTemplate, Path, PoolName, RedirectTarget, RegularExpression, RequestPath, Secret, Service,
    ServiceName, Statuses, Zone,
};

use super::{AccessLog, Endpoint, Hash, Listener, LogFormat, PathMatch, SlowStart};

/// A mapping, of which a text is a shorthand.
pub(crate) trait Shorthand: JsonSchema {
    /// What the text is.
    type Text: JsonSchema;
}

impl Shorthand for AccessLog {
    type Text = AccessLogWord;
}
impl Shorthand for Endpoint {
    type Text = EndpointAddress;
}
impl Shorthand for Hash {
    type Text = HashKey;
}
impl Shorthand for Listener {
    type Text = Address;
}
impl Shorthand for LogFormat {
    type Text = LogFormatWord;
}
impl Shorthand for PathMatch {
    type Text = Path;
}
impl Shorthand for SlowStart {
    type Text = Duration;
}

/// What a text holds that a variable fills.
const VARIABLE: &str = r"\$\{";

/// The pattern of a text of this form, or with a variable.
fn pattern(form: &str) -> String {
    format!("^(?:{form})$|{VARIABLE}")
}

/// A kind: its name, what must be known of it, some of its values, and what tells them from others.
fn described(title: &str, note: &str, examples: &[Value], looks: Value) -> Schema {
    let shown: Vec<_> = examples.iter().map(|value| value.to_string().replace('"', "")).collect();
    let mut schema = json_schema!({
        "title": title,
        "description": note,
        "examples": examples,
        "errorMessage": format!("wanted: {title} ({}). {}", shown.join(", "), note.replace('\n', " ")),
    });
    if let Value::Object(looks) = looks {
        schema.ensure_object().extend(looks);
    }
    schema
}

/// What a text looks like.
struct Form {
    pattern: String,
    /// Whether YAML takes some of them for numbers or truth values.
    is_bare: bool,
    /// What it must not look like.
    not: Option<String>,
}

impl<T: Into<String>> From<T> for Form {
    fn from(pattern: T) -> Self {
        Self { pattern: pattern.into(), is_bare: false, not: None }
    }
}

impl Form {
    fn bare(self) -> Self {
        Self { is_bare: true, ..self }
    }

    fn not(self, pattern: &str) -> Self {
        Self { not: Some(pattern.to_owned()), ..self }
    }

    fn looks(self) -> Value {
        let mut looks = json!({ "type": "string", "pattern": pattern(&self.pattern) });
        if self.is_bare {
            looks["type"] = json!(["string", "number", "boolean"]);
        }
        if let Some(not) = self.not {
            looks["not"] = json!({ "type": "string", "pattern": not });
        }
        looks
    }
}

/// Texts of one form: name, title, examples, form.
macro_rules! texts {
    ($($(#[doc = $note:literal])+ $name:ident: $title:literal, $examples:tt, $form:expr;)+) => {$(
        $(#[doc = $note])+
        pub(crate) enum $name {}

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let form = crate::schema::kind::Form::from($form);
                let note = concat!($($note, "\n"),+).replace("\n ", "\n");
                let examples = $examples.map(serde_json::Value::from);
                crate::schema::kind::described($title, note.trim(), &examples, form.looks())
            }
        }
    )+};
}
use texts;

/// For `oneOf`: just one of these keys is there.
pub(super) fn just_one_of(keys: &[&str]) -> Value {
    keys.iter().map(|key| json!({ "required": [key] })).collect()
}

/// For `allOf`: no two of these keys are there.
pub(super) fn at_most_one_of(keys: &[&str]) -> Value {
    let others = |at: usize| keys.iter().skip(at + 1);
    let pairs = keys.iter().enumerate().flat_map(|(at, one)| others(at).map(move |two| [one, two]));
    pairs.map(|pair| json!({ "not": { "required": pair } })).collect()
}
