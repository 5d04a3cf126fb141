//! `switchback run`.

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use switchback_config::ProcessEnvironment;
use switchback_core::plan::Plan;

use super::Config;
use crate::app::hand_over::{Inherited, Place, take};
use crate::app::{App, Origin};
use crate::logging;
use crate::signals::{Signals, Watched};

/// Runs the gateway.
#[derive(Args, Debug)]
pub(crate) struct Run {
    #[command(flatten)]
    config: Config,
    /// Take the listeners over from the running gateway, which hands them over on SIGQUIT
    #[arg(long)]
    upgrade: bool,
    /// The socket by which listeners are handed over, on SIGQUIT and by --upgrade; by default one for this
    /// configuration file in $RUNTIME_DIRECTORY, $XDG_RUNTIME_DIR or /run
    #[arg(long, value_name = "PATH", env = "SWITCHBACK_UPGRADE_SOCKET")]
    upgrade_socket: Option<PathBuf>,
}

impl Run {
    fn place(&self) -> Place {
        let environment = |name: &str| std::env::var(name).ok();
        match &self.upgrade_socket {
            Some(path) => Place::at(path.clone()),
            None => Place::of(&self.config.config, environment),
        }
    }
}

pub(crate) fn run(run: &Run) -> ExitCode {
    logging::start();
    // Before anything that takes time: whatever is signalled meanwhile waits for whoever it concerns.
    let mut watched = match Watched::start() {
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
    let inherited = if run.upgrade {
        match taken_over(&run.place(), &loaded.plan, &mut watched) {
            Ok(Some(inherited)) => inherited,
            Ok(None) => return ExitCode::SUCCESS,
            Err(error) => {
                log::error!("nothing was taken over: {error}");
                return ExitCode::FAILURE;
            }
        }
    } else {
        Inherited::default()
    };
    match App::new(loaded.plan, Some(origin), inherited) {
        Ok(app) => {
            let signals = Signals::new(watched, &app, run.place());
            app.run(Box::new(signals));
            ExitCode::SUCCESS
        }
        Err(error) => {
            log::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Waits for the listeners; `None`: a signal came first.
fn taken_over(
    place: &Place,
    plan: &Plan,
    watched: &mut Watched,
) -> Result<Option<Inherited>, Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        tokio::select! {
            taken = take(place, plan) => Ok(Some(taken?)),
            () = watched.ending() => Ok(None),
        }
    })
}
