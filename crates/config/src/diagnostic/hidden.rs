//! The lines of a file without the secrets in them: diagnostics are logged, and shown by the admin API.
//!
//! Told from the text, not from the tree: the mistake may be one that leaves no tree. Where that cannot be
//! told for certain, too much is hidden rather than too little. A key and a variable are no secret; who
//! stands in a URL is one.

use crate::effective::secret::is_meant_secret as is_secret;
use crate::source::Source;

/// So many lines above one are looked at for the key that it is below.
const ABOVE: usize = 500;

/// What a line is, by the lines above it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    /// Nothing special.
    Plain,
    /// An entry of a mapping or list of secrets.
    Secrets,
    /// The middle of a secret.
    Secret,
}

/// A line with a star for each character of a secret.
pub(super) fn line(source: &Source, number: u32) -> String {
    let line = &without_users(source.line(number));
    match above(source, number) {
        Line::Plain => without_secrets(line, false),
        Line::Secrets => without_secrets(line, true),
        Line::Secret => starred(line),
    }
}

/// What the keys say that a line is below.
fn above(source: &Source, number: u32) -> Line {
    let mut column = indentation(source.line(number));
    for line in (1..number).rev().take(ABOVE).map(|above| source.line(above)) {
        let text = line.trim_start();
        if column == 0 {
            break;
        }
        if text.is_empty() || text.starts_with('#') || indentation(line) >= column {
            continue;
        }
        match opened(line) {
            Line::Plain => column = indentation(line),
            found => return found,
        }
    }
    Line::Plain
}

/// Where the text of a line begins; what follows a `-` is below it.
fn indentation(line: &str) -> usize {
    line.len() - line.trim_start_matches([' ', '-']).len()
}

/// What is below a line.
fn opened(line: &str) -> Line {
    let (mut rest, mut is_flow) = (line, false);
    while let Some(colon) = separator(rest) {
        let (before, value) = (&rest[..colon], rest[colon + 1..].trim_start());
        is_flow |= before.contains(['{', '[']);
        rest = value;
        if !is_secret(key(before)) {
            continue;
        }
        let end = length(value, is_flow);
        let is_last = value[end..].is_empty() || value[end..].trim_start().starts_with('#');
        match value.chars().next() {
            None | Some('#' | '&') => return Line::Secrets,
            Some('{' | '[') if closed(value).is_none() => return Line::Secrets,
            Some('{' | '[') => {}
            Some(_) if is_last => return Line::Secret,
            Some(_) => {}
        }
        rest = &value[end..];
    }
    Line::Plain
}

/// A line, or what is in brackets, with its secrets hidden; `all`: every value is one.
fn without_secrets(line: &str, all: bool) -> String {
    let mut shown = String::with_capacity(line.len());
    let (mut rest, mut is_flow) = (line, false);
    let mut has_key = false;
    while let Some(colon) = separator(rest) {
        let (before, after) = rest.split_at(colon + 1);
        let (blanks, value) = after.split_at(after.len() - after.trim_start().len());
        shown.push_str(before);
        shown.push_str(blanks);
        rest = value;
        has_key = true;
        is_flow |= before.contains(['{', '[']);
        if all || is_secret(key(&before[..colon])) {
            let (value, after) = rest.split_at(length(rest, is_flow));
            shown.push_str(&hidden(value));
            rest = after;
        }
    }
    match all && !has_key {
        true => starred(line),
        false => shown + rest,
    }
}

/// A line with a star for each character of what stands before the `@` of a URL.
fn without_users(line: &str) -> String {
    let mut parts = line.split_inclusive("://");
    let mut shown = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(['/', ' ', ',', '"', '\'']).unwrap_or(part.len());
        let at = part[..end].rfind('@').unwrap_or(0);
        shown.push_str(&stars(&part[..at]));
        shown.push_str(&part[at..]);
    }
    shown
}

/// A value in place of which nothing may be shown.
fn hidden(value: &str) -> String {
    let is_variable = value.trim_matches(['"', '\'']).strip_prefix("${").is_some_and(|name| {
        name.strip_suffix('}').is_some_and(|name| !name.contains([':', '$', '}']))
    });
    match value.chars().next() {
        _ if is_variable || ["\"\"", "''"].contains(&value) => value.to_owned(),
        Some('{' | '[') => without_secrets(value, true),
        _ => stars(value),
    }
}

fn stars(text: &str) -> String {
    "*".repeat(text.chars().count())
}

/// Likewise of a line without a key, but for what stands around it.
fn starred(line: &str) -> String {
    let inner = line.trim_matches([' ', '-', '{', '}', '[', ']', ',']);
    let start = line.find(inner).unwrap_or(0);
    format!("{}{}{}", &line[..start], stars(inner), &line[start + inner.len()..])
}

/// The first colon that ends a key: with a blank, a tab or nothing behind it, or a quote before it.
fn separator(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let ends_key = |at: usize| {
        let is_quoted = at > 0 && matches!(bytes[at - 1], b'"' | b'\'');
        bytes.get(at + 1).is_none_or(|next| matches!(next, b' ' | b'\t')) || is_quoted
    };
    let mut colons = text.match_indices(':').map(|(at, _)| at);
    colons.find(|&at| ends_key(at))
}

/// The last word of what stands before a colon.
fn key(before: &str) -> &str {
    let word = before.trim_end().trim_end_matches(['"', '\'']);
    word.rsplit(|c: char| !c.is_alphanumeric() && c != '_' && c != '-').next().unwrap_or_default()
}

/// How many bytes the value takes that a text begins with.
fn length(text: &str, is_flow: bool) -> usize {
    let first = text.chars().next();
    if let Some(quote) = first.filter(|first| matches!(first, '"' | '\'')) {
        return quoted(text, quote);
    }
    if matches!(first, Some('{' | '[')) {
        return closed(text).unwrap_or(text.len());
    }
    // The brace of a variable is its own.
    let within = if text.starts_with("${") { text.find('}').map_or(0, |at| at + 1) } else { 0 };
    let rest = &text[within..];
    let end = if is_flow { rest.find([',', '}', ']']) } else { None };
    let end = end.into_iter().chain(rest.find(" #")).min().unwrap_or(rest.len());
    text[..within + end].trim_end().len()
}

/// How many bytes the quoted text takes that a text begins with: all, if it does not end in this line. In
/// `"`, a backslash takes what follows with it; a `'` is written twice.
fn quoted(text: &str, quote: char) -> usize {
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c == '\\' && quote == '"' {
            chars.next();
        } else if c == quote && (quote == '"' || chars.next_if(|(_, next)| *next == c).is_none()) {
            return at + 1;
        }
    }
    text.len()
}

/// Where the bracket ends that a text begins with; `None`: not in this line.
fn closed(text: &str) -> Option<usize> {
    let (mut depth, mut end) = (0, 0);
    for (at, c) in text.char_indices() {
        match c {
            _ if at < end => continue,
            '"' | '\'' => end = at + quoted(&text[at..], c),
            '{' | '[' => depth += 1,
            '}' | ']' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at + c.len_utf8());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_shown_to_nobody() {
        for (line, shown) in [
            ("sticky: { secret: hunter2, cookie: sb }", "sticky: { secret: *******, cookie: sb }"),
            ("  secret: \"a: b, c\" # ours", "  secret: ********* # ours"),
            ("  \"secret\":   0123 # ours", "  \"secret\":   **** # ours"),
            ("  api_token: 'x'", "  api_token: ***"),
            ("{ secret: hunter2 }", "{ secret: ******* }"),
            ("{\"secret\":\"hunter2\"}", "{\"secret\":*********}"),
            ("  secret: ${SECRET}", "  secret: ${SECRET}"),
            ("{ secret: ${SECRET}, cookie: sb }", "{ secret: ${SECRET}, cookie: sb }"),
            ("  secret: ${SECRET:-abc}", "  secret: **************"),
            ("  secret: \"unfinished", "  secret: ***********"),
            ("  secret: a, b} c", "  secret: *******"),
            ("cookie: secret: ü", "cookie: secret: *"),
            ("  token:\thunter2 x", "  token:\t*********"),
            ("  token : hunter2 x", "  token : *********"),
            ("  \"token\" : hunter2 x", "  \"token\" : *********"),
            ("  token: \"a\\\"b c\" # ours", "  token: ******** # ours"),
            ("  token: 'a''b c' # ours", "  token: ******** # ours"),
            ("{ token: [ \"a\\\"]b\" ], x: y }", "{ token: [ ******* ], x: y }"),
            ("  tokn: hunter2", "  tokn: *******"),
            ("  Api-Secert: hunter2", "  Api-Secert: *******"),
            ("secret:", "secret:"),
            ("http: { path: /secret: }", "http: { path: /secret: }"),
            ("headers: { a: b, 'c': \"d, e\" } # x", "headers: { a: *, 'c': ****** } # x"),
            ("headers: { a: b, c: d", "headers: { a: *, c: *"),
            ("headers: {\"a\":\"b\"}", "headers: {\"a\":***}"),
            ("headers: hunter2", "headers: *******"),
            ("headers: [ hunter2 ]", "headers: [ ******* ]"),
            ("headers: {}", "headers: {}"),
            ("headers: { a: \"\" }", "headers: { a: \"\" }"),
            (
                "{ tracing: { headers: { a: b }, otlp: x } }",
                "{ tracing: { headers: { a: * }, otlp: x } }",
            ),
        ] {
            assert_eq!(without_secrets(line, false), shown);
        }
    }

    #[test]
    fn a_user_in_a_url_is_shown_to_nobody() {
        for (line, shown) in [
            ("a: { otlp: http://u:p@b:1/c, x: y@z }", "a: { otlp: http://***@b:1/c, x: y@z }"),
            ("a: 'https://ü@b'", "a: 'https://*@b'"),
            ("a: http://b/c@d", "a: http://b/c@d"),
        ] {
            assert_eq!(without_users(line), shown);
        }
    }

    #[test]
    fn a_secret_on_lines_of_its_own_is_shown_to_nobody() {
        let text = "\
tracing:
  headers:
    # A comment
    authorization: Bearer a, b

    x-team: ${TEAM}
    - five
    x:
      six
  otlp: http://a
sticky:
  secret: |
    hunter2: 3
  cookie: sb
list:
- secret: one
  cookie: sb
- { headers: { a: b,
      c: d }, e: f }
  g: h
\"headers\": {
  \"x\": \"y\"
}
";
        let source = Source::new("x".into(), text);
        let shown: Vec<_> = (1..=source.line_count()).map(|at| line(&source, at)).collect();
        let wanted = "\
tracing:
  headers:
    ***********
    authorization: ***********

    x-team: ${TEAM}
    - ****
    x:
      ***
  otlp: http://a
sticky:
  secret: *
    **********
  cookie: sb
list:
- secret: ***
  cookie: sb
- { headers: { a: *,
      c: ***********
  g: h
\"headers\": {
  \"x\": ***
}
";
        assert_eq!(shown.join("\n"), wanted);
    }
}
