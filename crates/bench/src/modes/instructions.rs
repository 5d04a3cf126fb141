//! Instructions a request, by callgrind: exactly repeatable, so fit for a budget.
//!
//! One client, one connection, one request after the other, and as many for the warm-up as make buffers and tables
//! what they will be. Then a fixed number is counted. What is left that differs between runs: the seeds of hash
//! tables, what the proxy does by the clock (a tick now and then), and how a large answer falls into pieces on its way. The last is
//! held down by a backend that writes it at once, and by a proxy so slow (callgrind) that all is there when it looks.

use std::collections::BTreeMap;
use std::process::Command;

use crate::Failure;
use crate::budget::{Budget, Verdict};
use crate::callgrind;
use crate::client::Client;
use crate::report::{Table, number, print, tell, thousands};
use crate::scenario::{self, Scenario};
use crate::stage::{Program, Stage};
use crate::stats::{median, spread};

/// What is counted: connections are kept and plain, for callgrind sees no kernel and TLS is somebody else's.
const COUNTED: [&str; 3] = ["small-get", "large-answer", "post"];

/// As many as are not counted.
const WARM_UP: usize = 300;

/// By scenario, a figure for each run.
type Figures = BTreeMap<&'static str, Vec<f64>>;

/// How much is counted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Count {
    /// Requests of each scenario.
    pub(crate) requests: usize,
    /// New processes.
    pub(crate) runs: usize,
}

/// Counts, tells, and returns the medians of the last program.
pub(crate) async fn run(stage: &Stage, count: Count) -> Result<BTreeMap<String, u64>, Failure> {
    let mut table = Table::new(super::header("instructions a request", &stage.programs));
    let mut all = Vec::new();
    for program in &stage.programs {
        let mut figures = Figures::new();
        for run in 0..count.runs {
            once(stage, program, count.requests, &mut figures).await?;
            let last = figures
                .iter()
                .map(|(name, figures)| format!("{name} {}", number(figures.last().copied(), 0)));
            let last: Vec<_> = last.collect();
            tell(&format!("{}, run {}: {}", program.proxy.title(), run + 1, last.join(", ")));
        }
        all.push(figures);
    }
    for scenario in counted()? {
        let figures = |of: &Figures| of.get(scenario.name).cloned().unwrap_or_default();
        let cell = |of: &Figures| {
            let runs = figures(of);
            let middle = median(&runs).map_or_else(|| "–".to_owned(), thousands);
            if runs.len() < 2 {
                middle
            } else {
                format!("{middle} (± {:.2} %)", spread(&runs) * 50.0)
            }
        };
        table.row(std::iter::once(scenario.title.to_owned()).chain(all.iter().map(cell)));
    }
    print(&table.markdown());
    let last = all.pop().unwrap_or_default();
    let medians =
        last.iter().filter_map(|(name, runs)| Some(((*name).to_owned(), whole(median(runs)?))));
    Ok(medians.collect())
}

/// Compares with the budget of this crate.
///
/// # Errors
/// What has grown.
pub(crate) fn check(now: &Budget) -> Result<(), Failure> {
    match Budget::read(&Budget::path())?.compare(now) {
        Verdict::Within(remarks) => {
            for remark in remarks {
                print(&remark);
            }
            print("within the budget");
            Ok(())
        }
        Verdict::Above(why) => Err(format!("above the budget:\n{}", why.join("\n")).into()),
    }
}

/// What `rustc --version` says.
pub(crate) fn compiler() -> Result<String, Failure> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("--version").output()?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

fn counted() -> Result<Vec<Scenario>, Failure> {
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
    for (nth, scenario) in scenarios.iter().enumerate() {
        ask(&mut client, *scenario, WARM_UP / 10, &mut buffer).await?;
        callgrind::zero(&stand)?;
        ask(&mut client, *scenario, requests, &mut buffer).await?;
        let counted = callgrind::count(&stand, nth + 1)?;
        let each = counted / u64::try_from(requests.max(1))?;
        figures.entry(scenario.name).or_default().push(f64::from(u32::try_from(each)?));
    }
    Ok(())
}

async fn ask(
    client: &mut Client,
    scenario: Scenario,
    requests: usize,
    buffer: &mut Vec<u8>,
) -> Result<(), Failure> {
    for request in scenario.requests().iter().cycle().take(requests) {
        client.exchange(request, buffer).await?;
    }
    Ok(())
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a median of counts, which are whole, positive and below 2^32"
)]
fn whole(median: f64) -> u64 {
    median.round() as u64
}
