//! From paths to texts: the only part that touches the file system.
//!
//! Only regular files are read, and no more of them than [`crate::MAX_FILE_BYTES`]: a FIFO would
//! block a reload for ever, a device or a wrong path to a log would fill the memory.

mod glob;

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::decode::{Field, Given, OneOrMany};
use crate::diagnostic::{Problem, Report, Reporter};
use crate::resolve::is_name_byte;
use crate::source::{Source, Span};
use crate::{MAX_FILE_BYTES, PoolFile, Sources};

pub(crate) use glob::{matches, names};

/// Reads a file, which is noted. `None` if that fails, which is reported.
pub(crate) fn read(
    path: &Path,
    report: &Report,
    order: usize,
    sources: &mut Sources,
) -> Option<Source> {
    sources.note_file(path);
    let bytes = match read_bytes(path, "check the path, and the folder it is relative to") {
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

/// `help` is for somebody whose path leads nowhere.
fn read_bytes(path: &Path, help: &str) -> Result<Vec<u8>, Problem> {
    let name = path.to_string_lossy();
    let failed = |error: &io::Error| match error.kind() {
        io::ErrorKind::NotFound => not_found(path, help),
        io::ErrorKind::PermissionDenied => {
            Problem::new(format!("cannot read {name}: permission denied"), "")
                .help("the user that runs this must be able to read it")
        }
        _ => Problem::new(format!("cannot read {name}: {error}"), ""),
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

/// The files that a configuration names beside its own, as certificates and error pages: read when they are asked for,
/// and noted.
#[derive(Debug)]
pub(crate) struct Attached {
    is_on_disk: bool,
    paths: RefCell<Vec<PathBuf>>,
    known: RefCell<HashSet<PathBuf>>,
    sources: RefCell<Sources>,
}

impl Attached {
    /// Those of the file system.
    pub(crate) fn on_disk() -> Self {
        Self { is_on_disk: true, ..Self::none() }
    }

    /// None: where there is no file system.
    pub(crate) fn none() -> Self {
        let (paths, known, sources) = Default::default();
        Self { is_on_disk: false, paths, known, sources }
    }

    /// What is in a file.
    pub(crate) fn read(&self, path: &Path) -> Result<Vec<u8>, Problem> {
        if self.known.borrow_mut().insert(path.to_owned()) {
            self.paths.borrow_mut().push(path.to_owned());
        }
        let help = "check the path; a relative one begins at the folder of the main file";
        if !self.is_on_disk {
            return Err(not_found(path, help));
        }
        self.sources.borrow_mut().note_file(path);
        read_bytes(path, help)
    }

    /// Those that were asked for, each once.
    pub(crate) fn paths(&self) -> Vec<PathBuf> {
        self.paths.borrow().clone()
    }

    /// How they looked before they were read.
    pub(crate) fn into_sources(self) -> Sources {
        self.sources.into_inner()
    }
}

fn not_found(path: &Path, help: &str) -> Problem {
    let message = format!("cannot read {}: there is no such file", path.to_string_lossy());
    Problem::new(message, "").help(help)
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
    sources: &mut Sources,
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
    let mut known: HashMap<PathBuf, Span> = HashMap::new();
    for pattern in patterns {
        let Field::Given(files) = pattern.parse(main, |text| glob::find(base, text, sources))
        else {
            found.complete = false;
            continue;
        };
        let is_known = |path: &PathBuf| known.contains_key(&identity(path));
        let (again, fresh): (Vec<_>, Vec<_>) = files.value.into_iter().partition(is_known);
        if let Some(first) = again.first().and_then(|path| known.get(&identity(path))) {
            main.warn(files.span, found_again(&again, *first));
        }
        known.extend(fresh.iter().map(|path| (identity(path), files.span)));
        paths.extend(fresh.into_iter().map(|path| (path, files.span)));
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
                let source = read(&path, report, found.pools.len() + 1, sources);
                found.pools.push(PoolFile { name, path, source });
            }
        }
    }
    found
}

/// A name in a folder, however the way there is written. Not the file behind a link: two links to one
/// file are two pools.
fn identity(path: &Path) -> PathBuf {
    let whole = path.parent().zip(path.file_name()).and_then(|(folder, name)| {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        fs::canonicalize(folder).ok().map(|folder| folder.join(name))
    });
    whole.unwrap_or_else(|| path.to_owned())
}

/// Harmless, but whoever wrote two patterns thought that they find different files.
fn found_again(again: &[PathBuf], first: Span) -> Problem {
    let shown = again.first().map(|path| path.to_string_lossy()).unwrap_or_default();
    let message = match again.len() {
        1 => format!("`{shown}` is found by two patterns"),
        more => format!("`{shown}` and {} more are found by two patterns", more - 1),
    };
    Problem::new(message, "again here, and loaded once")
        .related(first, "first here")
        .help("remove one, or let each find files of its own")
}

fn name(path: &Path, named: &HashMap<Arc<str>, PathBuf>) -> Result<Arc<str>, Problem> {
    let shown = path.to_string_lossy();
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
        let other = other.to_string_lossy();
        return Err(Problem::new(
            format!("two files make the pool `{stem}`"),
            format!("{other} and {shown}"),
        )
        .help("the file's name is the pool's name; rename one of them"));
    }
    Ok(stem.into())
}
