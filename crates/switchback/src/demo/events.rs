//! What happened, in order: what the script did, and what the gateway and the clients made of it.
//!
//! The gateway's side comes from its own log, through a `log::Log` that keeps the lines instead of
//! writing them: so the demo shows the very words an operator would read, and needs no second way
//! to hear of a status.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use log::{Level, LevelFilter, Log, Metadata, Record};
use parking_lot::Mutex;

use super::gateway::POOL;

/// Who says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// The script: something was broken.
    Fault,
    /// The script: it was mended.
    Repair,
    /// The gateway.
    Gateway,
    /// A client saw a failure.
    Client,
}

/// One thing that happened.
#[derive(Clone, Debug)]
pub(super) struct Event {
    /// Since the start.
    pub(super) at: Duration,
    pub(super) source: Source,
    pub(super) text: String,
}

/// What happened so far. Clones share it.
#[derive(Clone)]
pub(super) struct Events {
    start: Instant,
    kept: Arc<Mutex<Kept>>,
}

#[derive(Default)]
struct Kept {
    /// How many there were, with those that are no longer kept.
    total: usize,
    last: VecDeque<Event>,
}

/// More than any screen is high.
const KEPT: usize = 200;

impl Events {
    pub(super) fn new(start: Instant) -> Self {
        Self { start, kept: Arc::default() }
    }

    pub(super) fn add(&self, source: Source, text: impl Into<String>) {
        let event = Event { at: self.start.elapsed(), source, text: text.into() };
        let mut kept = self.kept.lock();
        kept.total += 1;
        if kept.last.len() == KEPT {
            kept.last.pop_front();
        }
        kept.last.push_back(event);
    }

    /// The last ones, oldest first.
    pub(super) fn last(&self, count: usize) -> Vec<Event> {
        let kept = self.kept.lock();
        let skip = kept.last.len().saturating_sub(count);
        kept.last.iter().skip(skip).cloned().collect()
    }

    /// Those after the first `seen` of all, and how many there are now.
    pub(super) fn since(&self, seen: usize) -> (Vec<Event>, usize) {
        let total = self.kept.lock().total;
        (self.last(total - seen), total)
    }

    /// Takes what the gateway logs of endpoints, under the names that they have here. Once in a
    /// process.
    pub(super) fn listen(&self, backends: &[(char, SocketAddr)]) {
        let names = backends
            .iter()
            .map(|(name, address)| (format!("endpoint {address}: "), *name))
            .collect();
        let log = Box::new(GatewayLog { events: self.clone(), names });
        if log::set_boxed_logger(log).is_ok() {
            log::set_max_level(LevelFilter::Info);
        }
    }
}

struct GatewayLog {
    events: Events,
    /// How the log begins to speak of a backend, and its name.
    names: Vec<(String, char)>,
}

impl Log for GatewayLog {
    /// What it says of its pools, and every warning. Not Pingora: it warns of each broken
    /// connection, which is what the demo is made of.
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let target = metadata.target();
        target.starts_with("switchback_runtime")
            || (target.starts_with("switchback") && metadata.level() <= Level::Warn)
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let text = record.args().to_string();
            self.events.add(Source::Gateway, renamed(&text, &self.names));
        }
    }

    fn flush(&self) {}
}

/// `pool demo: endpoint 127.0.0.1:4711: healthy → failing after 3.0 s: why (2 of 3 healthy)` as
/// `b: healthy → failing: why`. The rest stands in the picture.
fn renamed(text: &str, names: &[(String, char)]) -> String {
    let text = text.strip_prefix(&format!("pool {POOL}: ")).unwrap_or(text);
    let of = |(address, name): &(String, char)| Some((*name, text.strip_prefix(address.as_str())?));
    let Some((name, told)) = names.iter().find_map(of) else {
        return text.to_owned();
    };
    let told = told.rsplit_once(" (").map_or(told, |(told, _standing)| told);
    match told.split_once(" after ").zip(told.split_once(": ")) {
        Some(((change, _), (_, why))) => format!("{name}: {change}: {why}"),
        None => format!("{name}: {told}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_have_the_names_of_the_demo() {
        let names = [("endpoint 127.0.0.1:4711: ".to_owned(), 'b')];
        let line = "pool demo: endpoint 127.0.0.1:4711: healthy → failing after 3.0 s: no: why \
                    (2 of 3 healthy)";
        assert_eq!(renamed(line, &names), "b: healthy → failing: no: why");
        assert_eq!(renamed("something else", &names), "something else");
    }

    #[test]
    fn nothing_is_told_twice() {
        let events = Events::new(Instant::now());
        for number in 0..KEPT + 5 {
            events.add(Source::Fault, number.to_string());
        }
        let (first, seen) = events.since(0);
        assert_eq!((first.len(), seen), (KEPT, KEPT + 5));
        events.add(Source::Repair, "last");
        let (next, _) = events.since(seen);
        assert_eq!(next.len(), 1);
        assert_eq!(next[0].text, "last");
    }
}
