//! The kernel's events: inotify, as far as it is needed; none on other systems.
//!
//! Asked for is only what changes something. Opening and reading would make an event of each look.

#[cfg(target_os = "linux")]
mod inotify;
#[cfg(not(target_os = "linux"))]
mod none;

use std::ffi::OsString;

#[cfg(target_os = "linux")]
pub(super) use inotify::Events;
#[cfg(not(target_os = "linux"))]
pub(super) use none::Events;

/// Something happened.
#[derive(Debug)]
pub(super) struct Event {
    /// The watch that it happened to.
    pub(super) watch: i32,
    /// In a folder: to what; `None` where it happened to the watched thing itself.
    pub(super) name: Option<OsString>,
    pub(super) kind: Kind,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "nobody makes them there"))]
pub(super) enum Kind {
    /// Written to, or truncated; whoever did it has not closed it yet.
    Written,
    /// Closed by somebody who might have written.
    Closed,
    /// There is something new: opened with `O_CREAT`, a link, a folder.
    Created,
    /// Something else was moved there.
    Replaced,
    /// Removed or moved away, or no longer mounted.
    Gone,
    /// Rights, times, or the number of links.
    Attributes,
    /// The queue was full: anything may have happened.
    Lost,
}
