//! What is no YAML, in an operator's words.
//!
//! The scanner says what it expected next, which is seldom what the author did wrong. The common
//! slips are recognised by the text around the place; the rest keeps the scanner's own words.

use saphyr_parser::{Marker, ScanError};

use super::brackets;
use crate::diagnostic::{Problem, quote};
use crate::source::{Source, Span};

/// The place of a marker: one character wide, and within the file.
pub(super) fn place(marker: &Marker, source: &Source) -> Span {
    let line = number(marker.line()).clamp(1, source.line_count());
    let end = number(source.line(line).chars().count()).saturating_add(1);
    let column = if number(marker.line()) > line { end } else { number(marker.col()) + 1 };
    Span { line, column: column.min(end), width: 1 }
}

/// Where the error is, and what it is.
pub(super) fn explain(error: &ScanError, source: &Source) -> (Span, Problem) {
    let span = place(error.marker(), source);
    let info = error.info();
    star(span, source)
        .or_else(|| nesting(info, span))
        .or_else(|| tab(span, source))
        .or_else(|| quotes(info, span))
        .or_else(|| variable(span, source))
        .or_else(|| brackets(info, span, source))
        .or_else(|| reserved(span, source))
        .or_else(|| colon(info, span, source))
        .or_else(|| keyless(info, span, source))
        .or_else(|| indentation(info, span))
        .unwrap_or_else(|| {
            let words = info.rsplit(", ").next().unwrap_or_default();
            (span, Problem::new("this is not valid YAML", words))
        })
}

fn number(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// An unquoted `*`: YAML takes it for an alias.
fn star(span: Span, source: &Source) -> Option<(Span, Problem)> {
    let line = source.line(span.line);
    let before: String = line.chars().take(span.column as usize).collect();
    let start = before.rfind('*')?;
    let opens_value = before[..start].trim_end().ends_with([':', '-', ',', '[', '{']);
    if before[start..].contains(char::is_whitespace)
        || !(opens_value || before[..start].trim().is_empty())
    {
        return None;
    }
    let word = line[start..].split([' ', '\t', ',', ']', '}', '#']).next().unwrap_or("*");
    let span = Span {
        column: number(line[..start].chars().count() + 1),
        width: number(word.chars().count()),
        ..span
    };
    let quoted = quote(&format!("\"{word}\""));
    let name = word.trim_start_matches('*');
    let is_name =
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let problem = if is_name {
        let label = format!("an unquoted `*` repeats what is marked with `&{name}`");
        Problem::new(format!("nothing is marked with `&{name}`"), label).help(format!(
            "mark a value above with `&{name}`; or, if the `*` is meant, write {quoted}"
        ))
    } else {
        Problem::new(
            format!("{} is not quoted", quote(word)),
            "an unquoted `*` begins an alias in YAML",
        )
        .help(format!("write {quoted}"))
    };
    Some((span, problem))
}

/// The scanner has a bound of its own, and may come to it first.
fn nesting(info: &str, span: Span) -> Option<(Span, Problem)> {
    info.contains("recursion limit").then(|| (span, too_deep()))
}

/// The file passes [`super::MAX_DEPTH`].
pub(super) fn too_deep() -> Problem {
    let message = format!("the file is nested more than {} levels deep", super::MAX_DEPTH);
    Problem::new(message, "the limit is passed here")
}

/// A tab in the indentation of the line, or of the nearest line above that is not blank.
fn tab(span: Span, source: &Source) -> Option<(Span, Problem)> {
    let indent = |number: u32| {
        let line = source.line(number);
        let indent = &line[..line.len() - line.trim_start_matches([' ', '\t']).len()];
        (indent.len() < line.len()).then(|| indent.find('\t')).flatten()
    };
    let above = (1..span.line).rev().take(8).find(|&number| !source.line(number).trim().is_empty());
    let below = (span.line < source.line_count()).then_some(span.line + 1);
    let (line, at) = [Some(span.line), above, below]
        .into_iter()
        .flatten()
        .find_map(|number| indent(number).map(|at| (number, at)))?;
    let problem = Problem::new("a tab in the indentation", "YAML indents with spaces only")
        .help("replace every tab at the beginning of a line by two spaces");
    Some((Span { line, column: number(at + 1), width: 1 }, problem))
}

/// Quotes that do not end, or not where the value ends.
fn quotes(info: &str, span: Span) -> Option<(Span, Problem)> {
    let problem = if info.contains("trailing content") {
        Problem::new("text follows after a quoted value", "the quotes end before this")
            .help("put the whole value in quotes, or nothing of it")
    } else if info.contains("escape") {
        Problem::new("an unknown escape in a quoted value", "in this value")
            .help("a backslash in double quotes begins an escape; in single quotes it is itself")
    } else if info.contains("quoted scalar") {
        Problem::new("a quote is never closed", "opened here, or in a line above")
            .help("close it with the same quote, in the same line")
    } else {
        return None;
    };
    Some((span, problem))
}

/// An unquoted `${NAME}` where YAML takes the `{` for a mapping.
fn variable(span: Span, source: &Source) -> Option<(Span, Problem)> {
    let before: Vec<char> = source.line(span.line).chars().take(span.column as usize).collect();
    if !before.ends_with(&['$', '{']) {
        return None;
    }
    let line = source.line(span.line);
    let text: String = line.chars().skip(before.len() - 2).collect();
    let variable = &text[..text.find('}').map_or(text.len(), |end| end + 1)];
    let label = "within `{ }` and `[ ]`, a brace ends the value";
    let problem = Problem::new("a variable is not quoted", label)
        .help(format!("write {}", quote(&format!("\"{variable}\""))));
    let span =
        Span { column: number(before.len() - 1), width: number(variable.chars().count()), ..span };
    Some((span, problem))
}

/// Brackets that do not match up.
fn brackets(info: &str, span: Span, source: &Source) -> Option<(Span, Problem)> {
    let about = ["flow", "illegal placement of ':'", "bracket", "expected ','"];
    about.iter().any(|part| info.contains(part)).then(|| {
        let problem = Problem::new("a `,` or a closing bracket is missing", "in front of this");
        let problem = match brackets::open(span, source) {
            Some(open) => problem.related(open, "this one is still open").help(
                "close it with its counterpart, or put a `,` between two entries; text that holds a bracket is quoted",
            ),
            None => problem
                .help("look for a `[` or `{`, here or in the lines above, that nothing closes"),
        };
        (span, problem)
    })
}

/// A value that begins with a character which YAML keeps for itself.
fn reserved(span: Span, source: &Source) -> Option<(Span, Problem)> {
    let character = source.line(span.line).chars().nth(span.column as usize - 1)?;
    matches!(character, '@' | '`' | '%').then(|| {
        let label = "YAML keeps this character for itself";
        (
            span,
            Problem::new(format!("a value cannot begin with `{character}`"), label)
                .help("put the value in quotes"),
        )
    })
}

/// `a: b: c`, or a key whose line is indented like no other.
fn colon(info: &str, span: Span, source: &Source) -> Option<(Span, Problem)> {
    if !info.contains("mapping values are not allowed") {
        return None;
    }
    let before: String = source.line(span.line).chars().take(span.column as usize - 1).collect();
    let problem = if before.contains(": ") {
        Problem::new("a second `:` in one line", "a value cannot hold a `: ` unless it is quoted")
            .help("put the value in quotes, or begin a new line")
    } else {
        Problem::new(
            "a key is not expected here",
            "the line above ends in a value, or is indented differently",
        )
        .help("keys of one mapping are indented alike, and stand below a line that ends in `:`")
    };
    Some((span, problem))
}

/// A line above that was meant to be a key: `balance round_robin`, `balance:round_robin`.
fn keyless(info: &str, span: Span, source: &Source) -> Option<(Span, Problem)> {
    let content = |line: &str| line.split(" #").next().unwrap_or_default().trim().to_owned();
    let is_blank = |line: &str| line.is_empty() || line.starts_with('#');
    let lines =
        (1..=span.line).rev().take(8).filter(|line| !is_blank(&content(source.line(*line))));
    let line = lines.take(2).find(|line| {
        let content = content(source.line(*line));
        !content.contains(": ")
            && !content.ends_with(':')
            && !content.starts_with(['-', '[', '{', ']', '}'])
    })?;
    if !is_about_lines(info) {
        return None;
    }
    let text = source.line(line);
    let (indent, content) = (text.len() - text.trim_start().len(), content(text));
    let key = content.split([' ', ':']).next().unwrap_or_default();
    let rest = content[key.len()..].trim_start_matches([' ', ':']);
    let span = Span { line, column: number(indent + 1), width: number(content.chars().count()) };
    let help = match rest {
        "" => format!("write a key with a value: {}", quote(&format!("{key}: …"))),
        rest => format!("write {}", quote(&format!("{key}: {rest}"))),
    };
    Some((span, Problem::new("this line has no key", "a key ends in `:` and a space").help(help)))
}

fn is_about_lines(info: &str) -> bool {
    let about = [
        "did not find expected key",
        "did not find expected '-'",
        "invalid indentation",
        "simple key expect",
    ];
    about.iter().any(|part| info.contains(part))
}

/// A line that is indented like no line above it.
fn indentation(info: &str, span: Span) -> Option<(Span, Problem)> {
    is_about_lines(info).then(|| {
        let label = "this belongs neither to the lines above nor below them";
        let problem = Problem::new("this line does not fit the lines above", label).help(
            "keys of one mapping are indented alike and end in `:`; entries of a list begin with `- `",
        );
        (span, problem)
    })
}
