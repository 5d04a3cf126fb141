//! `switchback enable`.
//!
//! What an operator means by it is that the endpoint serves, not that there is one more override: where the
//! configuration has it serve, an override that says otherwise is cleared, and only where the configuration
//! itself drains or disables it, it is overridden. So the files are the truth again as soon as they can be.

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Args;
use switchback_config::diff::configured;
use switchback_core::plan::Admin;

use super::admin::{Gateway, No, plain};
use super::overrides::{HOLDS, Which, change, told};
use super::shapes::State;
use super::target::Target;
use super::{Told, tell};

/// Enables an endpoint.
#[derive(Args, Debug)]
#[command(after_help = HOLDS)]
pub(crate) struct Enable {
    #[command(flatten)]
    which: Which,
}

pub(crate) fn run(enable: &Enable) -> ExitCode {
    let Which { target, whom, format } = &enable.which;
    tell(*format, whom.gateway().and_then(|gateway| enabled(&gateway, target)))
}

fn enabled(gateway: &Gateway, target: &Target) -> Result<Told, String> {
    let mut how = "as configured";
    let endpoint = change(gateway, target, false, |before, wanted| {
        let configured = configured_at(gateway, target, before.address)?;
        (wanted.state, how) = match configured {
            Some(Admin::Enabled) | None => (None, "as configured"),
            Some(Admin::Drain) => {
                (Some(State::Enabled), "though the configuration says `drain: true`")
            }
            Some(Admin::Disabled) => {
                (Some(State::Enabled), "though the configuration says `disabled: true`")
            }
        };
        Ok(())
    })?;
    let (status, why) = (plain(&endpoint.status), plain(&endpoint.why));
    Ok(told(target, &endpoint, &format!("enabled, {how}; it is {status}: {why}")))
}

/// What the configuration says of it; `None`: nothing, as of a gateway that has no files.
fn configured_at(
    gateway: &Gateway,
    target: &Target,
    address: SocketAddr,
) -> Result<Option<Admin>, String> {
    let text = match gateway.get("/api/v1/config") {
        Ok(text) => text,
        Err(No::Missing(_)) => return Ok(None),
        Err(no) => return Err(no.into()),
    };
    configured(&String::from_utf8_lossy(&text), &target.pool, address)
        .map_err(|error| format!("{}: {error}", gateway.address()))
}

#[cfg(test)]
mod tests;
