//! Hours of faults in a second: random pools under random probes, clients, faults, reloads and endings,
//! in virtual time. After each step the pool's invariants hold; at the end nothing is left in flight or
//! in line, and whoever is well is healthy again.
//!
//! Every run is a seed. A failure prints it; `SIM_SEED=<seed> cargo test -p switchback-core --test
//! sim` runs just that one, `SIM_SEEDS=<count>` more of them.
#![expect(clippy::unwrap_used, reason = "a failing unwrap is a failing run")]

mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};

use world::World;

/// Steps of a run.
const STEPS: usize = 400;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

#[test]
fn whatever_happens_the_invariants_hold() {
    let seeds = match number("SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SIM_SEEDS").unwrap_or(4_000),
    };
    for seed in seeds {
        let run = AssertUnwindSafe(|| World::new(seed).run(STEPS));
        if let Err(panic) = catch_unwind(run) {
            println!("replay with SIM_SEED={seed}");
            std::panic::resume_unwind(panic);
        }
    }
}
