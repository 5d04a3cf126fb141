//! What the container allows: CPUs and memory, from the process's control groups (cgroups(7)).
//!
//! Version 2 first, then version 1; in both a limit of a group above counts as well, so every folder from
//! ours up to the root is read and the least is taken. Inside of a container our path may be one of the
//! host's that is not mounted here; then the mount itself is our group. What cannot be read limits
//! nothing.
//!
//! The standard library's `available_parallelism` reads the same files, but rounds down: a quota of 1.5 CPUs
//! would be one thread, which leaves a third of what was paid for unused. More threads than the quota
//! has CPUs cost little: the kernel stops all of them when it is used up, and one that is stopped
//! was running.

use std::fs;
use std::path::{Path, PathBuf};

/// Where control groups and `/proc` are; another folder in tests.
#[derive(Clone, Debug)]
pub(super) struct System {
    root: PathBuf,
}

impl System {
    /// This machine.
    pub(super) fn this() -> Self {
        Self { root: "/".into() }
    }

    /// The CPUs that the process may use in the long run; `None`: no quota.
    pub(super) fn cpus(&self) -> Option<f64> {
        let unified = self.unified().filter_map(|group| quota(&read(&group.join("cpu.max"))?));
        let legacy = self.legacy("cpu").filter_map(|group| {
            let one = |file: &str| read(&group.join(file));
            quota(&format!("{} {}", one("cpu.cfs_quota_us")?, one("cpu.cfs_period_us")?))
        });
        unified.chain(legacy).reduce(f64::min)
    }

    /// The bytes of memory that there are for the process; `None`: nobody can tell.
    pub(super) fn memory(&self) -> Option<u64> {
        let limit = |path: &Path| read(path)?.parse().ok();
        let unified = self.unified().filter_map(|group| limit(&group.join("memory.max")));
        let legacy = self.legacy("memory");
        let legacy = legacy.filter_map(|group| limit(&group.join("memory.limit_in_bytes")));
        unified.chain(legacy).chain(self.installed()).min()
    }

    /// The memory of the machine. Without a limit, version 1 says 2⁶³ less a page, which this is below.
    fn installed(&self) -> Option<u64> {
        let text = fs::read_to_string(self.root.join("proc/meminfo")).ok()?;
        let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
        let kibibytes: u64 = total.trim().strip_suffix(" kB")?.trim().parse().ok()?;
        Some(kibibytes * 1024)
    }

    /// Our groups of version 2, from our own up.
    fn unified(&self) -> impl Iterator<Item = PathBuf> {
        let path = self.path(|controllers| controllers.is_empty());
        let mounts = ["sys/fs/cgroup", "sys/fs/cgroup/unified"].map(|it| self.root.join(it));
        mounts.into_iter().flat_map(move |mount| upwards(&mount, path.as_deref()))
    }

    /// Our groups of version 1 that this controller limits, from our own up.
    fn legacy(&self, controller: &str) -> impl Iterator<Item = PathBuf> {
        let path = self.path(|controllers| controllers.split(',').any(|it| it == controller));
        let mount = self.root.join("sys/fs/cgroup").join(controller);
        upwards(&mount, path.as_deref()).into_iter()
    }

    /// The path of the group whose line of `/proc/self/cgroup` has such controllers.
    fn path(&self, is_it: impl Fn(&str) -> bool) -> Option<String> {
        let text = fs::read_to_string(self.root.join("proc/self/cgroup")).ok()?;
        text.lines().find_map(|line| {
            let mut fields = line.splitn(3, ':').skip(1);
            let controllers = fields.next()?;
            is_it(controllers).then(|| fields.next().unwrap_or_default().to_owned())
        })
    }
}

/// The folder of a group and those above it, the mount last.
fn upwards(mount: &Path, path: Option<&str>) -> Vec<PathBuf> {
    let below = path.unwrap_or_default().trim_start_matches('/');
    let ours = mount.join(below);
    ours.ancestors().take_while(|it| it.starts_with(mount)).map(Path::to_owned).collect()
}

fn read(path: &Path) -> Option<String> {
    fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}

/// What a quota and its period come to, in CPUs; `max` and -1 are none.
fn quota(text: &str) -> Option<f64> {
    let mut numbers = text.split_whitespace().map(str::parse::<f64>);
    let (quota, period) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
    (quota > 0.0 && period > 0.0).then_some(quota / period)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn system(files: &[(&str, &str)]) -> (tempfile::TempDir, System) {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let system = System { root: folder.path().to_owned() };
        (folder, system)
    }

    const MEMINFO: (&str, &str) = ("proc/meminfo", "MemTotal:        1000 kB\nMemFree: 1 kB\n");

    #[test]
    fn the_least_limit_on_the_way_up_counts() {
        let (_folder, system) = system(&[
            MEMINFO,
            ("proc/self/cgroup", "0::/pods/gateway\n"),
            ("sys/fs/cgroup/cpu.max", "max 100000\n"),
            ("sys/fs/cgroup/memory.max", "max\n"),
            ("sys/fs/cgroup/pods/cpu.max", "150000 100000\n"),
            ("sys/fs/cgroup/pods/memory.max", "400000\n"),
            ("sys/fs/cgroup/pods/gateway/cpu.max", "200000 100000\n"),
            ("sys/fs/cgroup/pods/gateway/memory.max", "500000\n"),
        ]);
        assert_eq!((system.cpus(), system.memory()), (Some(1.5), Some(400_000)));
    }

    #[test]
    fn a_path_of_the_host_is_looked_for_at_the_mount() {
        let (_folder, system) = system(&[
            MEMINFO,
            ("proc/self/cgroup", "5:cpu,cpuacct:/docker/abc\n4:memory:/docker/abc\n0::/x\n"),
            ("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "50000\n"),
            ("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "300000\n"),
        ]);
        assert_eq!((system.cpus(), system.memory()), (Some(0.5), Some(300_000)));
    }

    #[test]
    fn without_a_limit_the_machine_is_the_limit() {
        let (_folder, unlimited) = system(&[
            MEMINFO,
            ("proc/self/cgroup", "2:cpu:/\n1:memory:/\n"),
            ("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n"),
            ("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
        ]);
        assert_eq!((unlimited.cpus(), unlimited.memory()), (None, Some(1_024_000)));
        let (_folder, nowhere) = system(&[]);
        assert_eq!((nowhere.cpus(), nowhere.memory()), (None, None));
    }
}
