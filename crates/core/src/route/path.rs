//! The path of a route: a prefix of segments, an exact path, or a regular expression.

use std::sync::Arc;

use regex::Regex;
use thiserror::Error;

/// Which paths a route is for. The query is no part of a path.
#[derive(Clone, Debug)]
pub enum PathPattern {
    /// The path itself and everything below it, on whole segments: `/api` is for `/api`, `/api/` and
    /// `/api/x`, not for `/apiary`. Held without its trailing slash; the empty one is every path.
    Prefix(Arc<str>),
    /// Just this path.
    Exact(Arc<str>),
    /// Every path in which this expression is found (anchor it with `^` and `$`).
    Regex(Regex),
}

/// Why a text is no path pattern.
#[derive(Clone, Debug, Error)]
pub enum PathPatternError {
    /// It does not begin with a slash.
    #[error("a path begins with `/`")]
    NoSlash,
    /// A query or a fragment.
    #[error("`{0}` begins a query or a fragment, which is no part of a path")]
    Query(char),
    /// White space or a control character, which no request target can hold.
    #[error("a path holds no white space and no control characters; percent-encode them")]
    Character,
    /// The regular expression does not compile, or is too large.
    #[error(transparent)]
    Regex(#[from] regex::Error),
}

impl PathPattern {
    /// A prefix on segments.
    pub fn prefix(text: &str) -> Result<Self, PathPatternError> {
        validate(text)?;
        Ok(Self::Prefix(text.strip_suffix('/').unwrap_or(text).into()))
    }

    /// One path.
    pub fn exact(text: &str) -> Result<Self, PathPatternError> {
        validate(text)?;
        Ok(Self::Exact(text.into()))
    }

    /// A regular expression (the `regex` crate's syntax: linear time, whatever the input).
    pub fn regex(text: &str) -> Result<Self, PathPatternError> {
        Ok(Self::Regex(Regex::new(text)?))
    }

    /// Whether two patterns match the same by being the same.
    pub fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Prefix(a), Self::Prefix(b)) | (Self::Exact(a), Self::Exact(b)) => a == b,
            (Self::Regex(a), Self::Regex(b)) => a.as_str() == b.as_str(),
            _ => false,
        }
    }
}

impl std::fmt::Display for PathPattern {
    /// `/api/` for a prefix, `=/x` for an exact path, `~^/v[0-9]+/` for an expression.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Prefix(prefix) => write!(f, "{prefix}/"),
            Self::Exact(path) => write!(f, "={path}"),
            Self::Regex(regex) => write!(f, "~{regex}"),
        }
    }
}

fn validate(text: &str) -> Result<(), PathPatternError> {
    if !text.starts_with('/') {
        return Err(PathPatternError::NoSlash);
    }
    for character in text.chars() {
        match character {
            '?' | '#' => return Err(PathPatternError::Query(character)),
            c if c.is_whitespace() || c.is_control() => return Err(PathPatternError::Character),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_path_says_why() {
        assert!(matches!(PathPattern::prefix("api"), Err(PathPatternError::NoSlash)));
        assert!(matches!(PathPattern::exact("/a?b"), Err(PathPatternError::Query('?'))));
        assert!(matches!(PathPattern::exact("/a b"), Err(PathPatternError::Character)));
        assert!(matches!(PathPattern::regex("("), Err(PathPatternError::Regex(_))));
    }

    #[test]
    fn an_expression_that_would_fill_the_memory_is_refused() {
        assert!(matches!(
            PathPattern::regex("(((a{100}){100}){100}){100}"),
            Err(PathPatternError::Regex(_))
        ));
    }
}
