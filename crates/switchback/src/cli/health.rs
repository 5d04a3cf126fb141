//! `switchback health`: the health check of a container, without a shell or curl in it.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use switchback_config::ProcessEnvironment;

use super::{Config, admin, reachable};

/// Asks a running gateway whether it is ready.
#[derive(Args, Debug)]
pub(crate) struct Health {
    #[command(flatten)]
    config: Config,
    /// The admin listener, instead of the one that the configuration names
    #[arg(long, value_name = "ADDRESS")]
    admin: Option<SocketAddr>,
}

const LIMIT: Duration = Duration::from_secs(2);

pub(crate) fn run(health: &Health) -> ExitCode {
    let (text, code) = match ask(health) {
        Ok((200, text)) => (text, ExitCode::SUCCESS),
        Ok((status, text)) => (format!("{status}: {text}"), ExitCode::FAILURE),
        Err(text) => (text, ExitCode::FAILURE),
    };
    let _ = writeln!(io::stdout(), "{}", text.trim_end());
    code
}

fn ask(health: &Health) -> Result<(u16, String), String> {
    let address = match health.admin {
        Some(address) => address,
        None => {
            let loaded = switchback_config::load(&health.config.config, &ProcessEnvironment);
            admin(&loaded.map_err(|refused| refused.to_string())?.plan)?
        }
    };
    let address = reachable(address);
    switchback_admin::probe(address, "/readyz", LIMIT)
        .map_err(|error| format!("{address}: {error}"))
}
