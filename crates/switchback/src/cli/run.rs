//! `switchback run`.

use std::process::ExitCode;

use clap::Args;
use switchback_config::ProcessEnvironment;

use super::Config;
use crate::app::{App, Origin};
use crate::logging;
use crate::signals::{Signals, Watched};

/// Runs the gateway.
#[derive(Args, Debug)]
pub(crate) struct Run {
    #[command(flatten)]
    config: Config,
}

pub(crate) fn run(run: &Run) -> ExitCode {
    logging::start();
    // Before anything that takes time: whatever is signalled meanwhile waits for whoever it concerns.
    let watched = match Watched::start() {
        Ok(watched) => watched,
        Err(error) => {
            log::error!("signals cannot be watched: {error}");
            return ExitCode::FAILURE;
        }
    };
    let loaded = match switchback_config::load(&run.config.config, &ProcessEnvironment) {
        Ok(loaded) => loaded,
        Err(refused) => {
            log::error!("the configuration has errors; nothing was started\n{refused}");
            return ExitCode::FAILURE;
        }
    };
    if !loaded.warnings.is_empty() {
        log::warn!("the configuration has warnings\n{}", loaded.warnings);
    }
    let origin = Origin {
        path: run.config.config.clone(),
        text: loaded.effective_redacted(),
        sources: loaded.sources,
        warned: loaded.warnings.to_string(),
    };
    match App::new(loaded.plan, Some(origin)) {
        Ok(app) => {
            let signals = Signals::new(watched, app.gateway().clone(), app.hang_ups());
            app.run(Box::new(signals));
            ExitCode::SUCCESS
        }
        Err(error) => {
            log::error!("{error}");
            ExitCode::FAILURE
        }
    }
}
