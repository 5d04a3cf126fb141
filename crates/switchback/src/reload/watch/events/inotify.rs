//! Events on Linux.

use std::ffi::OsStr;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::io::Errno;

use super::{Event, Kind};

/// An instance of inotify.
#[derive(Debug)]
pub(in super::super) struct Events {
    queue: OwnedFd,
}

const FILE: WatchFlags =
    WatchFlags::MODIFY.union(WatchFlags::CLOSE_WRITE).union(WatchFlags::ATTRIB);

const FOLDER: WatchFlags = FILE
    .union(WatchFlags::CREATE)
    .union(WatchFlags::DELETE)
    .union(WatchFlags::MOVE)
    .union(WatchFlags::DELETE_SELF)
    .union(WatchFlags::MOVE_SELF)
    // What was replaced, and is still written to by somebody, is not what has its name now.
    .union(WatchFlags::EXCL_UNLINK)
    .union(WatchFlags::ONLYDIR);

impl Events {
    /// # Errors
    ///
    /// If the system's limits allow no more.
    pub(in super::super) fn new() -> io::Result<Self> {
        let queue = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        Ok(Self { queue })
    }

    /// The watch of a folder, which it may have had before.
    pub(in super::super) fn watch_folder(&self, path: &Path) -> io::Result<i32> {
        Ok(inotify::add_watch(&self.queue, path, FOLDER)?)
    }

    /// The watch of a file, whatever its names are or will be.
    pub(in super::super) fn watch_file(&self, path: &Path) -> io::Result<i32> {
        Ok(inotify::add_watch(&self.queue, path, FILE)?)
    }

    /// Ends a watch. With what it watched, it has ended already.
    pub(in super::super) fn forget(&self, watch: i32) {
        let _ = inotify::remove_watch(&self.queue, watch);
    }

    /// What is readable while there are events.
    pub(in super::super) fn queue(&self) -> BorrowedFd<'_> {
        self.queue.as_fd()
    }

    /// All that there is.
    pub(in super::super) fn read(&self) -> Vec<Event> {
        let mut events = Vec::new();
        let mut buffer = [MaybeUninit::uninit(); 8 * 1024];
        let mut reader = inotify::Reader::new(&self.queue, &mut buffer);
        loop {
            match reader.next() {
                Ok(event) => events.extend(translated(&event)),
                Err(Errno::INTR) => {}
                Err(_) => break,
            }
        }
        events
    }
}

fn translated(event: &inotify::Event<'_>) -> Option<Event> {
    let flags = event.events();
    let any = |wanted: ReadFlags| flags.intersects(wanted);
    let kind = if any(ReadFlags::QUEUE_OVERFLOW) {
        Kind::Lost
    } else if any(ReadFlags::MODIFY) {
        Kind::Written
    } else if any(ReadFlags::CLOSE_WRITE) {
        Kind::Closed
    } else if any(ReadFlags::ATTRIB) {
        Kind::Attributes
    } else if any(ReadFlags::CREATE) {
        Kind::Created
    } else if any(ReadFlags::MOVED_TO) {
        Kind::Replaced
    } else if any(GONE) {
        Kind::Gone
    } else {
        return None;
    };
    let name = event.file_name().map(|name| OsStr::from_bytes(name.to_bytes()).to_owned());
    Some(Event { watch: event.wd(), name, kind })
}

const GONE: ReadFlags = ReadFlags::DELETE
    .union(ReadFlags::MOVED_FROM)
    .union(ReadFlags::DELETE_SELF)
    .union(ReadFlags::MOVE_SELF)
    .union(ReadFlags::UNMOUNT)
    .union(ReadFlags::IGNORED);
