//! `switchback drain`.
//!
//! With `--wait` it looks at what is in flight, five times a second. A queue of events was rejected: the
//! answer of a pool of the usual size costs the gateway less than a request, and a look cannot be missed. A
//! large pool is looked at less often.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;

use super::admin::{Gateway, plain};
use super::overrides::{Which, change, in_flight, told};
use super::shapes::{Endpoint, State};
use super::target::Target;
use super::{Told, tell, time};

/// What follows the options in the help.
const MORE: &str = "\
A drained endpoint keeps its sessions and gets nothing new while another can serve; `disable` ends
that, too. It overrides what the configuration says, holds over reloads, and ends with `enable`,
when the endpoint is no longer configured, or with the process. It is of one gateway: repeat it at
the others. With `--format json`, an object with `pool`, `endpoint`, `override`, `status`, `why`,
`weight` and `in_flight`.

Exit status:
  0  it is drained; with --wait, nothing is in flight there any more
  1  the time was over, and something still is
  2  it could not be done, or was refused";

/// Drains an endpoint.
#[derive(Args, Debug)]
#[command(after_help = MORE)]
pub(crate) struct Drain {
    #[command(flatten)]
    which: Which,
    /// Return when nothing is in flight there any more
    #[arg(long)]
    wait: bool,
    /// How long to wait, at most
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = time::duration, requires = "wait")]
    timeout: Duration,
}

/// Between two looks, at least.
const PAUSE: Duration = Duration::from_millis(200);
/// So many times as long as a look takes is the pause after it.
const SPARE: u32 = 5;

/// The time was over.
const STILL: u8 = 1;

pub(crate) fn run(drain: &Drain) -> ExitCode {
    let told = drain.which.whom.gateway().and_then(|gateway| drained(&gateway, drain));
    tell(drain.which.format, told)
}

fn drained(gateway: &Gateway, drain: &Drain) -> Result<Told, String> {
    let target = &drain.which.target;
    let endpoint = change(gateway, target, false, |_, wanted| {
        wanted.state = Some(State::Drain);
        Ok(())
    })?;
    if !drain.wait {
        let sentence = format!("draining; {}", in_flight(endpoint.in_flight));
        return Ok(told(target, &endpoint, &sentence));
    }
    let end = Instant::now() + drain.timeout;
    let endpoint = wait(gateway, target, endpoint, end)?;
    if endpoint.in_flight == 0 {
        return Ok(told(target, &endpoint, "drained; nothing is in flight there any more"));
    }
    let after = time::rounded(drain.timeout);
    let sentence = format!("{} still, after {after}", in_flight(endpoint.in_flight));
    Ok(Told { status: STILL, ..told(target, &endpoint, &sentence) })
}

/// Waits until nothing is in flight, or the time is over.
fn wait(
    gateway: &Gateway,
    target: &Target,
    mut endpoint: Endpoint,
    end: Instant,
) -> Result<Endpoint, String> {
    let mut left = Left::default();
    let mut pause = PAUSE;
    loop {
        let now = Instant::now();
        if endpoint.in_flight == 0 || now >= end {
            return Ok(endpoint);
        }
        left.show(target, &endpoint);
        std::thread::sleep(pause.min(end - now));
        let begun = Instant::now();
        endpoint = target.find(gateway)?;
        pause = PAUSE.max(begun.elapsed() * SPARE);
        if endpoint.overridden.state != Some(State::Drain) {
            let status = plain(&endpoint.status);
            return Err(format!("{target}: somebody else has ended its drain; it is {status}"));
        }
    }
}

/// How many are left, for whoever watches.
#[derive(Default)]
struct Left {
    is_there: bool,
}

impl Left {
    fn show(&mut self, target: &Target, endpoint: &Endpoint) {
        if io::stderr().is_terminal() {
            let what = in_flight(endpoint.in_flight);
            let _ = write!(io::stderr(), "\r{target}: {what}\x1b[K");
            self.is_there = true;
        }
    }
}

impl Drop for Left {
    fn drop(&mut self) {
        if self.is_there {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

#[cfg(test)]
mod tests;
