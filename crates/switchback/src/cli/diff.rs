//! `switchback diff`: the files against the gateway that runs.
//!
//! It asks the admin listener for the configuration in force and compares that with what the files
//! say now; the comparison and its words are those of a reload (`switchback_config::diff`). The
//! gateway sends fingerprints in place of its secrets. It need not be of the same version, nor on this
//! machine.

use std::io::{self, ErrorKind, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};
use switchback_config::diff::{Changes, Side};
use switchback_config::{Loaded, ProcessEnvironment};

use super::{Config, admin, reachable};

/// What follows the options in the help.
const MORE: &str = "\
Nothing is changed. With `--format json`, an object with `same`, `needs_restart`, `summary` and
`changes`; each of these has `about`, `pool`, `name`, `action`, `key`, `old`, `new`, `needs_restart`
and `sentence`. No secret is shown, only whether it is another one.

Exit status:
  0  nothing would change
  1  something would
  2  it could not be found out, or the files have errors";

/// Shows what a reload would change in the running gateway.
#[derive(Args, Debug)]
#[command(after_help = MORE)]
pub(crate) struct Diff {
    #[command(flatten)]
    config: Config,
    /// The running gateway's admin listener, instead of the one that the configuration names
    #[arg(long, value_name = "ADDRESS")]
    admin: Option<SocketAddr>,
    /// What is printed
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A line for each change, at most a hundred, and one that counts them
    Text,
    /// All of it, as JSON
    Json,
}

/// Where a gateway tells what it runs.
const PATH: &str = "/api/v1/config";
/// The largest configuration that is read, in bytes: of 1,000 pools with 100 endpoints each it has 11 MB.
const LARGEST: usize = 256 * 1024 * 1024;
/// The admin listener ends every connection after so long.
const LIMIT: Duration = Duration::from_secs(30);

const DIFFERS: u8 = 1;
const TROUBLE: u8 = 2;

pub(crate) fn run(diff: &Diff) -> ExitCode {
    let loaded = match switchback_config::load(&diff.config.config, &ProcessEnvironment) {
        Ok(loaded) => loaded,
        Err(diagnostics) => return trouble(&diagnostics.to_string()),
    };
    if !loaded.warnings.is_empty() {
        let _ = writeln!(io::stderr(), "{}", loaded.warnings);
    }
    let named = diff.admin.map(|address| Ok(reachable(address)));
    let address = match named.unwrap_or_else(|| admin(&loaded.plan)) {
        Ok(address) => address,
        Err(error) => return trouble(&error),
    };
    let changes = match compare(address, &loaded) {
        Ok(changes) => changes,
        Err(problem) => return trouble(&format!("{address}: {problem}")),
    };
    let text = match diff.format {
        Format::Text => changes.to_string(),
        Format::Json => match serde_json::to_string_pretty(&changes) {
            Ok(text) => text,
            Err(error) => return trouble(&error.to_string()),
        },
    };
    // A reader that went away has seen enough.
    let _ = writeln!(io::stdout(), "{text}");
    ExitCode::from(if changes.is_empty() { 0 } else { DIFFERS })
}

fn trouble(said: &str) -> ExitCode {
    let _ = writeln!(io::stderr(), "{said}");
    ExitCode::from(TROUBLE)
}

fn compare(address: SocketAddr, next: &Loaded) -> Result<Changes, String> {
    let running = fetch(address)?;
    switchback_config::diff::diff(&running, &next.effective_redacted()).map_err(|error| match error
        .side
    {
        Side::Running => format!("this is not the admin listener of a gateway: {error}"),
        Side::Next => error.to_string(),
    })
}

/// The configuration in force.
fn fetch(address: SocketAddr) -> Result<String, String> {
    let answer =
        switchback_admin::fetch(address, PATH, LARGEST, LIMIT).map_err(|error| {
            match error.kind() {
                ErrorKind::ConnectionRefused => {
                    "connection refused: no gateway runs there; `--admin` names another address"
                        .to_owned()
                }
                ErrorKind::TimedOut => format!("no whole answer within {} s", LIMIT.as_secs()),
                ErrorKind::InvalidData => {
                    format!("this is not the admin listener of a gateway: {error}")
                }
                _ => error.to_string(),
            }
        })?;
    match answer.status {
        200 => String::from_utf8(answer.body).map_err(|_| {
            "this is not the admin listener of a gateway: its answer is not UTF-8".to_owned()
        }),
        401 | 403 => {
            Err(format!("it does not tell everybody what it runs (status {})", answer.status))
        }
        404 => Err(format!(
            "it has no {PATH}: this gateway is of an older version, or this is not its admin listener"
        )),
        status => Err(format!("it answered {PATH} with status {status}{}", said(&answer.body))),
    }
}

/// The first line of an answer, for a sentence.
fn said(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let line: String = text.lines().next().unwrap_or_default().chars().take(200).collect();
    match line.trim() {
        "" => String::new(),
        line => format!(": {}", line.escape_debug()),
    }
}
