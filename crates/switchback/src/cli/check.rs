//! `switchback check`.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Args;
use switchback_config::{Loaded, ProcessEnvironment};

use super::Config;

/// Checks the configuration.
#[derive(Args, Debug)]
pub(crate) struct Check {
    #[command(flatten)]
    config: Config,
    /// Print the configuration with every default filled in, as YAML: the files in one stream
    ///
    /// Diagnostics go to standard error then; where one of them is an error, nothing is printed.
    #[arg(long)]
    print: bool,
}

pub(crate) fn run(check: &Check) -> ExitCode {
    let (said, printed, code) =
        match switchback_config::load(&check.config.config, &ProcessEnvironment) {
            Ok(loaded) => {
                let warnings = match loaded.warnings.is_empty() {
                    true => String::new(),
                    false => format!("{}\n", loaded.warnings),
                };
                let printed = match check.print {
                    true => loaded.effective(),
                    false => summary(check, &loaded),
                };
                (warnings, printed, ExitCode::SUCCESS)
            }
            Err(diagnostics) => (format!("{diagnostics}\n"), String::new(), ExitCode::FAILURE),
        };
    // A reader that went away has seen enough.
    let _ = match check.print {
        true => io::stderr().write_all(said.as_bytes()),
        false => io::stdout().write_all(said.as_bytes()),
    };
    let _ = io::stdout().write_all(printed.as_bytes());
    code
}

fn summary(check: &Check, loaded: &Loaded) -> String {
    let plan = &loaded.plan;
    let endpoints: usize = plan.pools.iter().map(|pool| pool.endpoints.len()).sum();
    format!(
        "{}: no errors ({} listeners, {} routes, {} pools, {endpoints} endpoints)\n",
        check.config.config.display(),
        plan.listeners.len(),
        plan.routes.len(),
        plan.pools.len(),
    )
}
