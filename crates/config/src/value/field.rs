//! Header fields that the gateway sends of its own accord: names, and values that are secrets.

use std::sync::Arc;

use switchback_core::plan::Secret;

use crate::diagnostic::{Problem, quote};
use crate::effective::secret;

/// What an HTTP client says itself.
const OWN: &[&str] = &[
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// A name, in lower case: a token (RFC 9110, section 5.6.2).
pub(crate) fn name(text: &str) -> Result<Arc<str>, Problem> {
    let name = text.to_ascii_lowercase();
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let label = if OWN.contains(&&*name) {
        "the gateway says this itself".to_owned()
    } else if let Some(bad) = text.chars().find(|c| !u8::try_from(*c).is_ok_and(is_token)) {
        format!("{} cannot stand in a name", quote(&bad.to_string()))
    } else {
        return Ok(name.into());
    };
    Err(Problem::new(format!("{} is no header field to set", quote(text)), label)
        .help("write a name, and its value: `authorization: \"Bearer ${OTLP_TOKEN}\"`"))
}

/// The value of the field `name`: visible ASCII, with spaces between. No message repeats any of it.
pub(crate) fn value(name: &str, text: &str) -> Result<Secret, Problem> {
    let named = quote(name);
    let refused = |label: &str, help: &str| {
        Err(Problem::new(format!("the value of {named} is none of a header field"), label)
            .help(help))
    };
    if secret::is_fingerprint(text) {
        let label = "this is the fingerprint of a secret, not the secret";
        return refused(label, "what the admin API shows cannot be loaded");
    }
    let is_visible = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
    if text.is_empty() {
        refused("it is empty", "write one, or remove the key")
    } else if text.contains(['\r', '\n']) {
        let help =
            "a file that a variable is filled from often ends in a line break: take that away";
        refused("a line break is in it", help)
    } else if !text.bytes().all(is_visible) {
        let label = "a character beyond visible ASCII is in it";
        refused(label, "encode it, as in Base64 or with percent signs")
    } else if text.trim_matches(' ') != text {
        refused("it begins or ends with a space", "take that away")
    } else {
        Ok(Secret::new(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_token_in_lower_case() {
        assert_eq!(name("Authorization").as_deref(), Ok("authorization"));
        assert!(name("x-api_key!").is_ok());
        for text in ["a b", "a:", "ä", "a\n", "Host", "content-type"] {
            assert!(name(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_value_is_visible_and_never_repeated() {
        for text in ["Bearer a==", "~", "a\"b"] {
            assert!(value("x", text).is_ok(), "{text}");
        }
        for text in ["", " hunter2", "hunter2 ", "hunter2\n", "hunt\ter2", "hünter2", "sha256:3f9a"]
        {
            let refused = value("x", text);
            assert!(refused.is_err(), "{text:?}");
            assert!(text.is_empty() || !format!("{refused:?}").contains(text.trim()), "{text:?}");
        }
    }
}
