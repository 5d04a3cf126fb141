//! `check --probe`: what each endpoint says now, pool by pool.
//!
//! A pool is told of when all of its endpoints are done, and in the order of the files, so that two runs
//! can be compared; probes of pools that follow are on the way meanwhile. What is taken long for shows
//! on standard error, if that is a terminal.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write as _};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use serde::{Serialize, Serializer};
use switchback_core::plan::{Admin, Plan, PoolPlan};
use switchback_health::Seen;

use super::PROBE_FAILED;

/// Probes on the way, over all pools: each is a socket, and 1024 of them is what a process usually may
/// have.
const AT_ONCE: usize = 256;

/// Between two looks at how far it is.
const PROGRESS: Duration = Duration::from_millis(200);

/// What the endpoints said, in the order of the files.
pub(super) struct Probes(Vec<Probe>);

/// What one said.
#[derive(Serialize)]
struct Probe {
    pool: String,
    endpoint: String,
    passed: bool,
    /// Why not.
    reason: Option<String>,
    took_ms: f64,
}

impl Probes {
    fn failed(&self) -> usize {
        self.0.iter().filter(|probe| !probe.passed).count()
    }

    /// Of the process.
    pub(super) fn status(&self) -> ExitCode {
        match self.failed() {
            0 => ExitCode::SUCCESS,
            _ => ExitCode::from(PROBE_FAILED),
        }
    }
}

impl Serialize for Probes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// Probes every endpoint; `tell` has the lines of a pool, and at the end the sum.
pub(super) fn run(plan: &Plan, mut tell: impl FnMut(&str)) -> io::Result<Probes> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut rounds: Vec<Round<'_>> = plan.pools.iter().map(Round::new).collect();
    let mut progress = Progress::new(rounds.iter().map(|round| round.left).sum());
    let (mut done, mut all) = (0, Vec::new());
    let mut flush = |rounds: &mut [Round<'_>], progress: &mut Progress| {
        while let Some(round) = rounds.get_mut(done).filter(|round| round.left == 0) {
            progress.clear();
            tell(&round.text());
            all.extend(round.probes());
            done += 1;
        }
    };
    flush(&mut rounds, &mut progress);
    runtime.block_on(switchback_health::once(&plan.pools, AT_ONCE, |seen| {
        progress.another();
        let at = seen.pool.at();
        if let Some(round) = rounds.get_mut(at) {
            round.take(seen);
        }
        flush(&mut rounds, &mut progress);
    }));
    let probes = Probes(all);
    let passed = probes.0.len() - probes.failed();
    tell(&format!("probes: {passed} of {} passed\n", probes.0.len()));
    Ok(probes)
}

/// A pool, as far as its endpoints have answered.
struct Round<'a> {
    pool: &'a PoolPlan,
    seen: Vec<Option<(Result<(), String>, Duration)>>,
    left: usize,
}

impl<'a> Round<'a> {
    fn new(pool: &'a PoolPlan) -> Self {
        let enabled = pool.endpoints.iter().filter(|endpoint| endpoint.admin != Admin::Disabled);
        Self { pool, seen: vec![None; pool.endpoints.len()], left: enabled.count() }
    }

    fn take(&mut self, seen: Seen) {
        if let Some(slot) = self.seen.get_mut(seen.endpoint.at()) {
            *slot = Some((seen.result, seen.took));
            self.left = self.left.saturating_sub(1);
        }
    }

    fn text(&self) -> String {
        let name = &self.pool.name;
        let mut text = String::new();
        if self.pool.health.is_none() {
            text.push_str(&format!(
                "pool {name}: its probes are switched off, so only a connection was tried\n"
            ));
        }
        let mut passed = 0;
        for (endpoint, seen) in self.pool.endpoints.iter().zip(&self.seen) {
            let what = match seen {
                None => "disabled, not probed".to_owned(),
                Some((Err(why), _)) => format!("failed: {}", plain(why)),
                Some((Ok(()), took)) => {
                    passed += 1;
                    format!("passed in {}", rounded(*took))
                }
            };
            let _ = writeln!(text, "pool {name}: endpoint {}: {what}", endpoint.address);
        }
        let probed = self.seen.iter().flatten().count();
        let _ = writeln!(text, "pool {name}: {passed} of {probed} passed");
        text
    }

    fn probes(&self) -> impl Iterator<Item = Probe> {
        self.pool.endpoints.iter().zip(&self.seen).filter_map(|(endpoint, seen)| {
            let (result, took) = seen.as_ref()?;
            Some(Probe {
                pool: self.pool.name.to_string(),
                endpoint: endpoint.address.to_string(),
                passed: result.is_ok(),
                reason: result.as_ref().err().cloned(),
                took_ms: (took.as_secs_f64() * 1e6).round() / 1e3,
            })
        })
    }
}

/// A reason may hold what an endpoint has sent.
fn plain(text: &str) -> String {
    let escaped = |character: char| match character.is_control() {
        true => character.escape_default().to_string(),
        false => character.into(),
    };
    text.chars().map(escaped).collect()
}

/// A probe on loopback takes no millisecond, one to another continent a hundred.
fn rounded(took: Duration) -> String {
    match took.as_micros() {
        0..1000 => format!("{:.1} ms", took.as_secs_f64() * 1e3),
        _ => format!("{} ms", took.as_millis()),
    }
}

/// How far it is, for whoever watches.
struct Progress {
    all: usize,
    done: usize,
    /// When it was last shown; `None`: nobody watches.
    shown: Option<Instant>,
    is_there: bool,
}

impl Progress {
    fn new(all: usize) -> Self {
        let shown = io::stderr().is_terminal().then(Instant::now);
        Self { all, done: 0, shown, is_there: false }
    }

    fn another(&mut self) {
        self.done += 1;
        if self.shown.is_some_and(|shown| shown.elapsed() >= PROGRESS) {
            let _ = write!(io::stderr(), "\rprobes: {} of {}\x1b[K", self.done, self.all);
            (self.shown, self.is_there) = (Some(Instant::now()), true);
        }
    }

    /// Takes the line away, for another in its place.
    fn clear(&mut self) {
        if std::mem::take(&mut self.is_there) {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}
