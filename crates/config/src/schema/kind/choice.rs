//! One of a few words or numbers: those of the table that the resolver reads.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::Value;
use switchback_core::plan::Behind;

use super::VARIABLE;
use crate::resolve;

/// One of these, or a variable. A list of them completes in editors, where a pattern would not.
fn one_of(title: String, choices: Vec<Value>) -> Schema {
    json_schema!({
        "title": title,
        "anyOf": [{ "enum": choices }, { "type": "string", "pattern": VARIABLE }],
    })
}

macro_rules! choices {
    ($($(#[doc = $note:literal])+ $name:ident: $words:expr;)+) => {$(
        $(#[doc = $note])+
        pub(crate) enum $name {}

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                let words: Vec<&str> = $words.iter().map(|(word, _)| *word).collect();
                let title: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
                one_of(title.join(", "), words.into_iter().map(Value::from).collect())
            }
        }
    )+};
}

choices! {
    /// How to choose among equals.
    Balance: resolve::ALGORITHMS;
    /// The HTTP version spoken to endpoints.
    Protocol: resolve::PROTOCOLS;
    /// When a cookie is for TLS alone.
    Secure: resolve::SECURE;
    /// A cookie's `SameSite`.
    SameSite: resolve::SAME_SITE;
    /// The PROXY header that connections to endpoints begin with.
    ProxyProtocol: resolve::PROXY_PROTOCOLS;
    /// What becomes of header fields with an underscore in their name.
    Underscores: resolve::UNDERSCORES;
    /// What stands in front.
    BehindWord: Behind::ALL;
    /// Where the access log goes, unless to a file.
    AccessLogWord: resolve::ACCESS_LOGS;
    /// What a line of the access log looks like, unless as the operator says.
    LogFormatWord: resolve::LOG_FORMATS;
}

/// The oldest version of TLS that is spoken. YAML takes one without quotes for a number.
pub(crate) enum TlsVersion {}

impl JsonSchema for TlsVersion {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "TlsVersion".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let words = resolve::TLS_VERSIONS.iter().map(|(word, _)| *word);
        let title: Vec<_> = words.clone().map(|word| format!("`{word}`")).collect();
        let bare = words.clone().filter_map(|word| word.parse::<f64>().ok()).map(Value::from);
        one_of(title.join(", "), words.map(Value::from).chain(bare).collect())
    }
}

/// The status of a redirect.
pub(crate) enum RedirectStatus {}

impl JsonSchema for RedirectStatus {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "RedirectStatus".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let title: Vec<_> = resolve::REDIRECTS.iter().map(ToString::to_string).collect();
        let statuses = resolve::REDIRECTS.iter().map(|status| Value::from(*status)).collect();
        one_of(title.join(", "), statuses)
    }
}
