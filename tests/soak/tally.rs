//! What became of every request, and which fault was on meanwhile.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use switchback_testkit::hash;

/// How long after its end a fault is still seen: by requests that had waited for the endpoint.
const AFTERMATH: Duration = Duration::from_secs(2);

#[derive(Default)]
pub(crate) struct Tally(Mutex<Counts>);

#[derive(Default)]
pub(crate) struct Counts {
    /// Requests and failures by kind of client.
    pub(crate) kinds: BTreeMap<&'static str, (u64, u64)>,
    pub(crate) failures: Vec<Failure>,
    pub(crate) faults: Vec<Fault>,
    /// Lines of the access log, and those that are none.
    pub(crate) lines: u64,
    pub(crate) broken_lines: u64,
    /// Why requests failed, as the access log has it.
    pub(crate) reasons: BTreeMap<String, u64>,
    /// Lines of requests that failed although nothing was sent anywhere.
    pub(crate) unsent: Vec<String>,
    /// Lines of requests that could have been repeated, and got an answer of the gateway's own.
    pub(crate) refused: Vec<String>,
    /// POSTs that were answered with success, by the hash of their id.
    answered: HashSet<u64>,
    /// How often POSTs were executed, by the hash of their id.
    executed: HashMap<u64, u32>,
}

#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) kind: &'static str,
    pub(crate) method: &'static str,
    pub(crate) id: String,
    pub(crate) what: String,
    pub(crate) began: Instant,
    pub(crate) ended: Instant,
}

/// What a fault may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Takes {
    /// POSTs that were sent to whoever is ill.
    Posts,
    /// And answers that have begun: a client has to see that they were cut off.
    Answers,
    /// Anything: it is not an endpoint's.
    Anything,
}

#[derive(Debug, Clone)]
pub(crate) struct Fault {
    pub(crate) name: &'static str,
    pub(crate) takes: Takes,
    pub(crate) began: Instant,
    /// `None`: still on.
    pub(crate) ended: Option<Instant>,
}

impl Failure {
    /// The client saw that its answer was not whole.
    fn is_cut(&self) -> bool {
        self.what.starts_with("cut")
    }
}

impl Fault {
    pub(crate) fn meets(&self, failure: &Failure) -> bool {
        let over = self.ended.map(|ended| ended + AFTERMATH);
        self.began <= failure.ended && over.is_none_or(|over| failure.began <= over)
    }

    pub(crate) fn explains(&self, failure: &Failure) -> bool {
        let takes = match self.takes {
            Takes::Posts => failure.method == "POST",
            Takes::Answers => failure.method == "POST" || failure.is_cut(),
            Takes::Anything => true,
        };
        takes && self.meets(failure)
    }
}

impl Tally {
    pub(crate) fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn note(
        &self,
        (kind, method, id): (&'static str, &'static str, &str),
        began: Instant,
        outcome: Result<(), String>,
    ) {
        let mut counts = self.counts();
        let of_kind = counts.kinds.entry(kind).or_default();
        of_kind.0 += 1;
        of_kind.1 += u64::from(outcome.is_err());
        match outcome {
            Ok(()) if method == "POST" => _ = counts.answered.insert(hash(id.as_bytes())),
            Ok(()) => {}
            Err(what) => {
                let (id, ended) = (id.to_owned(), Instant::now());
                counts.failures.push(Failure { kind, method, id, what, began, ended });
            }
        }
    }

    /// Something that is no request was done, well or not.
    pub(crate) fn count(&self, kind: &'static str) {
        self.counts().kinds.entry(kind).or_default().0 += 1;
    }

    pub(crate) fn executed(&self, id: &str) {
        *self.counts().executed.entry(hash(id.as_bytes())).or_default() += 1;
    }

    /// Its number, by which it is ended.
    pub(crate) fn begin(&self, name: &'static str, takes: Takes) -> usize {
        let mut counts = self.counts();
        counts.faults.push(Fault { name, takes, began: Instant::now(), ended: None });
        counts.faults.len() - 1
    }

    /// Something that was noticed only afterwards.
    pub(crate) fn was(&self, name: &'static str, takes: Takes, began: Instant) {
        let ended = Some(Instant::now());
        self.counts().faults.push(Fault { name, takes, began, ended });
    }

    /// What a part of the access log says: every line is whole; who failed, and had been sent nowhere.
    pub(crate) fn read_log(&self, text: &str) {
        let mut counts = self.counts();
        for line in text.lines() {
            counts.lines += 1;
            let Ok(line) = serde_json::from_str::<Value>(line) else {
                counts.broken_lines += 1;
                continue;
            };
            let Some(reason) = line["reason"].as_str() else { continue };
            *counts.reasons.entry(reason.to_owned()).or_default() += 1;
            let attempts = line["attempts"].as_array().map_or(&[][..], Vec::as_slice);
            let unsent = attempts.iter().all(|attempt| attempt["sent"] == "no");
            let own = line["origin"] == "gateway";
            if own && unsent {
                counts.unsent.push(line.to_string());
            }
            if own && line["status"].as_u64() >= Some(500) && line["method"] != "POST" {
                counts.refused.push(line.to_string());
            }
        }
    }

    pub(crate) fn end(&self, fault: usize) {
        if let Some(fault) = self.counts().faults.get_mut(fault) {
            fault.ended = Some(Instant::now());
        }
    }
}

impl Counts {
    pub(crate) fn requests(&self) -> (u64, u64) {
        self.kinds.values().fold((0, 0), |sum, it| (sum.0 + it.0, sum.1 + it.1))
    }

    pub(crate) fn executed_twice(&self) -> usize {
        self.executed.values().filter(|count| **count > 1).count()
    }

    pub(crate) fn executed_in_all(&self) -> usize {
        self.executed.len()
    }

    /// Answered, and executed by nobody.
    pub(crate) fn lost(&self) -> usize {
        self.answered.iter().filter(|id| !self.executed.contains_key(id)).count()
    }
}
