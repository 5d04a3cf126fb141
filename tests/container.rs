//! As in the image: without rights, with nothing to write to, without an environment.

use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, geteuid, kill_process};
use switchback_testkit::{Backend, Client, Signal, eventually};

const SOON: Duration = Duration::from_secs(10);

/// The user of the image.
const NOBODY: u32 = 65532;

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listener.local_addr().expect("its address").port()
}

fn mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("ours");
}

/// Kills what is left of it.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn without_rights_and_with_nothing_to_write_to_it_serves_and_leaves() {
    let backend = Backend::start().await;
    let (listener, admin) = (free_port(), free_port());
    let folder = tempfile::tempdir().expect("a folder");
    let main = format!(
        "listeners: [ 127.0.0.1:{listener} ]\nadmin: {{ address: 127.0.0.1:{admin} }}\n\
         drain: {{ delay: 0s }}\npools: [ web.yaml ]\nroutes: [ {{ pool: web }} ]\n"
    );
    let pool = format!("endpoints: [ {} ]\nhealth: {{ enabled: false }}\n", backend.addr());
    for (name, text) in [("switchback.yaml", main), ("web.yaml", pool)] {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        mode(&path, 0o444);
    }
    mode(folder.path(), 0o555);

    let mut command = Command::new(env!("CARGO_BIN_EXE_switchback"));
    command.args(["run", "-c", "switchback.yaml"]).current_dir(folder.path()).env_clear();
    command.env("XDG_RUNTIME_DIR", folder.path());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    if geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    let mut running = Running(command.spawn().expect("the binary runs"));
    let tell = |signal| {
        let pid = Pid::from_raw(running.0.id().cast_signed()).expect("its id");
        kill_process(pid, signal).expect("it runs");
    };

    let get = async |port: u16, target: &str| {
        let client = Client::connect((Ipv4Addr::LOCALHOST, port).into()).await;
        match client {
            Ok(mut client) => client.get(target).await.ok().map(|answer| answer.status),
            Err(_) => None,
        }
    };
    let ready = async || get(admin, "/readyz").await == Some(200);
    eventually(SOON, "ready", ready).await;
    assert_eq!(get(listener, "/").await, Some(200));
    // Nothing can be handed over here, and nothing comes of it.
    tell(Signal::QUIT);
    assert_eq!(get(listener, "/").await, Some(200));
    tell(Signal::TERM);
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = running.0.try_wait().expect("a child") {
            break status;
        }
        assert!(begun.elapsed() < SOON, "it still runs");
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    mode(folder.path(), 0o755);
    assert!(status.success(), "{status}");
}
