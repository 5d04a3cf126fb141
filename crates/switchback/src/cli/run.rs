//! `switchback run`.

use std::process::ExitCode;

use clap::Args;
use switchback_config::ProcessEnvironment;

use super::Config;
use crate::app::App;
use crate::logging;
use crate::signals::Signals;

/// Runs the gateway.
#[derive(Args, Debug)]
pub(crate) struct Run {
    #[command(flatten)]
    config: Config,
}

pub(crate) fn run(run: &Run) -> ExitCode {
    logging::start();
    let loaded = match switchback_config::load(&run.config.config, &ProcessEnvironment) {
        Ok(loaded) => loaded,
        Err(diagnostics) => {
            log::error!("the configuration has errors; nothing was started\n{diagnostics}");
            return ExitCode::FAILURE;
        }
    };
    if !loaded.warnings.is_empty() {
        log::warn!("the configuration has warnings\n{}", loaded.warnings);
    }
    let drain = loaded.plan.drain;
    match App::new(loaded.plan) {
        Ok(app) => match Signals::new(app.gateway().clone(), drain) {
            Ok(signals) => {
                app.run(Box::new(signals));
                ExitCode::SUCCESS
            }
            Err(error) => {
                log::error!("signals cannot be watched: {error}");
                ExitCode::FAILURE
            }
        },
        Err(error) => {
            log::error!("{error}");
            ExitCode::FAILURE
        }
    }
}
