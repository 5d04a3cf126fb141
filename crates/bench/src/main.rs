//! What Switchback costs, beside bare Pingora, nginx and HAProxy on the same machine in the same minutes.
//!
//! Figures of one machine are of no use on another; ratios are. So every measurement is one of all of them, in rounds that
//! alternate, each proxy with one worker on a CPU of its own, the load and one backend for all on the others.
//! `docs/PERFORMANCE.md` says how to run it and how to read it.
//!
//! wrk, h2load and the like were not taken: each measures one of the scenarios and none from the time a request was due;
//! and where they are missing there would be no measurement.

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

mod backend;
mod binaries;
mod budget;
mod callgrind;
mod cli;
mod client;
mod cpus;
mod load;
mod modes;
mod process;
mod proxies;
mod report;
mod scenario;
mod stage;
mod stats;
mod tls;
mod wire;

use clap::Parser;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::runtime::{Builder, Runtime};

use binaries::installed;
use budget::Budget;
use cli::{Cli, Mode};
use cpus::Cpus;
use modes::instructions::{self, Count};
use modes::{cpu, latency, memory};
use stage::Stage;

/// What went wrong, for whoever started this. Nobody handles it.
type Failure = Box<dyn Error + Send + Sync>;

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report::tell(&format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Result<(), Failure> {
    if let Mode::Instructions { .. } = cli.mode {
        let missing =
            ["valgrind", "callgrind_control"].into_iter().find(|name| installed(name).is_none());
        if let Some(name) = missing {
            return Err(format!("{name} is not installed (Debian: valgrind)").into());
        }
    }
    let programs = cli.wanted().find()?;
    if programs.is_empty() {
        return Err("there is nobody to measure".into());
    }
    descriptors();
    let cpus = Cpus::own();
    if cpus.proxy().is_none() {
        report::tell("warning: one CPU for proxy and load");
    }
    cpus::pin(cpus.load())?;
    runtime(cpus.load().len())?.block_on(async {
        let stage = Stage::open(programs, cpus).await?;
        measure(cli, &stage).await
    })
}

async fn measure(cli: &Cli, stage: &Stage) -> Result<(), Failure> {
    match &cli.mode {
        Mode::Cpu(load) => {
            report::print(&cpu::run(stage, &load.scenarios()?, load.rounds()).await?);
        }
        Mode::Latency { load, rate } => {
            let scenarios = load.scenarios()?;
            if let Some(other) =
                scenarios.iter().find(|s| !latency::fits(s) && !load.only.is_empty())
            {
                return Err(
                    format!("{}: latency is measured over kept HTTP/1.1", other.name).into()
                );
            }
            report::print(&latency::run(stage, &scenarios, load.rounds(), *rate).await?);
        }
        Mode::Memory { clients } => report::print(&memory::run(stage, *clients).await?),
        Mode::Instructions { requests, runs, check, record } => {
            let count = Count { requests: *requests, runs: *runs };
            let now = Budget {
                instructions: instructions::run(stage, count).await?,
                compiler: instructions::compiler()?,
                profile: cli.profile().to_owned(),
            };
            if *record {
                now.write(&Budget::path())?;
            }
            if *check {
                instructions::check(&now)?;
            }
        }
    }
    Ok(())
}

/// Ten thousand clients are ten thousand descriptors, here and there; children inherit the limit.
fn descriptors() {
    let now = getrlimit(Resource::Nofile);
    // Who needs more than there are will hear of it.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: now.maximum, ..now });
}

/// For load and backend, which change places without a switch of threads where there is one CPU for them.
fn runtime(cpus: usize) -> std::io::Result<Runtime> {
    let mut builder =
        if cpus > 1 { Builder::new_multi_thread() } else { Builder::new_current_thread() };
    builder
        .worker_threads(cpus.max(1))
        .enable_all()
        .thread_keep_alive(Duration::from_secs(60))
        .build()
}
