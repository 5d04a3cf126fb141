//! Instructions a request, by callgrind: exactly repeatable, so fit for a budget.
//!
//! One client, one connection, one request after the other, and as many for the warm-up as make buffers and tables
//! what they will be. Then a fixed number is counted. What is left that differs between runs: the seeds of hash
//! tables, and how a large answer falls into pieces on its way. The last is
//! held down by a backend that writes it at once, and by a proxy so slow (callgrind) that all is there when it looks.
//!
//! What the proxy does by the clock would be more on a slower machine: it is counted while nothing is asked, and taken off by
//! the second.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::Failure;
use crate::budget::{Budget, Verdict};
use crate::callgrind::{self, Calls, Dump};
use crate::client::Client;
use crate::report::{Table, number, print, tell, thousands};
use crate::scenario::{self, Scenario};
use crate::stage::{Program, Stage, Stand};
use crate::stats::{median, spread};

/// What is counted: connections are kept and plain, for callgrind sees no kernel and TLS is somebody else's.
const COUNTED: [&str; 3] = ["small-get", "large-answer", "post"];

/// As many as are not counted.
const WARM_UP: usize = 300;

/// How often, and how long, it is counted without requests.
const WINDOWS: usize = 2;
const WINDOW: Duration = Duration::from_secs(2);

/// By scenario, what each run has counted.
pub(super) type Figures = BTreeMap<&'static str, Vec<Dump>>;

/// How much is counted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Count {
    /// Requests of each scenario.
    pub(crate) requests: usize,
    /// New processes.
    pub(crate) runs: usize,
}

/// Counts, tells, and returns the least of the last program.
pub(crate) async fn run(stage: &Stage, count: Count) -> Result<BTreeMap<String, u64>, Failure> {
    let all = figures(stage, count).await?;
    print(&table(stage, count, &all)?);
    let Some((_, last)) = all.last() else { return Ok(BTreeMap::new()) };
    let least = last.iter().filter_map(|(name, dumps)| {
        let each = count.each(dumps, |dump| Some(dump.total)).into_iter();
        Some(((*name).to_owned(), whole(each.min_by(f64::total_cmp)?)))
    });
    Ok(least.collect())
}

/// Counts each program; none is stopped before it is through.
pub(super) async fn figures(
    stage: &Stage,
    count: Count,
) -> Result<Vec<(&Program, Figures)>, Failure> {
    let mut all = Vec::new();
    for program in &stage.programs {
        let mut figures = Figures::new();
        for run in 0..count.runs.max(1) {
            once(stage, program, count.requests, &mut figures)
                .await
                .map_err(|error| format!("{}: {error}", program.proxy.title()))?;
            let last = figures.iter().filter_map(|(name, dumps)| {
                Some(format!("{name} {}", thousands(count.each_of(dumps.last()?.total))))
            });
            let last: Vec<_> = last.collect();
            tell(&format!("{}, run {}: {}", program.proxy.title(), run + 1, last.join(", ")));
        }
        all.push((program, figures));
    }
    Ok(all)
}

/// Instructions, and what was asked of the allocator where it can be told.
pub(super) fn table(
    stage: &Stage,
    count: Count,
    all: &[(&Program, Figures)],
) -> Result<String, Failure> {
    let mut table = Table::new(super::header("instructions a request", &stage.programs));
    for scenario in counted()? {
        let cell = |(_, figures): &(&Program, Figures)| {
            let runs = count.each(figures.get(scenario.name)?, |dump| Some(dump.total));
            let middle = thousands(median(&runs)?);
            if runs.len() < 2 {
                return Some(middle);
            }
            Some(format!("{middle} (± {:.2} %)", spread(&runs) * 50.0))
        };
        let cells = all.iter().map(|of| cell(of).unwrap_or_else(|| number(None, 0)));
        table.row(std::iter::once(scenario.title.to_owned()).chain(cells));
    }
    for (what, of) in ASKED {
        for scenario in counted()? {
            let cell = |(_, figures): &(&Program, Figures)| {
                let runs = count.each(figures.get(scenario.name)?, |dump| dump.calls.map(of));
                median(&runs)
            };
            let cells: Vec<_> = all.iter().map(cell).collect();
            if cells.iter().any(Option::is_some) {
                let cells = cells.into_iter().map(|cell| number(cell, 2));
                table.row(std::iter::once(format!("{}: {what}", scenario.title)).chain(cells));
            }
        }
    }
    Ok(table.markdown())
}

/// One of the figures of the allocator.
type Asked = fn(Calls) -> u64;

/// What is asked of an allocator.
const ASKED: [(&str, Asked); 3] = [
    ("allocations", |calls| calls.allocations),
    ("reallocations", |calls| calls.reallocations),
    ("frees", |calls| calls.frees),
];

impl Count {
    /// By request.
    pub(super) fn each_of(self, sum: u64) -> f64 {
        float(sum) / float(u64::try_from(self.requests.max(1)).unwrap_or(u64::MAX))
    }

    /// By request, of each run that can tell.
    fn each(self, dumps: &[Dump], of: impl Fn(&Dump) -> Option<u64>) -> Vec<f64> {
        dumps.iter().filter_map(|dump| of(dump).map(|sum| self.each_of(sum))).collect()
    }
}

/// Compares with the budget of this crate, and tells what is worth it beside.
pub(crate) fn check(now: &Budget) -> Result<Verdict, Failure> {
    let verdict = Budget::read(&Budget::path())?.compare(now);
    if let Verdict::Within(remarks) = &verdict {
        for remark in remarks {
            print(remark);
        }
        print("within the budget");
    }
    Ok(verdict)
}

/// What `rustc --version` says.
pub(crate) fn compiler() -> Result<String, Failure> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("--version").output()?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

pub(super) fn counted() -> Result<Vec<Scenario>, Failure> {
    Ok(scenario::named(&COUNTED.map(str::to_owned))?)
}

/// One process, all scenarios after another: they differ only in what the client asks for.
async fn once(
    stage: &Stage,
    program: &Program,
    requests: usize,
    figures: &mut Figures,
) -> Result<(), Failure> {
    let scenarios = counted()?;
    let first = *scenarios.first().ok_or("nothing is counted")?;
    let stand =
        stage.start(program, first, |command, folder| callgrind::wrap(&command, folder)).await?;
    let mut client = stand.target.client().await?;
    let mut buffer = Vec::new();
    for scenario in &scenarios {
        ask(&mut client, *scenario, WARM_UP, &mut buffer).await?;
    }
    callgrind::begin(&stand)?;
    let clock = by_clock(&stand).await?;
    for (nth, scenario) in scenarios.iter().enumerate() {
        ask(&mut client, *scenario, WARM_UP / 10, &mut buffer).await?;
        callgrind::zero(&stand)?;
        let begun = Instant::now();
        ask(&mut client, *scenario, requests, &mut buffer).await?;
        let off = whole(clock * begun.elapsed().as_secs_f64());
        let mut dump = callgrind::count(&stand, WINDOWS + nth + 1)?;
        dump.total = dump.total.saturating_sub(off);
        figures.entry(scenario.name).or_default().push(dump);
    }
    Ok(())
}

/// Instructions a second while nothing is asked: the least of some windows, for a probe falls into one of them at most.
async fn by_clock(stand: &Stand) -> Result<f64, Failure> {
    let mut least = f64::MAX;
    for nth in 1..=WINDOWS {
        callgrind::zero(stand)?;
        let begun = Instant::now();
        tokio::time::sleep(WINDOW).await;
        let time = begun.elapsed().as_secs_f64();
        least = least.min(float(callgrind::count(stand, nth)?.total) / time);
    }
    Ok(least)
}

async fn ask(
    client: &mut Client,
    scenario: Scenario,
    requests: usize,
    buffer: &mut Vec<u8>,
) -> Result<(), Failure> {
    for request in scenario.requests().iter().cycle().take(requests) {
        client.exchange(request, scenario.answered(), buffer).await?;
    }
    Ok(())
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts and their medians are positive and below 2^52"
)]
fn whole(count: f64) -> u64 {
    count.round() as u64
}

#[expect(clippy::cast_precision_loss, reason = "counts are below 2^52")]
fn float(count: u64) -> f64 {
    count as f64
}
