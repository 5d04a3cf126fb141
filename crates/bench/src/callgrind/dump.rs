//! What a file of callgrind's says: the total, what each function has of it, and how often the allocator was called.
//!
//! The format is callgrind's own (valgrind's manual, "Callgrind Format Specification"): `fn=` begins a function, a line
//! of numbers is a cost of it, `calls=` tells how often it has called the function of the `cfn=` before, and the line after that
//! is what those calls cost, which is the called one's. A name is written out once, and then told by its number.
//! Functions have names where the binary was not stripped.

use std::collections::HashMap;

/// One file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Dump {
    /// Instructions.
    pub(crate) total: u64,
    /// Those of each function itself, most first.
    pub(crate) functions: Vec<(String, u64)>,
    /// `None`: the binary has no names.
    pub(crate) calls: Option<Calls>,
}

/// Calls of the allocator that came from without.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Calls {
    pub(crate) allocations: u64,
    pub(crate) reallocations: u64,
    pub(crate) frees: u64,
}

/// Those that the crate `mimalloc` calls.
const ALLOCATIONS: [&str; 4] = ["mi_malloc", "mi_malloc_aligned", "mi_zalloc", "mi_zalloc_aligned"];
const REALLOCATIONS: [&str; 2] = ["mi_realloc", "mi_realloc_aligned"];
const FREE: &str = "mi_free";

impl Dump {
    /// `None`: there is no total. The first event is `Ir`, instructions read, and the only one.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (mut names, mut costs) = (HashMap::new(), HashMap::<&str, u64>::new());
        let (mut caller, mut called, mut calls) = ("", "", Calls::default());
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            if let Some(name) = line.strip_prefix("fn=") {
                caller = full(&mut names, name)?;
            } else if let Some(name) = line.strip_prefix("cfn=") {
                called = full(&mut names, name)?;
            } else if let Some(count) = line.strip_prefix("calls=") {
                calls.add(caller, called, first(count)?);
                lines.next();
            } else if line.starts_with(|c: char| c.is_ascii_digit() || "+-*".contains(c)) {
                let cost = line.split_ascii_whitespace().nth(1).and_then(|cost| cost.parse().ok());
                *costs.entry(caller).or_default() += cost.unwrap_or(0);
            }
        }
        let field = |name| text.lines().find_map(|line| line.strip_prefix(name)).and_then(first);
        let mut functions: Vec<_> =
            costs.into_iter().map(|(name, cost)| (name.to_owned(), cost)).collect();
        functions.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        let named = names.values().any(|name| *name == FREE);
        let total = field("totals:").or_else(|| field("summary:"))?;
        Some(Self { total, functions, calls: named.then_some(calls) })
    }
}

impl Calls {
    fn add(&mut self, caller: &str, called: &str, count: u64) {
        // What the allocator calls of itself is none.
        if caller.starts_with("mi_") || caller.starts_with("_mi_") {
            return;
        }
        if ALLOCATIONS.contains(&called) {
            self.allocations += count;
        } else if REALLOCATIONS.contains(&called) {
            self.reallocations += count;
        } else if called == FREE {
            self.frees += count;
        }
    }
}

/// `(7) name`, or `(7)` where it was named before.
fn full<'a>(names: &mut HashMap<&'a str, &'a str>, text: &'a str) -> Option<&'a str> {
    match text.split_once(' ') {
        Some((number, name)) => {
            names.insert(number, name);
            Some(name)
        }
        None => names.get(text).copied(),
    }
}

fn first(text: &str) -> Option<u64> {
    text.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# callgrind format\nversion: 1\npositions: line\nevents: Ir\nsummary: 41\n\n\
        fn=(1) serve\n16 400\n+2 7\ncfi=(3) x.c\ncfn=(2) mi_malloc_aligned\ncalls=3 5\n* 90\n\
        cfn=(4) mi_free\ncalls=2 5\n* 20\n\n\
        fn=(2)\n5 60\ncfn=(5) mi_malloc\ncalls=1 9\n* 30\n\n\
        fn=(5)\n9 30\n\nfn=(4)\n1 20\n\ntotals: 517\n";

    #[test]
    fn a_cost_is_of_the_function_that_has_it_and_not_of_its_caller() {
        let dump = Dump::parse(FILE).expect("a file");
        let costs = [("serve", 407), ("mi_malloc_aligned", 60), ("mi_malloc", 30), ("mi_free", 20)];
        assert_eq!(dump.functions, costs.map(|(name, cost)| (name.to_owned(), cost)));
        assert_eq!(dump.total, 517);
    }

    #[test]
    fn what_the_allocator_asks_of_itself_is_no_allocation() {
        let calls = Calls { allocations: 3, reallocations: 0, frees: 2 };
        assert_eq!(Dump::parse(FILE).expect("a file").calls, Some(calls));
    }

    #[test]
    fn a_stripped_binary_has_a_total_and_no_calls() {
        let dump = Dump::parse("events: Ir\nsummary: 41\nfn=(1) 0x00001234\n0 41\n");
        let dump = dump.expect("a file");
        assert_eq!((dump.total, dump.calls), (41, None));
        assert_eq!(Dump::parse("events: Ir\n"), None);
    }
}
