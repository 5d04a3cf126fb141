//! Where a change of the configuration would show: folders, and names in them.
//!
//! The way to each file is walked name by name. A symbolic link on it matters in its own folder,
//! since swapping the link changes what the way leads to: a mounted ConfigMap is
//! `web.yaml -> ..data/web.yaml`, `..data -> ..2026_11_22/`, and its update is a rename over `..data`.
//! Where the way ends before the file does, the name that is missing matters in the last folder that is there.
//!
//! Not watched are the folders above a folder: a rename of one of them is seen by the slow looks.

use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Component, Path, PathBuf};

use switchback_config::{Search, Sources};

/// More links than this are a circle; the kernel's own bound.
const LINKS: usize = 40;

/// What to watch.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// Without links in their paths, so that each is there once.
    pub(super) folders: HashMap<PathBuf, Place>,
    /// Files that are named one by one. Watched themselves, because a single file may be mounted (as Docker
    /// does), and what is written to it elsewhere then shows in no folder here.
    pub(super) files: HashSet<PathBuf>,
}

/// Which names in a folder matter.
#[derive(Debug, Default)]
pub(super) struct Place {
    names: HashSet<OsString>,
    searches: Vec<Search>,
}

impl Place {
    /// Whether anything of this name belongs to the configuration, or to the way there.
    pub(super) fn concerns(&self, name: &OsStr) -> bool {
        self.names.contains(name) || self.searches.iter().any(|search| search.finds(name))
    }

    /// Adds what matters in another.
    pub(super) fn merge(&mut self, other: Self) {
        self.names.extend(other.names);
        self.searches.extend(other.searches);
    }
}

impl Places {
    pub(super) fn of(sources: &Sources) -> Self {
        let mut places = Self::default();
        for search in sources.searches() {
            if let Some(folder) = places.walk(search.folder()) {
                places.folders.entry(folder).or_default().searches.push(search.clone());
            }
        }
        for path in sources.files() {
            let end = places.walk(path);
            let is_found = sources.searches().any(|search| is_found(search, path));
            places.files.extend(end.filter(|end| !is_found && end.is_file()));
        }
        places
    }

    /// Walks a path and notes what matters on it; the end without links, if there is one.
    fn walk(&mut self, path: &Path) -> Option<PathBuf> {
        let mut at = PathBuf::from("/");
        let mut rest = Vec::new();
        push(&mut rest, &std::path::absolute(path).ok()?);
        let mut links = 0;
        while let Some(name) = rest.pop() {
            if name == ".." {
                at.pop();
                continue;
            }
            let next = at.join(&name);
            let found = fs::symlink_metadata(&next).ok();
            let is_link = found.as_ref().is_some_and(|found| found.is_symlink());
            if is_link || found.as_ref().is_none_or(|found| !found.is_dir()) {
                self.folders.entry(at.clone()).or_default().names.insert(name);
            }
            found?;
            if is_link {
                links += 1;
                let target = fs::read_link(&next).ok().filter(|_| links <= LINKS)?;
                if target.is_absolute() {
                    at = PathBuf::from("/");
                }
                push(&mut rest, &target);
            } else {
                at = next;
            }
        }
        Some(at)
    }
}

/// Puts a path's names onto a stack, the first one on top.
fn push(rest: &mut Vec<OsString>, path: &Path) {
    rest.extend(path.components().rev().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        _ => None,
    }));
}

fn is_found(search: &Search, path: &Path) -> bool {
    let is_there = path.parent().is_some_and(|parent| {
        parent == search.folder() || (parent == Path::new("") && search.folder() == Path::new("."))
    });
    is_there && path.file_name().is_some_and(|name| search.finds(name))
}
