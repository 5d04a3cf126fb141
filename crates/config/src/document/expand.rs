//! `${NAME}` and `${NAME:-default}` in values.
//!
//! Expanded scalar by scalar, after the parser: whatever a variable holds — a line break, `: `, a
//! `#` — it can fill a value and never change the structure around it. `$$` is a `$`; a `$` in
//! front of anything else stays, because regular expressions end in one.

use crate::diagnostic::{Problem, quote};
use crate::environment::Environment;

/// Expands a value. `None` if there is nothing to expand.
pub(super) fn expand(
    text: &str,
    environment: &dyn Environment,
    budget: &mut usize,
) -> Option<Result<String, Problem>> {
    text.contains('$').then(|| expand_all(text, environment, budget))
}

fn expand_all(
    text: &str,
    environment: &dyn Environment,
    budget: &mut usize,
) -> Result<String, Problem> {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        expanded.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            expanded.push('$');
            rest = after;
        } else if let Some(after) = rest.strip_prefix('{') {
            let Some((inside, after)) = after.split_once('}') else {
                return Err(Problem::new("`${` without a `}`", "the variable's name does not end")
                    .help("write `${NAME}` or `${NAME:-default}`; for the characters themselves, `$${`"));
            };
            let value = variable(inside, environment)?;
            *budget = budget.checked_sub(value.len()).ok_or_else(|| {
                let message = "the variables of this file expand to too much text";
                Problem::new(message, "the limit is passed here")
                    .help("all the variables of a file together may expand to 4 MiB")
            })?;
            expanded.push_str(&value);
            rest = after;
        } else {
            expanded.push('$');
        }
    }
    expanded.push_str(rest);
    Ok(expanded)
}

fn variable(inside: &str, environment: &dyn Environment) -> Result<String, Problem> {
    let (name, default) = match inside.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inside, None),
    };
    let mut characters = name.chars();
    let starts_well = characters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    if !starts_well || !characters.all(|c| c.is_ascii_alphanumeric() || c == '_') {
        let label = "letters, digits and `_`, not beginning with a digit";
        return Err(Problem::new(format!("{} is no name of a variable", quote(name)), label)
            .help("write `${NAME}` or `${NAME:-default}`; for the characters themselves, `$${`"));
    }
    if default.is_some_and(|default| default.contains("${")) {
        return Err(Problem::new(
            format!("the default of `${{{name}}}` contains another variable"),
            "variables cannot be nested",
        )
        .help("write the default as plain text"));
    }
    match (environment.var(name), default) {
        (Some(value), _) => Ok(value),
        (None, Some(default)) => Ok(default.to_owned()),
        (None, None) => Err(Problem::new(
            format!("the environment variable `{name}` is not set"),
            "needed here",
        )
        .help(format!("set it for this process, or give a default: `${{{name}:-default}}`"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(text: &str) -> Option<String> {
        let environment = |name: &str| (name == "A").then(|| "a: b\n# c".to_owned());
        expand(text, &environment, &mut 100).map(|result| result.unwrap())
    }

    #[test]
    fn values_and_defaults_take_the_place_of_variables() {
        for (text, wanted) in [
            ("${A}", "a: b\n# c"),
            ("x${A}y", "xa: b\n# cy"),
            ("${B:-}", ""),
            ("${B:-d:-e}", "d:-e"),
            ("$${A}", "${A}"),
            ("^/x$", "^/x$"),
            ("a$b", "a$b"),
            ("$$", "$"),
        ] {
            assert_eq!(expanded(text).as_deref(), Some(wanted), "{text}");
        }
        assert_eq!(expanded("plain"), None);
    }

    #[test]
    fn variables_cannot_fill_the_memory() {
        let environment = |_: &str| Some("x".repeat(60));
        assert!(expand("${A}${A}", &environment, &mut 100).unwrap().is_err());
    }
}
