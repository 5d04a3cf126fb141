//! `switchback demo`.

use std::num::NonZeroU32;
use std::process::ExitCode;

use clap::Args;

use crate::demo;

/// What follows the options in the help.
const MORE: &str = "\
One backend is killed, one hangs, one answers 503, one drops its connections. What each does, how
the gateway sees it and what clients get is shown live, and summed up at the end. Ctrl-C ends it
early. Nothing but loopback is opened; nothing is configured, and nothing is left behind.

Exit status:
  0  no client saw a failure that another backend could have prevented
  1  one did, or a POST was executed twice
  2  the demo could not run";

/// Shows the gateway at work.
#[derive(Args, Debug)]
#[command(after_help = MORE)]
pub(crate) struct Demo {
    /// How long it takes; the script is scaled to it (at least 5)
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u32).range(5..=86_400))]
    seconds: u32,
    /// How many clients ask, each on a keep-alive connection of its own, one request at a time
    #[arg(long, value_name = "N", default_value = "16", value_parser = up_to(1_000))]
    clients: NonZeroU32,
    /// Requests a second, of all clients together
    #[arg(long, value_name = "N", default_value = "400", value_parser = up_to(100_000))]
    rate: NonZeroU32,
    /// Never repeat a failed attempt: to see what retries are worth
    #[arg(long)]
    no_retry: bool,
    /// Never probe the backends, nor eject them: to see what health checks are worth
    #[arg(long)]
    no_health: bool,
}

pub(crate) fn run(demo: &Demo) -> ExitCode {
    demo::run(&demo::Options {
        seconds: demo.seconds,
        clients: demo.clients,
        rate: demo.rate,
        retry: !demo.no_retry,
        health: !demo.no_health,
    })
}

/// A number from 1 to `most`.
fn up_to(most: u32) -> impl Fn(&str) -> Result<NonZeroU32, String> + Clone {
    move |text| {
        text.parse()
            .ok()
            .filter(|number: &NonZeroU32| number.get() <= most)
            .ok_or_else(|| format!("a number from 1 to {most} is expected"))
    }
}
