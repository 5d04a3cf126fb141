//! Where proxies are measured: a backend, a certificate, CPUs and a folder; and a proxy that stands on it and answers.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::net::TcpSocket;

use crate::Failure;
use crate::backend::{Apart, Backend};
use crate::client::Target;
use crate::cpus::Cpus;
use crate::process::Process;
use crate::proxies::{Proxy, Setup};
use crate::scenario::{Scenario, Wire};
use crate::tls::Certificate;

/// Until a proxy answers; under callgrind, in a debug build, on a busy machine.
const START: Duration = Duration::from_secs(60);

/// More endpoints than this have a backend for each proxy.
const SHARED: usize = 1_000;

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
    /// Its own backend, where it needs one.
    _backend: Option<Apart>,
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

    /// An endpoint, to be asked without a proxy.
    pub(crate) fn endpoint(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.backend.port()).into()
    }

    /// Starts a proxy, by the command that `wrap` makes of its own and its folder, and waits until it answers.
    pub(crate) async fn start(
        &self,
        program: &Program,
        scenario: Scenario,
        wrap: impl FnOnce(Command, &Path) -> Command,
    ) -> Result<Stand, Failure> {
        let (listen, port) = reserve()?;
        let apart = if scenario.endpoints > SHARED { Some(Apart::start().await?) } else { None };
        let backend = apart.as_ref().map_or(self.backend, |apart| apart.backend);
        let folder = tempfile::tempdir_in(self.folder.path())?;
        let setup = Setup {
            listen,
            scenario,
            endpoints: &backend.endpoints(scenario.endpoints),
            certificate: &self.certificate,
            folder: folder.path(),
        };
        let mut command = wrap(program.proxy.command(&program.path, &setup)?, folder.path());
        command.current_dir(folder.path());
        let output = folder.path().join("output");
        let process = Process::start(command, Some(&self.cpus), folder.path(), &output)?;
        let target = Target { address: listen, tls: self.certificate.connector(scenario.wire)? };
        let proxy = program.proxy;
        let mut stand = Stand { proxy, process, target, folder, _backend: apart, _port: port };
        stand.answers(scenario).await?;
        Ok(stand)
    }
}

impl Stand {
    async fn answers(&mut self, scenario: Scenario) -> Result<(), Failure> {
        let end = Instant::now() + START;
        loop {
            let Err(error) = once(&self.target, scenario).await else {
                return self.listens();
            };
            if let Some(why) = self.process.ended() {
                return Err(format!("{}: {why}", self.proxy.title()).into());
            }
            // A handshake that is refused will be refused again.
            if error.kind() == io::ErrorKind::InvalidData || Instant::now() > end {
                let said = self.process.errors();
                return Err(format!("{}: {error}\n{said}", self.proxy.title()).into());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Whether it was this proxy that answered: where somebody else has its port, his would be the figures.
    fn listens(&self) -> Result<(), Failure> {
        if self.process.listens(self.target.address)? {
            return Ok(());
        }
        let (title, address) = (self.proxy.title(), self.target.address);
        Err(format!("{title}: somebody else answers at {address}").into())
    }
}

/// A request, or over HTTP/2 the handshake.
async fn once(target: &Target, scenario: Scenario) -> io::Result<()> {
    match (scenario.wire, scenario.requests().first()) {
        (Wire::Plain | Wire::Tls, Some(request)) => {
            let length = scenario.answered();
            target.client().await?.exchange(request, length, &mut Vec::new()).await
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
