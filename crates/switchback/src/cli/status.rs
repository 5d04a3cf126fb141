//! `switchback status`: how the gateway, its pools and their endpoints stand.
//!
//! Whoever asks looks for what is ill. Where there are more than some endpoints, those that are well are
//! therefore only counted, unless all of them are asked for. JSON has everything, as the gateway says it.

mod view;

use std::process::ExitCode;
use std::time::SystemTime;

use clap::Args;
use serde_json::{Value, json};

use super::admin::{Gateway, Whom};
use super::shapes::{self, Pools};
use super::{Format, Told, target, tell};
use crate::text::has_colors;
use view::View;

/// What follows the options in the help.
const MORE: &str = "\
Of more than 20 endpoints, those that are healthy, reachable and as configured are only counted,
unless by `--all`. With `--format json`, an object with `pools`, as of /api/v1/pools, and `gateway`,
as of /api/v1/status, with `at`, `ready` and `reasons`.

Exit status:
  0  the gateway is ready, and each pool that is shown has a healthy endpoint
  1  it is not, or a pool has none
  2  it could not be found out";

/// Shows how everything stands.
#[derive(Args, Debug)]
#[command(after_help = MORE)]
pub(crate) struct Status {
    /// Show this pool alone
    #[arg(value_name = "POOL")]
    pool: Option<String>,
    /// Show every endpoint
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    whom: Whom,
    /// For whom the output is
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = Format::Text)]
    format: Format,
}

/// Somebody is ill.
const ILL: u8 = 1;

pub(crate) fn run(status: &Status) -> ExitCode {
    let told = status.whom.gateway().and_then(|gateway| ask(&gateway, status));
    tell(status.format, told)
}

fn ask(gateway: &Gateway, asked: &Status) -> Result<Told, String> {
    let mut said: Value = gateway.json("/api/v1/status")?;
    let status: shapes::Status = target::parsed(gateway, said.clone())?;
    let reasons = gateway.reasons_not_ready()?;
    let mut json = match &asked.pool {
        Some(name) => json!({ "pools": [target::pool(gateway, name)?] }),
        None => gateway.json("/api/v1/pools?endpoints=true")?,
    };
    let Pools { pools } = target::parsed(gateway, json.clone())?;
    if let Some(members) = said.as_object_mut() {
        members.insert("at".to_owned(), gateway.address().to_string().into());
        members.insert("ready".to_owned(), reasons.is_empty().into());
        members.insert("reasons".to_owned(), json!(reasons));
    }
    if let Some(members) = json.as_object_mut() {
        members.insert("gateway".to_owned(), said);
    }
    let is_ill = !reasons.is_empty() || pools.iter().any(|pool| pool.healthy == 0);
    let view = View {
        at: gateway.address().to_string(),
        status,
        reasons,
        pools,
        all: asked.all,
        now: SystemTime::now(),
    };
    let status = if is_ill { ILL } else { 0 };
    Ok(Told { text: view.text(has_colors()), json, status })
}

#[cfg(test)]
mod tests;
