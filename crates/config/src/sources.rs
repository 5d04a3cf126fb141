//! Which files a configuration was read from, and how they looked just before that.
//!
//! A reload compares: what differs from [`Sources::seen`] was not read, or not in full. So each file
//! is looked at *before* it is opened, and each folder's names are those that the search went by; a
//! change at any later moment, in the middle of the load included, makes a difference. Whatever was asked
//! for is noted, also what was missing: a load that is refused for a missing file is mended by its
//! coming.
//!
//! Not a hash of the contents: that would read a thousand files each time. The kernel's stamps tell
//! as much, except of two changes within one tick of its clock (some milliseconds on Linux before
//! 6.13) that leave inode and size as they are.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::files;

/// Which files a configuration was read from, and which folders were searched for some.
///
/// Paths are as the load reached them: relative ones to its working directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    files: BTreeMap<PathBuf, Option<Stamp>>,
    searches: BTreeMap<Search, Names>,
}

/// A folder that was searched, and the pattern for the names of files in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Search {
    folder: PathBuf,
    pattern: String,
}

/// How everything in some [`Sources`] looked at one time. Fingerprints of different sources say
/// nothing of each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    files: Vec<Option<Stamp>>,
    names: Vec<Names>,
}

/// One state of one file, found through symbolic links; `None` in its place where there is no file,
/// or none that may be looked at. The time of the last change of the inode shows what
/// `touch -d`, `cp -p` and `chmod` would hide from the modification time alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// What a pattern found, sorted; `None` where the folder could not be looked into.
type Names = Option<Vec<OsString>>;

impl Sources {
    /// Every file that was read or looked for.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.files.keys().map(PathBuf::as_path)
    }

    /// Every search.
    pub fn searches(&self) -> impl Iterator<Item = &Search> {
        self.searches.keys()
    }

    /// How everything looked just before it was read.
    pub fn seen(&self) -> Fingerprint {
        Fingerprint {
            files: self.files.values().copied().collect(),
            names: self.searches.values().cloned().collect(),
        }
    }

    /// How everything looks now: one `stat` a file, one listing a search.
    pub fn fingerprint(&self) -> Fingerprint {
        let names = |search: &Search| files::names(&search.folder, &search.pattern).ok();
        Fingerprint {
            files: self.files.keys().map(|path| Stamp::of(path)).collect(),
            names: self.searches.keys().map(names).collect(),
        }
    }

    /// Notes a file that is about to be read. What was noted first stays: it is the oldest look.
    pub fn note_file(&mut self, path: &Path) {
        if !self.files.contains_key(path) {
            self.files.insert(path.to_owned(), Stamp::of(path));
        }
    }

    /// Takes what others have noted.
    pub(crate) fn join(&mut self, others: Self) {
        for (path, stamp) in others.files {
            self.files.entry(path).or_insert(stamp);
        }
        for (search, names) in others.searches {
            self.searches.entry(search).or_insert(names);
        }
    }

    /// Notes what a search found, before any of it is read.
    pub(crate) fn note_search(&mut self, folder: &Path, pattern: &str, found: Names) {
        let search = Search { folder: folder.to_owned(), pattern: pattern.to_owned() };
        self.searches.entry(search).or_insert(found);
    }
}

impl Search {
    /// Where was searched.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether a file of this name would be found.
    pub fn finds(&self, name: &OsStr) -> bool {
        files::matches(&self.pattern, &name.to_string_lossy())
    }
}

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        fs::metadata(path).ok().map(|metadata| Self::from(&metadata))
    }
}

impl From<&Metadata> for Stamp {
    fn from(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            bytes: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}
