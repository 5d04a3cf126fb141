//! The folders that are watched, and which events in them matter.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use switchback_config::Sources;

use super::events::{Event, Events, Kind};
use super::places::{Place, Places};
use super::settle::{Settle, Writer};

/// More walks than this are not made at once, wherever the links lead by then.
const WALKS: usize = 10;

/// What is watched, by the kernel's number for it.
#[derive(Debug)]
pub(super) struct Folders {
    events: Option<Events>,
    watched: HashMap<i32, (PathBuf, Place)>,
    is_complete: bool,
    is_warned: bool,
}

impl Folders {
    /// Watches nothing yet; never anything, if there are no events.
    pub(super) fn new(events: io::Result<Events>) -> Self {
        let mut folders =
            Self { events: None, watched: HashMap::new(), is_complete: true, is_warned: false };
        match events {
            Ok(events) => folders.events = Some(events),
            Err(error) => folders.warn(&error, None),
        }
        folders
    }

    /// Watches what belongs to these sources as the links lead now, and nothing else.
    ///
    /// What comes into being after a folder was looked at and before it is watched makes no event. So
    /// the way is walked again, until it leads only to what was watched before.
    pub(super) fn follow(&mut self, sources: &Sources) {
        let Some(events) = self.events.take() else { return };
        for _ in 0..WALKS {
            if !self.walk(sources, &events) {
                break;
            }
        }
        self.events = Some(events);
    }

    /// Whether it has led to something new, or past something that has gone meanwhile.
    fn walk(&mut self, sources: &Sources, events: &Events) -> bool {
        let Places { folders, files } = Places::of(sources);
        let mut watched: HashMap<i32, (PathBuf, Place)> = HashMap::new();
        let mut failed = Vec::new();
        for (path, place) in folders {
            match events.watch_folder(&path) {
                // One folder by two ways: mounts can do that.
                Ok(watch) => match watched.get_mut(&watch) {
                    Some((_, known)) => known.merge(place),
                    None => drop(watched.insert(watch, (path, place))),
                },
                Err(error) => failed.push((path, error)),
            }
        }
        for path in files {
            match events.watch_file(&path) {
                Ok(watch) => drop(watched.insert(watch, (path, Place::default()))),
                Err(error) => failed.push((path, error)),
            }
        }
        let gone = self.watched.keys().filter(|watch| !watched.contains_key(watch));
        gone.for_each(|watch| events.forget(*watch));
        let mut must_repeat = watched.keys().any(|watch| !self.watched.contains_key(watch));
        self.watched = watched;
        self.is_complete = failed.is_empty();
        for (path, error) in failed {
            match error.kind() {
                io::ErrorKind::NotFound => must_repeat = true,
                // The file that stands in the folder's place is watched where that stood.
                io::ErrorKind::NotADirectory => {}
                _ => self.warn(&error, Some(&path)),
            }
        }
        must_repeat
    }

    /// Whether everything is watched that should be, as far as there are events.
    pub(super) fn all_watched(&self) -> bool {
        self.is_complete
    }

    /// Whether the closing of this file would be seen.
    pub(super) fn knows(&self, (watch, _): &Writer) -> bool {
        self.watched.contains_key(watch)
    }

    /// For a message.
    pub(super) fn path(&self, (watch, name): &Writer) -> String {
        let folder = self.watched.get(watch).map(|(path, _)| path.as_path());
        let path = folder.unwrap_or(Path::new("")).join(name.as_deref().unwrap_or_default());
        path.display().to_string()
    }

    /// What is readable while there are events.
    pub(super) fn queue(&self) -> Option<BorrowedFd<'_>> {
        self.events.as_ref().map(Events::queue)
    }

    /// Takes in all events that there are. Whether the folders must be found anew.
    pub(super) fn take<F: PartialEq>(&self, settle: &mut Settle<F>, now: Instant) -> bool {
        let Some(events) = &self.events else { return false };
        let mut is_moved = false;
        for event in events.read() {
            is_moved |= self.apply(event, settle, now);
        }
        is_moved
    }

    fn apply<F: PartialEq>(&self, event: Event, settle: &mut Settle<F>, now: Instant) -> bool {
        if event.kind == Kind::Lost {
            settle.retain_writers(|_| false);
            settle.stirred(now);
            return true;
        }
        let Some((path, place)) = self.watched.get(&event.watch) else { return false };
        if event.name.as_ref().is_some_and(|name| !place.concerns(name)) {
            return false;
        }
        let path = event.name.as_ref().map(|name| path.join(name));
        let writer = (event.watch, event.name);
        match event.kind {
            Kind::Written => settle.written(writer, now),
            Kind::Closed => settle.closed(&writer, now),
            Kind::Attributes => settle.stirred(now),
            Kind::Created if path.as_deref().is_some_and(is_begun) => {
                settle.written(writer, now);
            }
            Kind::Created | Kind::Replaced | Kind::Gone | Kind::Lost => {
                settle.closed(&writer, now);
            }
        }
        matches!(event.kind, Kind::Created | Kind::Replaced | Kind::Gone)
    }

    fn warn(&mut self, error: &io::Error, path: Option<&Path>) {
        if std::mem::replace(&mut self.is_warned, true) {
            return;
        }
        let path = path.map(|path| format!("{}: ", path.display())).unwrap_or_default();
        let hint = match error.raw_os_error().map(rustix::io::Errno::from_raw_os_error) {
            Some(rustix::io::Errno::MFILE) => {
                "; raise fs.inotify.max_user_instances, or the limit of open files"
            }
            Some(rustix::io::Errno::NOSPC) => "; raise fs.inotify.max_user_watches",
            _ => "",
        };
        log::warn!(
            "changes of the configuration's files are noticed only by a look every few seconds: {path}{error}{hint}"
        );
    }
}

/// Whether a file that was just created waits to be filled by whoever created it. A link to a
/// file that is complete, or a folder, will be closed by nobody.
fn is_begun(path: &Path) -> bool {
    fs::symlink_metadata(path)
        .is_ok_and(|found| found.is_file() && found.len() == 0 && found.nlink() == 1)
}
