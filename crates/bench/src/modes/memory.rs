//! Memory of clients that are idle: what the resident set grows by while they are connected, and what stays when they have
//! gone.
//!
//! Each has had one answer, as idle clients have: what a proxy only holds during a request must not count, and what it
//! allocates with the first one must. Before, a load has run, so that what is allocated once is there.

use std::time::Duration;

use crate::Failure;
use crate::load::{Load, idle};
use crate::report::{Table, number, tell};
use crate::scenario::{self, Scenario, Wire};
use crate::stage::{Program, Stage};

/// For allocators and event loops to come to rest.
const SETTLE: Duration = Duration::from_secs(1);

/// Within which memory should be given back.
const GIVE_BACK: Duration = Duration::from_secs(5);

/// Clients of the load.
const AT_ONCE: usize = 32;

/// Measures, and tells.
pub(crate) async fn run(stage: &Stage, clients: usize) -> Result<String, Failure> {
    let mut table = Table::new(super::header(&format!("{clients} idle clients"), &stage.programs));
    for scenario in scenario::ALL.into_iter().filter(|scenario| *scenario == plain(*scenario)) {
        let (mut each, mut after, mut later) = (Vec::new(), Vec::new(), Vec::new());
        for program in &stage.programs {
            let [held, left, at_last] = measure(stage, program, scenario, clients)
                .await
                .map_err(|error| format!("{}: {error}", program.proxy.title()))?;
            tell(&format!("{}, {}: {held:.1} KiB", scenario.title, program.proxy.title()));
            each.push(number(Some(held), 1));
            after.push(number(Some(left), 1));
            later.push(number(Some(at_last), 1));
        }
        let wire = if scenario.wire == Wire::Plain { "plain" } else { "TLS" };
        table.row(std::iter::once(format!("{wire}, KiB a client")).chain(each));
        table.row(std::iter::once(format!("{wire}, MiB left {GIVE_BACK:?} later")).chain(after));
        table.row(std::iter::once(format!("{wire}, MiB left after a load")).chain(later));
    }
    Ok(table.markdown())
}

/// The scenario itself where it is the small GET over TCP or TLS; otherwise another one.
fn plain(scenario: Scenario) -> Scenario {
    let [small, ..] = scenario::ALL;
    match scenario.wire {
        Wire::Plain => small,
        Wire::Tls | Wire::H2 => {
            Scenario { wire: Wire::Tls, name: "tls", title: "TLS 1.3, keep-alive", ..small }
        }
    }
}

/// KiB for each client, MiB that are left without anything to do, and MiB that are left after a load.
async fn measure(
    stage: &Stage,
    program: &Program,
    scenario: Scenario,
    clients: usize,
) -> Result<[f64; 3], Failure> {
    let stand = stage.start(program, scenario, |command, _| command).await?;
    let load = async || {
        let load = Load::start(&stand.target, scenario, AT_ONCE);
        tokio::time::sleep(SETTLE).await;
        load.stop().await
    };
    load().await?;
    tokio::time::sleep(GIVE_BACK).await;
    let resident = || stand.process.memory().map(|memory| memory.now);
    let before = resident()?;
    let idle = idle(&stand.target, scenario, clients).await?;
    tokio::time::sleep(SETTLE).await;
    let held = resident()?;
    drop(idle);
    tokio::time::sleep(GIVE_BACK).await;
    let after = resident()?;
    // An allocator may give back only when it is used.
    load().await?;
    let later = resident()?;
    let each = kibibytes(held, before) / f64::from(u32::try_from(clients.max(1))?);
    Ok([each, kibibytes(after, before) / 1024.0, kibibytes(later, before) / 1024.0])
}

/// A difference of bytes, which may be negative.
fn kibibytes(more: u64, less: u64) -> f64 {
    let part =
        |a: u64, b: u64| u32::try_from(a.saturating_sub(b) / 1024).map_or(f64::MAX, f64::from);
    part(more, less) - part(less, more)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_clients_are_plain_or_over_tls() {
        let names: Vec<_> = scenario::ALL
            .into_iter()
            .filter(|scenario| *scenario == plain(*scenario))
            .map(|scenario| scenario.name)
            .collect();
        assert_eq!(names, ["small-get", "tls"]);
    }

    #[test]
    fn memory_may_become_less() {
        assert!((kibibytes(4096, 2048) - 2.0).abs() < 1e-9);
        assert!((kibibytes(2048, 4096) + 2.0).abs() < 1e-9);
    }
}
