//! The child process and what it says.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use rustix::process::{Pid, kill_process};
use serde_json::Value;

use crate::Signal;

#[derive(Debug)]
pub(crate) struct Process {
    child: Mutex<Child>,
    pid: u32,
    output: Arc<Output>,
    /// Standard output, as long as nobody reads it.
    unread: Mutex<Option<ChildStdout>>,
}

/// Everything that the process wrote so far.
#[derive(Debug, Default)]
pub(crate) struct Output {
    stdout: Mutex<String>,
    stderr: Mutex<String>,
    log: Mutex<Vec<Value>>,
}

impl Process {
    /// Starts the command with its output captured; standard output from [`Process::read_on`] on.
    pub(crate) fn spawn(mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let spawned = command.spawn();
        let mut child = spawned.unwrap_or_else(|e| panic!("{:?}: {e}", command.get_program()));
        let output = Arc::new(Output::default());
        let stdout = child.stdout.take().expect("stdout is piped");
        let stderr = child.stderr.take().expect("stderr is piped");
        let to = Arc::clone(&output);
        thread::spawn(move || lines(stderr, |line| lock(&to.stderr).push_str(line)));
        let unread = Mutex::new(Some(stdout));
        Self { pid: child.id(), child: Mutex::new(child), output, unread }
    }

    /// Reads standard output from now on.
    pub(crate) fn read_on(&self) {
        let Some(stdout) = lock(&self.unread).take() else { return };
        let to = Arc::clone(&self.output);
        thread::spawn(move || lines(stdout, |line| to.stdout_line(line)));
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    pub(crate) fn output(&self) -> &Output {
        &self.output
    }

    pub(crate) fn exit_status(&self) -> Option<ExitStatus> {
        lock(&self.child).try_wait().expect("the child is ours to wait for")
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let mut child = lock(&self.child);
        // As long as the child is not reaped, its id cannot be somebody else's.
        let exited = child.try_wait().expect("the child is ours to wait for");
        assert!(exited.is_none(), "the gateway has exited: {exited:?}");
        kill_process(Pid::from_child(&child), signal).expect("the child is ours to signal");
    }

    /// Kills and reaps; does nothing if it has exited.
    pub(crate) fn kill(&self) {
        let mut child = lock(&self.child);
        // Both fail only on a child that has been reaped.
        let _ = child.kill();
        let _ = child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Output {
    fn stdout_line(&self, line: &str) {
        lock(&self.stdout).push_str(line);
        if let Ok(value @ Value::Object(_)) = serde_json::from_str(line) {
            lock(&self.log).push(value);
        }
    }

    /// The access log from this line on.
    pub(crate) fn log(&self, from: usize) -> Vec<Value> {
        lock(&self.log).get(from..).unwrap_or_default().to_vec()
    }

    pub(crate) fn stdout(&self) -> String {
        lock(&self.stdout).clone()
    }

    pub(crate) fn stderr(&self) -> String {
        lock(&self.stderr).clone()
    }
}

/// Hands on each line, its end included, until the pipe closes.
fn lines(pipe: impl Read, mut each: impl FnMut(&str)) {
    let mut reader = BufReader::new(pipe);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
        each(&String::from_utf8_lossy(&line));
        line.clear();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
