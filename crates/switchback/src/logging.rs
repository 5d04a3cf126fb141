//! The operational log: to standard error, through `log` and `env_logger`.
//!
//! By default our own messages from `info` on, and of libraries only what an operator can act on and no client
//! can cause at will: Pingora's server, and that it cannot accept. Whatever else libraries log, they log for
//! a request or a connection (rustls warns of a name in a hello, hyper of a header), and that is in
//! the access log and the metrics. So it is a list of who is let through, not of who is not: a library that
//! comes with the next version is silent. As a second bound everybody but us may write ten lines a minute
//! all together, and so may panics: a client that has found one should not fill the disk with it.
//!
//! `RUST_LOG` takes the place of the list; the second bound stays, unless it asks for `debug` or `trace` of
//! somebody. Panics are told whatever it says.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::env;
use std::panic::PanicHookInfo;
use std::thread;
use std::time::{Duration, Instant};

use env_logger::{Builder, Logger};
use log::{Level, LevelFilter, Log, Metadata, Record};
use parking_lot::Mutex;

/// Who is let through. A name stands for every target that begins with it.
const DEFAULT: &str = "off,switchback=info,pingora_core::server=warn,pingora_core::listeners=warn,\
    pingora_core::services::listening=error";

/// How our own targets begin.
const OURS: &str = "switchback";

/// The target of panics: always heard, and bounded for themselves.
const PANIC: &str = "switchback::panic";

/// Lines that all others may write in a [`WINDOW`].
const OTHERS: u32 = 10;
const WINDOW: Duration = Duration::from_secs(60);

/// Starts the log, and takes panics into it.
pub(crate) fn start() {
    let asked = env::var("RUST_LOG").ok().filter(|filter| !filter.trim().is_empty());
    let logger = Builder::new()
        // The longest name that fits counts, wherever it stands.
        .parse_filters(&format!("{PANIC}=error,{}", asked.as_deref().unwrap_or(DEFAULT)))
        .format_target(false)
        .format_timestamp_millis()
        .build();
    let most = logger.filter();
    if log::set_boxed_logger(Box::new(Bounded {
        logger,
        others: Mutex::default(),
        panics: Mutex::default(),
    }))
    .is_ok()
    {
        log::set_max_level(most);
        std::panic::set_hook(Box::new(panicked));
    }
}

fn panicked(panic: &PanicHookInfo<'_>) {
    let thread = thread::current();
    let name = thread.name().unwrap_or("without a name");
    let trace = Backtrace::capture();
    if trace.status() == BacktraceStatus::Captured {
        log::error!(target: PANIC, "thread {name}: {panic}, which is a bug\n{trace}");
    } else {
        log::error!(target: PANIC, "thread {name}: {panic}, which is a bug");
    }
}

/// The log, with a bound on what is not ours.
struct Bounded {
    logger: Logger,
    others: Mutex<Window>,
    panics: Mutex<Window>,
}

/// What others have written lately.
#[derive(Default)]
struct Window {
    began: Option<Instant>,
    lines: u32,
}

/// What becomes of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Passes {
    Yes,
    /// And it is the last one for now.
    Last,
    No,
}

impl Window {
    fn pass(&mut self, now: Instant) -> Passes {
        if self.began.is_none_or(|began| now.duration_since(began) >= WINDOW) {
            (self.began, self.lines) = (Some(now), 0);
        }
        self.lines = self.lines.saturating_add(1);
        match self.lines {
            ..OTHERS => Passes::Yes,
            OTHERS => Passes::Last,
            _ => Passes::No,
        }
    }
}

impl Bounded {
    /// What bounds a line, and whose lines these are.
    fn bound(&self, record: &Record<'_>) -> Option<(&Mutex<Window>, &'static str)> {
        match record.target() {
            PANIC => Some((&self.panics, "panics")),
            target if target.starts_with(OURS) => None,
            _ if self.logger.filter() > LevelFilter::Info => None,
            _ => Some((&self.others, "libraries")),
        }
    }
}

impl Log for Bounded {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.logger.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        if !self.logger.matches(record) {
            return;
        }
        let Some((window, whose)) = self.bound(record) else { return self.logger.log(record) };
        let passes = window.lock().pass(Instant::now());
        if passes != Passes::No {
            self.logger.log(record);
        }
        if passes == Passes::Last {
            let said = format_args!("{whose} have no more lines within {WINDOW:?}");
            self.logger
                .log(&Record::builder().level(Level::Error).target(PANIC).args(said).build());
        }
    }

    fn flush(&self) {
        self.logger.flush();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn default() -> Logger {
        Builder::new().parse_filters(DEFAULT).build()
    }

    #[test]
    fn by_default_nobody_but_us_and_few_of_pingora_is_heard() {
        let logger = default();
        for (target, level, heard) in [
            ("switchback", Level::Info, true),
            ("switchback_runtime::pool", Level::Info, true),
            ("switchback_proxy::edge", Level::Debug, false),
            ("pingora_core::server", Level::Warn, true),
            ("pingora_core::server", Level::Info, false),
            ("pingora_core::services::listening", Level::Error, true),
            ("pingora_core::apps::http_app", Level::Error, false),
            ("pingora_proxy", Level::Error, false),
            ("rustls::msgs::handshake", Level::Warn, false),
            ("rustls::common_state", Level::Error, false),
            ("hyper::proto::h1::conn", Level::Error, false),
            ("h2::proto", Level::Warn, false),
            ("a_library_of_the_next_version", Level::Error, false),
            (PANIC, Level::Error, true),
        ] {
            let metadata = Metadata::builder().target(target).level(level).build();
            assert_eq!(logger.enabled(&metadata), heard, "{target} {level}");
        }
    }

    #[test]
    fn others_have_ten_lines_a_minute_and_the_last_says_so() {
        let (mut window, now) = (Window::default(), Instant::now());
        for minute in 0..3 {
            let now = now + WINDOW * minute;
            let passes: Vec<_> = (0..100).map(|_| window.pass(now)).collect();
            assert_eq!(passes[..9], [Passes::Yes; 9]);
            assert_eq!(passes[9], Passes::Last);
            assert!(passes[10..].iter().all(|it| *it == Passes::No));
            assert_eq!(window.pass(now + WINDOW / 2), Passes::No);
        }
    }
}
