//! A proxy as a process: started on its CPU, asked what it has used, and killed.
//!
//! CPU time comes from `/proc/PID/task/*/schedstat`, which counts nanoseconds; `/proc/PID/stat` counts ticks of 10 ms, and
//! stands in only where the kernel has no `schedstat`. Threads that have ended are missing from the first; no
//! proxy here ends any while it serves.

use std::fs::{self, File};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::Failure;
use crate::cpus::Cpus;

/// A tick of `/proc/PID/stat`: `USER_HZ` is 100 wherever Linux runs.
const TICK: Duration = Duration::from_millis(10);

/// A running proxy. Killed when dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    /// What it says on standard error.
    errors: PathBuf,
}

/// Resident memory, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Memory {
    pub(crate) now: u64,
    /// The most that it ever was.
    pub(crate) peak: u64,
}

impl Process {
    /// Starts the command, on the proxy's CPU or, without CPUs, on those of the caller. Standard output goes to `output`.
    pub(crate) fn start(
        mut command: Command,
        cpus: Option<&Cpus>,
        folder: &Path,
        output: &Path,
    ) -> Result<Self, Failure> {
        let errors = folder.join("errors");
        let program = command.get_program().to_string_lossy().into_owned();
        command.stdin(Stdio::null()).stdout(File::create(output)?).stderr(File::create(&errors)?);
        let started = match cpus {
            Some(cpus) => cpus.on_proxy(move || command.spawn()),
            None => command.spawn(),
        };
        Ok(Self { child: started.map_err(|error| format!("{program}: {error}"))?, errors })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Why it has ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<String> {
        let status = self.child.try_wait().ok()??;
        Some(format!("{status}\n{}", self.errors()))
    }

    /// What it has said on standard error.
    pub(crate) fn errors(&self) -> String {
        fs::read_to_string(&self.errors).unwrap_or_default()
    }

    /// User and system time so far.
    pub(crate) fn cpu(&self) -> io::Result<Duration> {
        let folder = PathBuf::from(format!("/proc/{}", self.id()));
        let mut sum = Duration::ZERO;
        for task in fs::read_dir(folder.join("task"))? {
            let Ok(text) = fs::read_to_string(task?.path().join("schedstat")) else {
                return ticks(&fs::read_to_string(folder.join("stat"))?).ok_or_else(unreadable);
            };
            sum += run_time(&text).ok_or_else(unreadable)?;
        }
        Ok(sum)
    }

    /// Whether a socket that listens at this very address of IPv4 is its own.
    pub(crate) fn listens(&self, address: SocketAddr) -> io::Result<bool> {
        let table = fs::read_to_string(format!("/proc/{}/net/tcp", self.id()))?;
        let Some(inode) = listener(&table, address) else { return Ok(false) };
        let wanted = format!("socket:[{inode}]");
        for descriptor in fs::read_dir(format!("/proc/{}/fd", self.id()))? {
            // It may have been closed meanwhile.
            if fs::read_link(descriptor?.path()).is_ok_and(|path| path.as_os_str() == &*wanted) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Resident memory.
    pub(crate) fn memory(&self) -> io::Result<Memory> {
        let text = fs::read_to_string(format!("/proc/{}/status", self.id()))?;
        memory(&text).ok_or_else(unreadable)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only on a child that has been reaped.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn unreadable() -> io::Error {
    io::Error::other("/proc says something else than it used to")
}

/// The first field of a `schedstat`: time on a CPU, in nanoseconds.
fn run_time(schedstat: &str) -> Option<Duration> {
    schedstat.split_ascii_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}

/// `utime` and `stime` of a `stat`, the 14th and 15th field (proc_pid_stat(5)). The second is the program's name, which
/// may hold anything, so counting begins after its bracket.
fn ticks(stat: &str) -> Option<Duration> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<u32>().ok();
    Some(TICK * (next()? + next()?))
}

/// The inode of the socket that listens at an address, by `/proc/net/tcp` (proc(5)): number, local address, remote
/// address, state (`0A` is listening), and the inode as the tenth field. An address is hexadecimal, its bytes in the machine's order.
fn listener(table: &str, address: SocketAddr) -> Option<&str> {
    let SocketAddr::V4(address) = address else { return None };
    let ip = u32::from_ne_bytes(address.ip().octets());
    let local = format!("{ip:08X}:{:04X}", address.port());
    table.lines().find_map(|line| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let found = fields.next()? == local && fields.nth(1)? == "0A";
        fields.nth(5).filter(|_| found)
    })
}

/// `VmRSS` and `VmHWM` of a `status`.
fn memory(status: &str) -> Option<Memory> {
    let field = |name: &str| -> Option<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(kib * 1024)
    };
    Some(Memory { now: field("VmRSS:")?, peak: field("VmHWM:")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedstat_counts_nanoseconds() {
        assert_eq!(run_time("123456789 42 7\n"), Some(Duration::from_nanos(123_456_789)));
        assert_eq!(run_time(""), None);
    }

    #[test]
    fn stat_counts_ticks_whatever_the_program_is_called() {
        let stat = "4711 (a) b (c) S 1 4711 4711 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 1 0 1 2 3";
        assert_eq!(ticks(stat), Some(Duration::from_secs(3)));
        assert_eq!(ticks("4711 (a) S 1"), None);
    }

    #[test]
    fn status_counts_kibibytes() {
        let status = "Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\n";
        assert_eq!(memory(status), Some(Memory { now: 1 << 20, peak: 2 << 20 }));
        assert_eq!(memory("Name:\tx\n"), None);
    }

    #[test]
    fn who_listens_is_found_and_who_is_connected_is_not() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   \
             0: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 41 1 x\n   \
             1: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 42 1 x\n";
        let address = "127.0.0.1:8080".parse().expect("an address");
        assert_eq!(listener(table, address), Some("42"));
        let other = "127.0.0.1:8081".parse().expect("an address");
        assert_eq!(listener(table, other), None);
    }

    #[test]
    fn a_process_has_used_something() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut command = Command::new("sleep");
        command.arg("60");
        let output = folder.path().join("output");
        let process = Process::start(command, Some(&Cpus::own()), folder.path(), &output);
        let process = process.expect("sleep starts");
        assert!(process.cpu().expect("its time") > Duration::ZERO);
        assert!(process.memory().expect("its memory").peak > 0);
    }
}
