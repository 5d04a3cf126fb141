//! The handle that requests log through, and the queue behind it.
//!
//! The queue is a bounded lock-free ring, and under load nobody is woken for a record: the writer looks by itself,
//! every 5 ms while there is work and ever less often, down to every 40 ms, while there is none. So a record
//! costs its push and no system call, and is written about 40 ms later unless the sink is slow.
//!
//! After a second of nothing it sleeps, and says so; the next record wakes it. A writer that always slept until
//! it is woken would have every request of a low rate pay for that: 9 to 36 µs against 1.2 to 1.6 without
//! it, which is cold caches (`benches/access_log.rs`, "writer at rest", on two shared processors; a push in a burst
//! takes 0.02). One that never sleeps wakes an idle machine 25 times a second.
//!
//! Whoever logs looks at the flag after its push, the writer at the queue after it has set the flag: one of the two
//! sees the other, as the push ends with no fence of its own only almost surely on CPUs that reorder more than
//! x86. Such a line is written when the sleep is over, 5 s later.

use std::fmt;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use crossbeam_queue::ArrayQueue;
use switchback_core::plan::{LogField, LogFormat};

use super::record::AccessRecord;
use super::sink::{Reopen, Sink};
use super::writer::Writer;

/// How long a [`Guard`] that is merely dropped waits for the queue to be written.
const PATIENCE_ON_DROP: Duration = Duration::from_secs(1);

/// A handle on the access log; clones share one queue and one writer.
#[derive(Clone, Debug)]
pub struct AccessLog(Option<Arc<Shared>>);

/// Ends the access log: writes what is queued and stops the writer. Held by whoever ends the process.
#[derive(Debug)]
pub struct Guard(Option<Arc<Shared>>);

impl AccessLog {
    /// Records that may wait to be written.
    pub const CAPACITY: usize = 16_384;

    /// Opens the sink and starts the writer thread, which writes lines in this format. Not before the process
    /// has forked, if it does.
    ///
    /// # Errors
    /// If the sink cannot be opened or the thread not started.
    pub fn start(sink: &Sink, format: &LogFormat) -> io::Result<(Self, Guard)> {
        match sink.open()? {
            Some(file) => {
                let (name, reopen) = (sink.to_string(), sink.reopening());
                Self::start_writing(file, reopen, name, format, Self::CAPACITY)
            }
            None => Ok((Self(None), Guard(None))),
        }
    }

    pub(super) fn start_writing<W: Write + Send + 'static>(
        sink: W,
        reopen: Option<Reopen<W>>,
        name: String,
        format: &LogFormat,
        capacity: usize,
    ) -> io::Result<(Self, Guard)> {
        let shared = Arc::new(Shared::new(capacity, format));
        let writer = Writer::new(sink, reopen, name, format, Arc::clone(&shared));
        let thread =
            thread::Builder::new().name("access-log".to_owned()).spawn(move || writer.run())?;
        // Nobody else can have set it: the cell is ours until here.
        let _ = shared.thread.set(thread.thread().clone());
        Ok((Self(Some(Arc::clone(&shared))), Guard(Some(shared))))
    }

    /// Whether nothing is written, so that no record need be built.
    #[must_use]
    pub fn is_off(&self) -> bool {
        self.0.is_none()
    }

    /// Whether a line has this field, so that a record need have it; never, if nothing is written.
    #[must_use]
    pub fn has(&self, field: LogField) -> bool {
        self.0.as_ref().is_some_and(|shared| shared.fields & bit(field) != 0)
    }

    /// Has a file opened anew: what was logged before this call goes into the file that is open, what is logged
    /// once that is done into the one that is at its path then. Where none can be opened, the operational log
    /// says so, and all goes into the old one. Does not wait for it; does nothing where the sink is no file.
    pub fn reopen(&self) {
        if let Some(shared) = &self.0 {
            shared.reopen.store(true, Ordering::Release);
            shared.unpark();
        }
    }

    /// Queues a record. Never blocks: if the queue is full, the record is dropped and counted.
    pub fn log(&self, record: Box<AccessRecord>) {
        let Some(shared) = &self.0 else { return };
        if shared.queue.push(record).is_err() {
            shared.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        if shared.rest.gone.load(Ordering::Relaxed) {
            shared.dropped.fetch_add(1, Ordering::Relaxed);
        }
        if shared.rest.asleep.load(Ordering::Relaxed)
            && shared.rest.asleep.swap(false, Ordering::Relaxed)
        {
            shared.unpark();
        }
    }

    /// Records dropped because the queue was full or the log had ended.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.0.as_ref().map_or(0, |shared| shared.dropped.load(Ordering::Relaxed))
    }

    /// Writes that failed. One record may meet several, since what could not be written is tried again.
    #[must_use]
    pub fn write_errors(&self) -> u64 {
        self.0.as_ref().map_or(0, |shared| shared.write_errors.load(Ordering::Relaxed))
    }

    /// Waits until all that was logged before this call is written, and says whether it was. Gives up
    /// when `deadline` has passed, or at once if the sink refuses. Blocks the thread.
    #[must_use]
    pub fn flush(&self, deadline: Duration) -> bool {
        self.0.as_ref().is_none_or(|shared| shared.await_round(deadline, false))
    }
}

impl Guard {
    /// Writes what is queued and stops the writer, waiting no longer than `deadline`; says whether
    /// everything was written. A writer stuck in a stalled sink is left behind. Records that are logged
    /// later are dropped and counted.
    #[must_use]
    pub fn close(mut self, deadline: Duration) -> bool {
        self.0.take().is_none_or(|shared| shared.await_round(deadline, true))
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(shared) = self.0.take() {
            shared.await_round(PATIENCE_ON_DROP, true);
        }
    }
}

/// What the handles and the writer share.
pub(super) struct Shared {
    pub(super) queue: ArrayQueue<Box<AccessRecord>>,
    pub(super) rest: Rest,
    pub(super) dropped: AtomicU64,
    pub(super) write_errors: AtomicU64,
    /// Whether the sink is to be opened anew.
    pub(super) reopen: AtomicBool,
    /// The fields that a line has: a bit each.
    fields: u32,
    thread: OnceLock<Thread>,
    rounds: Mutex<Rounds>,
    round_ended: Condvar,
}

/// What is asked of the writer and what it has done. Rounds are counted from one.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rounds {
    /// The last round that somebody waits for.
    pub(super) asked: u64,
    /// The last of them that has ended.
    pub(super) ended: u64,
    /// Whether that one left nothing unwritten.
    pub(super) clean: bool,
    /// Whether the writer is to stop.
    pub(super) stop: bool,
    /// Whether it has.
    pub(super) gone: bool,
}

/// What the writer does instead of looking at the queue. Read with each record, hence on a cache line of its own.
#[derive(Default)]
#[repr(align(128))]
pub(super) struct Rest {
    /// It will never look again.
    pub(super) gone: AtomicBool,
    /// It sleeps until it is woken.
    pub(super) asleep: AtomicBool,
}

/// The bit that stands for a field: they are fewer than 32.
const fn bit(field: LogField) -> u32 {
    1 << field as u32
}

impl Shared {
    fn new(capacity: usize, format: &LogFormat) -> Self {
        let fields = LogField::ALL.iter().map(|(field, ..)| *field);
        Self {
            fields: fields.filter(|field| format.has(*field)).map(bit).sum(),
            reopen: AtomicBool::new(false),
            queue: ArrayQueue::new(capacity),
            rest: Rest::default(),
            dropped: AtomicU64::new(0),
            write_errors: AtomicU64::new(0),
            thread: OnceLock::new(),
            rounds: Mutex::default(),
            round_ended: Condvar::new(),
        }
    }

    fn unpark(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }

    pub(super) fn rounds(&self) -> MutexGuard<'_, Rounds> {
        // A count cannot be left half-changed by a panic.
        self.rounds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The writer's end of [`Shared::await_round`].
    pub(super) fn end_round(&self, update: impl FnOnce(&mut Rounds)) {
        update(&mut self.rounds());
        self.round_ended.notify_all();
    }

    fn await_round(&self, deadline: Duration, stop: bool) -> bool {
        let until = Instant::now().checked_add(deadline);
        let mut rounds = self.rounds();
        rounds.asked += 1;
        rounds.stop |= stop;
        let awaited = rounds.asked;
        drop(rounds);
        self.unpark();
        let mut rounds = self.rounds();
        while rounds.ended < awaited && !rounds.gone {
            let left = until
                .map_or(Duration::MAX, |until| until.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return false;
            }
            let waited = self.round_ended.wait_timeout(rounds, left);
            rounds = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        rounds.clean
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("queued", &self.queue.len())
            .field("dropped", &self.dropped)
            .field("write_errors", &self.write_errors)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
