//! What the system says of the process, under the names that every client library of Prometheus gives it.
//!
//! Read from `/proc` at each scrape, so it costs nobody else anything. Where there is none, or it says
//! something unheard of, the metric has no series.

use std::fs;

/// Ticks of `/proc/self/stat` in a second: `USER_HZ`, which is 100 wherever this is compiled for.
const TICKS: f64 = 100.0;

/// The process at one moment.
#[derive(Debug, Default)]
pub(super) struct Process {
    /// User and system time.
    pub(super) cpu_seconds: Option<f64>,
    pub(super) resident_bytes: Option<u64>,
    pub(super) open_fds: Option<u64>,
    /// How many it may open; `None`, too, where there is no limit.
    pub(super) max_fds: Option<u64>,
}

impl Process {
    pub(super) fn look() -> Self {
        let read = |file: &str| fs::read_to_string(format!("/proc/self/{file}")).ok();
        Self {
            cpu_seconds: read("stat").and_then(|text| cpu_seconds(&text)),
            resident_bytes: read("status").and_then(|text| resident_bytes(&text)),
            open_fds: open_fds(),
            max_fds: read("limits").and_then(|text| max_fds(&text)),
        }
    }
}

/// `utime` and `stime`, the fields 14 and 15 of proc_pid_stat(5). The second is a name in parentheses,
/// which may have spaces and parentheses itself.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    let (user, system) = (ticks()?, ticks()?);
    Some((user + system) as f64 / TICKS)
}

fn resident_bytes(status: &str) -> Option<u64> {
    let value = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = value.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024)
}

/// But for the one that counts them.
fn open_fds() -> Option<u64> {
    let count = fs::read_dir("/proc/self/fd").ok()?.count() as u64;
    Some(count.saturating_sub(1))
}

/// The soft limit.
fn max_fds(limits: &str) -> Option<u64> {
    let values = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    values.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_stands_behind_a_name_of_any_kind() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 1 0 0 0 150 25 0 0 20 0 9 0 1 2 3";
        assert_eq!(cpu_seconds(stat), Some(1.75));
        assert_eq!(cpu_seconds("7 (a) S 1 7"), None);
    }

    #[test]
    fn memory_and_descriptors_are_read_in_their_units() {
        assert_eq!(resident_bytes("Name:\ta\nVmRSS:\t   2048 kB\n"), Some(2 << 20));
        assert_eq!(resident_bytes("Name:\ta\n"), None);
        let limits = |soft| format!("Limit  Soft Limit\nMax open files   {soft}   4096   files\n");
        assert_eq!(max_fds(&limits("1024")), Some(1024));
        assert_eq!(max_fds(&limits("unlimited")), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_has_memory_and_descriptors() {
        let process = Process::look();
        assert!(process.cpu_seconds.is_some() && process.max_fds.is_some(), "{process:?}");
        assert!(process.resident_bytes.is_some_and(|bytes| bytes > 100_000), "{process:?}");
        assert!(process.open_fds.is_some_and(|count| count >= 3), "{process:?}");
    }
}
