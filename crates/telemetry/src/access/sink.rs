//! Where the lines go.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsFd as _;
use std::path::PathBuf;

/// Where the access log is written to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sink {
    /// Standard output.
    Stdout,
    /// A file, appended to and created if need be.
    File(PathBuf),
    /// Nowhere; records are dropped uncounted, and need not be built ([`super::AccessLog::is_off`]).
    Off,
}

impl Sink {
    /// The open file, or none if nothing is to be written.
    ///
    /// Standard output is a duplicate of the descriptor and not `std::io::Stdout`: that one has a lock and
    /// a line buffer of its own, which would hold a stalled write when the process wants to exit.
    pub(super) fn open(&self) -> io::Result<Option<File>> {
        match self {
            Self::Stdout => Ok(Some(File::from(io::stdout().as_fd().try_clone_to_owned()?))),
            Self::File(path) => OpenOptions::new().create(true).append(true).open(path).map(Some),
            Self::Off => Ok(None),
        }
    }
}

impl fmt::Display for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdout => f.write_str("stdout"),
            Self::File(path) => path.display().fmt(f),
            Self::Off => f.write_str("off"),
        }
    }
}
