//! Latency at a fixed rate ([`crate::load::open`]): medians, over the rounds, of each round's percentiles.
//!
//! The rate is the same for all, so it is a light load for one and a heavier one for another: that is how it is where one is
//! put in the place of the other. It is [`SHARE`] of what the slowest of them can answer, which is measured before.
//!
//! The last column is the backend without any proxy, over plain TCP: what the machine, its neighbours and the load itself add. A
//! tail that is no longer than that says nothing of a proxy.

use std::time::{Duration, Instant};

use crate::Failure;
use crate::client::Target;
use crate::load::{Load, open};
use crate::modes::cpu::{Rounds, warm};
use crate::report::{Table, number, tell, thousands};
use crate::scenario::{Scenario, Wire};
use crate::stage::{Stage, Stand};
use crate::stats::{median, percentile};

/// In per mille, and what they are called.
const PERCENTILES: [(usize, &str); 3] = [(500, "p50"), (990, "p99"), (999, "p99.9")];

/// How much of the least capacity is asked for, in percent.
const SHARE: u64 = 30;

/// How long a capacity is measured.
const CAPACITY: Duration = Duration::from_secs(1);

/// Whether this mode can measure it: connections are kept, HTTP/1.1 is spoken, nobody else is connected.
pub(crate) fn fits(scenario: &Scenario) -> bool {
    scenario.kept && scenario.wire != Wire::H2 && scenario.idle == 0
}

/// Whether it is measured unasked: many routes and endpoints are left out.
fn usual(scenario: &Scenario) -> bool {
    fits(scenario) && scenario.endpoints <= 3 && scenario.routes == 1
}

/// Those of the scenarios that are measured; `chosen`: they were named.
///
/// # Errors
/// One that was named and cannot be.
pub(crate) fn choose(scenarios: Vec<Scenario>, chosen: bool) -> Result<Vec<Scenario>, String> {
    if !chosen {
        return Ok(scenarios.into_iter().filter(usual).collect());
    }
    match scenarios.iter().find(|scenario| !fits(scenario)) {
        Some(other) => {
            Err(format!("{}: latency is measured over kept connections of HTTP/1.1", other.name))
        }
        None => Ok(scenarios),
    }
}

/// Measures, and tells. Without a rate it is found.
pub(crate) async fn run(
    stage: &Stage,
    scenarios: &[Scenario],
    rounds: Rounds,
    rate: Option<u32>,
) -> Result<String, Failure> {
    let header = super::header("latency, µs (least–most)", &stage.programs);
    let mut table = Table::new(header.into_iter().chain(["no proxy".to_owned()]));
    for &scenario in scenarios {
        let mut stands = Vec::new();
        for program in &stage.programs {
            stands.push(stage.start(program, scenario, |command, _| command).await?);
        }
        let rate = match rate {
            Some(rate) => rate,
            None => share(&stands, scenario, rounds.clients).await?,
        };
        let none = Target { address: stage.endpoint(), tls: None };
        let mut all: Vec<_> =
            stands.iter().map(|stand| (stand.proxy.title(), &stand.target)).collect();
        all.push(("no proxy", &none));
        // For each of them, for each percentile, a figure for each round.
        let mut figures = vec![[const { Vec::new() }; PERCENTILES.len()]; all.len()];
        for round in 0..rounds.rounds {
            for ((title, target), figures) in all.iter().zip(&mut figures) {
                let failed = |error| format!("{}, {title}: {error}", scenario.title);
                let sorted = open::latencies(target, scenario, rounds, rate).await;
                let sorted = sorted.map_err(failed)?;
                for ((per_mille, _), figures) in PERCENTILES.iter().zip(figures) {
                    figures.extend(percentile(&sorted, *per_mille).map(microseconds));
                }
            }
            tell(&format!("{}, {rate} a second, round {}", scenario.title, round + 1));
        }
        for (at, (_, name)) in PERCENTILES.iter().enumerate() {
            let rate = thousands(f64::from(rate));
            let title = format!("{}, {rate}/s, {name}", scenario.title);
            let cells = figures.iter().map(|figures| cell(&figures[at]));
            table.row(std::iter::once(title).chain(cells));
        }
    }
    Ok(table.markdown())
}

/// The rate at which the slowest has [`SHARE`] of what it can bear.
async fn share(stands: &[Stand], scenario: Scenario, clients: usize) -> Result<u32, Failure> {
    let mut least = u64::MAX;
    for stand in stands {
        warm(stand, scenario, clients).await?;
        let load = Load::start(&stand.target, scenario, clients);
        tokio::time::sleep(CAPACITY / 4).await;
        let (done, begun) = (load.done(), Instant::now());
        tokio::time::sleep(CAPACITY).await;
        let done = u128::from(load.done() - done) * 1_000 / begun.elapsed().as_millis().max(1);
        load.stop().await?;
        let capacity = u64::try_from(done)?;
        tell(&format!("{}, {}: {capacity} a second", scenario.title, stand.proxy.title()));
        least = least.min(capacity);
    }
    // Ten more or less are none.
    Ok(u32::try_from(least / 10 * SHARE / 10)?.max(1))
}

/// The median; where there were several rounds, with the least and the greatest.
fn cell(rounds: &[f64]) -> String {
    let median = number(median(rounds), 0);
    if rounds.len() < 2 {
        return median;
    }
    let least = rounds.iter().copied().reduce(f64::min);
    let most = rounds.iter().copied().reduce(f64::max);
    format!("{median} ({}–{})", number(least, 0), number(most, 0))
}

fn microseconds(nanoseconds: u64) -> f64 {
    Duration::from_nanos(nanoseconds).as_secs_f64() * 1e6
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::named;

    #[test]
    fn what_was_named_is_measured_or_refused() {
        let of = |names: &[&str]| {
            let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
            choose(named(&names).expect("scenarios"), !names.is_empty())
        };
        assert_eq!(of(&["routes-10k"]).expect("it fits").len(), 1);
        assert!(of(&["small-get", "h2"]).expect_err("HTTP/2 does not fit").starts_with("h2: "));
        let usual: Vec<_> = of(&[]).expect("some").iter().map(|usual| usual.name).collect();
        assert_eq!(usual, ["small-get", "large-answer", "post", "tls", "access-log"]);
    }

    #[test]
    fn rounds_are_told_with_how_far_they_lie_apart() {
        assert_eq!(cell(&[120.4, 99.0, 301.0]), "120 (99–301)");
        assert_eq!(cell(&[120.4]), "120");
    }
}
