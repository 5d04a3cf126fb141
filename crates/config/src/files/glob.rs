//! `pools/*.yaml`: `*` and `?` in the last component of a path.
//!
//! Written here, because this is all that is needed, and each way to fail has its own words. A
//! name that begins with a dot is found by no pattern, as in a shell: Kubernetes keeps `..data` beside the
//! files of a mounted ConfigMap, and editors their swap files.

use std::ffi::OsString;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Component, Path, PathBuf};

use crate::Sources;
use crate::diagnostic::{Problem, quote};

/// More pools than this are a wrong pattern.
const MOST: usize = 10_000;

/// The files of a pattern, sorted; at least one. The search is noted, whatever comes of it.
pub(super) fn find(
    base: &Path,
    pattern: &str,
    sources: &mut Sources,
) -> Result<Vec<PathBuf>, Problem> {
    let (directory, last) = split(base, pattern)?;
    let shown = |path: &Path| format!("`{}`", path.to_string_lossy());
    if !is_wild(&last) {
        let path = directory.join(last);
        sources.note_file(&path);
        return match fs::metadata(&path) {
            Ok(found) if found.is_dir() => {
                let example = quote(&format!("{}/*.yaml", pattern.trim_end_matches('/')));
                Err(Problem::new(format!("{} is a folder", shown(&path)), "files are wanted")
                    .help(format!("for every file in it, write {example}")))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Err(Problem::new(
                format!("there is no file {}", shown(&path)),
                "it should be a pool",
            )
            .help("the path is relative to the file that it stands in")),
            _ => Ok(vec![path]),
        };
    }
    let folder = if directory.as_os_str().is_empty() { Path::new(".") } else { &directory };
    let names = names(folder, &last);
    sources.note_search(folder, &last, names.as_ref().ok().cloned());
    let names = names.map_err(|error| match error.kind() {
        ErrorKind::NotFound => Problem::new(
            format!("there is no folder {}", shown(folder)),
            "its files should be the pools",
        )
        .help("the path is relative to the file that it stands in"),
        _ => Problem::new(
            format!("cannot look into {}: {error}", shown(folder)),
            "its files should be the pools",
        ),
    })?;
    if names.len() > MOST {
        return Err(Problem::new(
            format!("the pattern finds more than {MOST} files"),
            "too many pools",
        ));
    }
    if names.is_empty() {
        let message = format!("{} finds no file", quote(pattern));
        let label = format!("nothing in {} matches", shown(folder));
        let help = match other_ending(folder, pattern) {
            Some(other) => format!("there are files for {}; did you mean these?", quote(&other)),
            None => "the path is relative to the file that it stands in; each pool is a file there"
                .to_owned(),
        };
        return Err(Problem::new(message, label).help(help));
    }
    Ok(names.into_iter().map(|name| directory.join(name)).collect())
}

/// The names in a folder that fit a pattern, sorted; of more than [`MOST`] only one more.
pub(crate) fn names(folder: &Path, pattern: &str) -> io::Result<Vec<OsString>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        if matches(pattern, &name.to_string_lossy()) {
            names.push(name);
        }
        if names.len() > MOST {
            break;
        }
    }
    names.sort();
    Ok(names)
}

/// The pattern with `.yaml` for `.yml` or the other way round, if that finds a file.
fn other_ending(folder: &Path, pattern: &str) -> Option<String> {
    let other = match pattern.strip_suffix(".yml") {
        Some(start) => format!("{start}.yaml"),
        None => format!("{}.yml", pattern.strip_suffix(".yaml")?),
    };
    let last = Path::new(&other).file_name()?.to_str()?;
    let fits = |entry: fs::DirEntry| matches(last, &entry.file_name().to_string_lossy());
    fs::read_dir(folder).ok()?.flatten().any(fits).then_some(other)
}

/// Where the file of a pool would be, with `*` for its name; `None` where the pattern does not say.
pub(super) fn place(base: &Path, pattern: &str) -> Option<String> {
    let (directory, last) = split(base, pattern).ok()?;
    let only_star = last.matches(['*', '?']).count() == 1 && last.starts_with("*.");
    only_star.then(|| directory.join(last).to_string_lossy().into_owned())
}

fn split(base: &Path, pattern: &str) -> Result<(PathBuf, String), Problem> {
    let refused = |label: &str| {
        Problem::new(format!("{} names no files", quote(pattern)), label)
            .help("write for example `pools/*.yaml`")
    };
    let path = Path::new(pattern);
    let Some(last) = path.file_name().and_then(|name| name.to_str()) else {
        return Err(refused("a path to files is wanted"));
    };
    if pattern.contains('\0') {
        return Err(refused("a path holds no NUL character"));
    }
    let directory = path.parent().unwrap_or(Path::new(""));
    if is_wild(&directory.to_string_lossy()) {
        return Err(refused("`*` and `?` may stand in the last part of the path only"));
    }
    let plain =
        base.join(directory).components().filter(|part| *part != Component::CurDir).collect();
    Ok((plain, last.to_owned()))
}

fn is_wild(text: &str) -> bool {
    text.contains(['*', '?'])
}

/// Whether a name fits a pattern. Goes back to the last `*` only, so that it is never worse than
/// the product of the lengths.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    if name.starts_with('.') && !pattern.starts_with('.') {
        return false;
    }
    let (pattern, name): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n, mut star) = (0, 0, None);
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(&c) if c == '?' || c == name[n] => {
                p += 1;
                n += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    (p, n) = (at + 1, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&c| c == '*')
}

#[cfg(test)]
mod tests {
    use regex::Regex;
    use schemars::{JsonSchema, SchemaGenerator};

    use super::*;
    use crate::schema::kind::Files;

    #[test]
    fn stars_and_question_marks_stand_for_what_they_do_in_a_shell() {
        for (pattern, name, wanted) in [
            ("*.yaml", "web.yaml", true),
            ("*.yaml", "web.yml", false),
            ("*.yaml", ".web.yaml", false),
            ("*", "..data", false),
            ("we?.yaml", "web.yaml", true),
            ("we?.yaml", "we.yaml", false),
            ("*a*b*", "xaxbx", true),
            ("*a*b", "xaxbx", false),
            ("**", "x", true),
        ] {
            assert_eq!(matches(pattern, name), wanted, "{pattern} {name}");
        }
        assert!(!matches(&"*a".repeat(1000), &"a".repeat(999)));
    }

    #[test]
    fn the_schema_forbids_what_names_no_files() {
        let schema = Files::json_schema(&mut SchemaGenerator::default()).to_value();
        let form = Regex::new(schema["anyOf"][0]["pattern"].as_str().unwrap()).unwrap();
        for (pattern, wanted) in [
            ("pools/*.yaml", true),
            ("/etc/pools/we?.yaml", true),
            ("web.yaml", true),
            ("*", true),
            ("pools/", true),
            ("pools*/", true),
            ("pools*/.", true),
            ("", false),
            ("p*/web.yaml", false),
            ("p?ols/*.yaml", false),
        ] {
            assert_eq!(split(Path::new(""), pattern).is_ok(), wanted, "{pattern}");
            assert_eq!(form.is_match(pattern), wanted, "{pattern}");
        }
    }
}
