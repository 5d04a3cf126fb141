//! `switchback explain`: why a request ended as it did.
//!
//! The gateway remembers the last requests that failed or were rescued, and says of each what its line of the
//! access log says. Those that simply went through, and those of yesterday, are in the log alone: `--log`
//! reads that instead, and asks nobody.

mod find;
mod record;
mod story;
mod words;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use super::admin::{Gateway, No, Whom, plain, segment};
use super::{Format, Told, tell};
use record::Record;

/// What follows the options in the help.
const MORE: &str = "\
The id is what the gateway tells clients with an error of its own and endpoints as X-Request-Id, and
`id` in the access log. The gateway remembers the last 1,000 requests that failed or were rescued by
a retry; `--log` finds every other, too. With `--format json`, the object that the access log has.

Exit status:
  0  it is explained
  1  nothing is known of such a request
  2  it could not be found out";

/// Explains a request.
#[derive(Args, Debug)]
#[command(after_help = MORE)]
pub(crate) struct Explain {
    /// The request's id
    #[arg(value_name = "REQUEST_ID")]
    id: String,
    /// Look it up in this access log, which must be of JSON, instead of asking the gateway; `-`: standard
    /// input. May be given more than once, as for a log that was rotated
    #[arg(long, value_name = "FILE")]
    log: Vec<PathBuf>,
    #[command(flatten)]
    whom: Whom,
    /// For whom the output is
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = Format::Text)]
    format: Format,
}

/// Nobody knows it.
const UNKNOWN: u8 = 1;

pub(crate) fn run(explain: &Explain) -> ExitCode {
    let id = explain.id.trim();
    let found = match explain.log.as_slice() {
        [] => explain.whom.gateway().and_then(|gateway| remembered(&gateway, id)),
        logs => find::in_logs(logs, id),
    };
    let told = found.and_then(|found| match found {
        Found::Record(value) => told(value),
        Found::Nothing(why) => {
            let json = serde_json::json!({ "id": id, "known": false });
            Ok(Told { text: why, json, status: UNKNOWN })
        }
    });
    tell(explain.format, told)
}

/// What was found.
enum Found {
    /// What the access log has of it.
    Record(Value),
    /// Nothing, and where else it may be.
    Nothing(String),
}

fn told(value: Value) -> Result<Told, String> {
    let record: Record = serde_json::from_value(value.clone())
        .map_err(|error| format!("this is no line of the access log: {error}"))?;
    Ok(Told { text: story::story(&record), json: value, status: 0 })
}

fn remembered(gateway: &Gateway, id: &str) -> Result<Found, String> {
    match gateway.json(&format!("/api/v1/requests/{}", segment(id))) {
        Ok(value) => Ok(Found::Record(value)),
        Err(No::Missing(_)) => Ok(Found::Nothing(format!(
            "{}: it does not remember a request {id}. It keeps the last 1,000 that failed or were \
             rescued, since its start; look for others in the access log:\n  \
             switchback explain {id} --log FILE",
            gateway.address(),
            id = plain(id),
        ))),
        Err(no) => Err(no.into()),
    }
}

#[cfg(test)]
mod tests;
