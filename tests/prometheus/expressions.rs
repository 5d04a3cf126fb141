//! What an expression of PromQL asks for: its metrics with their matchers, and the labels that it groups by.
//!
//! No parser: Prometheus itself says whether an expression is one. This finds what it would silently take
//! for a metric without series: a name or a label that nobody exposes.

/// A metric in an expression.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Selector {
    pub(crate) name: String,
    pub(crate) matchers: Vec<Matcher>,
}

/// A label that must have a value, or must not.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Matcher {
    pub(crate) label: String,
    pub(crate) value: String,
}

/// What an expression asks for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) selectors: Vec<Selector>,
    /// The labels of `by`, `on` and the like.
    pub(crate) groups: Vec<String>,
}

/// What is followed by a list of labels.
const GROUPING: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];

/// What is neither a function nor a metric.
const WORDS: [&str; 5] = ["and", "or", "unless", "bool", "offset"];

pub(crate) fn asked(expression: &str) -> Asked {
    let mut asked = Asked::default();
    let mut rest = expression.trim_start();
    while let Some(first) = rest.chars().next() {
        if is_name(first) && !first.is_ascii_digit() {
            let (name, after) = word(rest);
            rest = after.trim_start();
            if GROUPING.contains(&name) {
                let (list, after) = enclosed(rest, '(', ')');
                asked.groups.extend(list.split(',').map(|label| label.trim().to_owned()));
                rest = after;
            } else if rest.starts_with('{') {
                let (list, after) = enclosed(rest, '{', '}');
                asked.selectors.push(Selector { name: name.to_owned(), matchers: matchers(list) });
                rest = after;
            } else if !(rest.starts_with('(') || is_aggregation(rest) || WORDS.contains(&name)) {
                asked.selectors.push(Selector { name: name.to_owned(), matchers: Vec::new() });
            }
        } else if first == '[' {
            rest = enclosed(rest, '[', ']').1;
        } else if first == '"' {
            rest = quoted(rest).1;
        } else if first == '$' || first.is_ascii_digit() {
            // A variable of Grafana's, or a number with its unit.
            rest = word(&rest[1..]).1;
        } else {
            rest = &rest[first.len_utf8()..];
        }
        rest = rest.trim_start();
    }
    asked
}

/// The labels of a legend: `{{pool}}: {{result}}`.
pub(crate) fn labels_of_legend(legend: &str) -> impl Iterator<Item = &str> {
    legend.split("{{").skip(1).filter_map(|rest| Some(rest.split_once("}}")?.0.trim()))
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == ':'
}

/// Whether what stands before is a function that groups: `sum by (pool) (…)`.
fn is_aggregation(rest: &str) -> bool {
    matches!(word(rest).0, "by" | "without")
}

fn word(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c| !is_name(c)).unwrap_or(text.len()))
}

/// What stands between two brackets at the beginning of `text`, and what follows. None of what is read here
/// has a bracket inside, but for strings.
fn enclosed(text: &str, open: char, close: char) -> (&str, &str) {
    let inside = text.strip_prefix(open).unwrap_or_else(|| panic!("no `{open}`: {text}"));
    let mut rest = inside;
    while !rest.starts_with(close) {
        let next = rest.chars().next().unwrap_or_else(|| panic!("no `{close}`: {text}"));
        rest = if next == '"' { quoted(rest).1 } else { &rest[next.len_utf8()..] };
    }
    (&inside[..inside.len() - rest.len()], &rest[close.len_utf8()..])
}

/// The string at the beginning of `text`, and what follows. None of ours has a quote inside.
fn quoted(text: &str) -> (&str, &str) {
    let inside = text.strip_prefix('"').unwrap_or_else(|| panic!("no string: {text}"));
    inside.split_once('"').unwrap_or_else(|| panic!("a string without an end: {text}"))
}

fn matchers(mut list: &str) -> Vec<Matcher> {
    let mut matchers = Vec::new();
    loop {
        list = list.trim_matches([',', ' ', '\n']);
        if list.is_empty() {
            return matchers;
        }
        let (label, rest) = word(list);
        let (value, rest) = quoted(rest.trim_start_matches(['=', '!', '~', ' ']));
        matchers.push(Matcher { label: label.to_owned(), value: value.to_owned() });
        list = rest;
    }
}

#[test]
fn metrics_matchers_and_groups_are_found() {
    let expression = "sum by (job, le) (rate(a_bucket{x=\"1+\",y=~\"b|c{\"}[$__rate_interval])) / 14e3 > 2 \
                      and on (job) c or vector(0) * time() - $x";
    let found = asked(expression);
    assert_eq!(found.groups, ["job", "le", "job"]);
    let names: Vec<_> = found.selectors.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["a_bucket", "c"]);
    let of = |label: &str, value: &str| Matcher { label: label.into(), value: value.into() };
    assert_eq!(found.selectors[0].matchers, [of("x", "1+"), of("y", "b|c{")]);
    assert_eq!(labels_of_legend("{{pool}}: {{ result }}").collect::<Vec<_>>(), ["pool", "result"]);
}
