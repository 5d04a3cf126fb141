//! Percentages.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::json;

use super::{described, pattern};

/// The sign is always written. A tenth of a percent is the finest.
pub(crate) enum Percentage<const LOW: u32, const HIGH: u32> {}

impl<const LOW: u32, const HIGH: u32> JsonSchema for Percentage<LOW, HIGH> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Percentage_{LOW}_{HIGH}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let note = "The sign is always written. A tenth of a percent is the finest.";
        let looks = json!({ "type": "string", "pattern": pattern(&form(LOW, HIGH)) });
        let title = format!("percentage, {LOW}% to {HIGH}%");
        described(&title, note, &[json!("20%"), json!("12.5%")], looks)
    }
}

/// How much of the average load, or `off` for as much as comes.
pub(crate) enum BoundedLoad {}

impl JsonSchema for BoundedLoad {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "BoundedLoad".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let looks = json!({
            "type": "string",
            "pattern": pattern(&format!("off|{}", form(101, 1000))),
        });
        let title = "percentage, 101% to 1000%, or `off`";
        described(title, "The sign is always written.", &[json!("125%"), json!("off")], looks)
    }
}

fn form(low: u32, high: u32) -> String {
    let below = numbers(low, high - 1);
    format!(r"\s*0*(?:(?:{below})(?:\.[0-9]0*)?|{high}(?:\.0+)?)%\s*")
}

/// The numbers from `low` to `high`, both included: `10[1-9]|1[1-9][0-9]|[2-9][0-9]{2}`.
fn numbers(mut low: u32, high: u32) -> String {
    let mut parts = Vec::new();
    while low <= high {
        let fits = |zeros: &u32| {
            let block = 10u32.pow(*zeros);
            low.is_multiple_of(block) && low >= block && low + block - 1 <= high
        };
        let zeros = (1..=3).rev().find(fits).unwrap_or(0);
        let block = 10u32.pow(zeros);
        let (before, first) = (low / block / 10, low / block % 10);
        let last = (first + (high - low + 1) / block - 1).min(9);
        let before = if before > 0 { before.to_string() } else { String::new() };
        parts.push(format!("{before}[{first}-{last}]{}", "[0-9]".repeat(zeros as usize)));
        low += (last - first + 1) * block;
    }
    parts.join("|")
}

#[cfg(test)]
mod tests {
    use regex::Regex;

    use super::*;
    use crate::value::percent;

    #[test]
    fn the_pattern_is_as_wide_as_the_range() {
        for (low, high) in [(0, 100), (1, 100), (0, 1000), (101, 1000), (7, 123)] {
            let pattern = Regex::new(&pattern(&form(low, high))).unwrap();
            let range = low as u16 * 10..=high as u16 * 10;
            for per_mille in 0..=10_100 {
                let (whole, tenths) = (per_mille / 10, per_mille % 10);
                for text in [format!("{whole}.{tenths}%"), format!("0{whole}.{tenths}0%")] {
                    let is_good = percent::parse("x", &text, range.clone()).is_ok();
                    assert_eq!(pattern.is_match(&text), is_good, "{text} of {low} to {high}");
                }
            }
        }
    }
}
