//! Which POSTs reached a backend: the one side of the accounts, kept by the backends together.
//!
//! The gateway may send a POST again only if it cannot have been executed. Whether it kept to that is
//! not asked of the gateway, but of those who would have executed it.

use std::collections::HashMap;

use parking_lot::Mutex;

/// Which POSTs reached a backend, by the request's id.
#[derive(Default)]
pub(super) struct Ledger {
    posts: Mutex<Posts>,
}

#[derive(Default)]
struct Posts {
    /// How often each was read whole. Zero: some backend had its head when it died.
    read: HashMap<u64, u32>,
    executed_twice: u64,
    /// Connections that were reset before the head of a request had been read from them.
    unread: u64,
}

impl Ledger {
    /// Notes that a backend had the head of this POST.
    pub(super) fn reached(&self, id: u64) {
        self.posts.lock().read.entry(id).or_default();
    }

    /// Notes that a connection was reset before the head of a request had been read from it. There may
    /// have been one on the wire.
    pub(super) fn reset_unread(&self) {
        self.posts.lock().unread += 1;
    }

    /// Puts a lost POST, which no backend had, down to a connection that was reset unread; `false` if
    /// there is none left.
    pub(super) fn was_on_the_wire(&self) -> bool {
        let unread = &mut self.posts.lock().unread;
        let any = *unread > 0;
        *unread = unread.saturating_sub(1);
        any
    }

    /// Notes that a backend has read this POST whole, and so may have executed it, whatever it
    /// answers or does not.
    pub(super) fn executed(&self, id: u64) {
        let mut posts = self.posts.lock();
        let times = posts.read.entry(id).or_default();
        *times += 1;
        if *times == 2 {
            posts.executed_twice += 1;
        }
    }

    /// Whether any backend had it.
    pub(super) fn has(&self, id: u64) -> bool {
        self.posts.lock().read.contains_key(&id)
    }

    /// Of how many POSTs that holds more than once.
    pub(super) fn executed_twice(&self) -> u64 {
        self.posts.lock().executed_twice
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_post_counts_once_however_often_it_is_repeated() {
        let ledger = Ledger::default();
        assert!(!ledger.has(1));
        ledger.reached(1);
        ledger.executed(1);
        assert!(ledger.has(1));
        assert_eq!(ledger.executed_twice(), 0);
        ledger.executed(1);
        ledger.executed(1);
        assert_eq!(ledger.executed_twice(), 1);
    }
}
