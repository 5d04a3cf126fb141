//! Routes that are never taken, because another takes all of their requests first.
//!
//! What surprises is the place of regular expressions: within a host they come before every prefix,
//! and the longer pattern before the shorter. So `^/api` takes all that a prefix `/api/v2/` waits
//! for, and `^/api/.*` all that `^/api/v2` does.
//!
//! Only what is certain is told. Two kinds of expressions say exactly what they match: `^` and
//! literal characters, for all that begins so, and the same with a `$`, for one path. Whatever else is
//! in an expression, it is left out. Routes of different hosts are not compared, because no set of
//! names covers a wildcard.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use switchback_core::plan::RoutePlan;
use switchback_core::route::{HostPattern, PathPattern};

use crate::diagnostic::{Problem, Reporter, quote};
use crate::source::Span;

/// How many expressions of a host are looked at: each is compared with every route of the host.
const MOST: usize = 100;

/// When the table asks a route of its host: exact paths, expressions by length, prefixes; then in
/// the file's order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Turn {
    Exact,
    Expression(Reverse<usize>, usize),
    Prefix,
}

/// The paths of a route.
#[derive(PartialEq, Eq, Hash)]
enum Paths {
    /// Just this one.
    One(String),
    /// Each that begins with this.
    Beginning(String),
}

/// A route whose paths are known.
struct Known {
    turn: Turn,
    paths: Paths,
    name: Arc<str>,
    span: Span,
}

/// Warns of each route that is never taken.
pub(super) fn warn(routes: &[(RoutePlan, Span)], reporter: &Reporter<'_>) {
    let mut hosts: HashMap<&HostPattern, Vec<Known>> = HashMap::new();
    for (position, (route, span)) in routes.iter().enumerate() {
        if let Some((turn, paths)) = known(&route.path, position) {
            hosts.entry(&route.host).or_default().push(Known {
                turn,
                paths,
                name: route.name.clone(),
                span: *span,
            });
        }
    }
    for routes in hosts.values_mut() {
        routes.sort_by_key(|route| route.turn);
        let exact: HashMap<&Paths, &Known> = routes
            .iter()
            .filter(|route| route.turn == Turn::Exact)
            .map(|route| (&route.paths, route))
            .collect();
        let expressions: Vec<&Known> = routes
            .iter()
            .filter(|route| matches!(route.turn, Turn::Expression(..)))
            .take(MOST)
            .collect();
        for route in routes.iter().filter(|route| route.turn != Turn::Exact) {
            let covers = |other: &&&Known| covers(&other.paths, &route.paths);
            let earlier = expressions.iter().take_while(|other| other.turn < route.turn);
            let first = exact.get(&route.paths).or_else(|| earlier.clone().find(covers));
            if let Some(first) = first {
                tell(route, first, reporter);
            }
        }
    }
}

fn tell(route: &Known, first: &Known, reporter: &Reporter<'_>) {
    let help = match (first.turn, route.turn) {
        (Turn::Exact, _) => "an exact path goes before an expression; remove one of the two",
        (_, Turn::Prefix) => {
            "an expression goes before every prefix; make it match less, or remove this route"
        }
        _ => "the longer expression goes first; make it match less, or remove this route",
    };
    let label = format!("{} takes all of its requests first", quote(&first.name));
    let problem = Problem::new(format!("route {} is never taken", quote(&route.name)), label);
    reporter.warn(route.span, problem.related(first.span, "this one").help(help));
}

/// `None` where it takes more than a look to tell the paths.
fn known(path: &PathPattern, position: usize) -> Option<(Turn, Paths)> {
    match path {
        PathPattern::Exact(path) => Some((Turn::Exact, Paths::One(path.to_string()))),
        // What a prefix matches begins with it; that it matches no more than whole segments makes no
        // difference to whether something that covers every beginning covers it.
        PathPattern::Prefix(prefix) => Some((Turn::Prefix, Paths::Beginning(prefix.to_string()))),
        PathPattern::Regex(regex) => {
            let length = regex.as_str().len();
            let paths = literal(regex.as_str())?;
            Some((Turn::Expression(Reverse(length), position), paths))
        }
    }
}

/// What an expression matches that is `^`, literal characters, and `$` or nothing.
fn literal(pattern: &str) -> Option<Paths> {
    let mut rest = match pattern {
        ".*" | ".*$" => pattern,
        _ => pattern.strip_prefix('^')?,
    };
    let mut text = String::new();
    loop {
        let mut characters = rest.chars();
        let character = match (characters.next(), rest) {
            // No path holds the line break that `.` leaves out.
            (None, _) | (_, ".*" | ".*$") => return Some(Paths::Beginning(text)),
            (_, "$") => return Some(Paths::One(text)),
            (Some('\\'), _) => characters.next().filter(is_itself_escaped)?,
            (Some(character), _) if is_special(character) => return None,
            (Some(character), _) => character,
        };
        text.push(character);
        rest = characters.as_str();
    }
}

fn is_special(character: char) -> bool {
    matches!(
        character,
        '.' | '^' | '$' | '*' | '+' | '?' | '(' | ')' | '[' | ']' | '{' | '}' | '|' | '\\'
    )
}

/// Letters and digits after a backslash are classes, and `\<` and `\>` are places.
fn is_itself_escaped(character: &char) -> bool {
    character.is_ascii_punctuation() && !matches!(character, '<' | '>')
}

fn covers(first: &Paths, other: &Paths) -> bool {
    match (first, other) {
        (Paths::Beginning(first), Paths::One(other) | Paths::Beginning(other)) => {
            other.starts_with(first)
        }
        (Paths::One(first), Paths::One(other)) => first == other,
        (Paths::One(_), Paths::Beginning(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use regex::Regex;

    #[test]
    fn only_plain_expressions_are_known() {
        for (pattern, beginning, one) in [
            ("^/api", Some("/api"), None),
            ("^/api/.*", Some("/api/"), None),
            ("^/api/.*$", Some("/api/"), None),
            (r"^/a\.b\/c$", None, Some("/a.b/c")),
            ("^", Some(""), None),
            (".*", Some(""), None),
            ("/api", None, None),
            ("^/api.+", None, None),
            ("^/v[0-9]+", None, None),
            ("^/ab?", None, None),
            ("^/ab*$", None, None),
            ("^/a|/b", None, None),
            (r"^/a\b", None, None),
            (r"^/a\<", None, None),
            ("^/a$|b", None, None),
        ] {
            let wanted = beginning
                .map(|text| Paths::Beginning(text.to_owned()))
                .or(one.map(|text| Paths::One(text.to_owned())));
            assert!(literal(pattern) == wanted, "{pattern}");
        }
    }

    proptest! {
        /// Whatever is known of an expression is what the expression does.
        #[test]
        fn what_is_known_is_so(pattern in r"\^?[/ab.]{0,3}[\\$^*+?|.b]{0,3}[/ab]{0,2}(\.\*)?\$?", path in "/?[/ab.*]{0,5}") {
            let Ok(regex) = Regex::new(&pattern) else { return Ok(()) };
            let wanted = match literal(&pattern) {
                Some(Paths::One(text)) => path == text,
                Some(Paths::Beginning(text)) => path.starts_with(&text),
                None => return Ok(()),
            };
            prop_assert_eq!(regex.is_match(&path), wanted, "{} {}", pattern, path);
        }
    }
}
