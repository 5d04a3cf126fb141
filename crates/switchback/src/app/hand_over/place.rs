//! Where two processes meet: the path of a socket.
//!
//! Whoever gets the listening sockets gets the traffic, so nobody else may put a socket there or reach ours:
//! the folder must be ours or root's, and nobody else may write in it. The socket has mode 0600, and both
//! sides look at the other's user besides.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use thiserror::Error;
use tokio::net::{UnixListener, UnixStream};

use super::is_trusted;

/// Where two processes meet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place(PathBuf);

/// Why they cannot meet there.
#[derive(Debug, Error)]
pub(crate) enum PlaceError {
    /// The folder is not there, or cannot be written in.
    #[error("{}: {source}; another path can be given by --upgrade-socket", .path.display())]
    Io { path: PathBuf, source: io::Error },
    /// The folder is somebody else's.
    #[error("{}: others may write in the folder, and so take the listeners; it must be yours alone", .0.display())]
    Shared(PathBuf),
    /// Something else has that path.
    #[error("{}: not a socket of this user", .0.display())]
    Foreign(PathBuf),
    /// Another process waits there.
    #[error("{}: another process hands over there", .0.display())]
    Taken(PathBuf),
}

/// A socket at its place, until it is dropped.
#[derive(Debug)]
pub(super) struct Meeting {
    pub(super) listener: UnixListener,
    path: PathBuf,
}

impl Drop for Meeting {
    fn drop(&mut self) {
        // If it stays, it is stale, and the next one takes it away.
        let _ = fs::remove_file(&self.path);
    }
}

impl Place {
    /// At this path.
    pub(crate) fn at(path: PathBuf) -> Self {
        Self(path)
    }

    /// Where a gateway with this configuration file meets its successor unless told otherwise: in the
    /// folder that systemd gave the service, or in that of the user's session, or in `/run`. The name
    /// is made of the file's path, which both know, though neither knows the other.
    pub(crate) fn of(config: &Path, environment: impl Fn(&str) -> Option<String>) -> Self {
        let given = |name| environment(name).filter(|value| !value.is_empty());
        // systemd separates several by colons.
        let service = given("RUNTIME_DIRECTORY")
            .and_then(|folders| folders.split(':').next().map(str::to_owned));
        let folder = service.or_else(|| given("XDG_RUNTIME_DIR"));
        let folder = folder.unwrap_or_else(|| "/run".to_owned());
        let config = std::path::absolute(config).unwrap_or_else(|_| config.to_owned());
        let name = fnv(config.as_os_str().as_encoded_bytes());
        Self(Path::new(&folder).join(format!("switchback-{name:016x}.sock")))
    }

    /// The path.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Makes the socket, for nobody but this user.
    pub(super) async fn meet(&self) -> Result<Meeting, PlaceError> {
        self.check_folder()?;
        if self.check_socket()? {
            if UnixStream::connect(&self.0).await.is_ok() {
                return Err(PlaceError::Taken(self.0.clone()));
            }
            fs::remove_file(&self.0).map_err(|error| self.io(error))?;
        }
        let listener = UnixListener::bind(&self.0).map_err(|error| self.io(error))?;
        let meeting = Meeting { listener, path: self.0.clone() };
        let mode = Permissions::from_mode(0o600);
        fs::set_permissions(&self.0, mode).map_err(|error| self.io(error))?;
        Ok(meeting)
    }

    /// Goes there; `None`: nobody is there yet.
    pub(super) async fn visit(&self) -> Result<Option<UnixStream>, PlaceError> {
        self.check_folder()?;
        if !self.check_socket()? {
            return Ok(None);
        }
        let Ok(stream) = UnixStream::connect(&self.0).await else { return Ok(None) };
        match stream.peer_cred() {
            Ok(peer) if is_trusted(peer.uid()) => Ok(Some(stream)),
            _ => Err(PlaceError::Foreign(self.0.clone())),
        }
    }

    fn check_folder(&self) -> Result<(), PlaceError> {
        let folder = self.0.parent().filter(|folder| *folder != Path::new(""));
        let folder = folder.unwrap_or(Path::new("."));
        let found = fs::metadata(folder).map_err(|error| self.io(error))?;
        match is_trusted(found.uid()) && found.mode() & 0o022 == 0 {
            true => Ok(()),
            false => Err(PlaceError::Shared(folder.to_owned())),
        }
    }

    /// Whether a socket is there.
    fn check_socket(&self) -> Result<bool, PlaceError> {
        match fs::symlink_metadata(&self.0) {
            Ok(found) if found.file_type().is_socket() && is_trusted(found.uid()) => Ok(true),
            Ok(_) => Err(PlaceError::Foreign(self.0.clone())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(self.io(error)),
        }
    }

    fn io(&self, source: io::Error) -> PlaceError {
        PlaceError::Io { path: self.0.clone(), source }
    }
}

/// FNV-1a. The standard library's hash may change with the compiler, and two releases must agree.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests;
