//! The command line: one file a command.

pub(crate) mod check;
pub(crate) mod demo;
pub(crate) mod diff;
pub(crate) mod health;
pub(crate) mod run;
pub(crate) mod schema;

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use switchback_core::plan::{AdminAddress, Plan};

/// A reverse-proxy load balancer: no 502 while an endpoint could have answered.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the gateway until SIGTERM (drains first) or SIGINT (at once), or until SIGQUIT and a successor
    Run(run::Run),
    /// Check the configuration: every problem at once, and with --probe every endpoint; exit status 1 if
    /// there is an error
    Check(check::Check),
    /// Show what a reload would change in the running gateway; exit status 1 if anything
    Diff(diff::Diff),
    /// Print the JSON Schema of the main file or of a pool's, for editors
    Schema(schema::Schema),
    /// Ask a running gateway whether it is ready; exit status 1 if not (a container's health check)
    Health(health::Health),
    /// Show the gateway at work: backends that fail in turn, a load, and what clients see of it
    Demo(demo::Demo),
}

/// Which configuration.
#[derive(Args, Debug)]
pub(crate) struct Config {
    /// The gateway's configuration file
    #[arg(
        short,
        long,
        value_name = "FILE",
        env = "SWITCHBACK_CONFIG",
        default_value = "/etc/switchback/switchback.yaml"
    )]
    pub(crate) config: PathBuf,
}

/// Where the admin listener of a plan is to be asked.
pub(crate) fn admin(plan: &Plan) -> Result<SocketAddr, String> {
    match &plan.admin.at {
        AdminAddress::Tcp(address) => Ok(reachable(*address)),
        AdminAddress::Unix(path) => Err(format!("{}: a Unix socket", path.display())),
    }
}

/// Where to connect to a listener with this address: bound to every address, it is on loopback;
/// `0.0.0.0` is none to connect to.
pub(crate) fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}
