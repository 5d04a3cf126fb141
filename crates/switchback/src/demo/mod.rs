//! `switchback demo`: the product shown at work, by nothing but itself.
//!
//! Three sample [backends](backend), the [gateway] before them, a [load], and a [script] that breaks
//! one backend after another, all in this process and on loopback. Three parties keep accounts that
//! do not know of each other: clients [tally] what they saw, backends [note](ledger) what
//! reached them, the gateway says what it rescued. The exit status is drawn from the first two, so
//! the demo is also the shortest end-to-end test of the promise.
//!
//! Rejected: a demo on top of Docker or of a configuration file, because a newcomer has neither yet;
//! and a recording, because it proves nothing.

mod backend;
mod error;
mod events;
mod frame;
mod gateway;
mod ledger;
mod load;
mod request;
mod screen;
mod script;
mod show;
mod stage;
mod summary;
mod tally;
mod view;
mod wire;

use std::io::{self, Write};
use std::num::NonZeroU32;
use std::process::ExitCode;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::time::MissedTickBehavior;

use error::DemoError;
use show::Show;
use stage::Stage;

use crate::text;

/// What the command line says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    pub(crate) seconds: u32,
    pub(crate) clients: NonZeroU32,
    pub(crate) rate: NonZeroU32,
    pub(crate) retry: bool,
    pub(crate) health: bool,
}

/// The status if the demo could not run: 1 means that it ran and the promise was broken.
const COULD_NOT_RUN: u8 = 2;

/// Threads for clients and backends; the gateway has its own.
const THREADS: usize = 2;

/// How often the picture is drawn.
const TICK: Duration = Duration::from_millis(125);

impl Options {
    fn length(&self) -> Duration {
        Duration::from_secs(self.seconds.into())
    }

    /// What is switched off, in words.
    fn without(&self) -> Option<&'static str> {
        match (self.retry, self.health) {
            (true, true) => None,
            (false, true) => Some("without retries"),
            (true, false) => Some("without health checks"),
            (false, false) => Some("without retries and health checks"),
        }
    }

    #[cfg(test)]
    fn sample() -> Self {
        let number = |n: u32| NonZeroU32::new(n).unwrap();
        Self { seconds: 30, clients: number(16), rate: number(400), retry: true, health: true }
    }
}

/// Runs the demo to its end, or to Ctrl-C.
pub(crate) fn run(options: &Options) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(THREADS)
        .enable_all()
        .build()
        .map_err(DemoError::Runtime);
    match runtime.and_then(|runtime| runtime.block_on(perform(options))) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // Nobody is left to tell if this fails.
            let _ = writeln!(io::stderr(), "switchback demo: {error}");
            ExitCode::from(COULD_NOT_RUN)
        }
    }
}

/// Tells whether the promise was kept.
async fn perform(options: &Options) -> Result<bool, DemoError> {
    let mut stage = Stage::set(options).await?;
    let shown = show(&mut stage).await;
    let (summary, events) = stage.clear().await;
    // Whoever closed standard output has seen enough; the status still tells.
    if let Ok(show) = shown {
        let _ = show.end(&events, &summary.lines());
    }
    Ok(summary.promise_kept())
}

async fn show(stage: &mut Stage<'_>) -> io::Result<Show> {
    let mut show = Show::start()?;
    let mut interrupted = std::pin::pin!(interrupted());
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = &mut interrupted => return Ok(show),
        }
        if stage.is_over() {
            return Ok(show);
        }
        stage.advance();
        show.show(&stage.view(), stage.events())?;
    }
}

/// Resolves with the first signal that asks to end.
async fn interrupted() {
    let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
    let [Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)] = kinds.map(signal) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
}
