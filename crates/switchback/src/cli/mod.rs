//! The command line: one file a command.

mod admin;
pub(crate) mod check;
pub(crate) mod demo;
pub(crate) mod diff;
pub(crate) mod disable;
pub(crate) mod drain;
pub(crate) mod enable;
pub(crate) mod explain;
pub(crate) mod health;
mod json;
mod overrides;
pub(crate) mod run;
pub(crate) mod schema;
mod shapes;
pub(crate) mod status;
mod target;
mod time;
pub(crate) mod weight;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

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
    /// Show the running gateway's pools and endpoints: how each stands, since when and why; exit status 1
    /// if a pool has no healthy endpoint, or the gateway is not ready
    Status(status::Status),
    /// Let an endpoint finish: it keeps its sessions, and gets nothing new while another can serve
    Drain(drain::Drain),
    /// Let an endpoint serve again: takes back what `drain` and `disable` did, and overrides the
    /// configuration where that does so
    Enable(enable::Enable),
    /// Take an endpoint out: it finishes what it has, and gets nothing more, not even probes
    Disable(disable::Disable),
    /// Give an endpoint another share of its pool's requests, or the one that is configured
    Weight(weight::Weight),
    /// Tell why a request ended as it did, attempt by attempt, and what can be done
    Explain(explain::Explain),
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

/// For whom the output is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Text,
    /// For programs
    Json,
}

/// What a command has to say, in both forms.
struct Told {
    /// In lines, without the last break.
    text: String,
    json: serde_json::Value,
    status: u8,
}

/// It could not be done, or not be found out.
const TROUBLE: u8 = 2;

/// Says what there is to be said, or what went wrong.
fn tell(format: Format, told: Result<Told, String>) -> ExitCode {
    match told {
        Ok(told) => {
            let text = match format {
                Format::Text => told.text + "\n",
                Format::Json => json::text(&told.json),
            };
            print(&text, told.status)
        }
        Err(why) => trouble(&why),
    }
}

/// Prints what was found out, and ends with this status. A reader that went away has seen enough; one that
/// could not take all of it, as a full disk, has not.
fn print(text: &str, status: u8) -> ExitCode {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            trouble(&format!("standard output: {error}"))
        }
        _ => ExitCode::from(status),
    }
}

fn trouble(said: &str) -> ExitCode {
    let _ = writeln!(io::stderr(), "{said}");
    ExitCode::from(TROUBLE)
}
