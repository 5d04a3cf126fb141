//! Where the lines go.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};

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
            Self::File(path) => open(path).map(Some),
            Self::Off => Ok(None),
        }
    }

    /// How the sink is opened anew; `None`: it need not be.
    pub(super) fn reopening(&self) -> Option<Reopen<File>> {
        match self {
            Self::File(path) => {
                let path = path.clone();
                Some(Box::new(move || open(&path)))
            }
            Self::Stdout | Self::Off => None,
        }
    }
}

/// Opens a sink once more.
pub(super) type Reopen<W> = Box<dyn FnMut() -> io::Result<W> + Send>;

/// Every write goes to the end of the file, whoever else writes to it: another process of ours may,
/// while it hands over.
fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
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
