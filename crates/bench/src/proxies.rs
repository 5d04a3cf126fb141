//! Six proxies, each told the same.
//!
//! One worker, connections to the endpoints kept, round robin where there is no better default, HTTP/2 towards clients
//! where the scenario wants it, and else what each does by itself. What they do by themselves is not the same:
//! Switchback weighs latencies, counts, probes and can retry, and that is the cost in question. Probes are set to one
//! a minute, so that a second of measurement is one of requests; what probes of many endpoints cost is a question of its own.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::ValueEnum;

use crate::scenario::{Scenario, Wire};
use crate::tls::Certificate;

mod caddy;
mod envoy;
mod haproxy;
mod nginx;
mod switchback;

/// Who is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Proxy {
    /// nginx, as Debian has it.
    Nginx,
    /// HAProxy, as Debian has it.
    Haproxy,
    /// Envoy, wherever it is from.
    Envoy,
    /// Caddy, as Debian has it.
    Caddy,
    /// Nothing but Pingora: `bare-pingora` of this crate.
    Bare,
    /// The gateway.
    Switchback,
}

/// What a proxy is started for.
#[derive(Debug)]
pub(crate) struct Setup<'a> {
    pub(crate) listen: SocketAddr,
    pub(crate) scenario: Scenario,
    pub(crate) endpoints: &'a [SocketAddr],
    pub(crate) certificate: &'a Certificate,
    /// Of this proxy alone.
    pub(crate) folder: &'a Path,
}

impl Proxy {
    /// In the order of the table.
    pub(crate) const ALL: [Self; 6] =
        [Self::Nginx, Self::Haproxy, Self::Envoy, Self::Caddy, Self::Bare, Self::Switchback];

    /// For the table.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Haproxy => "HAProxy",
            Self::Envoy => "Envoy",
            Self::Caddy => "Caddy",
            Self::Bare => "bare Pingora",
            Self::Switchback => "Switchback",
        }
    }

    /// Writes its configuration, and says how it is started.
    pub(crate) fn command(self, program: &Path, setup: &Setup) -> io::Result<Command> {
        let mut command = Command::new(program);
        match self {
            Self::Nginx => {
                command.arg("-c").arg(setup.write("nginx.conf", &nginx::main(setup))?);
                command.arg("-p").arg(setup.folder).args(["-e", "nginx.log"]);
            }
            Self::Haproxy => {
                setup.write("hosts.map", &haproxy::map(setup))?;
                command
                    .arg("-db")
                    .arg("-f")
                    .arg(setup.write("haproxy.cfg", &haproxy::main(setup))?);
            }
            Self::Envoy => {
                command.arg("-c").arg(setup.write("envoy.yaml", &envoy::main(setup))?);
                command.args(["--concurrency", "1", "--disable-hot-restart", "-l", "error"]);
            }
            Self::Caddy => {
                command.args(["run", "--adapter", "caddyfile", "--config"]);
                command.arg(setup.write("Caddyfile", &caddy::main(setup))?);
                command.env("GOMAXPROCS", "1").env("HOME", setup.folder);
                command.env("XDG_DATA_HOME", setup.folder).env("XDG_CONFIG_HOME", setup.folder);
            }
            Self::Bare => {
                command.arg(setup.listen.to_string());
                if setup.scenario.wire != Wire::Plain {
                    command.arg("--tls").args([&setup.certificate.cert, &setup.certificate.key]);
                }
                command.args(setup.endpoints.iter().map(SocketAddr::to_string));
            }
            Self::Switchback => {
                fs::create_dir_all(setup.folder.join("pools"))?;
                setup.write("pools/web.yaml", &switchback::pool(setup))?;
                let main = setup.write("switchback.yaml", &switchback::main(setup))?;
                command.args(["run", "--config"]).arg(main);
            }
        }
        Ok(command)
    }
}

impl Setup<'_> {
    fn write(&self, name: &str, text: &str) -> io::Result<PathBuf> {
        let path = self.folder.join(name);
        fs::write(&path, text)?;
        Ok(path)
    }

    /// A line for each endpoint.
    fn each(&self, line: impl Fn(usize, &SocketAddr) -> String) -> String {
        self.endpoints.iter().enumerate().map(|(n, endpoint)| line(n, endpoint)).collect()
    }
}
