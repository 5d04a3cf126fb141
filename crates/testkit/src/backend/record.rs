//! What a backend has received, so that a test can assert counts instead of impressions.
//!
//! A request counts as *executed* once it has been received in full: from then on an application may
//! have acted on it, whatever becomes of the answer. That is the count by which a repeated POST is
//! found out.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{Backend, TEST_ID};
use crate::Proxied;
use crate::wire::{self, Headers};

/// One request, from the moment its head was complete.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// The method as sent.
    pub method: String,
    /// The request target as sent.
    pub target: String,
    /// The headers in order, with duplicates.
    pub headers: Headers,
    /// The value of `x-test-id`.
    pub id: Option<String>,
    /// Bytes of content received, framing not counted.
    pub body_len: u64,
    /// [`hash`] of the content received.
    pub body_hash: u64,
    /// Which connection, from zero.
    pub connection: u64,
    /// Which request on this connection, from zero.
    pub nth: u32,
    /// The PROXY header that the connection began with, where the backend demands one.
    pub proxied: Option<Proxied>,
    /// Received in full, the body included.
    pub complete: bool,
    /// The answer was written in full.
    pub answered: bool,
    /// When the head was complete.
    pub at: Instant,
}

impl Recorded {
    /// The first value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        wire::header(&self.headers, name)
    }
}

/// The FNV-1a hash of a body, 64 bits.
#[must_use]
pub fn hash(body: &[u8]) -> u64 {
    rehash(HASH_OF_NOTHING, body)
}

pub(crate) const HASH_OF_NOTHING: u64 = 0xcbf2_9ce4_8422_2325;

/// Goes on with a hash.
pub(crate) fn rehash(hash: u64, more: &[u8]) -> u64 {
    more.iter().fold(hash, |h, byte| (h ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// The ids that were executed more than once on these backends together, with how often.
#[must_use]
pub fn duplicated(backends: &[&Backend]) -> BTreeMap<String, u64> {
    let mut sum = BTreeMap::<String, u64>::new();
    for (id, n) in backends.iter().flat_map(|b| b.executions_by_id()) {
        *sum.entry(id).or_default() += n;
    }
    sum.retain(|_, n| *n > 1);
    sum
}

/// Which of the two lists, and where in it. Stale (and then ignored) after a `clear`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    health: bool,
    index: usize,
    epoch: u64,
}

/// The lists of one backend.
#[derive(Debug, Default)]
pub(crate) struct Log {
    inner: Mutex<Lists>,
}

#[derive(Debug, Default)]
struct Lists {
    traffic: List,
    health: List,
    epoch: u64,
}

#[derive(Debug, Default)]
struct List {
    kept: Vec<Recorded>,
    /// How many have been taken out before them.
    taken: usize,
}

impl List {
    fn take_older_than(&mut self, age: Duration) -> Vec<Recorded> {
        let count = self.kept.partition_point(|recorded| recorded.at.elapsed() > age);
        self.taken += count;
        self.kept.drain(..count).collect()
    }
}

impl Log {
    fn lists(&self) -> MutexGuard<'_, Lists> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins an entry; `head` is method, target and headers.
    pub(crate) fn begin(
        &self,
        health: bool,
        head: (&str, &str, &Headers),
        on: (u64, u32),
        proxied: Option<Proxied>,
    ) -> Entry {
        let (method, target, headers) = head;
        let recorded = Recorded {
            method: method.to_owned(),
            target: target.to_owned(),
            id: wire::header(headers, TEST_ID).map(str::to_owned),
            headers: headers.clone(),
            body_len: 0,
            body_hash: HASH_OF_NOTHING,
            connection: on.0,
            nth: on.1,
            proxied,
            complete: false,
            answered: false,
            at: Instant::now(),
        };
        let mut lists = self.lists();
        let epoch = lists.epoch;
        let list = if health { &mut lists.health } else { &mut lists.traffic };
        list.kept.push(recorded);
        Entry { health, index: list.taken + list.kept.len() - 1, epoch }
    }

    /// Changes an entry.
    pub(crate) fn update(&self, entry: Entry, change: impl FnOnce(&mut Recorded)) {
        let mut lists = self.lists();
        if lists.epoch != entry.epoch {
            return;
        }
        let list = if entry.health { &mut lists.health } else { &mut lists.traffic };
        let at = entry.index.checked_sub(list.taken);
        if let Some(recorded) = at.and_then(|at| list.kept.get_mut(at)) {
            change(recorded);
        }
    }

    pub(crate) fn traffic<T>(&self, read: impl FnOnce(&[Recorded]) -> T) -> T {
        read(&self.lists().traffic.kept)
    }

    pub(crate) fn health<T>(&self, read: impl FnOnce(&[Recorded]) -> T) -> T {
        read(&self.lists().health.kept)
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        let mut lists = self.lists();
        *lists = Lists { epoch: lists.epoch + 1, ..Lists::default() };
    }

    /// Takes out what is older than `age`, health requests too, and returns the others of it.
    pub(crate) fn take_older_than(&self, age: Duration) -> Vec<Recorded> {
        let mut lists = self.lists();
        lists.health.take_older_than(age);
        lists.traffic.take_older_than(age)
    }

    pub(crate) fn executions_by_id(&self) -> HashMap<String, u64> {
        let mut counts = HashMap::new();
        for request in self.lists().traffic.kept.iter().filter(|r| r.complete) {
            if let Some(id) = &request.id {
                *counts.entry(id.clone()).or_default() += 1;
            }
        }
        counts
    }
}
