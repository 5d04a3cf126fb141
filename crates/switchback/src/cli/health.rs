//! `switchback health`: the health check of a container, without a shell or curl in it.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::admin::Place;

/// Asks a running gateway whether it is ready.
#[derive(Args, Debug)]
pub(crate) struct Health {
    #[command(flatten)]
    place: Place,
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
    let (at, _) = health.place.find()?;
    switchback_admin::probe(&at, "/readyz", LIMIT).map_err(|error| format!("{at}: {error}"))
}
