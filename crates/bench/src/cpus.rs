//! Who runs where: the proxy has one CPU to itself, load and backend have the others.
//!
//! Where they shared one, the load would be measured as caches that the proxy has lost. A child inherits the affinity of
//! the thread that starts it, so nothing has to run between `fork` and `exec`, and no thread of the proxy starts elsewhere.

use std::io;
use std::thread;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The CPUs that this process may use.
#[derive(Clone, Debug)]
pub(crate) struct Cpus {
    all: Vec<usize>,
}

impl Cpus {
    /// Those of the calling thread.
    pub(crate) fn own() -> Self {
        let set = sched_getaffinity(None).unwrap_or_else(|_| CpuSet::new());
        Self { all: (0..CpuSet::MAX_CPU).filter(|&cpu| set.is_set(cpu)).collect() }
    }

    /// Where the proxy runs; `None` where there is no second CPU for the rest.
    pub(crate) fn proxy(&self) -> Option<usize> {
        self.all.first().copied().filter(|_| self.all.len() > 1)
    }

    /// Where load and backend run.
    pub(crate) fn load(&self) -> &[usize] {
        if self.all.len() > 1 { &self.all[1..] } else { &self.all }
    }

    /// Calls `start` on a thread of the proxy's CPU: what it starts stays there.
    pub(crate) fn on_proxy<T: Send>(
        &self,
        start: impl FnOnce() -> io::Result<T> + Send,
    ) -> io::Result<T> {
        let cpu = self.proxy();
        let pinned = || {
            pin(cpu.as_slice())?;
            start()
        };
        thread::scope(|scope| scope.spawn(pinned).join())
            .unwrap_or_else(|_| Err(io::Error::other("a start has panicked")))
    }
}

/// Keeps the calling thread, and what it starts, on these CPUs; none: wherever it may.
pub(crate) fn pin(cpus: &[usize]) -> io::Result<()> {
    if cpus.is_empty() {
        return Ok(());
    }
    let mut set = CpuSet::new();
    for &cpu in cpus {
        set.set(cpu);
    }
    Ok(sched_setaffinity(None, &set)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_proxy_has_a_cpu_to_itself() {
        let cpus = Cpus { all: vec![2, 3, 5] };
        assert_eq!((cpus.proxy(), cpus.load()), (Some(2), &[3, 5][..]));
    }

    #[test]
    fn one_cpu_is_shared() {
        let cpus = Cpus { all: vec![0] };
        assert_eq!((cpus.proxy(), cpus.load()), (None, &[0][..]));
    }
}
