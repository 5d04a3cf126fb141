//! Notices that the configuration's files have changed, and waits until they have settled.
//!
//! Events say *when* to look and never *what* has changed: that is a comparison of fingerprints
//! ([`Sources`]), so that no event that is lost, late or somebody else's does harm, and a change
//! between a load and its watch is seen like any other. Where there are no events (network file
//! systems, some mounts, a system without inotify) a look every 5 s does the same, later.
//!
//! Folders are watched, not files: whoever replaces a file by a rename, as editors, deploy tools and the
//! kubelet do, leaves a watch on the file with one that nobody reads any more. [`places`] finds the folders,
//! through every symbolic link on the way; [`settle`] decides when it is time. Not the crate `notify`:
//! its thread takes in each event as it comes, which an access log beside the configuration makes
//! thousands a second, while [`events`] leaves them for the kernel to merge, and asks for no kind that
//! reading causes. `rustix` is here anyway.
//!
//! All of it is done by a thread of its own: a look at a mount whose server is gone may take
//! minutes, and must hold up no request.

mod events;
mod folders;
mod places;
mod settle;
#[cfg(test)]
mod tests;
mod watcher;

use std::future::pending;
use std::io::{self, Write as _};
use std::os::unix::net::UnixStream;
use std::sync::mpsc;

use switchback_config::Sources;
use tokio::sync::watch;

use events::Events;
use settle::Pace;
use watcher::Watcher;

/// Watches the files of a configuration, until it is dropped.
#[derive(Debug)]
pub(crate) struct Watch {
    follow: mpsc::Sender<(u64, Sources)>,
    /// Which sources were found changed, by the number that they were followed under.
    noticed: watch::Receiver<u64>,
    following: u64,
    /// Wakes the thread, also when it is dropped: after `follow`, which the thread then finds closed.
    bell: Option<UnixStream>,
}

impl Watch {
    /// Begins to watch. Any difference to how the sources looked when they were read is a change, also
    /// one that was made before this call. Errors are logged: what remains is slower to notice.
    pub(crate) fn new(sources: Sources) -> Self {
        Self::with(sources, Setup::default())
    }

    fn with(sources: Sources, setup: Setup) -> Self {
        let (follow, commands) = mpsc::channel();
        let (notice, noticed) = watch::channel(0);
        let bell = start(sources, setup, commands, notice).inspect_err(|error| {
            log::error!("changes of the configuration's files will not be noticed: {error}");
        });
        Self { follow, noticed, following: 0, bell: bell.ok() }
    }

    /// Replaces what is watched: a load has read other files, or been refused. What [`Self::changed`]
    /// would have said of the former sources is forgotten; what these have changed since they were
    /// read counts.
    pub(crate) fn follow(&mut self, sources: Sources) {
        self.following += 1;
        // Without the thread nothing is watched, which has been logged.
        let _ = self.follow.send((self.following, sources));
        if let Some(mut bell) = self.bell.as_ref() {
            // Full of rings that were not answered yet, it needs no other.
            let _ = bell.write(&[0]);
        }
    }

    /// Waits until the files have changed and have settled. Once for changes that came together, and
    /// again only for another difference, also where [`Self::follow`] is not called in between.
    /// Cancel-safe.
    pub(crate) async fn changed(&mut self) {
        loop {
            if self.noticed.changed().await.is_err() {
                return pending().await;
            }
            if *self.noticed.borrow_and_update() == self.following {
                return;
            }
        }
    }
}

/// What differs in tests.
struct Setup {
    /// The thread's name: at most 15 bytes.
    name: &'static str,
    pace: Pace,
    events: fn() -> io::Result<Events>,
}

impl Default for Setup {
    fn default() -> Self {
        Self { name: "config-watch", pace: Pace::default(), events: Events::new }
    }
}

fn start(
    sources: Sources,
    setup: Setup,
    commands: mpsc::Receiver<(u64, Sources)>,
    notice: watch::Sender<u64>,
) -> io::Result<UnixStream> {
    let (bell, woken) = UnixStream::pair()?;
    bell.set_nonblocking(true)?;
    woken.set_nonblocking(true)?;
    let thread = std::thread::Builder::new().name(setup.name.to_owned());
    thread.spawn(move || Watcher::new(sources, &setup, commands, woken, notice).run())?;
    Ok(bell)
}
