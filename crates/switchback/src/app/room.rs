//! For how much there is room: threads and connections, by what the container or the machine gives.
//!
//! A gateway that takes more connections than its memory holds is killed with all of them, and one that
//! runs out of descriptors can neither accept nor connect; so there is a bound, and it needs no
//! configuration. Half of the memory is for connections, at 64 KiB each: a TLS session, buffers of the
//! kernel and of ours for a client and its endpoint. The other half is for what does not grow with
//! them. Of the descriptors two thirds are for clients and one for endpoints: of many connections most are
//! idle.

use std::fmt;
use std::num::NonZeroU32;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::cgroup::System;

/// What there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Room {
    /// In bytes; `None`: nobody can tell.
    memory: Option<u64>,
    descriptors: u64,
}

impl Room {
    /// Memory for each connection.
    const CONNECTION: u64 = 64 * 1024;
    /// Descriptors that are no client's: logs, listeners, event queues, probes, configuration.
    const OWN: u64 = 256;
    /// However little there is.
    const LEAST: u64 = 64;
    /// However much there is; more must be asked for.
    const MOST: u64 = 200_000;
    /// More descriptors than [`Self::MOST`] could use, and than default kernels give (`fs.nr_open`).
    const DESCRIPTORS: u64 = 1 << 20;

    /// Looks at the memory, and raises the limit of descriptors as far as it goes and is of use.
    pub(super) fn make() -> Self {
        Self { memory: System::this().memory(), descriptors: descriptors() }
    }

    /// The connections of clients that there is room for.
    pub(super) fn connections(self) -> usize {
        let memory = self.memory.map_or(Self::MOST, |memory| memory / 2 / Self::CONNECTION);
        let descriptors = self.descriptors.saturating_sub(Self::OWN) / 3 * 2;
        let least = memory.min(descriptors).clamp(Self::LEAST, Self::MOST);
        usize::try_from(least).unwrap_or(usize::MAX)
    }
}

impl fmt::Display for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.memory {
            Some(memory) => write!(f, "memory {} MiB", memory >> 20)?,
            None => f.write_str("memory unknown")?,
        }
        write!(f, ", {} descriptors", self.descriptors)
    }
}

/// The limit of descriptors, raised. The soft limit is often 1024 still, for programs that use
/// `select`; whoever knows better is expected to raise it.
fn descriptors() -> u64 {
    let now = getrlimit(Resource::Nofile);
    let soft = now.current.unwrap_or(u64::MAX);
    let wanted = now.maximum.unwrap_or(u64::MAX).min(Room::DESCRIPTORS);
    if soft >= wanted {
        return soft;
    }
    match setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), ..now }) {
        Ok(()) => wanted,
        Err(error) => {
            log::warn!("the limit of descriptors stays at {soft}: {error}");
            soft
        }
    }
}

/// Threads: as configured, or one for each CPU that the process may use, a part of one counted as one.
pub(super) fn threads(configured: Option<NonZeroU32>) -> usize {
    match configured {
        Some(threads) => threads.get() as usize,
        None => threads_for(cpus(), System::this().cpus()),
    }
}

fn threads_for(cpus: usize, quota: Option<f64>) -> usize {
    let quota = quota.map_or(usize::MAX, |quota| quota.ceil() as usize);
    cpus.min(quota).max(1)
}

/// The CPUs that the scheduler may put the process on (cpusets, `taskset`).
#[cfg(target_os = "linux")]
fn cpus() -> usize {
    let allowed = rustix::thread::sched_getaffinity(None).ok();
    let allowed = allowed.map(|set| set.count() as usize).filter(|cpus| *cpus > 0);
    allowed.unwrap_or_else(available)
}

#[cfg(not(target_os = "linux"))]
fn cpus() -> usize {
    available()
}

fn available() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_cpu_is_a_thread() {
        for (cpus, quota, threads) in [
            (8, Some(0.5), 1),
            (8, Some(1.0), 1),
            (8, Some(1.5), 2),
            (2, Some(3.5), 2),
            (4, None, 4),
            (0, Some(0.01), 1),
        ] {
            assert_eq!(threads_for(cpus, quota), threads, "{cpus} CPUs, {quota:?}");
        }
    }

    #[test]
    fn connections_are_what_memory_and_descriptors_allow() {
        const MIB: u64 = 1 << 20;
        for (memory, descriptors, connections) in [
            (Some(256 * MIB), 1 << 20, 2_048),
            (Some(256 * MIB), 1_024, 512),
            (Some(MIB), 1 << 20, 64),
            (Some(1 << 40), 1 << 20, 200_000),
            (None, 20_256, 13_332),
            (None, 100, 64),
        ] {
            let room = Room { memory, descriptors };
            assert_eq!(room.connections(), connections, "{room}");
        }
    }

    #[test]
    fn the_soft_limit_of_descriptors_is_raised() {
        let room = Room::make();
        let limit = getrlimit(Resource::Nofile);
        let most = limit.maximum.unwrap_or(u64::MAX).min(Room::DESCRIPTORS);
        assert!(room.descriptors >= most, "{room}");
        assert!(room.memory.is_some_and(|memory| memory > 1 << 20), "{room}");
    }
}
