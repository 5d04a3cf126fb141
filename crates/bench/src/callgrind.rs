//! Counting instructions: a proxy under valgrind's callgrind, switched on when it is warm.
//!
//! The count is of instructions in user space, of all threads, between two moments that the harness chooses
//! (`callgrind_control`, which comes with valgrind). It does not depend on what else the machine does, but for what
//! the proxy does by the clock.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Failure;
use crate::stage::Stand;

mod dump;

pub(crate) use dump::{Calls, Dump};

/// Turns a proxy's command into one that runs it under callgrind. Nothing is counted yet.
pub(crate) fn wrap(proxy: &Command, folder: &Path) -> Command {
    let mut command = Command::new("valgrind");
    command
        .args(["--tool=callgrind", "--instr-atstart=no", "--fair-sched=yes"])
        .arg(format!("--callgrind-out-file={}", output(folder).display()))
        .arg(proxy.get_program())
        .args(proxy.get_args());
    command.envs(proxy.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command
}

/// Begins to count. To be called once.
pub(crate) fn begin(stand: &Stand) -> Result<(), Failure> {
    control(stand, &["-i", "on"])
}

/// Forgets what was counted so far.
pub(crate) fn zero(stand: &Stand) -> Result<(), Failure> {
    control(stand, &["-z"])
}

/// What has been counted since [`zero`]. To be called with 1 first, then with 2, and so on: each leaves a file with its number.
pub(crate) fn count(stand: &Stand, nth: usize) -> Result<Dump, Failure> {
    control(stand, &["-d"])?;
    let mut path = output(stand.folder.path()).into_os_string();
    path.push(format!(".{nth}"));
    let text = fs::read_to_string(&path)?;
    Ok(Dump::parse(&text).ok_or("callgrind has written no total")?)
}

fn output(folder: &Path) -> PathBuf {
    folder.join("callgrind.out")
}

fn control(stand: &Stand, arguments: &[&str]) -> Result<(), Failure> {
    let mut command = Command::new("callgrind_control");
    let output = command.args(arguments).arg(stand.process.id().to_string()).output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("callgrind_control {}: {said}", arguments.join(" ")).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_runs_as_it_would_but_counted() {
        let mut proxy = Command::new("/bin/proxy");
        proxy.args(["run", "-c", "x"]);
        let wrapped = wrap(&proxy, Path::new("/folder"));
        let arguments: Vec<_> = wrapped.get_args().map(|a| a.to_string_lossy()).collect();
        assert_eq!(wrapped.get_program(), "valgrind");
        assert_eq!(arguments[3], "--callgrind-out-file=/folder/callgrind.out");
        assert_eq!(arguments[4..], ["/bin/proxy", "run", "-c", "x"]);
    }
}
