//! `switchback disable`.

use std::process::ExitCode;

use clap::Args;

use super::overrides::{HOLDS, Which, change, in_flight, told};
use super::shapes::State;
use super::tell;

/// Disables an endpoint.
#[derive(Args, Debug)]
#[command(after_help = HOLDS)]
pub(crate) struct Disable {
    #[command(flatten)]
    which: Which,
    /// Do it though nobody else in the pool serves
    #[arg(long)]
    force: bool,
}

pub(crate) fn run(disable: &Disable) -> ExitCode {
    let Which { target, whom, format } = &disable.which;
    let done = whom.gateway().and_then(|gateway| {
        let endpoint = change(&gateway, target, disable.force, |_, wanted| {
            wanted.state = Some(State::Disabled);
            Ok(())
        })?;
        let sentence = match endpoint.in_flight {
            0 => "disabled; nothing is in flight there".to_owned(),
            count => format!("disabled; {}, and may end", in_flight(count)),
        };
        Ok(told(target, &endpoint, &sentence))
    });
    tell(*format, done)
}
