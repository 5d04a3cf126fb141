//! What `drain`, `enable`, `disable` and `weight` have in common: an override of what is configured.
//!
//! The gateway replaces an override as a whole. What these commands change is one half of it, so they read
//! the other first and send it along: who drains an endpoint does not mean to forget its weight.

use clap::Args;
use serde_json::json;

use super::admin::{Gateway, No, Whom};
use super::shapes::{Endpoint, Override};
use super::target::Target;
use super::{Format, Told};

/// What the helps of these commands say of overrides.
pub(super) const HOLDS: &str = "\
It overrides what the configuration says, holds over reloads, and ends when it is taken back, the
endpoint is no longer configured, or the process ends. It is of one gateway: repeat it at the
others. With `--format json`, an object with `pool`, `endpoint`, `override`, `status`, `why`,
`weight` and `in_flight`.

Exit status:
  0  it is so
  2  it could not be done, or was refused";

/// Which endpoint, and how to ask for it.
#[derive(Args, Debug)]
pub(crate) struct Which {
    /// The endpoint, by its pool and address, such as `web/10.0.1.11:8080` or `web/[2001:db8::1]:8080`
    #[arg(value_name = "POOL/ENDPOINT")]
    pub(super) target: Target,
    #[command(flatten)]
    pub(super) whom: Whom,
    /// For whom the output is
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = Format::Text)]
    pub(super) format: Format,
}

/// Overrides what `change` makes of the present override, and gives the endpoint as it is then.
pub(super) fn change(
    gateway: &Gateway,
    target: &Target,
    force: bool,
    change: impl FnOnce(&Endpoint, &mut Override) -> Result<(), String>,
) -> Result<Endpoint, String> {
    let before = target.find(gateway)?;
    let mut wanted = before.overridden.clone();
    change(&before, &mut wanted)?;
    let path = target.path(before.address);
    let done = if wanted == Override::default() {
        if before.overridden == wanted {
            return Ok(before);
        }
        gateway.ask("DELETE", &path, None)
    } else {
        let path = if force { path + "?force=true" } else { path };
        gateway.ask("PUT", &path, Some(&json!(wanted).to_string()))
    };
    match done {
        Ok(_) => target.find(gateway),
        Err(No::Refused { why, may_be_forced: true }) => {
            Err(format!("{why}\n`--force` does it all the same"))
        }
        Err(no) => Err(no.into()),
    }
}

/// The endpoint as it is now, and what was done to it.
pub(super) fn told(target: &Target, endpoint: &Endpoint, sentence: &str) -> Told {
    Told {
        text: format!("{target}: {sentence}"),
        json: json!({
            "pool": target.pool,
            "endpoint": endpoint.address,
            "override": endpoint.overridden,
            "status": endpoint.status,
            "why": endpoint.why,
            "weight": endpoint.weight,
            "in_flight": endpoint.in_flight,
        }),
        status: 0,
    }
}

/// `1 request is`, `3 requests are`, `nothing is`.
pub(super) fn in_flight(count: u32) -> String {
    match count {
        0 => "nothing is in flight there".to_owned(),
        1 => "1 request is in flight there".to_owned(),
        count => format!("{count} requests are in flight there"),
    }
}
