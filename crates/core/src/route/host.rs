//! The host of a route: a name, a wildcard, or any.

use std::sync::Arc;

use thiserror::Error;

/// Which hosts a route is for.
///
/// Names are compared without case and without a trailing dot; a port is no part of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum HostPattern {
    /// Just this name (or IP address; IPv6 in brackets), in lower case.
    Exact(Arc<str>),
    /// Every name below this one, at any depth, but not the name itself. Holds what follows `*.`.
    Wildcard(Arc<str>),
    /// Every host.
    Any,
}

/// Why a text is no host pattern.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum HostPatternError {
    /// Nothing there.
    #[error("a host cannot be empty")]
    Empty,
    /// A `*` elsewhere than as the whole first label.
    #[error("`*` may only stand for the whole first label, as in `*.example.com`")]
    Wildcard,
    /// A port.
    #[error("a host has no port here; the listener decides the port")]
    Port,
    /// A character that is in no host name.
    #[error("`{}` cannot be part of a host name", .0.escape_debug())]
    Character(char),
    /// A label that is empty or too long, or a name that is too long (RFC 1035, section 2.3.4).
    #[error("a label of a host name has 1 to 63 characters, the whole name at most 253")]
    Length,
}

impl HostPattern {
    /// Reads `*`, `*.name` or a name.
    pub fn parse(text: &str) -> Result<Self, HostPatternError> {
        if text == "*" {
            return Ok(Self::Any);
        }
        let (wildcard, name) = match text.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let name = name.strip_suffix('.').unwrap_or(name);
        validate(name, wildcard)?;
        let name: Arc<str> = name.to_ascii_lowercase().into();
        Ok(if wildcard { Self::Wildcard(name) } else { Self::Exact(name) })
    }
}

impl std::fmt::Display for HostPattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exact(name) => f.write_str(name),
            Self::Wildcard(name) => write!(f, "*.{name}"),
            Self::Any => f.write_str("*"),
        }
    }
}

fn validate(name: &str, wildcard: bool) -> Result<(), HostPatternError> {
    if name.is_empty() {
        return Err(HostPatternError::Empty);
    }
    if let Some(inner) = name.strip_prefix('[').filter(|_| !wildcard) {
        let Some(address) = inner.strip_suffix(']') else {
            return Err(if inner.contains("]:") {
                HostPatternError::Port
            } else {
                HostPatternError::Character('[')
            });
        };
        return match address.parse::<std::net::Ipv6Addr>() {
            Ok(_) => Ok(()),
            Err(_) => Err(HostPatternError::Character('[')),
        };
    }
    for character in name.chars() {
        match character {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_' | '.' => {}
            '*' => return Err(HostPatternError::Wildcard),
            ':' => return Err(HostPatternError::Port),
            other => return Err(HostPatternError::Character(other)),
        }
    }
    let labels_fit = name.split('.').all(|label| (1..=63).contains(&label.len()));
    if name.len() > 253 || !labels_fit {
        return Err(HostPatternError::Length);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_case_and_trailing_dot() {
        assert_eq!(
            HostPattern::parse("Shop.Example.COM."),
            Ok(HostPattern::Exact("shop.example.com".into()))
        );
    }

    #[test]
    fn what_is_no_host_says_why() {
        for (text, error) in [
            ("", HostPatternError::Empty),
            ("*.", HostPatternError::Empty),
            ("a*.example.com", HostPatternError::Wildcard),
            ("*.*.com", HostPatternError::Wildcard),
            ("shop.example.com:80", HostPatternError::Port),
            ("[::1]:80", HostPatternError::Port),
            ("shop/x", HostPatternError::Character('/')),
            ("a..b", HostPatternError::Length),
        ] {
            assert_eq!(HostPattern::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_printed_is_escaped() {
        let said = |text| HostPattern::parse(text).unwrap_err().to_string();
        assert_eq!(said("a\u{1b}[2J"), "`\\u{1b}` cannot be part of a host name");
        assert_eq!(said("a\u{202e}b"), "`\\u{202e}` cannot be part of a host name");
        assert_eq!(said("shöp"), "`ö` cannot be part of a host name");
    }

    #[test]
    fn addresses_are_hosts() {
        assert!(HostPattern::parse("127.0.0.1").is_ok());
        assert!(HostPattern::parse("[::1]").is_ok());
    }
}
