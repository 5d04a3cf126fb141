//! Where proxies are measured: a backend, a certificate, CPUs and a folder; and a proxy that stands on it and answers.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::net::TcpSocket;

use crate::Failure;
use crate::backend::Backend;
use crate::client::Target;
use crate::cpus::Cpus;
use crate::process::Process;
use crate::proxies::{Proxy, Setup};
use crate::scenario::{Scenario, Wire};
use crate::tls::Certificate;

/// Until a proxy answers; under callgrind, in a debug build, on a busy machine.
const START: Duration = Duration::from_secs(60);

/// A proxy's program.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) proxy: Proxy,
    pub(crate) path: PathBuf,
}

/// See the module.
pub(crate) struct Stage {
    pub(crate) programs: Vec<Program>,
    cpus: Cpus,
    backend: Backend,
    folder: TempDir,
    certificate: Certificate,
}

/// A proxy that answers. Stopped when dropped.
pub(crate) struct Stand {
    pub(crate) proxy: Proxy,
    pub(crate) process: Process,
    pub(crate) target: Target,
    pub(crate) folder: TempDir,
    /// Keeps the port from being anybody's outgoing one until the proxy has it, and after.
    _port: TcpSocket,
}

impl Stage {
    /// Starts the backend on the runtime that this is called on.
    pub(crate) async fn open(programs: Vec<Program>, cpus: Cpus) -> Result<Self, Failure> {
        let folder = tempfile::tempdir()?;
        let certificate = Certificate::make(folder.path())?;
        Ok(Self { programs, cpus, backend: Backend::start().await?, folder, certificate })
    }

    /// Starts a proxy, by the command that `wrap` makes of its own and its folder, and waits until it answers.
    pub(crate) async fn start(
        &self,
        program: &Program,
        scenario: Scenario,
        wrap: impl FnOnce(Command, &Path) -> Command,
    ) -> Result<Stand, Failure> {
        let (listen, port) = reserve()?;
        let folder = tempfile::tempdir_in(self.folder.path())?;
        let setup = Setup {
            listen,
            scenario,
            endpoints: &self.backend.endpoints(scenario.endpoints),
            certificate: &self.certificate,
            folder: folder.path(),
        };
        let mut command = wrap(program.proxy.command(&program.path, &setup)?, folder.path());
        command.current_dir(folder.path());
        let output = folder.path().join("output");
        let process = Process::start(command, &self.cpus, folder.path(), &output)?;
        let target = Target { address: listen, tls: self.certificate.connector(scenario.wire)? };
        let proxy = program.proxy;
        let mut stand = Stand { proxy, process, target, folder, _port: port };
        stand.answers(scenario).await?;
        Ok(stand)
    }
}

impl Stand {
    async fn answers(&mut self, scenario: Scenario) -> Result<(), Failure> {
        let end = Instant::now() + START;
        loop {
            let Err(error) = once(&self.target, scenario).await else { return Ok(()) };
            if let Some(why) = self.process.ended() {
                return Err(format!("{}: {why}", self.proxy.title()).into());
            }
            if Instant::now() > end {
                let said = self.process.errors();
                return Err(format!("{}: {error}\n{said}", self.proxy.title()).into());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// A request, or over HTTP/2 the handshake.
async fn once(target: &Target, scenario: Scenario) -> io::Result<()> {
    match (scenario.wire, scenario.requests().first()) {
        (Wire::Plain | Wire::Tls, Some(request)) => {
            target.client().await?.exchange(request, &mut Vec::new()).await
        }
        _ => target.stream().await.map(drop),
    }
}

/// A port that is bound, but not listened on: the proxy can bind it all the same, for both set `SO_REUSEADDR`.
fn reserve() -> io::Result<(SocketAddr, TcpSocket)> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
    Ok((socket.local_addr()?, socket))
}
