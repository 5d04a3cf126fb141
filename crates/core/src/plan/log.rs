//! The access log: where to, and what a line looks like.
//!
//! A template is text with `{field}`s; `{{` and `}}` stand for the braces themselves. It is taken apart
//! once, when the configuration is read.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// The access log.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct AccessLogPlan {
    /// Where it goes.
    pub to: LogSink,
    /// What a line looks like.
    pub format: LogFormat,
}

/// Where the access log goes.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum LogSink {
    /// Standard output, where a container's logs are collected.
    #[default]
    Stdout,
    /// Appended to this file.
    File(PathBuf),
    /// Nowhere.
    Off,
}

/// What a line of the access log looks like.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// An object: the whole story.
    #[default]
    Json,
    /// Apache's and nginx's combined format.
    Combined,
    /// The operator's own.
    Template(LogTemplate),
}

/// An operator's own line.
#[derive(Clone, PartialEq, Eq)]
pub struct LogTemplate {
    text: Arc<str>,
    parts: Arc<[LogPart]>,
}

/// A part of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogPart {
    /// As it stands.
    Text(Box<str>),
    /// What is known of the request.
    Field(LogField),
}

/// Why a template is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadTemplate {
    /// There is no field of this name.
    Unknown(String),
    /// A `{` without its `}`, or a `}` without its `{`.
    Unbalanced,
    /// It has a line feed or another control character.
    Control,
    /// It has no field: every line would be the same.
    NoField,
}

macro_rules! fields {
    ($($field:ident $name:literal $help:literal;)*) => {
        /// What a template can name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum LogField { $(#[doc = $help] $field),* }

        impl LogField {
            /// All of them, with the names and meanings that the reference gives.
            pub const ALL: &[(Self, &str, &str)] = &[$((Self::$field, $name, $help)),*];
        }
    };
}

fields! {
    Time "time" "When the request was read: RFC 3339, UTC, milliseconds.";
    TimeLocal "time_combined" "The same as the combined format has it: `23/Nov/2026:10:11:12 +0000`.";
    Id "id" "The request id.";
    Client "client" "The client's address.";
    Method "method" "The method.";
    Host "host" "The authority that the client asked for.";
    Path "path" "The path, without the query.";
    Protocol "protocol" "`HTTP/1.0`, `HTTP/1.1` or `h2`.";
    Status "status" "The status that the client was sent.";
    BytesIn "bytes_in" "Bytes of the request's body.";
    BytesOut "bytes_out" "Bytes of the answer's body.";
    Duration "duration_ms" "From the request's first byte to the answer's end, in milliseconds.";
    Queued "queued_ms" "How long it waited for an endpoint, in milliseconds.";
    Route "route" "The route's name.";
    Pool "pool" "The pool's name.";
    Attempts "attempts" "How many attempts were made.";
    Endpoint "endpoint" "Where the last attempt went.";
    Outcome "outcome" "What came of the last attempt.";
    Reason "reason" "Why the request failed.";
    Origin "origin" "Whose doing that was.";
    Referer "referer" "The Referer field.";
    UserAgent "user_agent" "The User-Agent field.";
}

impl LogTemplate {
    /// Takes a template apart.
    ///
    /// # Errors
    ///
    /// If it is none.
    pub fn parse(text: &str) -> Result<Self, BadTemplate> {
        if text.chars().any(char::is_control) {
            return Err(BadTemplate::Control);
        }
        let (mut parts, mut plain, mut rest) = (Vec::new(), String::new(), text);
        while let Some(at) = rest.find(['{', '}']) {
            plain.push_str(&rest[..at]);
            let (brace, behind) = rest[at..].split_at(1);
            if let Some(behind) = behind.strip_prefix(brace) {
                plain.push_str(brace);
                rest = behind;
                continue;
            }
            let (name, behind) = match brace {
                "{" => behind.split_once('}').ok_or(BadTemplate::Unbalanced)?,
                _ => return Err(BadTemplate::Unbalanced),
            };
            let field = LogField::ALL.iter().find(|(_, known, _)| *known == name);
            let (field, ..) = field.ok_or_else(|| BadTemplate::Unknown(name.to_owned()))?;
            if !plain.is_empty() {
                parts.push(LogPart::Text(std::mem::take(&mut plain).into()));
            }
            parts.push(LogPart::Field(*field));
            rest = behind;
        }
        plain.push_str(rest);
        if parts.is_empty() {
            return Err(BadTemplate::NoField);
        }
        if !plain.is_empty() {
            parts.push(LogPart::Text(plain.into()));
        }
        Ok(Self { text: text.into(), parts: parts.into() })
    }

    /// Its parts, in order.
    pub fn parts(&self) -> &[LogPart] {
        &self.parts
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl LogFormat {
    /// Whether a line has this field. JSON has what is cheap to keep.
    pub fn has(&self, field: LogField) -> bool {
        match self {
            Self::Json => !matches!(field, LogField::Referer | LogField::UserAgent),
            Self::Combined => matches!(field, LogField::Referer | LogField::UserAgent),
            Self::Template(template) => template.parts.contains(&LogPart::Field(field)),
        }
    }
}

impl fmt::Debug for LogTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(f)
    }
}

impl fmt::Display for BadTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(name) => write!(f, "there is no field `{}`", name.escape_debug()),
            Self::Unbalanced => f.write_str("a brace has no other"),
            Self::Control => f.write_str("a control character"),
            Self::NoField => f.write_str("it names no field"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Result<Vec<String>, BadTemplate> {
        let template = LogTemplate::parse(text)?;
        Ok(template.parts().iter().map(|part| format!("{part:?}")).collect())
    }

    #[test]
    fn a_template_is_taken_apart() {
        assert_eq!(
            shown("{client} \"{method} {path}\"{{}}").unwrap(),
            [
                "Field(Client)",
                "Text(\" \\\"\")",
                "Field(Method)",
                "Text(\" \")",
                "Field(Path)",
                "Text(\"\\\"{}\")"
            ]
        );
    }

    #[test]
    fn what_is_no_template_is_told() {
        assert_eq!(shown("{nope}"), Err(BadTemplate::Unknown("nope".to_owned())));
        for text in ["{client", "client}", "{client} }x"] {
            assert_eq!(shown(text), Err(BadTemplate::Unbalanced), "{text}");
        }
        assert_eq!(shown("always the same"), Err(BadTemplate::NoField));
        assert_eq!(shown(""), Err(BadTemplate::NoField));
        assert_eq!(shown("{client}\n"), Err(BadTemplate::Control));
    }
}
