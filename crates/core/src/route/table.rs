//! Routes, indexed so that the most specific match is found by hashing.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use regex::Regex;

use super::{HostPattern, PathPattern};

/// Finds the most specific route of a request. Values are the routes' positions in the file.
#[derive(Clone, Debug, Default)]
pub struct RouteTable {
    exact: HashMap<Arc<str>, PathTable>,
    /// By what follows `*.`.
    wildcard: HashMap<Arc<str>, PathTable>,
    any: PathTable,
}

#[derive(Clone, Debug, Default)]
struct PathTable {
    exact: HashMap<Arc<str>, usize>,
    /// Longest pattern first, the file's order among equals.
    regex: Vec<(Regex, usize)>,
    /// Without trailing slash.
    prefix: HashMap<Arc<str>, usize>,
    /// The most segments that a prefix of this table has: how deep a path need be looked at.
    depth: usize,
}

impl RouteTable {
    /// Indexes the routes; of two that are the same, the first counts.
    pub fn new<'a>(routes: impl IntoIterator<Item = (&'a HostPattern, &'a PathPattern)>) -> Self {
        let mut table = Self::default();
        for (position, (host, path)) in routes.into_iter().enumerate() {
            let paths = match host {
                HostPattern::Exact(name) => table.exact.entry(name.clone()).or_default(),
                HostPattern::Wildcard(name) => table.wildcard.entry(name.clone()).or_default(),
                HostPattern::Any => &mut table.any,
            };
            paths.insert(path, position);
        }
        let named = table.exact.values_mut().chain(table.wildcard.values_mut());
        named.chain([&mut table.any]).for_each(PathTable::sort);
        table
    }

    /// The position of the most specific route for `host` (without a port) and `path` (without a
    /// query); `None` if no route matches.
    pub fn find(&self, host: &str, path: &str) -> Option<usize> {
        let host = canonical(host);
        self.exact
            .get(host.as_ref())
            .and_then(|paths| paths.find(path))
            .or_else(|| self.find_wildcard(&host, path))
            .or_else(|| self.any.find(path))
    }

    fn find_wildcard(&self, host: &str, path: &str) -> Option<usize> {
        if self.wildcard.is_empty() {
            return None;
        }
        let mut rest = host;
        while let Some((_, parent)) = rest.split_once('.') {
            if let Some(found) = self.wildcard.get(parent).and_then(|paths| paths.find(path)) {
                return Some(found);
            }
            rest = parent;
        }
        None
    }
}

impl PathTable {
    fn insert(&mut self, path: &PathPattern, position: usize) {
        match path {
            PathPattern::Exact(path) => {
                self.exact.entry(path.clone()).or_insert(position);
            }
            PathPattern::Prefix(prefix) => {
                self.depth = self.depth.max(segments(prefix));
                self.prefix.entry(prefix.clone()).or_insert(position);
            }
            PathPattern::Regex(regex) => self.regex.push((regex.clone(), position)),
        }
    }

    fn sort(&mut self) {
        // Stable: equals keep the file's order.
        self.regex.sort_by_key(|(regex, _)| Reverse(regex.as_str().len()));
    }

    fn find(&self, path: &str) -> Option<usize> {
        if let Some(&position) = self.exact.get(path) {
            return Some(position);
        }
        if let Some((_, position)) = self.regex.iter().find(|(regex, _)| regex.is_match(path)) {
            return Some(*position);
        }
        let mut prefix = first_segments(path, self.depth);
        loop {
            if let Some(&position) = self.prefix.get(prefix) {
                return Some(position);
            }
            // What has no slash (`*` of OPTIONS) is below everything, and below nothing else.
            prefix = match prefix.rfind('/') {
                Some(end) => &prefix[..end],
                None if !prefix.is_empty() => "",
                None => return None,
            };
        }
    }
}

/// Lower case and without the trailing dot; borrowed when it is so already.
fn canonical(host: &str) -> Cow<'_, str> {
    let host = host.strip_suffix('.').unwrap_or(host);
    if host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(host.to_ascii_lowercase())
    } else {
        Cow::Borrowed(host)
    }
}

fn segments(prefix: &str) -> usize {
    prefix.bytes().filter(|&byte| byte == b'/').count()
}

/// The first `count` segments of `path`, each with the slash before it. What follows cannot be part
/// of a prefix, so a target of eight thousand slashes costs no more than `/`.
fn first_segments(path: &str, count: usize) -> &str {
    let end = path.bytes().enumerate().filter(|&(_, byte)| byte == b'/').nth(count);
    end.map_or(path, |(at, _)| &path[..at])
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn table(routes: &[(&str, &str)]) -> RouteTable {
        let routes: Vec<_> = routes
            .iter()
            .map(|(host, path)| {
                let path = match path.as_bytes()[0] {
                    b'=' => PathPattern::exact(&path[1..]),
                    b'~' => PathPattern::regex(&path[1..]),
                    _ => PathPattern::prefix(path),
                };
                (HostPattern::parse(host).unwrap(), path.unwrap())
            })
            .collect();
        RouteTable::new(routes.iter().map(|(host, path)| (host, path)))
    }

    #[test]
    fn the_most_specific_match_wins_whatever_the_order() {
        let table = table(&[
            ("*", "/"),
            ("*.example.com", "/"),
            ("*.eu.example.com", "/"),
            ("shop.example.com", "/"),
            ("shop.example.com", "/api/"),
            ("shop.example.com", "/api/v2/"),
            ("shop.example.com", "~^/api/v[0-9]+/users"),
            ("shop.example.com", "=/api/v2/users"),
        ]);
        for (host, path, expected) in [
            ("other.org", "/", Some(0)),
            ("example.com", "/", Some(0)),
            ("a.example.com", "/", Some(1)),
            ("a.b.example.com", "/x", Some(1)),
            ("a.eu.example.com", "/x", Some(2)),
            ("shop.example.com", "/", Some(3)),
            ("SHOP.Example.com.", "/apiary", Some(3)),
            ("shop.example.com", "/api", Some(4)),
            ("shop.example.com", "/api/", Some(4)),
            ("shop.example.com", "/api/v2", Some(5)),
            ("shop.example.com", "/api/v2/users/7", Some(6)),
            ("shop.example.com", "/api/v2/users", Some(7)),
        ] {
            assert_eq!(table.find(host, path), expected, "{host}{path}");
        }
    }

    #[test]
    fn a_host_without_the_path_falls_through_to_the_next() {
        let table = table(&[("shop.example.com", "/api/"), ("*.example.com", "/")]);
        assert_eq!(table.find("shop.example.com", "/cart"), Some(1));
    }

    #[test]
    fn nothing_matches_where_nothing_is() {
        let table = table(&[("shop.example.com", "/api/")]);
        assert_eq!(table.find("shop.example.com", "/"), None);
        assert_eq!(table.find("", ""), None);
        assert_eq!(table.find("shop.example.com", "*"), None);
    }

    #[test]
    fn of_two_that_are_the_same_the_first_counts() {
        assert_eq!(table(&[("a", "/x"), ("a", "/x/")]).find("a", "/x"), Some(0));
    }

    #[test]
    fn the_longer_expression_goes_first() {
        let table = table(&[("*", "~^/v"), ("*", "~^/v[0-9]+"), ("*", "~^/u")]);
        assert_eq!(table.find("a", "/v1"), Some(1));
        assert_eq!(table.find("a", "/vx"), Some(0));
        assert_eq!(table.find("a", "/ux"), Some(2));
    }

    /// The order of the documentation, one route after the other. Of what matches, the greatest wins.
    fn naive(routes: &[(HostPattern, PathPattern)], host: &str, path: &str) -> Option<usize> {
        let host = host.to_ascii_lowercase();
        let host_rank = |pattern: &HostPattern| match pattern {
            HostPattern::Exact(name) => (**name == host).then_some((2, 0)),
            HostPattern::Wildcard(name) => {
                let below = host.strip_suffix(&**name).is_some_and(|rest| rest.ends_with('.'));
                below.then_some((1, name.len()))
            }
            HostPattern::Any => Some((0, 0)),
        };
        let path_rank = |pattern: &PathPattern| match pattern {
            PathPattern::Exact(exact) => (**exact == *path).then_some((2, 0)),
            PathPattern::Regex(regex) => regex.is_match(path).then_some((1, regex.as_str().len())),
            PathPattern::Prefix(prefix) => {
                let rest = path.strip_prefix(&**prefix)?;
                let whole = prefix.is_empty() || rest.is_empty() || rest.starts_with('/');
                whole.then_some((0, prefix.len()))
            }
        };
        let ranked = routes.iter().enumerate().filter_map(|(position, (host, path))| {
            Some((host_rank(host)?, path_rank(path)?, Reverse(position)))
        });
        ranked.max().map(|(_, _, Reverse(position))| position)
    }

    proptest! {
        #[test]
        fn the_table_finds_what_a_look_at_every_route_finds(
            routes in vec((r"\*|(\*\.)?[ab](\.[ab]){0,2}", 0..3, r"(/[ab]{1,2}){0,3}/?"), 0..30),
            asked in vec((r"[abA](\.[ab]){0,3}", r"(/[ab]{0,2}){1,4}"), 20),
        ) {
            let routes: Vec<_> = routes
                .iter()
                .map(|(host, kind, path)| {
                    let rooted = if path.is_empty() { "/" } else { path };
                    let path = match kind {
                        0 => PathPattern::prefix(rooted),
                        1 => PathPattern::exact(rooted),
                        _ => PathPattern::regex(&format!("^{path}")),
                    };
                    (HostPattern::parse(host).unwrap(), path.unwrap())
                })
                .collect();
            let table = RouteTable::new(routes.iter().map(|(host, path)| (host, path)));
            for (host, path) in &asked {
                prop_assert_eq!(table.find(host, path), naive(&routes, host, path), "{}{}", host, path);
            }
        }
    }
}
