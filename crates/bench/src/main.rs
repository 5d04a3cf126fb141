//! What Switchback costs, beside bare Pingora, nginx, HAProxy, Envoy and Caddy on the same machine in the same minutes.
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

use backend::Backend;
use binaries::installed;
use budget::{Budget, Verdict};
use cli::{Cli, Mode};
use cpus::Cpus;
use modes::instructions::{self, Count};
use modes::{cpu, latency, memory, profile};
use stage::Stage;

/// What went wrong, for whoever started this. Nobody handles it.
type Failure = Box<dyn Error + Send + Sync>;

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(Verdict::Within(_)) => ExitCode::SUCCESS,
        Ok(Verdict::Above(why)) => {
            report::tell(&format!("above the budget:\n{}", why.join("\n")));
            ExitCode::from(1)
        }
        // As a command line that is none: nothing was measured.
        Err(error) => {
            report::tell(&format!("error: {error}"));
            ExitCode::from(2)
        }
    }
}

fn run(cli: &Cli) -> Result<Verdict, Failure> {
    descriptors();
    if let Mode::Backend = cli.mode {
        runtime(1)?.block_on(Backend::alone())?;
    }
    if let Mode::Instructions { .. } | Mode::Profile { .. } = cli.mode {
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

/// How often what is above the budget is counted once more.
const AGAIN: usize = 2;

async fn measure(cli: &Cli, stage: &Stage) -> Result<Verdict, Failure> {
    match &cli.mode {
        Mode::Cpu(load) => {
            report::print(&cpu::run(stage, &load.scenarios()?, load.rounds()).await?);
        }
        Mode::Latency { load, rate } => {
            let scenarios = latency::choose(load.scenarios()?, !load.only.is_empty())?;
            report::print(&latency::run(stage, &scenarios, load.rounds(), *rate).await?);
        }
        Mode::Memory { clients } => report::print(&memory::run(stage, *clients).await?),
        Mode::Instructions { requests, runs, check, record } => {
            let usual = if *check || *record { 500 } else { 2_000 };
            let count = Count { requests: requests.unwrap_or(usual), runs: *runs };
            let mut now = Budget {
                instructions: instructions::run(stage, count).await?,
                compiler: instructions::compiler()?,
                profile: cli.profile().to_owned(),
            };
            if *record {
                now.write(&Budget::path())?;
            }
            if *check {
                // What comes by chance (a connection that was made anew, a tick of the clock) only adds.
                for _ in 0..AGAIN {
                    if matches!(instructions::check(&now)?, Verdict::Within(_)) {
                        break;
                    }
                    now.lower(&instructions::run(stage, count).await?);
                }
                return instructions::check(&now);
            }
        }
        Mode::Profile { requests, top } => {
            profile::run(stage, Count { requests: *requests, runs: 1 }, *top).await?;
        }
        Mode::Backend => {}
    }
    Ok(Verdict::Within(Vec::new()))
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
