//! Latency at a fixed rate ([`crate::load::open`]): medians, over the rounds, of each round's percentiles.
//!
//! The rate is the same for all, so it is a light load for one and a heavier one for another: that is how it is where one is
//! put in the place of the other.

use crate::Failure;
use crate::load::open;
use crate::modes::cpu::Rounds;
use crate::report::{Table, number, tell};
use crate::scenario::{Scenario, Wire};
use crate::stage::Stage;
use crate::stats::{median, percentile};

/// In per mille, and what they are called.
const PERCENTILES: [(usize, &str); 3] = [(500, "p50"), (990, "p99"), (999, "p99.9")];

/// Whether this mode can measure it: connections are kept, HTTP/1.1 is spoken.
pub(crate) fn fits(scenario: &Scenario) -> bool {
    scenario.kept && scenario.wire != Wire::H2
}

/// Measures, and tells.
pub(crate) async fn run(
    stage: &Stage,
    scenarios: &[Scenario],
    rounds: Rounds,
    rate: u32,
) -> Result<String, Failure> {
    let first = format!("latency at {rate} requests a second, µs");
    let mut table = Table::new(super::header(&first, &stage.programs));
    for &scenario in scenarios.iter().filter(|scenario| fits(scenario)) {
        let mut stands = Vec::new();
        for program in &stage.programs {
            stands.push(stage.start(program, scenario, |command, _| command).await?);
        }
        // For each proxy, for each percentile, a figure for each round.
        let mut figures = vec![[const { Vec::new() }; PERCENTILES.len()]; stands.len()];
        for round in 0..rounds.rounds {
            for (stand, figures) in stands.iter().zip(&mut figures) {
                let (target, clients) = (&stand.target, rounds.clients);
                let sorted = open::latencies(target, scenario, clients, rate, rounds.time).await?;
                for ((per_mille, _), figures) in PERCENTILES.iter().zip(figures) {
                    figures.extend(percentile(&sorted, *per_mille).map(microseconds));
                }
            }
            tell(&format!("{}, round {}", scenario.title, round + 1));
        }
        for (at, (_, name)) in PERCENTILES.iter().enumerate() {
            let cells = figures.iter().map(|figures| number(median(&figures[at]), 0));
            let title = format!("{}, {name}", scenario.title);
            table.row(std::iter::once(title).chain(cells));
        }
    }
    Ok(table.markdown())
}

fn microseconds(nanoseconds: u64) -> f64 {
    std::time::Duration::from_nanos(nanoseconds).as_secs_f64() * 1e6
}
