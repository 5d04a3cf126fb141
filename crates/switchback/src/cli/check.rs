//! `switchback check`.
//!
//! What is found goes to standard output, as it is what was asked for; how far the probes are, to
//! standard error. For programs there is one JSON object, and nothing else on standard output.
//!
//! An endpoint that fails its probe has an exit status of its own. Whoever deploys wants to tell "this
//! configuration cannot be run" from "this one can, but an application is down", and may go on with the
//! second. It is not 2, because that is what a mistyped option gives.

mod probes;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory};
use serde::Serialize;
use switchback_config::{Diagnostics, Loaded, ProcessEnvironment};
use switchback_core::plan::Plan;

use super::{Cli, Config, Format, json};
use probes::Probes;

/// What follows the options in the help.
const MORE: &str = "\
Exit status:
  0  no errors (there may be warnings), and every probe passed
  1  the configuration has an error, and nothing was probed
  2  these arguments are wrong
  3  the configuration has no errors, but a probe failed";

/// A probe failed.
const PROBE_FAILED: u8 = 3;

/// Checks the configuration.
#[derive(Args, Debug)]
#[command(after_help = MORE)]
pub(crate) struct Check {
    #[command(flatten)]
    config: Config,
    /// How to tell what was found; JSON is described in docs/CONFIGURATION.md
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Print the configuration with every default filled in, as YAML: the files in one stream
    ///
    /// Diagnostics go to standard error then; where one of them is an error, nothing is printed.
    #[arg(long, conflicts_with = "probe")]
    print: bool,
    /// Probe each endpoint once, as the running gateway would; exit status 3 if one fails
    ///
    /// Disabled endpoints are left alone. Of a pool without health checks, only a connection is tried.
    #[arg(long)]
    probe: bool,
}

/// How much a good configuration has of everything.
#[derive(Serialize)]
struct Summary {
    listeners: usize,
    routes: usize,
    pools: usize,
    endpoints: usize,
}

/// The JSON form.
#[derive(Serialize)]
struct Found<'a> {
    #[serde(flatten)]
    diagnostics: &'a Diagnostics,
    summary: Option<Summary>,
    probes: Option<&'a Probes>,
}

pub(crate) fn run(check: &Check) -> ExitCode {
    if check.print && check.format == Format::Json {
        let why = "the argument '--print' cannot be used with '--format json': it prints YAML";
        Cli::command().error(ErrorKind::ArgumentConflict, why).exit();
    }
    let loaded = match switchback_config::load(&check.config.config, &ProcessEnvironment) {
        Ok(loaded) => loaded,
        Err(refused) => {
            match check.format {
                Format::Text => said(&refused.diagnostics, check),
                Format::Json => print(&json::text(&Found::refused(&refused.diagnostics))),
            }
            return ExitCode::FAILURE;
        }
    };
    match check.format {
        Format::Text => in_text(check, &loaded),
        Format::Json => in_json(check, &loaded),
    }
}

fn in_text(check: &Check, loaded: &Loaded) -> ExitCode {
    if !loaded.warnings.is_empty() {
        said(&loaded.warnings, check);
    }
    if check.print {
        print(&loaded.effective());
        return ExitCode::SUCCESS;
    }
    let Summary { listeners, routes, pools, endpoints } = Summary::of(&loaded.plan);
    let name = check.config.config.display();
    print(&format!(
        "{name}: no errors ({listeners} listeners, {routes} routes, {pools} pools, {endpoints} endpoints)\n",
    ));
    if !check.probe {
        return ExitCode::SUCCESS;
    }
    match probes::run(&loaded.plan, print) {
        Ok(probes) => probes.status(),
        Err(error) => failed(&error),
    }
}

fn in_json(check: &Check, loaded: &Loaded) -> ExitCode {
    let probes = match check.probe.then(|| probes::run(&loaded.plan, |_| {})).transpose() {
        Ok(probes) => probes,
        Err(error) => return failed(&error),
    };
    let found = Found {
        diagnostics: &loaded.warnings,
        summary: Some(Summary::of(&loaded.plan)),
        probes: probes.as_ref(),
    };
    print(&json::text(&found));
    probes.map_or(ExitCode::SUCCESS, |probes| probes.status())
}

/// To standard output, unless that is for YAML.
fn said(diagnostics: &Diagnostics, check: &Check) {
    let text = format!("{diagnostics}\n");
    match check.print {
        true => drop(io::stderr().write_all(text.as_bytes())),
        false => print(&text),
    }
}

/// A reader that went away has seen enough.
fn print(text: &str) {
    let _ = io::stdout().write_all(text.as_bytes());
}

/// The probes could not even begin.
fn failed(error: &io::Error) -> ExitCode {
    let _ = writeln!(io::stderr(), "no endpoint can be probed: no event queue: {error}");
    ExitCode::from(PROBE_FAILED)
}

impl<'a> Found<'a> {
    fn refused(diagnostics: &'a Diagnostics) -> Self {
        Self { diagnostics, summary: None, probes: None }
    }
}

impl Summary {
    fn of(plan: &Plan) -> Self {
        Self {
            listeners: plan.listeners.len(),
            routes: plan.routes.len(),
            pools: plan.pools.len(),
            endpoints: plan.pools.iter().map(|pool| pool.endpoints.len()).sum(),
        }
    }
}
