//! What live traffic says of one endpoint.

use crate::outlier::{Cause, Counts, Run, Window, verdict};
use crate::plan::EjectionPlan;
use crate::time::Timestamp;

/// The attempts of one endpoint: those of the last while, and how many of them failed in a row.
///
/// Only attempts at an endpoint that is in belong here. Those at an ejected one, picked because
/// nothing else was left, and those of a probation would change what the rest of the pool is taken for.
#[derive(Clone, Copy, Debug)]
pub struct Record {
    window: Window,
    /// Failures since the last success.
    in_a_row: u32,
    /// Where the pool's window stood before the first of them.
    pool_then: Counts,
}

impl Record {
    /// Nothing yet.
    pub fn of(plan: &EjectionPlan) -> Self {
        Self { window: Window::of(plan), in_a_row: 0, pool_then: Counts::default() }
    }

    /// Takes an attempt in, here and in the `pool`'s window.
    pub fn observe(&mut self, ok: bool, pool: &mut Window, now: Timestamp) {
        if !ok && self.in_a_row == 0 {
            self.pool_then = pool.mark();
        }
        self.in_a_row = if ok { 0 } else { self.in_a_row.saturating_add(1) };
        self.window.record(ok, now);
        pool.record(ok, now);
    }

    /// Takes an attempt in that was answered with an error of the application's. It counts for the rate
    /// of successes, and neither begins, ends nor lengthens a run of failures.
    pub fn errored(&mut self, pool: &mut Window, now: Timestamp) {
        self.window.record(false, now);
        pool.record(false, now);
    }

    /// Whether it is bad enough to eject; to be asked after a failure.
    pub fn verdict(&self, plan: &EjectionPlan, pool: &Window, now: Timestamp) -> Option<Cause> {
        let own = Counts { ok: 0, failed: self.in_a_row };
        let run = Run { failures: self.in_a_row, rest: pool.since(self.pool_then) - own };
        verdict(plan, run, &self.window, pool, now)
    }

    /// Forgets everything, and takes it out of the `pool`'s window: what an ejected endpoint did is
    /// neither held against it when it returns, nor an excuse for the next that fails.
    pub fn withdraw(&mut self, pool: &mut Window) {
        pool.withdraw(&self.window);
        self.window.clear();
        self.in_a_row = 0;
    }

    /// The successes and failures of the last while.
    pub fn totals(&self, now: Timestamp) -> Counts {
        self.window.totals(now)
    }
}
