//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::binaries::Wanted;
use crate::modes::cpu::Rounds;
use crate::proxies::Proxy;
use crate::scenario::{Scenario, named};

/// What Switchback costs, beside bare Pingora, nginx and HAProxy: docs/PERFORMANCE.md.
#[derive(Debug, Parser)]
#[command(name = "switchback-bench")]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) mode: Mode,
    /// Who is measured; without it all that are installed, and with `instructions` Switchback and bare Pingora
    #[arg(long, global = true, value_delimiter = ',', value_enum)]
    of: Vec<Proxy>,
    /// This binary of Switchback, instead of one that is built
    #[arg(long, global = true)]
    switchback: Option<PathBuf>,
    /// This binary of bare Pingora, instead of one that is built
    #[arg(long, global = true)]
    bare: Option<PathBuf>,
    /// The Cargo profile of what is built [default: release; with `instructions` bench-ci]
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
        /// Requests a second
        #[arg(long, default_value_t = 3_000)]
        rate: u32,
    },
    /// Memory of idle clients, and what of it is given back
    Memory {
        /// How many are connected
        #[arg(long, default_value_t = 10_000)]
        clients: usize,
    },
    /// Instructions a request, counted by callgrind
    Instructions {
        /// Requests that are counted of each scenario
        #[arg(long, default_value_t = 2_000)]
        requests: usize,
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
            (Mode::Instructions { .. }, []) => vec![Proxy::Bare, Proxy::Switchback],
            (_, []) => Proxy::ALL.to_vec(),
            (_, of) => of.to_vec(),
        };
        Wanted {
            proxies,
            switchback: self.switchback.clone(),
            bare: self.bare.clone(),
            profile: self.profile().to_owned(),
        }
    }

    /// The profile of what is built.
    pub(crate) fn profile(&self) -> &str {
        let own = match self.mode {
            Mode::Instructions { .. } => "bench-ci",
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
        assert_eq!(wanted.profile, "bench-ci");
    }

    #[test]
    fn without_a_choice_all_are_measured() {
        let cli = Cli::parse_from(["bench", "cpu", "--rounds", "2"]);
        let wanted = cli.wanted();
        assert_eq!((wanted.proxies.len(), wanted.profile.as_str()), (4, "release"));
    }
}
