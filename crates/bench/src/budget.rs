//! What a request may cost: instructions for each scenario, as recorded, and by how much they may grow.
//!
//! The figures are of one compiler, one profile and one kind of CPU (what is there to be used is found out at run time). So the file
//! names compiler and profile, and a growth beside another compiler says so: then all figures are recorded anew, in a
//! change that does nothing else.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::Failure;
use crate::report::thousands;

/// How much a figure may grow, in percent of it; what shrinks by more was recorded long ago.
const SLACK: u64 = 3;

/// As in the file.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Budget {
    /// What `rustc --version` says.
    pub(crate) compiler: String,
    /// The profile of Cargo.toml.
    pub(crate) profile: String,
    /// By scenario.
    pub(crate) instructions: BTreeMap<String, u64>,
}

/// How measurement and budget compare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Within; what is worth saying beside.
    Within(Vec<String>),
    /// Above, each with why.
    Above(Vec<String>),
}

impl Budget {
    /// The one of this crate.
    pub(crate) fn path() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("budget.yaml")
    }

    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let text = fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
        Ok(serde_yaml::from_str(&text)?)
    }

    pub(crate) fn write(&self, path: &Path) -> Result<(), Failure> {
        Ok(fs::write(path, self.text())?)
    }

    fn text(&self) -> String {
        let figures = self.instructions.iter().map(|(name, count)| format!("  {name}: {count}\n"));
        format!(
            "# Instructions a request of Switchback. Written by `switchback-bench instructions --record`.\n\
             compiler: {}\nprofile: {}\ninstructions:\n{}",
            self.compiler,
            self.profile,
            figures.collect::<String>()
        )
    }

    /// Takes another count where it is less.
    pub(crate) fn lower(&mut self, counted: &BTreeMap<String, u64>) {
        for (name, count) in &mut self.instructions {
            *count = counted.get(name).map_or(*count, |&other| other.min(*count));
        }
    }

    /// Compares with what was measured now.
    pub(crate) fn compare(&self, now: &Self) -> Verdict {
        let mut remarks = Vec::new();
        if self.profile != now.profile {
            remarks.push(format!("recorded with profile {}, not {}", self.profile, now.profile));
        }
        if self.compiler != now.compiler {
            remarks.push(format!("recorded with {}, not {}", self.compiler, now.compiler));
        }
        let mut above = Vec::new();
        for (name, &count) in &now.instructions {
            let Some(&budget) = self.instructions.get(name) else {
                above.push(format!("{name}: there is no budget; --record"));
                continue;
            };
            let grown = count * 100 > budget * (100 + SLACK);
            let shrunk = count * 100 < budget * (100 - SLACK);
            let (count, budget) = (float(count), float(budget));
            let percent = (count / budget - 1.0) * 100.0;
            let (count, budget) = (thousands(count), thousands(budget));
            let text = format!("{name}: {count} for {budget}, {percent:+.1} %");
            if grown {
                above.push(text);
            } else if shrunk {
                remarks.push(format!("{text}: --record, so that it stays so"));
            }
        }
        if above.is_empty() {
            return Verdict::Within(remarks);
        }
        Verdict::Above(above.into_iter().chain(remarks).collect())
    }
}

/// No count of a request comes near to what this cannot hold.
fn float(count: u64) -> f64 {
    u32::try_from(count).map_or(f64::MAX, f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(figures: &[(&str, u64)]) -> Budget {
        Budget {
            compiler: "rustc 1.95.0 (59807616e 2026-04-14)".to_owned(),
            profile: "dev".to_owned(),
            instructions: figures.iter().map(|&(name, n)| (name.to_owned(), n)).collect(),
        }
    }

    #[test]
    fn a_growth_of_three_percent_is_borne_and_more_is_not() {
        let recorded = budget(&[("post", 100_000)]);
        assert_eq!(recorded.compare(&budget(&[("post", 103_000)])), Verdict::Within(vec![]));
        let above = recorded.compare(&budget(&[("post", 103_100)]));
        assert_eq!(above, Verdict::Above(vec!["post: 103,100 for 100,000, +3.1 %".to_owned()]));
    }

    #[test]
    fn of_several_counts_the_least_is_held_against_it() {
        let mut now = budget(&[("post", 120), ("small-get", 100)]);
        now.lower(&[("post".to_owned(), 101), ("small-get".to_owned(), 130)].into());
        assert_eq!(now, budget(&[("post", 101), ("small-get", 100)]));
    }

    #[test]
    fn what_became_cheaper_is_to_be_recorded() {
        let Verdict::Within(remarks) = budget(&[("post", 100)]).compare(&budget(&[("post", 90)]))
        else {
            panic!("cheaper is within");
        };
        assert!(remarks[0].contains("--record"), "{remarks:?}");
    }

    #[test]
    fn what_has_no_budget_is_above_it() {
        let verdict = budget(&[]).compare(&budget(&[("post", 1)]));
        assert!(matches!(verdict, Verdict::Above(_)), "{verdict:?}");
    }

    #[test]
    fn another_compiler_is_named() {
        let other = Budget { compiler: "rustc 1.96.0".to_owned(), ..budget(&[("post", 100)]) };
        let Verdict::Within(remarks) = budget(&[("post", 100)]).compare(&other) else {
            panic!("the same figure is within");
        };
        assert!(remarks[0].contains("1.96.0"), "{remarks:?}");
    }

    #[test]
    fn what_is_written_is_read() {
        let recorded = budget(&[("large-answer", 192_100), ("post", 105_600)]);
        let read: Budget = serde_yaml::from_str(&recorded.text()).expect("YAML");
        assert_eq!(read, recorded);
    }

    #[test]
    fn the_recorded_budget_has_each_scenario_that_is_counted() {
        let recorded = Budget::read(&Budget::path()).expect("the file of this crate");
        let names: Vec<_> = recorded.instructions.keys().map(String::as_str).collect();
        assert_eq!(names, ["large-answer", "post", "small-get"]);
    }
}
