//! What the thread does.

use std::io::Read as _;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use switchback_config::{Fingerprint, Sources};
use tokio::sync::watch;

use super::Setup;
use super::folders::Folders;
use super::settle::Settle;

/// Events are read no more often: whatever one neighbour writes in between is one event by then.
const BATCH: Duration = Duration::from_millis(50);

/// After work on events, so many times as long without: they take at most a tenth of a processor.
const REST: u32 = 9;

/// Watches folders, and looks when it is time.
#[derive(Debug)]
pub(super) struct Watcher {
    sources: Sources,
    /// The number that [`Self::sources`] are followed under.
    following: u64,
    folders: Folders,
    settle: Settle<Fingerprint>,
    /// Events are left to the kernel until then.
    rests_until: Instant,
    commands: Receiver<(u64, Sources)>,
    woken: UnixStream,
    notice: watch::Sender<u64>,
}

impl Watcher {
    pub(super) fn new(
        sources: Sources,
        setup: &Setup,
        commands: Receiver<(u64, Sources)>,
        woken: UnixStream,
        notice: watch::Sender<u64>,
    ) -> Self {
        let folders = Folders::new((setup.events)());
        let now = Instant::now();
        let settle = Settle::new(setup.pace, sources.seen(), now);
        let mut watcher = Self {
            sources: Sources::default(),
            following: 0,
            folders,
            settle,
            rests_until: now,
            commands,
            woken,
            notice,
        };
        watcher.follow(0, sources);
        watcher
    }

    /// Until the [`super::Watch`] is dropped.
    pub(super) fn run(mut self) {
        loop {
            match self.commands.try_recv() {
                Ok((following, sources)) => self.follow(following, sources),
                Err(TryRecvError::Disconnected) => return,
                Err(TryRecvError::Empty) => self.wait(),
            }
            if self.settle.due() <= Instant::now() {
                self.look();
            }
        }
    }

    /// Waits for a command, for events, or until it is time to look.
    fn wait(&mut self) {
        let (now, due) = (Instant::now(), self.settle.due());
        let is_resting = now < self.rests_until;
        let until = if is_resting { due.min(self.rests_until) } else { due };
        let left = until.saturating_duration_since(now);
        let timeout = Timespec::try_from(left).ok();
        let queue = self.folders.queue().filter(|_| !is_resting);
        let readable = |fd| PollFd::from_borrowed_fd(fd, PollFlags::IN);
        let mut awaited = vec![PollFd::new(&self.woken, PollFlags::IN)];
        awaited.extend(queue.map(readable));
        // Where that fails, it is interrupted.
        let _ = poll(&mut awaited, timeout.as_ref());
        let is_ready = |fd: Option<&PollFd<'_>>| fd.is_some_and(|fd| !fd.revents().is_empty());
        let (is_woken, has_events) = (is_ready(awaited.first()), is_ready(awaited.get(1)));
        if is_woken {
            let _ = self.woken.read(&mut [0; 64]);
        }
        if has_events {
            self.take();
        }
    }

    fn follow(&mut self, following: u64, sources: Sources) {
        (self.following, self.sources) = (following, sources);
        self.watch();
        let seen = self.sources.fingerprint();
        self.settle.follow(self.sources.seen(), seen, Instant::now());
    }

    /// Finds the folders anew.
    fn watch(&mut self) {
        self.folders.follow(&self.sources);
        self.settle.retain_writers(|writer| self.folders.knows(writer));
    }

    /// Takes in the events that there are.
    fn take(&mut self) {
        let begun = Instant::now();
        if self.folders.take(&mut self.settle, begun) {
            self.watch();
        }
        self.rests_until = Instant::now() + BATCH.max(begun.elapsed() * REST);
    }

    fn look(&mut self) {
        self.take();
        let now = Instant::now();
        if self.settle.due() > now {
            return;
        }
        let seen = self.sources.fingerprint();
        // Whoever began to write while this was looking must be waited for.
        self.take();
        if self.settle.due() > now {
            return;
        }
        for writer in self.settle.give_up(now) {
            let path = self.folders.path(&writer);
            log::warn!("{path} is written to and never closed: it is read as it is");
        }
        let differs = self.settle.differs(&seen);
        if self.settle.looked(seen, now) {
            // Nobody listens when the process ends.
            let _ = self.notice.send(self.following);
        }
        if differs || !self.folders.all_watched() {
            self.watch();
        }
    }
}
