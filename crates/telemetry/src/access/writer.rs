//! The thread that formats and writes.
//!
//! It works in rounds: take what is queued, format it, write it when 64 KiB have come together and at the
//! end of the round, then nap. The nap is what makes batches: without it a round would follow each
//! handful of records with a system call of its own. When it sleeps and who wakes it stands at the [log](super::log).
//!
//! A sink that refuses is tried again, every 100 ms, with the bytes that it has not taken, so that lines
//! stay whole across a full disk. Meanwhile the queue fills and then drops; memory stays bounded. A file that is
//! opened anew gets whole lines, too: one that the old file took in part goes to the new one from its beginning.
//!
//! That a sink refuses, and that it takes again, is said once each; and of one that does both all the time, once
//! a minute.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use switchback_core::plan::LogFormat;

use super::format::Lines;
use super::log::Shared;
use super::sink::Reopen;

/// Formatted bytes that are written without waiting for the end of the round.
const BATCH: usize = 64 * 1024;
/// Between two rounds while there is work: what a line waits for others.
const NAP: Duration = Duration::from_millis(5);
/// The longest nap while there is none; each is twice the one before.
const LONGEST_NAP: Duration = Duration::from_millis(40);
/// So long a time of naps without work, and it sleeps.
const AWAKE: Duration = Duration::from_secs(1);
/// The longest sleep from which no record has woken it.
const LONGEST_SLEEP: Duration = Duration::from_secs(5);
/// Between two tries at a sink that refuses.
const RETRY: Duration = Duration::from_millis(100);
/// Between two times that a sink is said to refuse.
const SILENCE: Duration = Duration::from_secs(60);

pub(super) struct Writer<W> {
    sink: W,
    /// How the sink is opened anew; `None`: it is what it is.
    reopen: Option<Reopen<W>>,
    name: String,
    shared: Arc<Shared>,
    lines: Lines,
    /// Formatted and not yet taken by the sink.
    buffer: Vec<u8>,
    /// Of the line with which the buffer begins: what the sink has taken already.
    begun: Vec<u8>,
    /// Whether the last write failed.
    refused: bool,
    /// When that was last said.
    said: Option<Instant>,
    /// Whether it must be said yet that this is over.
    owed: bool,
    nap: Duration,
    /// Naps since there was work.
    idle: Duration,
}

impl<W: Write> Writer<W> {
    pub(super) fn new(
        sink: W,
        reopen: Option<Reopen<W>>,
        name: String,
        format: &LogFormat,
        shared: Arc<Shared>,
    ) -> Self {
        Self {
            sink,
            reopen,
            name,
            shared,
            lines: Lines::new(format.clone()),
            buffer: Vec::with_capacity(BATCH + 8 * 1024),
            begun: Vec::new(),
            refused: false,
            said: None,
            owed: false,
            nap: NAP,
            idle: Duration::ZERO,
        }
    }

    /// Works until told to stop.
    pub(super) fn run(mut self) {
        loop {
            let rounds = *self.shared.rounds();
            let reopen = self.shared.reopen.swap(false, Ordering::AcqRel);
            let mut taken = self.round();
            if reopen {
                self.open_anew();
                if self.refused {
                    // What the old file did not take, and is asked for now.
                    taken += self.round();
                }
            }
            let clean = self.buffer.is_empty();
            if rounds.stop {
                self.shared.rest.gone.store(true, Ordering::Relaxed);
                self.shared.end_round(|rounds| {
                    rounds.clean = clean;
                    rounds.gone = true;
                });
                return;
            }
            if rounds.ended < rounds.asked {
                self.shared.end_round(|now| {
                    now.clean = clean;
                    now.ended = rounds.asked;
                });
            }
            if self.refused {
                thread::park_timeout(RETRY);
            } else if taken < self.shared.queue.capacity() / 2 {
                self.rest(taken);
            }
        }
    }

    /// Naps; the longer, the longer there has been nothing to do, and sleeps in the end. A flush ends both.
    fn rest(&mut self, taken: usize) {
        if taken > 0 {
            (self.nap, self.idle) = (NAP, Duration::ZERO);
        } else {
            self.nap = LONGEST_NAP.min(self.nap * 2);
            self.idle += self.nap;
        }
        if self.idle < AWAKE {
            return thread::park_timeout(self.nap);
        }
        self.shared.rest.asleep.store(true, Ordering::SeqCst);
        if self.shared.queue.is_empty() {
            thread::park_timeout(LONGEST_SLEEP);
        }
        self.shared.rest.asleep.store(false, Ordering::Relaxed);
    }

    /// Formats and writes what is queued now; how many records that were.
    fn round(&mut self) -> usize {
        let mut taken = 0;
        // What comes in meanwhile is for the next round, or a flush under load would never end.
        for _ in 0..self.shared.queue.len() {
            if self.buffer.len() >= BATCH {
                self.write();
                if self.refused {
                    return taken;
                }
            }
            let Some(record) = self.shared.queue.pop() else {
                break;
            };
            self.lines.push(&mut self.buffer, &record);
            taken += 1;
        }
        self.write();
        taken
    }

    /// Writes the buffer; what the sink does not take stays in it.
    fn write(&mut self) {
        let mut written = 0;
        let mut result = Ok(());
        while written < self.buffer.len() {
            match self.sink.write(&self.buffer[written..]) {
                Ok(0) => result = Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => written += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => result = Err(error),
            }
            if result.is_err() {
                break;
            }
        }
        let taken = &self.buffer[..written];
        let line = taken.iter().rposition(|&byte| byte == b'\n').map(|end| end + 1);
        if line.is_some() {
            self.begun.clear();
        }
        self.begun.extend_from_slice(&taken[line.unwrap_or(0)..]);
        self.buffer.drain(..written);
        match result {
            Err(error) => self.write_failed(&error),
            Ok(()) if written > 0 && self.refused => self.write_recovered(),
            Ok(()) => {}
        }
    }

    /// Goes over to a newly opened sink, or stays where that is not to be had.
    fn open_anew(&mut self) {
        let Some(reopen) = &mut self.reopen else { return };
        match reopen() {
            Ok(sink) => {
                self.sink = sink;
                self.buffer.splice(..0, self.begun.drain(..));
                log::info!("access log {}: opened anew", self.name);
            }
            Err(error) => log::error!(
                "access log {}: it cannot be opened anew, and goes on where it was: {error}",
                self.name
            ),
        }
    }

    fn write_failed(&mut self, error: &io::Error) {
        self.shared.write_errors.fetch_add(1, Ordering::Relaxed);
        self.refused = true;
        if self.owed || self.said.is_some_and(|said| said.elapsed() < SILENCE) {
            return;
        }
        (self.owed, self.said) = (true, Some(Instant::now()));
        log::warn!(
            "access log {}: {error}; trying again, {} records can wait until then",
            self.name,
            self.shared.queue.capacity()
        );
    }

    fn write_recovered(&mut self) {
        self.refused = false;
        if !std::mem::take(&mut self.owed) {
            return;
        }
        log::warn!(
            "access log {}: writing again; {} records dropped since the start",
            self.name,
            self.shared.dropped.load(Ordering::Relaxed)
        );
    }
}
