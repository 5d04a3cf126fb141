//! From paths to texts: the only part that touches the file system.
//!
//! Only regular files are read, and no more of them than [`crate::MAX_FILE_BYTES`]: a FIFO would
//! block a reload for ever, a device or a wrong path to a log would fill the memory.

mod glob;

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::decode::{Field, Given, OneOrMany};
use crate::diagnostic::{Problem, Report, Reporter, escape};
use crate::resolve::is_name_byte;
use crate::source::{Source, Span};
use crate::{MAX_FILE_BYTES, PoolFile};

/// Reads a file. `None` if that fails, which is reported.
pub(crate) fn read(path: &Path, report: &Report, order: usize) -> Option<Source> {
    let bytes = match read_bytes(path) {
        Ok(bytes) => bytes,
        Err(problem) => {
            report.unreadable(path, order, problem);
            return None;
        }
    };
    match String::from_utf8(bytes) {
        Ok(text) => Some(Source::new(path.to_owned(), &text)),
        Err(error) => {
            let good = error.utf8_error().valid_up_to();
            let before = String::from_utf8_lossy(&error.as_bytes()[..good]).into_owned();
            let byte = error.as_bytes().get(good).copied().unwrap_or_default();
            let source = Source::new(path.to_owned(), &String::from_utf8_lossy(error.as_bytes()));
            let before = Source::new(PathBuf::new(), &before);
            let line = before.line_count();
            let column = u32::try_from(before.line(line).chars().count() + 1).unwrap_or(u32::MAX);
            let problem = Problem::new(
                "the file is not UTF-8",
                format!("byte 0x{byte:02x} begins no character"),
            )
            .help("save the file as UTF-8; `iconv -f latin1 -t utf-8` converts most others");
            report.of(&source, order).error(Span { line, column, width: 1 }, problem);
            None
        }
    }
}

fn read_bytes(path: &Path) -> Result<Vec<u8>, Problem> {
    let name = escape(&path.to_string_lossy());
    let failed = |error: &io::Error| {
        let (reason, help) = match error.kind() {
            io::ErrorKind::NotFound => {
                ("there is no such file", "check the path, and the folder it is relative to")
            }
            io::ErrorKind::PermissionDenied => {
                ("permission denied", "the user that runs this must be able to read it")
            }
            _ => return Problem::new(format!("cannot read {name}: {error}"), ""),
        };
        Problem::new(format!("cannot read {name}: {reason}"), "").help(help)
    };
    let metadata = fs::metadata(path).map_err(|error| failed(&error))?;
    if metadata.is_dir() {
        return Err(Problem::new(format!("{name} is a directory"), "").help("name the file in it"));
    }
    if !metadata.is_file() {
        return Err(Problem::new(format!("{name} is not a regular file"), "")
            .help("pipes and devices are not read, because they may never end"));
    }
    let mut bytes = Vec::new();
    let limit = MAX_FILE_BYTES as u64;
    if metadata.len() <= limit {
        let file = File::open(path).map_err(|error| failed(&error))?;
        file.take(limit + 1).read_to_end(&mut bytes).map_err(|error| failed(&error))?;
    }
    if metadata.len() > limit || bytes.len() > MAX_FILE_BYTES {
        return Err(Problem::new(format!("{name} is larger than 4 MiB"), "")
            .help("is this the right file? A configuration file is at most 4 MiB long"));
    }
    Ok(bytes)
}

/// The pools' files, as far as they could be found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// In the order of the plan; without a text where reading failed, which is reported.
    pub(crate) pools: Vec<PoolFile>,
    pub(crate) complete: bool,
    /// Where a pool's file would be, with `*` for its name.
    pub(crate) place: Option<String>,
}

/// Finds and reads what `pools` of the main file names.
pub(crate) fn pools(
    field: &Field<OneOrMany>,
    base: &Path,
    main: &Reporter<'_>,
    report: &Report,
) -> Found {
    let Some(Given { value: OneOrMany(patterns), span }) = field.given() else {
        return Found::default();
    };
    if patterns.is_empty() {
        let problem = Problem::new("`pools` is empty", "no file is named");
        main.error(*span, problem.help("write `pools: pools/*.yaml`"));
        return Found::default();
    }
    let mut found = Found { complete: true, ..Found::default() };
    let mut paths: Vec<(PathBuf, Span)> = Vec::new();
    let mut known = HashSet::new();
    for pattern in patterns {
        let Field::Given(files) = pattern.parse(main, |text| glob::find(base, text)) else {
            found.complete = false;
            continue;
        };
        let fresh = files.value.into_iter().filter(|path| known.insert(path.clone()));
        paths.extend(fresh.map(|path| (path, files.span)));
    }
    if let [Field::Given(only)] = patterns.as_slice() {
        found.place = glob::place(base, &only.value);
    }
    let mut named: HashMap<Arc<str>, PathBuf> = HashMap::new();
    for (path, span) in paths {
        match name(&path, &named) {
            Err(problem) => main.error(span, problem),
            Ok(name) => {
                named.insert(name.clone(), path.clone());
                let source = read(&path, report, found.pools.len() + 1);
                found.pools.push(PoolFile { name, path, source });
            }
        }
    }
    found
}

fn name(path: &Path, named: &HashMap<Arc<str>, PathBuf>) -> Result<Arc<str>, Problem> {
    let shown = escape(&path.to_string_lossy());
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    if stem.is_empty() || !stem.bytes().all(is_name_byte) {
        return Err(Problem::new(
            format!("{shown} cannot name a pool"),
            "this pattern finds the file",
        )
        .help(
            "the file's name is the pool's name: letters, digits, `_`, `-` and `.`, then `.yaml`",
        ));
    }
    if let Some(other) = named.get(stem) {
        let other = escape(&other.to_string_lossy());
        return Err(Problem::new(
            format!("two files make the pool `{stem}`"),
            format!("{other} and {shown}"),
        )
        .help("the file's name is the pool's name; rename one of them"));
    }
    Ok(stem.into())
}
