//! No events: only looks notice a change there.

use std::io;
use std::os::fd::BorrowedFd;
use std::path::Path;

use super::Event;

/// There is none.
#[derive(Debug)]
pub(in super::super) enum Events {}

impl Events {
    /// # Errors
    ///
    /// Always.
    pub(in super::super) fn new() -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(in super::super) fn watch_folder(&self, _: &Path) -> io::Result<i32> {
        match *self {}
    }

    pub(in super::super) fn watch_file(&self, _: &Path) -> io::Result<i32> {
        match *self {}
    }

    pub(in super::super) fn forget(&self, _: i32) {
        match *self {}
    }

    pub(in super::super) fn queue(&self) -> BorrowedFd<'_> {
        match *self {}
    }

    pub(in super::super) fn read(&self) -> Vec<Event> {
        match *self {}
    }
}
