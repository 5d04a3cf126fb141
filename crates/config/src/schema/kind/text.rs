//! Durations, hosts, paths, names: texts of one form.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Value, json};
use switchback_core::plan::LogField;

use super::address::V6;
use super::{Form, described, pattern, texts};

/// A duration of no length.
const ZERO: &str = r"^\s*(?:0+(?:\.0+)?(?:h|ms|m|s))+\s*$";
/// A part of a host's name.
const LABEL: &str = "[0-9A-Za-z_-]{1,63}";
/// A character of a path, of a route or a probe: no query, no fragment.
const PATH: &str = r"[^?#\s\x00-\x1f\x7f-\x9f]";
/// A character of a token (RFC 9110, section 5.6.2). `$$` is one.
pub(super) const TOKEN: &str = r"(?:\$\$|[0-9A-Za-z!#$%&'*+.^_`|~-])";
/// A character that can be seen, in ASCII. `$$` is one.
const VISIBLE: &str = r"(?:\$\$|[!-~])";

fn duration() -> Form {
    let number = "[0-9]+(?:[.][0-9]+)?";
    let [h, m, s, ms] = ["h", "m", "s", "ms"].map(|unit| format!("{number}{unit}"));
    let parts = format!("{h}(?:{m})?(?:{s})?(?:{ms})?|{m}(?:{s})?(?:{ms})?|{s}(?:{ms})?|{ms}");
    format!(r"\s*(?:{parts})\s*").into()
}

/// Names, and what may stand in front of them.
fn host(wildcard: &str) -> Form {
    let name = format!(r"{wildcard}{LABEL}(?:\.{LABEL})*");
    Form::from(format!(r"(?:{name}|\[{V6}\])\.?")).bare()
}

/// Of RFC 6750, section 2.1, and not too short.
fn bearer_token() -> Form {
    const CHARACTER: &str = "[0-9A-Za-z._~+/-]";
    Form::from(format!("{CHARACTER}+=*")).bare().not("^[0-9A-Za-z._~+/=-]{0,15}$")
}

/// Text and fields, of which there is one at least.
fn template() -> String {
    let names: Vec<_> = LogField::ALL.iter().map(|(_, name, _)| *name).collect();
    let field = format!(r"\{{(?:{})\}}", names.join("|"));
    let text = r"[^{}\x00-\x1f\x7f-\x9f]|\{\{|\}\}";
    format!("(?:{text})*{field}(?:{text}|{field})*")
}

fn base_url() -> Form {
    let host = format!(r"(?:{LABEL}(?:\.{LABEL})*\.?|\[{V6}\])");
    let form = format!(r#"https?://{host}(?::0*[1-9][0-9]{{0,4}})?(?:/[!"$->@-~]*)?"#);
    Form::from(form).not("/v1/traces/*$")
}

fn redirect() -> String {
    // All that can be seen but `?` and `#`; without `/`; without `/` and `:`.
    let (any, no_slash, host) = (r#"[!"$->@-~]"#, r#"[!"$-.0->@-~]"#, r#"[!"$-.0-9;->@-~]"#);
    format!("/(?:{no_slash}{any}*)?|https?://{host}{any}*")
}

texts! {
    /// The unit (`ms`, `s`, `m`, `h`) is always written. More than zero and at most 24h.
    Duration: "duration", ["500ms", "2s", "1.5s", "1m30s", "24h"], duration().not(ZERO);
    /// A duration, for which zero has a meaning.
    DurationOrZero: "duration, or `0s`", ["0s", "5s"], duration();
    /// Without scheme and port; case does not matter.
    Host: "host", ["shop.example.com", "*.example.com"],
        Form::from(format!(r"\*|{}", host(r"(?:\*\.)?").pattern)).bare();
    /// A host without a wildcard.
    HostName: "host, no wildcard", ["shop.internal"], host("");
    /// The path of a request, without query and fragment.
    Path: "path", ["/api/"], format!("/{PATH}*");
    /// What a probe asks for, in printable ASCII.
    RequestPath: "path, with query", ["/healthz"], r#"/[!"$-~]*"#;
    /// Where a redirect leads, without query and fragment.
    RedirectTarget: "path or URL", ["/new/"], redirect();
    /// The syntax is that of <https://docs.rs/regex>.
    RegularExpression: "regular expression", ["^/v[0-9]+/"], Form::from(r"[\s\S]*").bare();
    /// The name of a pool's file, without its ending.
    PoolName: "pool", ["web"], Form::from("[0-9A-Za-z_.-]+").bare();
    /// The path of a file.
    File: "path", ["logs/access.log"], Form::from(r"[\s\S]+").bare();
    /// What a request is hashed by.
    HashKey: "`client`, `path`, `query`, `header:NAME`, `cookie:NAME`", ["client", "cookie:cart"],
        format!("client|path|query|header:{TOKEN}+|cookie:{TOKEN}{{1,256}}");
    /// A token of RFC 6265.
    Cookie: "name of a cookie", ["shop_session"], Form::from(format!("{TOKEN}{{1,256}}")).bare();
    /// Printable text of 16 characters or more.
    Secret: "text", ["${STICKY_SECRET}"], Form::from(
        r"[^\x00-\x1f\x7f-\x9f\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]{16,}",
    ).bare();
    /// Printable ASCII without white space.
    Zone: "text", ["eu-west-1a"], Form::from(format!("{VISIBLE}{{1,256}}")).bare();
    /// A name in printable ASCII without white space.
    ServiceName: "text", ["edge-eu"], Form::from(format!("{VISIBLE}{{1,256}}")).bare();
    /// 16 characters or more: letters, digits and `-._~+/`, then any number of `=` (RFC 6750).
    BearerToken: "text", ["${SWITCHBACK_ADMIN_TOKEN}"], bearer_token();
    /// Text with fields in braces.
    LogTemplate: "text", ["{time} {client} {status} {path}"], template();
    /// `http://` or `https://`, a host, and where needed a port and a path.
    BaseUrl: "URL", ["http://collector:4318"], base_url();
    /// The full name of a gRPC service.
    Service: "text", ["shop.v1.Cart"],
        Form::from(r"(?:\$\$|[!-.0-~]){0,256}").bare();
}

/// A status, a range, or a list of both; from 100 to 599.
pub(crate) enum Statuses {}

impl JsonSchema for Statuses {
    fn schema_name() -> Cow<'static, str> {
        "Statuses".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let status = r"\s*[1-5][0-9]{2}\s*";
        let examples = [json!(503), json!("500-599"), json!([502, "504-599"])];
        let note = "A status, a range, or a list of both; from 100 to 599.";
        let looks = json!({
            "type": ["integer", "string"],
            "minimum": 100,
            "maximum": 599,
            "pattern": pattern(&format!("{status}(?:-{status})?")),
        });
        one_or_many("statuses", note, &examples, described("status", note, &examples[..2], looks))
    }
}

/// Paths of files; `*` and `?` in the last part of each.
pub(crate) enum Files {}

impl JsonSchema for Files {
    fn schema_name() -> Cow<'static, str> {
        "Files".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let form = Form::from(r"[^*?]+|[^*?]*[*?][^/]*(?:/[/.]*)?").bare();
        let note = "Paths of files; `*` and `?` in the last part of each.";
        let examples = [json!("pools/*.yaml")];
        let entry = described("path", note, &examples, form.looks());
        one_or_many("path or list of paths", note, &examples, entry)
    }
}

/// One such entry, or a list of them.
fn one_or_many(title: &str, note: &str, examples: &[Value], entry: Schema) -> Schema {
    let list = json!({ "type": "array", "items": entry, "minItems": 1 });
    described(title, note, examples, json!({ "anyOf": [entry, list] }))
}
