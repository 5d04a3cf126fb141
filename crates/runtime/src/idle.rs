//! When each connection to an endpoint was last used.
//!
//! Pingora keeps idle connections and does not tell for how long; but it names each by its descriptor.
//! So the time of the last use stands in a table under that number. Looking up and noting are one atomic
//! operation each. A descriptor that has been closed and opened again for something else is told apart by
//! the connection being new: then nobody looks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use switchback_core::Timestamp;

/// Slots of the table; descriptors beyond it share them, and say whose they are.
const SLOTS: usize = 1 << 14;
/// Bits of a slot that hold the time, in microseconds: 2⁴⁸ µs are nine years.
const TIME_BITS: u32 = 48;

/// A connection to an endpoint, by its descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connection(u32);

impl Connection {
    /// The connection of this descriptor; `None` if it is none.
    pub fn of(descriptor: i32) -> Option<Self> {
        u32::try_from(descriptor).ok().map(Self)
    }

    fn slot(self) -> usize {
        self.0 as usize % SLOTS
    }

    fn tag(self) -> u64 {
        u64::from(self.0) / SLOTS as u64 + 1
    }
}

/// The times of the last use.
#[derive(Clone, Debug)]
pub struct Idle {
    slots: Arc<[AtomicU64]>,
}

impl Default for Idle {
    fn default() -> Self {
        Self { slots: (0..SLOTS).map(|_| AtomicU64::new(0)).collect() }
    }
}

impl Idle {
    /// Notes that a connection is used now.
    pub fn used(&self, connection: Connection, now: Timestamp) {
        let micros = (now.as_nanos() / 1000) & ((1 << TIME_BITS) - 1);
        let value = connection.tag() << TIME_BITS | micros;
        self.slots[connection.slot()].store(value, Ordering::Relaxed);
    }

    /// For how long a connection has not been used, if that is known.
    pub fn since(&self, connection: Connection, now: Timestamp) -> Option<Duration> {
        let value = self.slots[connection.slot()].load(Ordering::Relaxed);
        let micros = value & ((1 << TIME_BITS) - 1);
        let used = Timestamp::from_start(Duration::from_micros(micros));
        (value >> TIME_BITS == connection.tag()).then(|| now - used)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_start(Duration::from_millis(millis))
    }

    #[test]
    fn it_knows_the_last_use_and_nothing_of_others() {
        let idle = Idle::default();
        let connection = Connection::of(7).unwrap();
        assert_eq!(idle.since(connection, at(5)), None);
        idle.used(connection, at(5));
        idle.used(connection, at(10));
        assert_eq!(idle.since(connection, at(25)), Some(Duration::from_millis(15)));
        let other = Connection::of(7 + 3 * (1 << 14)).unwrap();
        assert_eq!(idle.since(other, at(25)), None, "it has the same slot");
        idle.used(other, at(26));
        assert_eq!(idle.since(connection, at(30)), None);
        assert_eq!(Connection::of(-1), None);
    }
}
