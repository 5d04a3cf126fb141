//! Durations: `500ms`, `2s`, `1.5s`, `1m30s`, `1h`.
//!
//! The unit is always written: `timeout: 30` is thirty seconds in one gateway and thirty
//! milliseconds in the next. At most a day, because every longer time limit found in a
//! configuration was a wrong unit.

use std::time::Duration;

use crate::diagnostic::{Problem, quote};

/// The longest.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
/// From the largest to the smallest, in nanoseconds.
const UNITS: &[(&str, u128)] =
    &[("h", 3_600_000_000_000), ("m", 60_000_000_000), ("s", 1_000_000_000), ("ms", 1_000_000)];

/// A duration longer than zero.
pub(crate) fn parse(what: &str, text: &str) -> Result<Duration, Problem> {
    parse_or(what, text, "leave the key away for the default, or choose a long time, up to 24h")
}

/// A duration longer than zero; `instead` is the help for somebody who wrote zero.
pub(crate) fn parse_or(what: &str, text: &str, instead: &str) -> Result<Duration, Problem> {
    let duration = parse_or_zero(what, text)?;
    if duration.is_zero() {
        let message = format!("`{what}` must be longer than zero");
        return Err(Problem::new(message, "zero does not switch it off").help(instead));
    }
    Ok(duration)
}

/// A duration, for which zero has a meaning.
pub(crate) fn parse_or_zero(what: &str, text: &str) -> Result<Duration, Problem> {
    let trimmed = text.trim();
    if trimmed.starts_with('-') {
        return Err(Problem::new(format!("`{what}` cannot be negative"), "this is below zero"));
    }
    if !trimmed.is_empty() && trimmed.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        let message = format!("`{what}` has no unit");
        let help = format!(
            "write {} for seconds, or {} for milliseconds",
            quote(&format!("{trimmed}s")),
            quote(&format!("{trimmed}ms"))
        );
        return Err(Problem::new(message, format!("{} of what?", quote(trimmed))).help(help));
    }
    let mut units = UNITS.iter();
    let mut total: u128 = 0;
    let mut rest = trimmed;
    while !rest.is_empty() || total == 0 && rest.len() == trimmed.len() {
        let number_end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, after) = rest.split_at(number_end);
        let unit_end = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_end);
        if number.is_empty() {
            return Err(malformed(what, text, "no number"));
        }
        let Some((_, nanos)) = units.find(|(name, _)| *name == unit) else {
            let label = match UNITS.iter().any(|(name, _)| *name == unit) {
                true => "larger units come first, each once".to_owned(),
                false if unit.is_empty() => "the last number has no unit".to_owned(),
                false => format!("{} is no unit", quote(unit)),
            };
            return Err(malformed(what, text, &label));
        };
        let value = fixed(number).ok_or_else(|| malformed(what, text, "not a number"))?;
        total = total.saturating_add(value.saturating_mul(*nanos) / FRACTION);
        rest = after;
    }
    match u64::try_from(total).map(Duration::from_nanos) {
        Ok(duration) if duration <= LONGEST => Ok(duration),
        _ => Err(Problem::new(format!("`{what}` is longer than 24h"), "the longest is `24h`")),
    }
}

/// In the largest units that leave no fraction, milliseconds last: what [`parse`] reads back.
pub(crate) fn display(duration: Duration) -> String {
    let mut nanos = duration.as_nanos();
    let mut text = String::new();
    for (name, unit) in UNITS {
        let whole = nanos / unit;
        nanos %= unit;
        let fraction = if *name == "ms" { std::mem::take(&mut nanos) } else { 0 };
        if fraction > 0 {
            let digits = format!("{fraction:06}");
            text.push_str(&format!("{whole}.{}{name}", digits.trim_end_matches('0')));
        } else if whole > 0 {
            text.push_str(&format!("{whole}{name}"));
        }
    }
    if text.is_empty() { "0s".into() } else { text }
}

/// Decimal places of a number that are kept: a nanosecond of an hour, and more.
const PLACES: usize = 13;
const FRACTION: u128 = 10u128.pow(PLACES as u32);

/// A decimal number times [`FRACTION`].
fn fixed(number: &str) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    // More digits than fit are longer than a day in any unit.
    let whole: u128 = whole.parse::<u64>().unwrap_or(u64::MAX).into();
    let fraction = &fraction[..fraction.len().min(PLACES)];
    let scale = 10u128.pow((PLACES - fraction.len()) as u32);
    Some(whole * FRACTION + fraction.parse::<u128>().ok()? * scale)
}

fn malformed(what: &str, text: &str, label: &str) -> Problem {
    Problem::new(format!("`{what}` is {}, which is no duration", quote(text)), label)
        .help("a duration is a number with a unit (ms, s, m, h): `500ms`, `2s`, `1m30s`")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn units_add_up() {
        for (text, millis) in [
            ("500ms", 500),
            ("2s", 2_000),
            ("1.5s", 1_500),
            ("1m30s", 90_000),
            ("1h", 3_600_000),
            ("24h", 86_400_000),
            ("0.5h1ms", 1_800_001),
        ] {
            assert_eq!(parse("x", text).unwrap(), Duration::from_millis(millis), "{text}");
        }
        assert_eq!(parse_or_zero("x", "0s").unwrap(), Duration::ZERO);
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in [
            "",
            " ",
            "0s",
            "0",
            "-1",
            "-1s",
            "10",
            "1.5",
            "s",
            "1s1",
            "2sec",
            "1d",
            "30s1m",
            "1s1s",
            "1..5s",
            ".5s",
            "1.s",
            "25h",
            "24h1ms",
            "99999999999999999999h",
            "1 s",
            "∞s",
            "1e3s",
            ".",
            "...",
        ] {
            assert!(parse("x", text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_duration_reads_back_as_it_was_written(nanos in 1u64..=86_400_000_000_000) {
            let duration = Duration::from_nanos(nanos);
            prop_assert_eq!(parse("x", &display(duration)).unwrap(), duration);
        }

        #[test]
        fn no_text_panics(text in "[0-9.hms -]{0,40}") {
            let _ = parse("x", &text);
        }
    }
}
