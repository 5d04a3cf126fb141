//! Texts of which a protocol, or an eye on a dashboard, allows only some: zones, cookies, secrets,
//! tokens, services.
//!
//! What they have in common is the slip that nobody sees: a line break at the end of a variable that
//! was read from a file. It would make a zone that is no other's, and a secret that no other
//! gateway has.

use std::sync::Arc;

use switchback_core::plan::Secret;

use crate::diagnostic::{Problem, quote};

/// The fewest characters of a secret: 16 random ones are beyond guessing.
pub(crate) const SECRET: usize = 16;
/// The longest name.
const LONGEST: usize = 256;

/// A zone.
pub(crate) fn zone(text: &str) -> Result<Arc<str>, Problem> {
    if text.is_empty() {
        return Err(Problem::new("`zone` is an empty text", "a name is wanted")
            .help("write for example `eu-west-1a`, or leave the key away"));
    }
    plain(text).map_err(|label| {
        Problem::new(format!("{} is no `zone`", quote(text)), label)
            .help("write one word, as the provider does: `eu-west-1a`")
    })
}

/// The gRPC service that a probe asks about; empty: the server as a whole.
pub(crate) fn service(text: &str) -> Result<Arc<str>, Problem> {
    let label = match text.split_once('/') {
        Some(_) => Err("a service has no path; the probe always asks `grpc.health.v1.Health`"),
        None => plain(text),
    };
    label.map_err(|label| {
        Problem::new(format!("{} is no gRPC service", quote(text)), label)
            .help("write its full name, `shop.v1.Cart`, or leave the key away for the whole server")
    })
}

/// The name of a cookie: a token (RFC 6265, section 4.1.1).
pub(crate) fn cookie(text: &str) -> Result<Arc<str>, Problem> {
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    let label = if text.is_empty() {
        "the name is missing".to_owned()
    } else if text.len() > LONGEST {
        format!("the name is longer than {LONGEST} characters")
    } else if let Some(bad) = text.chars().find(|c| !u8::try_from(*c).is_ok_and(|b| is_token(&b))) {
        format!("{} cannot stand in a cookie's name", quote(&bad.to_string()))
    } else {
        return Ok(text.into());
    };
    Err(Problem::new(format!("{} is no name of a cookie", quote(text)), label)
        .help("write letters, digits, `-` and `_`: `shop_session` (RFC 6265)"))
}

/// What cookies are signed with. No message repeats any of it.
pub(crate) fn secret(text: &str) -> Result<Arc<str>, Problem> {
    let is_invisible = |c: char| c.is_control() || c.is_whitespace() && c != ' ';
    if text.contains(is_invisible) {
        let label = "a line break, a tab or another invisible character is in it";
        return Err(Problem::new("`secret` is not a plain text", label).help(
            "a file that a variable is filled from often ends in a line break: take that away",
        ));
    }
    let count = text.chars().count();
    if count < SECRET {
        let label = format!("it has {count} characters, and {SECRET} are the fewest");
        return Err(Problem::new("`secret` is too short", label)
            .help("make one with `openssl rand -hex 32`, and give it to every gateway"));
    }
    Ok(text.into())
}

/// A bearer token (RFC 6750, section 2.1). No message repeats any of it.
pub(crate) fn bearer(text: &str) -> Result<Secret, Problem> {
    let is_sign = |c: char| c.is_ascii_alphanumeric() || "-._~+/".contains(c);
    let refused =
        |label: &str, help: &str| Err(Problem::new("`token` is no bearer token", label).help(help));
    let make = "make one with `openssl rand -hex 32`";
    if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        let label = "white space, a line break or another invisible character is in it";
        let help =
            "a file that a variable is filled from often ends in a line break: take that away";
        return refused(label, help);
    }
    let body = text.trim_end_matches('=');
    if !text.is_empty() && (body.is_empty() || !body.chars().all(is_sign)) {
        let label = "it takes letters, digits and `-._~+/`, then any number of `=` (RFC 6750)";
        return refused(label, make);
    }
    if text.len() < SECRET {
        let label = format!("it has {} characters, and {SECRET} are the fewest", text.len());
        return Err(Problem::new("`token` is too short", label).help(make));
    }
    Ok(Secret::new(text))
}

/// By what name traces tell of this gateway.
pub(crate) fn trace_service(text: &str) -> Result<Arc<str>, Problem> {
    let label = match text {
        "" => Err("it is empty"),
        text => plain(text),
    };
    label.map_err(|label| {
        Problem::new(format!("{} is no `service`", quote(text)), label)
            .help("write one word, `edge-eu`, or leave the key away for `switchback`")
    })
}

/// Without white space and what is invisible, and not too long.
fn plain(text: &str) -> Result<Arc<str>, &'static str> {
    if text.contains(|c: char| c.is_whitespace()) {
        Err("white space is in it")
    } else if text.contains(|c: char| c.is_control() || !c.is_ascii()) {
        Err("a character beyond printable ASCII is in it")
    } else if text.len() > LONGEST {
        Err("it is longer than 256 characters")
    } else {
        Ok(text.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_variable_brings_beside_the_value_is_refused() {
        assert!(zone("eu-west-1a").is_ok());
        for text in ["", "eu-west-1a\n", "rack 12", "zürich", "a\u{0}", "\u{feff}a"] {
            assert!(zone(text).is_err(), "{text:?}");
        }
        assert!(secret("correct horse battery").is_ok());
        for text in ["", "fifteen-letters", "0123456789abcdef\n", "0123456789abcdef\u{2028}"] {
            assert!(secret(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_cookie_is_a_token() {
        for text in ["switchback", "__Host-a", "$a", "a.b"] {
            assert!(cookie(text).is_ok(), "{text}");
        }
        for text in ["", "a b", "a=b", "a;b", "a,b", "\"a\"", "a/b", "ä", "a\n", "a{}", "@a"] {
            assert!(cookie(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_bearer_token_is_long_enough_and_never_repeated() {
        for text in
            ["0123456789abcdef", "abc-._~+/ABC12345", "MDEyMzQ1Njc4OWE=", "0123456789abc==="]
        {
            assert!(bearer(text).is_ok(), "{text}");
        }
        for text in [
            "0123456789abcde",
            "================",
            "0123456789=abcdef",
            "0123456789:abcdef",
            "0123456789abcdef\n",
            "0123456789 abcdef",
            "0123456789äbcdef",
        ] {
            let refused = bearer(text);
            assert!(refused.is_err(), "{text:?}");
            assert!(!format!("{refused:?}").contains("0123456789"), "{text:?}");
        }
        assert!(bearer("").is_err());
    }

    #[test]
    fn a_service_may_be_the_whole_server() {
        assert_eq!(service("").as_deref(), Ok(""));
        assert!(service("shop.v1.Cart").is_ok());
        for text in ["/shop.v1.Cart", "shop.v1.Cart/Check", "a b"] {
            assert!(service(text).is_err(), "{text}");
        }
    }
}
