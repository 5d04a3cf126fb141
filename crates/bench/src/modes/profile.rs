//! Which functions a request's instructions are of, counted as in [`super::instructions`], and what it asks of the allocator.
//!
//! The cost of a function is its own; what it calls is not in it, unless it was inlined. For that the binary needs its
//! symbols, which a release lacks.

use crate::Failure;
use crate::modes::instructions::{Count, counted, figures, table};
use crate::report::{Table, number, print, thousands};
use crate::stage::Stage;

/// Counts, and tells the first `top` functions of each program and scenario.
pub(crate) async fn run(stage: &Stage, count: Count, top: usize) -> Result<(), Failure> {
    let all = figures(stage, count).await?;
    print(&table(stage, count, &all)?);
    for (program, figures) in &all {
        for scenario in counted()? {
            let dumps = figures.get(scenario.name);
            let Some(dump) = dumps.and_then(|dumps| dumps.first()) else { continue };
            if dump.calls.is_none() {
                let path = program.path.display();
                return Err(format!("{path} has no symbols: --profile profiling").into());
            }
            let title = format!("{}, {}", program.proxy.title(), scenario.title);
            let mut table = Table::new([title.as_str(), "instructions", "%"]);
            for (name, cost) in dump.functions.iter().take(top) {
                let (each, all) = (count.each_of(*cost), count.each_of(dump.total));
                let share = number(Some(each / all * 100.0), 1);
                table.row([format!("`{name}`"), thousands(each), share]);
            }
            print(&table.markdown());
        }
    }
    Ok(())
}
