//! CPU time a request: user and system time of the proxy's process, under a closed load.
//!
//! All proxies of a scenario run at once and are asked in turn, round by round, so that what befalls the machine befalls all
//! of them. Who is not asked sleeps. A round is measured in its middle: connections stand, and the proxy is warm.

use std::time::{Duration, Instant};

use crate::Failure;
use crate::load::{self, Load};
use crate::process::Memory;
use crate::proxies::Proxy;
use crate::report::{Table, number, tell};
use crate::scenario::Scenario;
use crate::stage::{Stage, Stand};
use crate::stats::{median, paired};

/// Requests for each endpoint before the first round.
const EACH_ENDPOINT: usize = 6;

/// Within which they should have been answered; if not, it is as warm as it is.
const WARM: Duration = Duration::from_secs(30);

/// How long, and how hard.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rounds {
    pub(crate) rounds: usize,
    /// Of each proxy in each round.
    pub(crate) time: Duration,
    pub(crate) clients: usize,
}

/// Measures, and tells.
pub(crate) async fn run(
    stage: &Stage,
    scenarios: &[Scenario],
    rounds: Rounds,
) -> Result<String, Failure> {
    let others: Vec<_> = stage
        .programs
        .iter()
        .map(|program| program.proxy)
        .filter(|&proxy| proxy != Proxy::Switchback)
        .collect();
    let mut cpu = Table::new(super::header("CPU a request, µs", &stage.programs));
    let titles = others.iter().map(|proxy| format!("× {}", proxy.title()));
    let mut ratios = Table::new(std::iter::once("CPU of Switchback".to_owned()).chain(titles));
    let mut memory = Table::new(super::header("memory, MiB (peak)", &stage.programs));
    let mut warnings = Vec::new();
    for &scenario in scenarios {
        let row = measure(stage, scenario, rounds).await?;
        let rounds: Vec<_> =
            row.iter().map(|(proxy, figures, _)| (*proxy, figures.as_slice())).collect();
        if let Some(warning) = super::noisy(scenario.title, &rounds) {
            tell(&warning);
            warnings.push(warning);
        }
        let of = |wanted| Some(rounds.iter().find(|(proxy, _)| *proxy == wanted)?.1);
        let title = || std::iter::once(scenario.title.to_owned());
        cpu.row(title().chain(rounds.iter().map(|(_, figures)| number(median(figures), 1))));
        ratios.row(title().chain(others.iter().map(|&other| {
            let pair = of(Proxy::Switchback).zip(of(other));
            number(pair.and_then(|(ours, theirs)| paired(ours, theirs)), 2)
        })));
        memory.row(title().chain(row.iter().map(|(_, _, memory)| mebibytes(*memory))));
    }
    let compared = !others.is_empty() && others.len() < stage.programs.len();
    let ratios = if compared { ratios.markdown() } else { String::new() };
    let parts = [cpu.markdown(), ratios, memory.markdown(), warnings.join("\n")];
    Ok(parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n"))
}

type Row = Vec<(Proxy, Vec<f64>, Memory)>;

async fn measure(stage: &Stage, scenario: Scenario, rounds: Rounds) -> Result<Row, Failure> {
    let mut stands = Vec::new();
    for program in &stage.programs {
        stands.push(stage.start(program, scenario, |command, _| command).await?);
    }
    for stand in &stands {
        warm(stand, scenario, rounds.clients).await?;
    }
    let mut figures = vec![Vec::new(); stands.len()];
    for round in 0..rounds.rounds {
        for (stand, figures) in stands.iter().zip(&mut figures) {
            let failed = |error| format!("{}, {}: {error}", scenario.title, stand.proxy.title());
            let figure = cost(stand, scenario, rounds).await.map_err(failed)?;
            figures.push(figure);
        }
        let last: Vec<_> =
            figures.iter().map(|figures| number(figures.last().copied(), 1)).collect();
        tell(&format!("{}, round {}: {} µs", scenario.title, round + 1, last.join(" / ")));
    }
    let rows = stands
        .iter()
        .zip(figures)
        .map(|(stand, figures)| Ok((stand.proxy, figures, stand.process.memory()?)));
    rows.collect()
}

/// Where there are many endpoints, lets most of them have their connection: rounds are of requests, not of connecting.
pub(super) async fn warm(stand: &Stand, scenario: Scenario, clients: usize) -> Result<(), Failure> {
    let wanted = u64::try_from(scenario.endpoints * EACH_ENDPOINT)?;
    let end = Instant::now() + WARM;
    let load = Load::start(&stand.target, scenario, clients);
    while load.done() < wanted && Instant::now() < end {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    load.stop().await.map_err(|error| format!("{}: {error}", stand.proxy.title()).into())
}

/// Microseconds a request.
async fn cost(stand: &Stand, scenario: Scenario, rounds: Rounds) -> Result<f64, Failure> {
    let idle = load::idle(&stand.target, scenario, scenario.idle).await?;
    let load = Load::start(&stand.target, scenario, rounds.clients);
    tokio::time::sleep(rounds.time / 6).await;
    let (done, used) = (load.done(), stand.process.cpu()?);
    tokio::time::sleep(rounds.time).await;
    let (done, used) = (load.done() - done, stand.process.cpu()?.saturating_sub(used));
    load.stop().await?;
    load::still_there(idle, scenario).await?;
    let done = u32::try_from(done).ok().filter(|&done| done > 0).ok_or("nothing was answered")?;
    Ok(used.as_secs_f64() * 1e6 / f64::from(done))
}

fn mebibytes(memory: Memory) -> String {
    format!("{} ({})", memory.now >> 20, memory.peak >> 20)
}
