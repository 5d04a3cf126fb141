//! Where `${NAME}` is looked up, and what the time is.
//!
//! An argument, not an ambient: parsing reads nothing but what it is given, so that a test needs
//! no process environment and no certificate that is always about to end, and a check can be run
//! against another machine's.

use std::collections::{BTreeMap, HashMap};
use std::time::SystemTime;

/// The variables that a configuration may name, and the time at which it is read.
pub trait Environment {
    /// The value of a variable; `None` where it is not set.
    fn var(&self, name: &str) -> Option<String>;

    /// The time of day; `None`: nobody knows, and nothing is said of what has ended or is about to.
    fn now(&self) -> Option<SystemTime> {
        None
    }
}

/// The variables and the clock of this process. A variable whose value is not UTF-8 counts as not set.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcessEnvironment;

impl Environment for ProcessEnvironment {
    fn var(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn now(&self) -> Option<SystemTime> {
        Some(SystemTime::now())
    }
}

/// Variables, at a time.
#[derive(Clone, Copy, Debug)]
pub struct At<E>(pub SystemTime, pub E);

impl<E: Environment> Environment for At<E> {
    fn var(&self, name: &str) -> Option<String> {
        self.1.var(name)
    }

    fn now(&self) -> Option<SystemTime> {
        Some(self.0)
    }
}

impl<F: Fn(&str) -> Option<String>> Environment for F {
    fn var(&self, name: &str) -> Option<String> {
        self(name)
    }
}

impl Environment for HashMap<String, String> {
    fn var(&self, name: &str) -> Option<String> {
        self.get(name).cloned()
    }
}

impl Environment for BTreeMap<String, String> {
    fn var(&self, name: &str) -> Option<String> {
        self.get(name).cloned()
    }
}
