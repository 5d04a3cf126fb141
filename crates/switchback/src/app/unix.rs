//! The Unix socket of the operators: a file that is there while we are, for our own user.
//!
//! Whoever may open it may take endpoints out, so there is no moment at which it is open to others: it is
//! bound under another name beside, gets its mode, begins to listen, and is renamed. The mode is that of the file
//! whatever the umask is, and no one finds a file that nobody listens on.
//!
//! A file that a dead process has left is in nobody's way: the new one takes its place. If somebody answers
//! there, or it is something else, it stays, and we do not start.

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, connect, listen, socket_with,
};
use thiserror::Error;

/// Why there is no socket at a path.
#[derive(Debug, Error)]
pub(crate) enum SocketError {
    /// There is no place for it.
    #[error("the folder {} does not exist; make it, and give it to the gateway's user", .0.display())]
    NoFolder(PathBuf),
    /// Somebody answers there.
    #[error("another process listens there; `run --upgrade` takes over from a gateway")]
    Taken,
    /// Something else has that path.
    #[error("there is something that is no socket; it is left alone")]
    Foreign,
    /// Anything else.
    #[error("{}{}", .0, hint(.0))]
    Io(#[from] io::Error),
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::PermissionDenied => "; the gateway's user must be able to write in that folder",
        _ if error.raw_os_error() == Some(TOO_LONG) => {
            "; with what is added while it is made, a path has 99 bytes at most"
        }
        _ => "",
    }
}

/// What the system says of an address that is too long.
const TOO_LONG: i32 = Errno::NAMETOOLONG.raw_os_error();

/// How many connections wait to be accepted.
const BACKLOG: i32 = 128;

/// Listens at this path, for this user alone.
pub(super) fn bound(path: &Path) -> Result<UnixListener, SocketError> {
    let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    if !folder.is_dir() {
        return Err(SocketError::NoFolder(folder.to_owned()));
    }
    match fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => return Err(SocketError::Foreign),
        Ok(_) if is_answered(path)? => return Err(SocketError::Taken),
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error.into()),
    }
    let beside = beside(path, &std::process::id().to_string());
    // Of a process that had our number and died in between.
    if fs::symlink_metadata(&beside).is_ok_and(|found| found.file_type().is_socket()) {
        fs::remove_file(&beside)?;
    }
    let socket = socket(SocketFlags::empty())?;
    // Where this fails, whatever is there is another's.
    bound_there(&socket, &beside)?;
    let opened = opened(&socket, &beside, path);
    if opened.is_err() {
        let _ = fs::remove_file(&beside);
    }
    Ok(opened.map(|()| socket.into())?)
}

fn socket(flags: SocketFlags) -> io::Result<OwnedFd> {
    let flags = flags | SocketFlags::CLOEXEC;
    Ok(socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?)
}

fn bound_there(socket: &OwnedFd, path: &Path) -> io::Result<()> {
    Ok(bind(socket, &SocketAddrUnix::new(path)?)?)
}

fn opened(socket: &OwnedFd, beside: &Path, path: &Path) -> io::Result<()> {
    fs::set_permissions(beside, Permissions::from_mode(0o600))?;
    listen(socket, BACKLOG)?;
    fs::rename(beside, path)
}

/// Only a refusal says that nobody listens. Who has a full queue, or does not let us in, lives. Does not wait
/// for a place in that queue: a process that is stopped would be waited for for ever.
fn is_answered(path: &Path) -> io::Result<bool> {
    let socket = socket(SocketFlags::NONBLOCK)?;
    Ok(connect(&socket, &SocketAddrUnix::new(path)?) != Err(Errno::CONNREFUSED))
}

/// The name under which a socket is made: all that it will be known by to those who have it.
fn beside(path: &Path, number: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(number);
    name.into()
}

/// Whether a socket, ours or another gateway's, was made for this path and is there.
pub(super) fn is_at(socket: &UnixListener, path: &Path) -> bool {
    let Ok(address) = socket.local_addr() else { return false };
    let Some(known) = address.as_pathname() else { return false };
    let number = known.extension().and_then(|it| it.to_str()).unwrap_or_default();
    let is_ours = number.parse::<u32>().is_ok() && known == beside(path, number);
    is_ours && fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket())
}

/// The file of a socket, as it was found.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SocketFile {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl SocketFile {
    /// What is at this path now.
    pub(super) fn at(path: &Path) -> io::Result<Self> {
        let found = fs::symlink_metadata(path)?;
        Ok(Self { path: path.to_owned(), device: found.dev(), inode: found.ino() })
    }

    /// Takes it away, unless another one has taken its place.
    pub(super) fn remove(&self) {
        if Self::at(&self.path).is_ok_and(|found| found == *self) {
            // If it stays, it is stale, and the next one takes its place.
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::symlink_metadata(path).unwrap().mode() & 0o777
    }

    fn names(folder: &tempfile::TempDir) -> Vec<String> {
        let names = fs::read_dir(folder.path()).unwrap().map(|it| it.unwrap().file_name());
        names.map(|name| name.into_string().unwrap()).collect()
    }

    #[test]
    fn it_is_for_its_user_alone_and_nothing_else_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin.sock");
        let socket = bound(&path).unwrap();
        assert_eq!(mode(&path), 0o600);
        assert_eq!(names(&folder), ["admin.sock"]);
        UnixStream::connect(&path).unwrap();
        socket.accept().unwrap();
        assert!(is_at(&socket, &path));
        assert!(!is_at(&socket, &folder.path().join("other.sock")));
    }

    #[test]
    fn what_a_dead_process_left_is_replaced_and_a_living_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin.sock");
        drop(UnixListener::bind(&path).unwrap());
        let living = bound(&path).unwrap();
        assert!(matches!(bound(&path), Err(SocketError::Taken)));
        UnixStream::connect(&path).unwrap();
        living.accept().unwrap();
        assert_eq!(names(&folder), ["admin.sock"]);
    }

    #[test]
    fn a_living_one_whose_queue_is_full_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin.sock");
        let living = socket(SocketFlags::empty()).unwrap();
        let address = SocketAddrUnix::new(&path).unwrap();
        bind(&living, &address).unwrap();
        listen(&living, 0).unwrap();
        let waits = || {
            let client = socket(SocketFlags::NONBLOCK).unwrap();
            connect(&client, &address).map(|()| client)
        };
        let waiting: Vec<_> = std::iter::repeat_with(waits).take(8).map_while(Result::ok).collect();
        assert!(waiting.len() < 8, "the queue is full");
        let (done, told) = std::sync::mpsc::channel();
        std::thread::spawn(move || done.send(bound(&path).err()));
        let refused = told.recv_timeout(std::time::Duration::from_secs(10)).unwrap();
        assert!(matches!(refused, Some(SocketError::Taken)), "{refused:?}");
    }

    #[test]
    fn what_is_no_socket_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin.sock");
        fs::write(&path, "precious").unwrap();
        assert!(matches!(bound(&path), Err(SocketError::Foreign)));
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
        std::os::unix::fs::symlink(&path, folder.path().join("link")).unwrap();
        assert!(matches!(bound(&folder.path().join("link")), Err(SocketError::Foreign)));
        let (path, number) = (folder.path().join("other.sock"), std::process::id().to_string());
        fs::write(beside(&path, &number), "precious").unwrap();
        assert!(bound(&path).is_err());
        assert_eq!(fs::read_to_string(beside(&path, &number)).unwrap(), "precious");
    }

    #[test]
    fn what_stands_in_the_way_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let error = bound(&folder.path().join("none/admin.sock")).unwrap_err().to_string();
        assert!(error.contains("none does not exist; make it"), "{error}");
        let error = bound(&folder.path().join("x".repeat(120))).unwrap_err().to_string();
        assert!(error.contains("a path has 99 bytes at most"), "{error}");
        assert!(names(&folder).is_empty());
    }

    #[test]
    fn at_the_end_only_our_own_file_goes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin.sock");
        let first = bound(&path).unwrap();
        let file = SocketFile::at(&path).unwrap();
        drop(first);
        let _second = bound(&path).unwrap();
        file.remove();
        assert!(path.exists(), "it is another's");
        SocketFile::at(&path).unwrap().remove();
        assert!(!path.exists());
        file.remove();
    }
}
