//! The thread that formats and writes.
//!
//! It works in rounds: take what is queued, format it, write it when 64 KiB have come together and at the
//! end of the round, then nap. The nap is what makes batches: without it a round would follow each
//! handful of records with a system call of its own.
//!
//! A sink that refuses is tried again, every 100 ms, with the bytes that it has not taken, so that lines
//! stay whole across a full disk. Meanwhile the queue fills and then drops; memory stays bounded.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use super::line::Formatter;
use super::log::Shared;

/// Formatted bytes that are written without waiting for the end of the round.
const BATCH: usize = 64 * 1024;
/// Between two rounds while there is work: what a line waits for others.
const NAP: Duration = Duration::from_millis(5);
/// The longest nap while there is none; each is twice the one before.
const LONGEST_NAP: Duration = Duration::from_millis(40);
/// Between two tries at a sink that refuses.
const RETRY: Duration = Duration::from_millis(100);
pub(super) struct Writer<W> {
    sink: W,
    name: String,
    shared: Arc<Shared>,
    formatter: Formatter,
    /// Formatted and not yet taken by the sink.
    buffer: Vec<u8>,
    /// Whether the last write failed.
    refused: bool,
    nap: Duration,
}

impl<W: Write> Writer<W> {
    pub(super) fn new(sink: W, name: String, shared: Arc<Shared>) -> Self {
        let buffer = Vec::with_capacity(BATCH + 8 * 1024);
        Self { sink, name, shared, formatter: Formatter::new(), buffer, refused: false, nap: NAP }
    }

    /// Works until told to stop.
    pub(super) fn run(mut self) {
        loop {
            let rounds = *self.shared.rounds();
            let taken = self.round();
            let clean = self.buffer.is_empty();
            if rounds.stop {
                self.shared.gone.0.store(true, Ordering::Relaxed);
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

    /// Naps; the longer, the longer there has been nothing to do. A flush ends the nap.
    fn rest(&mut self, taken: usize) {
        self.nap = if taken > 0 { NAP } else { LONGEST_NAP.min(self.nap * 2) };
        thread::park_timeout(self.nap);
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
            self.formatter.push(&mut self.buffer, &record);
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
        let wrote = written > 0;
        self.buffer.drain(..written);
        match result {
            Err(error) => self.write_failed(&error),
            Ok(()) if wrote && self.refused => self.write_recovered(),
            Ok(()) => {}
        }
    }

    fn write_failed(&mut self, error: &io::Error) {
        self.shared.write_errors.fetch_add(1, Ordering::Relaxed);
        if !self.refused {
            log::warn!(
                "access log {}: {error}; trying again, {} records can wait until then",
                self.name,
                self.shared.queue.capacity()
            );
        }
        self.refused = true;
    }

    fn write_recovered(&mut self) {
        self.refused = false;
        log::warn!(
            "access log {}: writing again; {} records dropped since the start",
            self.name,
            self.shared.dropped.load(Ordering::Relaxed)
        );
    }
}
