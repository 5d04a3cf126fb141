//! `switchback diff`: the files against the gateway that runs.
//!
//! It asks the admin listener for the configuration in force and compares that with what the files
//! say now; the comparison and its words are those of a reload (`switchback_config::diff`). The
//! gateway sends fingerprints in place of its secrets. It need not be of the same version, nor on this
//! machine.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use switchback_config::diff::{Changes, Side};
use switchback_config::{Loaded, ProcessEnvironment};

use super::admin::{Gateway, Whom};
use super::{print, trouble};

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
    whom: Whom,
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

const DIFFERS: u8 = 1;

pub(crate) fn run(diff: &Diff) -> ExitCode {
    let loaded = match switchback_config::load(&diff.whom.place.config.config, &ProcessEnvironment)
    {
        Ok(loaded) => loaded,
        Err(diagnostics) => return trouble(&diagnostics.to_string()),
    };
    if !loaded.warnings.is_empty() {
        let _ = writeln!(io::stderr(), "{}", loaded.warnings);
    }
    let compared = diff.whom.gateway_of(&loaded.plan).and_then(|it| compare(&it, &loaded));
    let changes = match compared {
        Ok(changes) => changes,
        Err(problem) => return trouble(&problem),
    };
    let text = match diff.format {
        Format::Text => changes.to_string(),
        Format::Json => match serde_json::to_string_pretty(&changes) {
            Ok(text) => text,
            Err(error) => return trouble(&error.to_string()),
        },
    };
    print(&(text + "\n"), if changes.is_empty() { 0 } else { DIFFERS })
}

fn compare(gateway: &Gateway, next: &Loaded) -> Result<Changes, String> {
    let at = gateway.address();
    let running = String::from_utf8(gateway.get(PATH)?).map_err(|_| {
        format!("{at}: this is not the admin listener of a gateway: its answer is not UTF-8")
    })?;
    switchback_config::diff::diff(&running, &next.effective_redacted()).map_err(|error| match error
        .side
    {
        Side::Running => format!("{at}: this is not the admin listener of a gateway: {error}"),
        Side::Next => format!("{at}: {error}"),
    })
}
