//! Where `${NAME}` is looked up.
//!
//! An argument, not an ambient: parsing reads nothing but what it is given, so that a test needs
//! no process environment and a check can be run against another machine's.

use std::collections::{BTreeMap, HashMap};

/// The variables that a configuration may name.
pub trait Environment {
    /// The value of a variable; `None` where it is not set.
    fn var(&self, name: &str) -> Option<String>;
}

/// The variables of this process. One whose value is not UTF-8 counts as not set.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcessEnvironment;

impl Environment for ProcessEnvironment {
    fn var(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
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
